import { addressBytes, addressText } from './ip-address.ts'

const IPV6_BYTES = 7 // a /56, as one customer's line has it

/** What failures are counted by: an IPv4 address, or the /56 that an IPv6 address is in. */
export function addressPrefix(address: string | null): string {
  const bytes = address === null ? null : addressBytes(address)
  if (bytes === null) return 'unknown'
  return bytes.length === 4 ? addressText(bytes) : addressText(bytes.map((byte, at) => (at < IPV6_BYTES ? byte : 0)))
}
