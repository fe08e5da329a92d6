import { decode, encode, type Answer, type Packet } from 'dns-packet'
import { behaviourOf, reply, type Behaviour } from './dns-behaviours.ts'
import { dnsServer, exchange, type DnsQuery, type DnsServer, type Place } from './dns-wire.ts'
import { startKnot, type Knot, type UpdateKey } from './knot.ts'

export interface ZoneOptions {
  /** Of its NS records: "ns1", or the full name of a host that the resolver knows by `setHost`; all without it. */
  nameServers?: readonly string[]
  /** Which of the world's servers have it, whatever its NS records say. */
  servedBy?: readonly string[]
}

/** A small DNS of one's own on loopback: knotd behind several addresses that can be told to misbehave, and a resolver. */
export interface DnsWorld {
  resolver: Place
  nameServerPort: number // of all name servers
  addresses: Readonly<Record<string, string>> // of the name servers: "ns1" -> "127.0.0.11"
  /**
   * Serves a zone from now on, with a SOA record, NS records, and a zone of the top level above it that delegates it.
   * @param records in master format, names relative to the zone: `_waypost-challenge.im TXT "waypost-..."`
   */
  setZone(zone: string, records: string, options?: ZoneOptions): Promise<void>
  /** What one server has in place of that: stale, or wrong. Until the next `setZone`. */
  setZoneAt(server: string, zone: string, records: string): Promise<void>
  /** The name is gone: the zone above it answers NXDOMAIN. */
  removeZone(zone: string): Promise<void>
  /** Addresses that the resolver knows beside all zones; a function is called for each question, for rebinding. */
  setHost(host: string, addresses: readonly string[] | (() => readonly string[])): void
  /**
   * @param where "ns1"; "resolver"; "all", which is both; or a zone, at all of its servers but not at the resolver, whose
   * memory still has its NS records. The most specific counts: zone, server, all.
   */
  setBehaviour(where: string, behaviour: Behaviour): void
  /** The questions that have arrived, at name servers and resolver ("ns1", "resolver"; without it all). */
  queries(where?: string): readonly SeenQuery[]
  /** Without zones and behaviours, and without queries seen. */
  reset(): Promise<void>
  close(): Promise<void>
}

export interface SeenQuery extends DnsQuery {
  where: string
}

/** @param nameServers how many of them: "ns1", "ns2" … */
export async function dnsWorld({
  nameServers = 2,
  updateKey,
}: { nameServers?: number; updateKey?: UpdateKey } = {}): Promise<DnsWorld> {
  const names = Array.from({ length: nameServers }, (_, i) => `ns${i + 1}`)
  const addresses = Object.fromEntries(names.map((name, i) => [name, `127.0.0.${11 + i}`]))
  const zones = new Map<string, ZoneContent>()
  const hosts = new Map<string, () => readonly string[]>()
  const behaviours = new Map<string, Behaviour>()
  const seen: SeenQuery[] = []
  const hostsOfItsOwn = Object.entries(addresses).map(([name, address]) => [hostOf(name), () => [address]] as const)
  for (const [name, found] of hostsOfItsOwn) hosts.set(name, found)

  const knots = new Map<string, Knot>()
  await Promise.all(names.map(async (name) => knots.set(name, await startKnot({ updateKey }))))
  const front = (where: string) => async (query: DnsQuery) => {
    seen.push({ ...query, where })
    const behaviour =
      (where === 'resolver' ? undefined : ofZone(query.name)) ?? behaviours.get(where) ?? behaviours.get('all')
    return behaviourOf(behaviour ?? 'normal')(query, () => proper(where, query))
  }
  const servers = await onOnePort(names.map((name) => [addresses[name]!, front(name)] as const))
  const resolver = await dnsServer({ address: '127.0.0.1', port: 0 }, front('resolver'))

  function ofZone(name: string): Behaviour | undefined {
    const zone = deepest(behaviours.keys(), name)
    return zone === undefined ? undefined : behaviours.get(zone)
  }

  async function proper(where: string, query: DnsQuery): Promise<Buffer> {
    const knot = knots.get(where)
    if (knot === undefined) return recurse(query)
    return (await exchange(knot, query.bytes, query.transport)) ?? reply(query, { rcode: SERVFAIL })
  }

  async function recurse(question: DnsQuery): Promise<Buffer> {
    const { packet, name, type, transport } = question
    const answers: Answer[] = []
    let rcode = 0
    let asked = name
    for (let links = 0; links < 20; links++) {
      const zone = deepest(zones.keys(), asked)
      const known = hosts.get(asked)?.()
      if (known) {
        answers.push(...addressRecords(asked, type, known))
        break
      }
      const [server] = zone === undefined ? [] : zones.get(zone)!.servedBy
      rcode = server === undefined ? NXDOMAIN : 0
      if (server === undefined) break
      const query = encode({ type: 'query', id: 1, questions: [{ name: asked, type }] })
      const bytes = await exchange(knots.get(server)!, query, 'tcp')
      if (bytes === null) return reply(question, { rcode: SERVFAIL })
      const found = decode(bytes).answers ?? []
      answers.push(...found)
      rcode = bytes.readUInt16BE(2) & 0xf
      const end = endOfAliases(found, asked)
      if (end === asked || type === 'CNAME' || deepest(zones.keys(), end) === zone) break
      asked = end
    }
    const flags = 0x0080 | rcode // recursion is available
    const whole: Packet = { type: 'response', id: packet.id ?? 0, questions: [{ name, type }] }
    const bytes = encode({ ...whole, flags, answers })
    return transport === 'udp' && bytes.length > 1232 ? encode({ ...whole, flags: flags | 0x0200 }) : bytes
  }

  async function publish(): Promise<void> {
    await Promise.all(
      [...knots].map(([server, knot]) => {
        const served = [...zones].filter(([, { servedBy }]) => servedBy.includes(server))
        return knot.setZones(
          new Map(
            served.map(([zone, { records, at }]) => [zone, `${at.get(server) ?? records}\n${delegations(zone)}`]),
          ),
        )
      }),
    )
  }

  function delegations(parent: string): string {
    const below = [...zones].filter(([zone]) => zone !== parent && deepest(above(zone), zone) === parent)
    const records = [...below, [parent, zones.get(parent)!] as const].map(([zone, { nameServers }]) =>
      nameServers.map((server) => `${zone}. NS ${hostOf(server)}.`).join('\n'),
    )
    return records.join('\n')
  }

  function above(zone: string): string[] {
    return [...zones.keys()].filter((other) => other !== zone)
  }

  return {
    resolver: { address: resolver.address, port: resolver.port },
    nameServerPort: servers[0]!.port,
    addresses,
    setZone(zone, records, { nameServers = names, servedBy } = {}) {
      const own = nameServers.filter((name) => knots.has(name))
      zones.set(zone, { records, nameServers, servedBy: servedBy ?? own, at: new Map() })
      const top = zone.slice(zone.lastIndexOf('.') + 1)
      if (!zones.has(top)) zones.set(top, { records: '', nameServers: names, servedBy: names, at: new Map() })
      return publish()
    },
    setZoneAt(server, zone, records) {
      zones.get(zone)!.at.set(server, records)
      return publish()
    },
    removeZone(zone) {
      zones.delete(zone)
      return publish()
    },
    setHost(host, given) {
      hosts.set(host, typeof given === 'function' ? given : () => given)
    },
    setBehaviour(where, behaviour) {
      behaviours.set(where, behaviour)
    },
    queries: (where) => seen.filter((query) => where === undefined || query.where === where),
    reset() {
      for (const memory of [zones, behaviours, hosts]) memory.clear()
      for (const [name, found] of hostsOfItsOwn) hosts.set(name, found)
      seen.length = 0
      return publish()
    },
    async close() {
      await Promise.all([resolver, ...servers].map((server) => server.close()))
      await Promise.all([...knots.values()].map((knot) => knot.stop()))
    },
  }
}

const SERVFAIL = 2
const NXDOMAIN = 3

interface ZoneContent {
  records: string
  nameServers: readonly string[]
  servedBy: readonly string[]
  at: Map<string, string> // by server
}

function hostOf(server: string): string {
  return server.includes('.') ? server : `${server}.name-servers.test`
}

function deepest(zones: Iterable<string>, name: string): string | undefined {
  return [...zones]
    .filter((zone) => name === zone || name.endsWith(`.${zone}`))
    .toSorted((one, other) => other.length - one.length)[0]
}

function endOfAliases(answers: readonly Answer[], name: string): string {
  for (let links = 0; links < 20; links++) {
    const alias = answers.find((answer) => answer.type === 'CNAME' && answer.name.toLowerCase() === name)
    if (alias?.type !== 'CNAME') return name
    name = alias.data.toLowerCase()
  }
  return name
}

function addressRecords(name: string, type: string, addresses: readonly string[]): Answer[] {
  const family = (address: string) => (address.includes(':') ? 'AAAA' : 'A')
  return addresses
    .filter((address) => family(address) === type)
    .map((data) => ({ name, type: family(data), ttl: 1, data }))
}

async function onOnePort(parts: readonly (readonly [string, Parameters<typeof dnsServer>[1]])[]): Promise<DnsServer[]> {
  for (let attempts = 0; ; attempts++) {
    const servers: DnsServer[] = []
    try {
      for (const [address, answer] of parts)
        servers.push(await dnsServer({ address, port: servers[0]?.port ?? 0 }, answer))
      return servers
    } catch (error) {
      await Promise.all(servers.map((server) => server.close()))
      if (attempts === 20) throw error
    }
  }
}
