/** Writes pictures as PNG, for the report. */
import { deflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

/**
 * A square picture as a data URI.
 * @param {Float32Array} values in [0, 1], row by row: of each pixel its brightness, or red, green and blue
 * @param {number} side in pixels
 */
export function pngDataUri(values, side) {
  const channels = values.length / side ** 2
  const header = Buffer.alloc(13)
  header.writeUInt32BE(side, 0)
  header.writeUInt32BE(side, 4)
  header[8] = 8 // bits per value
  header[9] = channels === 3 ? 2 : 0 // colours, or greyscale; the zeros after it say deflate, plain rows
  const width = channels * side
  const rows = Buffer.alloc(side * (width + 1)) // each row begins with its filter, 0 for none
  values.forEach((value, i) => {
    rows[i + Math.floor(i / width) + 1] = Math.round(255 * value)
  })
  const png = Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
  return `data:image/png;base64,${png.toString('base64')}`
}

/** Length, name, data and checksum of the name and the data. */
function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name), data])
  const result = Buffer.alloc(body.length + 8)
  result.writeUInt32BE(data.length, 0)
  body.copy(result, 4)
  result.writeUInt32BE(crc32(body), body.length + 4)
  return result
}

function crc32(bytes) {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}
