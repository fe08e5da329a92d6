import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Sight } from '../../src/acme/preflight.ts'
import { domainName } from '../../src/name.ts'
import { addressPolicy } from '../../src/outside/address-policy.ts'
import { certificateDns } from '../../src/outside/certificate-dns.ts'
import { resolver } from '../../src/outside/resolver.ts'
import { dnsWorld, type DnsWorld } from '../support/dns-servers.ts'

const EDGE = domainName('edge.hosting.example')
const IM = domainName('im.example.com')

let world: DnsWorld
beforeAll(async () => {
  world = await dnsWorld({ nameServers: 1 })
})
afterAll(() => world.close())
afterEach(() => world.reset())

function dns(addresses: string[] = ['5.5.5.5', '2A00:5:0::5']) {
  const asked = resolver({ servers: [world.resolver], randomBytes, tryMs: 500 })
  return certificateDns({ resolver: asked, policy: addressPolicy([]), edge: { name: EDGE, addresses }, lookMs: 2_000 })
}

async function look(records: string, more: Record<string, string> = {}): Promise<Sight> {
  await world.setZone('example.com', records)
  for (const [zone, each] of Object.entries(more)) await world.setZone(zone, each)
  return dns().look(IM, { isByDns: true })
}

describe("the edge's addresses", () => {
  test('are the configured ones and those of its name, each once and in one spelling', async () => {
    world.setHost(EDGE, ['5.5.5.5', '6.6.6.6'])
    expect(await dns().edge()).toEqual({ addresses: ['5.5.5.5', '2a00:5::5', '6.6.6.6'], isWhole: true })
  })

  test('are the configured ones where its name has none', async () => {
    expect(await dns().edge()).toEqual({ addresses: ['5.5.5.5', '2a00:5::5'], isWhole: true })
    expect(await dns([]).edge()).toEqual({ addresses: [], isWhole: true })
  })

  test('are not those that nobody outside can reach, unless they are configured', async () => {
    world.setHost(EDGE, ['127.0.0.1', '10.0.0.1'])
    expect(await dns([]).edge()).toEqual({ addresses: [], isWhole: true })
    expect(await dns(['10.0.0.1']).edge()).toEqual({ addresses: ['10.0.0.1'], isWhole: true })
  })

  test.each(['servfail', 'silent'] as const)('are not all known where its name meets %s', async (behaviour) => {
    world.setBehaviour('resolver', behaviour)
    expect(await dns().edge()).toEqual({ addresses: ['5.5.5.5', '2a00:5::5'], isWhole: false })
  })
})

describe('the addresses of a name', () => {
  const none = { found: [], hasOthers: false, alias: null, isByEdge: false, fault: null }
  test.each<[title: string, records: string, addresses: Partial<Sight['addresses']>]>([
    ['both families', 'im A 5.5.5.5\nim AAAA 2a00:5::5', { found: ['5.5.5.5', '2a00:5::5'] }],
    ['none', 'im TXT "x"', {}],
    ['no such name', '', {}],
    ['a private one is not told', 'im A 5.5.5.5\nim A 10.0.0.1', { found: ['5.5.5.5'], hasOthers: true }],
    ['only a private one', 'im A 192.168.1.1', { hasOthers: true }],
    ['through aliases', 'im CNAME a\na CNAME b\nb A 9.9.9.9', { found: ['9.9.9.9'], alias: 'a.example.com' }],
    ["through the edge's name", `im CNAME ${EDGE}.`, { found: ['5.5.5.5'], alias: EDGE, isByEdge: true }],
    [
      "through a name below the edge's",
      `im CNAME x.${EDGE}.`,
      { found: ['6.6.6.6'], alias: `x.${EDGE}`, isByEdge: true },
    ],
    ['through a name that only ends alike', `im CNAME x${EDGE}.`, { found: ['7.7.7.7'], alias: `x${EDGE}` }],
  ])('%s', async (_title, records, addresses) => {
    world.setHost(EDGE, ['5.5.5.5'])
    world.setHost(`x.${EDGE}`, ['6.6.6.6'])
    world.setHost(`x${EDGE}`, ['7.7.7.7'])
    expect((await look(records)).addresses).toEqual({ ...none, ...addresses })
  })

  test('of which one family cannot be looked up', async () => {
    world.setBehaviour('resolver', async (query, proper) => (query.type === 'AAAA' ? [] : [await proper()]))
    const { addresses } = await look('im A 5.5.5.5')
    expect(addresses).toMatchObject({ found: ['5.5.5.5'], fault: { isServerFailure: false } })
  })
})

describe('the CAA records that hold', () => {
  const set = (at: string, value: string, isEdges = false, isShown = true) => ({
    outcome: 'ok',
    set: { at, isEdges, isShown, records: [{ flags: 0, tag: 'issue', value }] },
  })
  test.each<[title: string, records: string, more: Record<string, string>, caa: object]>([
    ['none', 'im A 5.5.5.5', {}, { outcome: 'ok', set: null }],
    ["the name's own", 'im CAA 0 issue "own.example"\n@ CAA 0 issue "above.example"', {}, set(IM, 'own.example')],
    ['those of the domain above', '@ CAA 0 issue "above.example"', {}, set('example.com', 'above.example')],
    ['those of the top', '', { com: '@ CAA 0 issue "top.example"' }, set('com', 'top.example')],
    [
      'those where an alias leads',
      'im CNAME host.example.net.\n@ CAA 0 issue "above.example"',
      { 'example.net': 'host A 9.9.9.9\nhost CAA 0 issue "target.example"' },
      set('host.example.net', 'target.example'),
    ],
    [
      'of a chain of aliases, at the first one',
      'im CNAME a\na CNAME host.example.net.',
      { 'example.net': 'host A 9.9.9.9\nhost CAA 0 issue "target.example"' },
      set('a.example.com', 'target.example'),
    ],
    [
      'those where an alias leads that has an address of the inside, which are not shown',
      'im CNAME host.example.net.',
      { 'example.net': 'host A 10.0.0.1\nhost CAA 0 issue "inside.example"' },
      set('host.example.net', 'inside.example', false, false),
    ],
    [
      'or none at all',
      'im CNAME host.example.net.',
      { 'example.net': 'host CAA 0 issue "inside.example"' },
      set('host.example.net', 'inside.example', false, false),
    ],
    [
      'not those above where an alias leads',
      'im CNAME host.example.net.\n@ CAA 0 issue "above.example"',
      { 'example.net': 'host A 5.5.5.5\n@ CAA 0 issue "target.example"' },
      set('example.com', 'above.example'),
    ],
    [
      "those at the edge's own name",
      `im CNAME ${EDGE}.`,
      { 'hosting.example': 'edge CAA 0 issue "edges.example"' },
      set(EDGE, 'edges.example', true),
    ],
    [
      'with flags, any tag and parameters',
      'im CAA 128 TBS "a; b=c"',
      {},
      {
        outcome: 'ok',
        set: { at: IM, isEdges: false, isShown: true, records: [{ flags: 128, tag: 'tbs', value: 'a; b=c' }] },
      },
    ],
  ])('%s', async (_title, records, more, caa) => expect((await look(records, more)).caa).toEqual(caa))

  test.each<[failing: string, caa: object]>([
    [IM, { outcome: 'could-not-ask', isServerFailure: true, why: expect.stringContaining(`SERVFAIL`) as string }],
    ['com', set('example.com', 'above.example')],
  ])('are not known where %s meets SERVFAIL below them', async (failing, caa) => {
    world.setBehaviour('resolver', async (query, proper) => {
      if (query.type !== 'CAA' || query.name !== failing) return [await proper()]
      const bytes = Buffer.from(await proper())
      bytes.writeUInt16BE((bytes.readUInt16BE(2) & 0xfff0) | 2, 2)
      return [bytes]
    })
    expect((await look('@ CAA 0 issue "above.example"')).caa).toMatchObject(caa)
  })
})

describe('the record of the DNS challenge', () => {
  test.each<[records: string, expected: object]>([
    ['', { alias: null, hasText: false }],
    ['_acme-challenge.im TXT "stale"', { alias: null, hasText: true }],
    ['_acme-challenge.im CNAME x.acme.example.', { alias: 'x.acme.example', hasText: false }],
  ])('%j', async (records, expected) => {
    expect((await look(records)).challengeRecord).toEqual({ outcome: 'ok', ...expected })
  })

  test('is not asked for where that challenge is not used', async () => {
    const { challengeRecord } = await dns().look(IM, { isByDns: false })
    expect(challengeRecord).toBeNull()
    expect(world.queries().map(({ name }) => name)).not.toContain(`_acme-challenge.${IM}`)
  })
})

test('a dead resolver costs no more than the time of a look, and leaves everything unknown', async () => {
  world.setBehaviour('resolver', 'silent')
  const began = performance.now()
  const unasked = { outcome: 'could-not-ask', isServerFailure: false }
  expect(await dns().look(IM, { isByDns: true })).toMatchObject({
    addresses: { found: [], fault: unasked },
    caa: unasked,
    challengeRecord: unasked,
  })
  expect(performance.now() - began).toBeLessThan(3_000)
})
