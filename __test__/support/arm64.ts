/** For specs that run on another processor: what they start is started by the program that started them. */
process.execPath = process.env['HUNGARIAN_LOSS_ARM64_NODE'] as string
