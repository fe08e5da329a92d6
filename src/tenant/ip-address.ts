import { isIPv4, isIPv6 } from 'node:net'

const MOST_CHARACTERS = 64
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] // ::ffff:0:0/96

/** 4 or 16 bytes; IPv4 in the clothes of IPv6 (RFC 4291 §2.5.5.2) is IPv4. Null where the text is no IP address. */
export function addressBytes(text: string): Uint8Array | null {
  if (text.length > MOST_CHARACTERS) return null
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number)
  if (!isIPv6(text)) return null
  const bytes = ipv6Bytes(text.replace(/%.*$/, '')) // less the zone
  return MAPPED.every((byte, at) => bytes[at] === byte) ? bytes.slice(MAPPED.length) : bytes
}

/** As RFC 5952 writes it. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  return canonicalIPv6(
    Buffer.from(bytes)
      .toString('hex')
      .replace(/(.{4})(?=.)/g, '$1:'),
  )
}

function ipv6Bytes(text: string): Uint8Array {
  const [head, tail] = canonicalIPv6(text).split('::').map(groupsOf)
  const [before, after] = [head ?? [], tail ?? []]
  const groups = [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]))
}

function groupsOf(part: string): number[] {
  return part === '' ? [] : part.split(':').map((group) => parseInt(group, 16))
}

/** WHATWG URL §3.5: hexadecimal groups only, the longest run of zeros as "::". */
function canonicalIPv6(text: string): string {
  return new URL(`http://[${text}]`).hostname.slice(1, -1)
}
