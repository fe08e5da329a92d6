import { addressBytes, addressText } from './ip-address.ts'

const RANGE = /^([0-9A-Fa-f.:]{2,45})(?:\/(0|[1-9][0-9]{0,2}))?$/

interface Range {
  network: Uint8Array // 4 or 16 bytes, zero behind the prefix
  bits: number
}

/** An IP address or a prefix as it is stored, "192.0.2.0/24"; null where the text is neither. */
export function addressRange(text: string): string | null {
  const range = parse(text)
  return range && textOf(range)
}

/** Whether an address, or all of a range, is in one of the others. */
export function isWithin(range: string, others: readonly string[]): boolean {
  const inner = parse(range)
  return inner !== null && others.some((text) => includes(parse(text), inner))
}

/** By hand, since net.BlockList has each IPv4 address in ::/0 too. */
function includes(outer: Range | null, inner: Range): boolean {
  if (outer?.network.length !== inner.network.length || outer.bits > inner.bits) return false
  const { network } = masked(inner.network, outer.bits)
  return network.every((byte, at) => byte === outer.network[at])
}

function parse(text: string): Range | null {
  const [, address, prefix] = RANGE.exec(text) ?? []
  const bytes = address === undefined ? null : addressBytes(address)
  if (address === undefined || bytes === null) return null
  // A prefix of IPv4 in the clothes of IPv6 counts the clothes
  const clothes = bytes.length === 4 && address.includes(':') ? 96 : 0
  const most = bytes.length * 8
  const bits = prefix === undefined ? most : Number(prefix) - clothes
  if (bits < 0 || bits > most) return null
  return masked(bytes, bits)
}

function masked(address: Uint8Array, bits: number): Range {
  const maskOf = (at: number) => 0xff00 >> Math.min(Math.max(bits - 8 * at, 0), 8)
  return { network: address.map((byte, at) => byte & maskOf(at)), bits }
}

function textOf({ network, bits }: Range): string {
  const address = addressText(network)
  return bits === network.length * 8 ? address : `${address}/${bits}`
}
