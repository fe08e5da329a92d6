import { BlockList, isIPv4, isIPv6, SocketAddress } from 'node:net'

/** The one policy for what this server connects to because a tenant says so. */
export interface AddressPolicy {
  /** Whether it is a global unicast address (IANA's special-purpose registries), or in a network that the operator allows. */
  isAllowed(address: string): boolean
}

// IANA IPv4 Special-Purpose Address Registry of 2025-10-09: what is not globally reachable, with two hosts of
// 192.0.0.0/24 that are but serve no documents; and multicast
const SPECIAL_IPV4 = [
  '0.0.0.0/8', // "this host on this network": Linux connects 0.0.0.0 to itself
  '10.0.0.0/8',
  '100.64.0.0/10', // between a carrier and its customers
  '127.0.0.0/8',
  '168.63.129.16/32', // in no registry: of the hosts of one large cloud, which tell their guests about themselves there
  '169.254.0.0/16', // link-local, and the metadata services of clouds
  '172.16.0.0/12',
  '192.0.0.0/24', // IETF protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays, withdrawn
  '192.168.0.0/16',
  '198.18.0.0/15', // benchmarking
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and broadcast
]

// IANA IPv6 Special-Purpose Address Registry of 2025-10-09. Only 2000::/3 is allocated as global unicast, so the rest
// goes as a whole: loopback, IPv4-compatible, NAT64, discard, SRv6, unique local, link- and site-local, multicast.
const SPECIAL_IPV6 = [
  '::/3',
  '4000::/2',
  '8000::/1',
  '2001::/23', // IETF protocol assignments: Teredo, benchmarking, ORCHID, anycast services that serve no documents
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4, which carries any IPv4 address
  '3fff::/20', // documentation
]
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/

/** @param allowNetworks "10.0.0.0/8", "fd00::/8" */
export function addressPolicy(allowNetworks: readonly string[]): AddressPolicy {
  // One list for each family: a BlockList counts every IPv4 address as one of ::/0
  const special = { ipv4: listOf(SPECIAL_IPV4), ipv6: listOf(SPECIAL_IPV6) }
  const allowed = {
    ipv4: listOf(allowNetworks.filter((network) => !network.includes(':'))),
    ipv6: listOf(allowNetworks.filter((network) => network.includes(':'))),
  }
  return {
    isAllowed(text) {
      const address = dialled(text)
      if (address === null) return false
      const family = isIPv4(address) ? 'ipv4' : 'ipv6'
      return allowed[family].check(address, family) || !special[family].check(address, family)
    },
  }
}

/** The address that a connection to this text would reach: an IPv4-mapped one is dialled as IPv4. Null for none, or with a zone. */
function dialled(text: string): string | null {
  if (isIPv4(text)) return text
  if (!isIPv6(text) || text.includes('%')) return null
  const { address } = new SocketAddress({ address: text, family: 'ipv6' })
  return MAPPED.exec(address)?.[1] ?? address
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/')
    list.addSubnet(address, Number(prefix), isIPv4(address) ? 'ipv4' : 'ipv6')
  }
  return list
}
