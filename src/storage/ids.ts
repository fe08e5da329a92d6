import type { NewId } from './perform.ts'

/**
 * UUIDv7 (RFC 9562 §5.7). Those of one factory only grow, whatever the clock does: rand_a is a counter (§6.2,
 * method 1), so that rows of one act keep the order in which they were written.
 */
export function uuidv7(randomBytes: (length: number) => Uint8Array): NewId {
  let last = 0 // ms since the epoch
  let counter = 0
  return (at) => {
    const bytes = Buffer.from(randomBytes(16))
    if (at.getTime() > last) {
      last = at.getTime()
      counter = bytes.readUInt16BE(6) & 0x7ff // the upper half is left for counting
    } else if (++counter > 0xfff) {
      last++
      counter = 0
    }
    bytes.writeUIntBE(last, 0, 6)
    bytes.writeUInt16BE(0x7000 | counter, 6)
    bytes[8] = 0x80 | (bytes.readUInt8(8) & 0x3f)
    const hex = bytes.toString('hex')
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  }
}
