import { randomBytes } from 'node:crypto'
import type { Answer, Packet } from 'dns-packet'
import { afterEach, describe, expect, test } from 'vitest'
import { budget } from '../../src/outside/dns-query.ts'
import { resolver } from '../../src/outside/resolver.ts'
import { behaviourOf, cname, reply, type Behaviour } from '../support/dns-behaviours.ts'
import { dnsServer, type DnsQuery, type DnsServer } from '../support/dns-wire.ts'

const TRY_MS = 150
const RECURSES = 0x0080

const servers: DnsServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

type Recursor = DnsServer & { queries: DnsQuery[]; asked(): string[] }

/** What a recursive resolver says, by "NAME TYPE"; without an entry NXDOMAIN. */
async function recursor(table: Record<string, (Packet & { rcode?: number }) | Behaviour>): Promise<Recursor> {
  const queries: DnsQuery[] = []
  const server = await dnsServer({ address: '127.0.0.1', port: 0 }, (query) => {
    queries.push(query)
    const entry = table[`${query.name} ${query.type}`] ?? table[query.name] ?? table['*'] ?? { rcode: 3 }
    const isBehaviour = typeof entry === 'string' || typeof entry === 'function'
    const packet = isBehaviour ? {} : entry
    const proper = async () => reply(query, { flags: RECURSES, ...packet })
    return behaviourOf(isBehaviour ? entry : 'normal')(query, proper)
  })
  servers.push(server)
  return { ...server, queries, asked: () => queries.map(({ name, type }) => `${name} ${type}`) }
}

function resolverOf(...list: readonly DnsServer[]) {
  return patientResolver(TRY_MS, list)
}

function patientResolver(tryMs: number, list: readonly DnsServer[]) {
  return resolver({ servers: list, randomBytes, tryMs })
}

function a(name: string, data: string): Answer {
  return { type: data.includes(':') ? 'AAAA' : 'A', name, data }
}

function ns(name: string, ...servers: string[]): Answer[] {
  return servers.map((data) => ({ type: 'NS', name, data }))
}

const EMPTY = { answers: [] }
const chain = (links: number): Answer[] => [
  ...Array.from({ length: links }, (_, i) => cname(i === 0 ? 'host.example' : `a${i}.example`, `a${i + 1}.example`)),
  a(links === 0 ? 'host.example' : `a${links}.example`, '192.0.2.1'),
]

describe('the addresses of a host', () => {
  test.each<[title: string, table: Parameters<typeof recursor>[0], expected: object]>([
    [
      'both families, IPv4 first, each once',
      {
        'host.example A': { answers: [a('host.example', '192.0.2.1'), a('host.example', '192.0.2.1')] },
        'host.example AAAA': { answers: [a('host.example', '2001:db8::1')] },
      },
      { outcome: 'ok', addresses: ['192.0.2.1', '2001:db8::1'] },
    ],
    [
      'one family',
      { 'host.example A': { answers: chain(0) }, '*': EMPTY },
      { outcome: 'ok', addresses: ['192.0.2.1'] },
    ],
    [
      'one family, though the other fails',
      { 'host.example A': { answers: chain(0) }, '*': 'servfail' },
      { outcome: 'ok', addresses: ['192.0.2.1'] },
    ],
    ['8 aliases', { 'host.example A': { answers: chain(8) }, '*': EMPTY }, { outcome: 'ok', addresses: ['192.0.2.1'] }],
    [
      'aliases in any order and case',
      { 'host.example A': { answers: [a('B.example', '192.0.2.1'), cname('HOST.example', 'b.EXAMPLE')] }, '*': EMPTY },
      { outcome: 'ok', addresses: ['192.0.2.1'] },
    ],
    [
      '9 aliases',
      { 'host.example A': { answers: chain(9) }, '*': EMPTY },
      { outcome: 'wrong', why: /more than 8 aliases/ },
    ],
    [
      'a loop of aliases',
      { '*': { answers: [cname('host.example', 'b.example'), cname('b.example', 'host.example')] } },
      { outcome: 'wrong', why: /more than 8 aliases/ },
    ],
    [
      'addresses of others, unasked',
      { '*': { answers: [a('other.example', '192.0.2.66'), cname('third.example', 'host.example')] } },
      { outcome: 'wrong', why: /host\.example has no address/ },
    ],
    [
      'an alias of nothing',
      { '*': { rcode: 3, answers: [cname('host.example', 'b.example')] } },
      { outcome: 'wrong', why: /b\.example does not exist/ },
    ],
    ['no such name', {}, { outcome: 'wrong', why: /host\.example does not exist/ }],
    ['no address', { '*': EMPTY }, { outcome: 'wrong', why: /has no address/ }],
    ['SERVFAIL', { '*': 'servfail' }, { outcome: 'could-not-ask', why: /SERVFAIL/ }],
    [
      'no IPv4 and a failure',
      { 'host.example A': EMPTY, '*': 'servfail' },
      { outcome: 'could-not-ask', why: /SERVFAIL/ },
    ],
    ['REFUSED', { '*': 'refused' }, { outcome: 'could-not-ask', why: /do not answer/ }],
    ['silence', { '*': 'silent' }, { outcome: 'could-not-ask', why: /do not answer/ }],
    ['garbage', { '*': 'garbage' }, { outcome: 'could-not-ask', why: /do not answer/ }],
    ['a server that does not recurse', { '*': { flags: 0 } }, { outcome: 'could-not-ask', why: /do not answer/ }],
  ])('%s', async (_title, table, expected) => {
    const found = await resolverOf(await recursor(table)).addresses('Host.example.')
    const why = 'why' in expected ? { why: expect.stringMatching(expected.why as RegExp) as string } : {}
    expect(found).toEqual({ ...expected, ...why })
  })

  test.each(['', '.', 'a..b', 'a\\046b.example', 'two words.example', `${'a'.repeat(64)}.example`])(
    'of %j are not asked for',
    async (host) => {
      const server = await recursor({})
      expect(await resolverOf(server).addresses(host)).toMatchObject({ outcome: 'wrong' })
      expect(server.queries).toEqual([])
    },
  )
})

describe('the configured resolvers', () => {
  const later = { answers: [a('later.example', '192.0.2.2')] }
  const good = { 'host.example A': { answers: chain(0) }, 'later.example A': later, '*': EMPTY }

  test.each<Behaviour & string>(['silent', 'servfail', 'refused', 'garbage', 'wrong-id', 'truncated-no-tcp'])(
    'are asked in turn: one of the kind %s is passed over, and asked last from then on',
    async (behaviour) => {
      const [bad, spare] = [await recursor({ '*': behaviour }), await recursor(good)]
      const { addresses } = resolverOf(bad, spare)
      expect(await addresses('host.example')).toMatchObject({ outcome: 'ok' })
      expect(await addresses('later.example')).toMatchObject({ outcome: 'ok' })
      expect(bad.asked()).not.toContain('later.example A')
    },
  )

  test('are asked again where a packet is lost, though there is only one', async () => {
    const lost = new Set<string>()
    const server = await recursor({
      '*': async ({ type }, proper) => (lost.has(type) ? [await proper()] : (lost.add(type), [])),
    })
    expect(await resolverOf(server).addresses('host.example')).toMatchObject({ outcome: 'wrong' })
    expect(server.asked().toSorted()).toEqual(['A', 'A', 'AAAA', 'AAAA'].map((type) => `host.example ${type}`))
  })

  test('that are all dead but one take no longer than one', async () => {
    const list = [
      await recursor({ '*': 'silent' }),
      await recursor({ '*': 'silent' }),
      await recursor({ '*': 'silent' }),
    ]
    const began = performance.now()
    const { addresses } = patientResolver(500, [...list, await recursor(good)])
    expect(await addresses('host.example')).toMatchObject({ outcome: 'ok' })
    expect(performance.now() - began).toBeLessThan(1_000)
  })

  test('stay within the packets and the time of the look that asks', async () => {
    const servers = [await recursor({ '*': 'silent' }), await recursor({ '*': 'silent' })]
    const { zoneOf } = patientResolver(2_000, servers)
    const began = performance.now()
    expect(await zoneOf('im.example.com', budget(100, 50))).toMatchObject({ fault: 'no-zone' })
    expect(performance.now() - began).toBeLessThan(1_000)
    expect(await resolverOf(...servers).zoneOf('im.example.com', budget(2, 5_000))).toMatchObject({ fault: 'no-zone' })
    expect(servers.flatMap(({ queries }) => queries)).toHaveLength(1 + 2)
  })
})

describe('the zone of a name', () => {
  const name = '_waypost-challenge.im.example.com'
  const example = {
    'example.com': { answers: ns('example.com', 'ns1.example.net', 'NS2.example.net', 'ns1.example.net') },
  }
  const com = { com: { answers: ns('com', 'a.gtld-servers.net') } }
  const zone = { outcome: 'ok', zone: 'example.com', servers: ['ns1.example.net', 'ns2.example.net'] }

  test.each<[title: string, table: Parameters<typeof recursor>[0], expected: object]>([
    ['is found above names without NS records', { ...example, ...com, '*': EMPTY }, zone],
    ['is found above names that do not exist', { ...example, ...com }, zone],
    [
      'is the nearest',
      { 'im.example.com': { answers: ns('im.example.com', 'ns.im') }, ...example, ...com },
      { zone: 'im.example.com' },
    ],
    [
      'is that of the registry where there is no such domain',
      com,
      { outcome: 'ok', zone: 'com', servers: ['a.gtld-servers.net'] },
    ],
    [
      'is not that of an alias, whose target has NS records',
      {
        'im.example.com': { answers: [cname('im.example.com', 'other.example'), ...ns('other.example', 'ns.other')] },
        ...example,
      },
      zone,
    ],
    [
      'is not one at which there are both an alias and NS records',
      {
        'im.example.com': { answers: [cname('im.example.com', 'other.example'), ...ns('im.example.com', 'ns.other')] },
        ...example,
      },
      zone,
    ],
    [
      'is not one that the answer names unasked',
      { 'im.example.com': { answers: ns('example.org', 'ns.evil') }, ...example },
      zone,
    ],
    [
      'is never the root',
      { '.': { answers: ns('.', 'a.root-servers.net') } },
      { outcome: 'could-not-ask', fault: 'no-zone' },
    ],
    [
      'cannot be learnt from SERVFAIL',
      { 'im.example.com': 'servfail', ...example, ...com },
      { outcome: 'could-not-ask', fault: 'no-zone' },
    ],
    [
      'cannot be learnt of a name whose servers the resolver waits for, which is no fault of the resolver',
      { ...com, '.': { answers: ns('.', 'a.root-servers.net') }, '*': 'silent' },
      { outcome: 'could-not-ask', fault: 'no-zone' },
    ],
    ['cannot be learnt of dead resolvers', { '*': 'silent' }, { outcome: 'could-not-ask', fault: 'no-resolver' }],
    [
      'cannot be learnt of resolvers that refuse',
      { '*': 'refused' },
      { outcome: 'could-not-ask', fault: 'no-resolver' },
    ],
  ])('%s', async (_title, table, expected) => {
    expect(await resolverOf(await recursor(table)).zoneOf(name)).toMatchObject(expected)
  })

  test('cannot be learnt where nobody listens', async () => {
    const server = await recursor({})
    await servers.pop()!.close()
    expect(await resolverOf(server).zoneOf(name)).toMatchObject({ fault: 'no-resolver' })
  })

  test('is asked for label by label, a bounded number of times', async () => {
    const server = await recursor({ ...example })
    await resolverOf(server).zoneOf(name)
    expect(server.asked()).toEqual([`${name} NS`, 'im.example.com NS', 'example.com NS'])
    const deep = await recursor({})
    expect(await resolverOf(deep).zoneOf('a.'.repeat(100) + 'example')).toMatchObject({ fault: 'no-zone' })
    expect(deep.queries).toHaveLength(16)
  })
})
