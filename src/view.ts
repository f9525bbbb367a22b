/** A class of lazy getters that prints, and turns into JSON, as the plain object that it stands for. */
export class View {
  toJSON(): Record<string, unknown> {
    const prototype: object = Object.getPrototypeOf(this)
    const getters = Object.entries(Object.getOwnPropertyDescriptors(prototype)).filter(
      ([, { get }]) => get !== undefined,
    )
    const values = getters.map(([name, { get }]) => [name, get?.call(this)] as const)
    return Object.fromEntries([...Object.entries(this), ...values].filter(([, value]) => value !== undefined))
  }

  [Symbol.for('nodejs.util.inspect.custom')](): Record<string, unknown> {
    return this.toJSON()
  }
}
