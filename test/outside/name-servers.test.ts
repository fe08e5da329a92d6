import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { addressPolicy } from '../../src/outside/address-policy.ts'
import { nameServers } from '../../src/outside/name-servers.ts'
import { resolver, type Zone } from '../../src/outside/resolver.ts'
import { txtFinding, type Finding, type Look, type NameServers, type ServerReply } from '../../src/tenant/findings.ts'
import { cname, reply, type Behaviour, type BehaviourOf } from '../support/dns-behaviours.ts'
import { dnsWorld, type DnsWorld } from '../support/dns-servers.ts'
import { dnsServer, type Answerer } from '../support/dns-wire.ts'
import { isLeftOut } from '../support/left-out.ts'

const CHALLENGE = '_waypost-challenge.im.example.test'
const TOKEN = 'waypost-AbC_-123'
const ZONE = `_waypost-challenge.im TXT "${TOKEN}"\nim CNAME Edge.Waypost.test.`
const TRY_MS = 200
const UNKNOWN: Finding = { is: 'could-not-ask', isByMost: false }

const policy = addressPolicy(['127.0.0.0/8'])

function lookThrough(
  world: Pick<DnsWorld, 'resolver' | 'nameServerPort'>,
  { lookMs = 8_000, tryMs = TRY_MS } = {},
): NameServers {
  const settings = { randomBytes, tryMs }
  const resolve = resolver({ servers: [world.resolver], ...settings })
  return nameServers({ resolver: resolve, policy, port: world.nameServerPort, ...settings, lookMs })
}

/** "ns1 answer value|value", a line for each reply, after what ends before it. */
function told({ aliases, zone, replies, fault }: Look): string[] {
  const lines = replies.map(({ server, reply, values }) =>
    [server.replace('.name-servers.test', ''), reply, values.join('|')].join(' ').trim(),
  )
  return [...aliases.map((alias) => `-> ${alias}`), ...(fault ? [fault] : []), `in ${zone}`, ...lines]
}

describe.skipIf(isLeftOut('knot'))('a look', () => {
  let world: DnsWorld
  let look: NameServers['look']

  beforeAll(async () => {
    world = await dnsWorld()
  })
  afterAll(() => world.close())
  beforeEach(async () => {
    await world.reset()
    await world.setZone('example.test', ZONE)
    look = lookThrough(world).look
  })

  async function toldOf(name = CHALLENGE, type: Look['type'] = 'TXT'): Promise<string[]> {
    return told(await look(name, type))
  }

  test('asks all name servers of the zone themselves, and tells which said what', async () => {
    expect(await look(CHALLENGE, 'TXT')).toEqual({
      name: CHALLENGE,
      type: 'TXT',
      aliases: [],
      zone: 'example.test',
      replies: [
        { server: 'ns1.name-servers.test', address: '127.0.0.11', reply: 'answer', values: [TOKEN] },
        { server: 'ns2.name-servers.test', address: '127.0.0.12', reply: 'answer', values: [TOKEN] },
      ],
      fault: null,
    })
    expect(world.queries('ns1').map(({ packet }) => packet.flag_rd)).toEqual([false])
  })

  test('gives a name in lower case without final dot', async () => {
    expect(await toldOf('IM.Example.test', 'CNAME')).toEqual([
      'in example.test',
      'ns1 answer edge.waypost.test',
      'ns2 answer edge.waypost.test',
    ])
  })

  test('joins the strings of one TXT record, and keeps several records apart', async () => {
    await world.setZone(
      'example.test',
      '_waypost-challenge.im TXT "waypost-" "AbC"\n_waypost-challenge.im TXT "another"',
    )
    const [reply] = (await look(CHALLENGE, 'TXT')).replies
    expect(reply?.values.toSorted()).toEqual(['another', 'waypost-AbC'])
  })

  test('falls back to TCP for more than a packet holds', async () => {
    const records = Array.from({ length: 20 }, (_, i) => `_waypost-challenge.im TXT "${String(i).padStart(200, 'x')}"`)
    await world.setZone('example.test', records.join('\n'))
    const { replies } = await look(CHALLENGE, 'TXT')
    expect(replies.map(({ reply, values }) => `${reply} ${values.length}`)).toEqual(['answer 20', 'answer 20'])
    expect(world.queries('ns1').map(({ transport }) => transport)).toEqual(['udp', 'tcp'])
  })

  test('sees a change at once', async () => {
    expect(await toldOf()).toContain(`ns1 answer ${TOKEN}`)
    await world.setZone('example.test', '_waypost-challenge.im TXT "changed"')
    expect(await toldOf()).toEqual(['in example.test', 'ns1 answer changed', 'ns2 answer changed'])
  })

  describe('keeps apart what a zone says:', () => {
    test.each<[title: string, name: string, type: Look['type'], expected: string]>([
      ['the name is not there', 'nothing.example.test', 'TXT', 'no-such-name'],
      ['it is there with records of other types', 'a.example.test', 'TXT', 'empty'],
      ['it is there because there is a name below it', 'above.example.test', 'TXT', 'empty'],
      ['it is no alias', 'a.example.test', 'CNAME', 'empty'],
      ['it has no alias', 'nothing.example.test', 'CNAME', 'no-such-name'],
      ['a wildcard', 'anything.wild.example.test', 'TXT', 'answer everywhere'],
      ['a wildcard that is an alias', 'anything.wild-alias.example.test', 'CNAME', 'answer edge.waypost.test'],
      ['a name below a DNAME record', 'im.moved.example.test', 'CNAME', 'answer im.elsewhere.test'],
    ])('%s', async (_title, name, type, expected) => {
      const records =
        'a A 192.0.2.1\nx.above A 192.0.2.1\n*.wild TXT "everywhere"\n*.wild-alias CNAME edge.waypost.test.'
      await world.setZone('example.test', `${records}\nmoved DNAME elsewhere.test.`)
      expect(await toldOf(name, type)).toEqual(['in example.test', `ns1 ${expected}`, `ns2 ${expected}`])
    })

    test('where there is no such domain, the registry says so', async () => {
      await world.removeZone('example.test')
      expect(await toldOf()).toEqual(['in test', 'ns1 no-such-name', 'ns2 no-such-name'])
    })

    test('where the domain is delegated, but its servers do not have it', async () => {
      await world.setZone('example.test', ZONE, { servedBy: [] })
      world.setBehaviour('resolver', 'servfail') // as a real one that finds no server with the zone
      expect(await toldOf()).toEqual(['no-zone', 'in null'])
    })

    test('where a server of several knows the zone above only', async () => {
      await world.setZone('example.test', ZONE, { servedBy: ['ns1'] })
      expect(await toldOf()).toEqual(['in example.test', `ns1 answer ${TOKEN}`, 'ns2 lame'])
    })

    test('where the resolvers do not know yet that a name is a zone of its own', async () => {
      await world.setZone('example.test', '')
      await world.setZone('im.example.test', '_waypost-challenge TXT "below"', { servedBy: ['ns2'] })
      world.setBehaviour('resolver', async (query, proper) =>
        query.name.endsWith('im.example.test') && query.type === 'NS'
          ? [reply(query, { flags: 0x0080 })]
          : [await proper()],
      )
      expect(await toldOf()).toEqual(['in example.test', 'ns1 lame', 'ns2 answer below'])
    })
  })

  describe('keeps apart what a server does:', () => {
    test.each<[behaviour: Behaviour & string, expected: string]>([
      ['silent', 'timeout'],
      ['servfail', 'server-failure'],
      ['notimp', 'server-failure'],
      ['refused', 'refused'],
      ['notauth', 'lame'],
      ['lame', 'lame'],
      ['referral', 'lame'],
      ['garbage', 'malformed'],
      ['wrong-id', 'malformed'],
      ['wrong-question', 'malformed'],
      ['unrelated', 'malformed'],
      ['oversized', 'malformed'],
      ['many-records', 'malformed'],
      ['truncated-no-tcp', 'timeout'],
      ['nxdomain', 'no-such-name'],
      ['empty', 'empty'],
      ['truncated', `answer ${TOKEN}`],
      ['formerr-on-edns', `answer ${TOKEN}`],
      ['badvers-on-edns', `answer ${TOKEN}`],
    ])('%s is %s, and takes nothing from the other server', async (behaviour, expected) => {
      world.setBehaviour('ns2', behaviour)
      expect(await toldOf()).toEqual(['in example.test', `ns1 answer ${TOKEN}`, `ns2 ${expected}`])
    })

    test('NXDOMAIN without authority says nothing', async () => {
      world.setBehaviour('ns2', (query) => [reply(query, { rcode: 3, flags: 0x0080 })])
      expect(await toldOf()).toContain('ns2 lame')
    })

    test('a stale one shows as what it says', async () => {
      await world.setZoneAt('ns2', 'example.test', '_waypost-challenge.im TXT "stale"')
      expect(await toldOf()).toEqual(['in example.test', `ns1 answer ${TOKEN}`, 'ns2 answer stale'])
    })

    test('all servers dead, which the resolvers do not notice', async () => {
      world.setBehaviour('example.test', 'silent')
      expect(await toldOf()).toEqual(['in example.test', 'ns1 timeout', 'ns2 timeout'])
    })

    test('all DNS dead', async () => {
      world.setBehaviour('all', 'silent')
      expect(await toldOf()).toEqual(['no-resolver', 'in null'])
    })

    test('resolvers that fail', async () => {
      world.setBehaviour('resolver', 'servfail')
      expect(await toldOf()).toEqual(['no-zone', 'in null'])
    })
  })

  describe('asks no address', () => {
    test.each(['10.0.0.1', '169.254.169.254', '192.168.1.1', '::1', 'fd00::1', '::ffff:10.0.0.1'])(
      'such as %s, which a tenant could name to make this server ask it',
      async (address) => {
        world.setHost('ns.evil.test', [address])
        await world.setZone('example.test', ZONE, { nameServers: ['ns1', 'ns.evil.test'] })
        expect(await toldOf()).toEqual(['in example.test', 'ns.evil.test not-asked', `ns1 answer ${TOKEN}`])
      },
    )

    test('that a server does not have', async () => {
      await world.setZone('example.test', ZONE, { nameServers: ['ns1', 'ns.gone.test'] })
      expect(await look(CHALLENGE, 'TXT')).toMatchObject({
        fault: null,
        replies: [{ server: 'ns.gone.test', address: '', reply: 'not-asked' }, { reply: 'answer' }],
      })
    })

    test('and tells none that it does not ask, nor what an alias leads to where all are such', async () => {
      world.setHost('dc1.internal.test', ['10.20.30.40'])
      await world.setZone('internal.test', ZONE, { nameServers: ['dc1.internal.test'], servedBy: ['ns1'] })
      const direct = await look('_waypost-challenge.im.internal.test', 'TXT')
      expect(direct).toMatchObject({ fault: 'no-servers', replies: [{ address: '', reply: 'not-asked' }] })
      await world.setZone('example.test', '_waypost-challenge.im CNAME host.internal.test.')
      const { fault, zone, replies } = await look(CHALLENGE, 'TXT')
      expect({ fault, zone, replies }).toEqual({ fault: 'no-zone', zone: null, replies: [] })
    })

    test('where no server has one', async () => {
      await world.setZone('example.test', ZONE, { nameServers: ['ns.gone.test', 'ns.lost.test'], servedBy: ['ns1'] })
      expect(await toldOf()).toEqual([
        'no-servers',
        'in example.test',
        'ns.gone.test not-asked',
        'ns.lost.test not-asked',
      ])
    })

    test('twice, whatever names it has', async () => {
      for (const name of ['ns.a.test', 'ns.b.test', 'ns.c.test']) world.setHost(name, ['127.0.0.12'])
      await world.setZone('example.test', ZONE, {
        nameServers: ['ns.a.test', 'ns.b.test', 'ns.c.test', 'ns1'],
        servedBy: ['ns1', 'ns2'],
      })
      const { replies } = await look(CHALLENGE, 'TXT')
      expect(replies.map(({ address }) => address).toSorted()).toEqual([
        '127.0.0.11',
        ...Array<string>(3).fill('127.0.0.12'),
      ])
      expect(world.queries('ns2')).toHaveLength(1)
    })

    test("for one name alone: who lists another's address beside their own leaves the other its word", async () => {
      world.setHost('a.ns.test', ['127.0.0.11', '127.0.0.12'])
      await world.setZone('example.test', ZONE, { nameServers: ['a.ns.test', 'ns1', 'ns2'], servedBy: ['ns1', 'ns2'] })
      await world.setZoneAt('ns2', 'example.test', 'im TXT "none"')
      expect(await toldOf()).toEqual([
        'in example.test',
        `a.ns.test answer ${TOKEN}`,
        'a.ns.test no-such-name',
        `ns1 answer ${TOKEN}`,
        'ns2 no-such-name',
      ])
    })

    test('beyond eight servers, and two of each', async () => {
      const names = Array.from({ length: 12 }, (_, i) => `ns${String(i).padStart(2, '0')}.many.test`)
      names.forEach((name, i) =>
        world.setHost(
          name,
          [0, 1, 2].map((host) => `127.0.${100 + i}.${1 + host}`),
        ),
      )
      await world.setZone('example.test', ZONE, { nameServers: names, servedBy: ['ns1'] })
      const { replies } = await look(CHALLENGE, 'TXT')
      expect([...new Set(replies.map(({ server }) => server))]).toEqual(names.slice(0, 8))
      expect(replies).toHaveLength(16)
      expect(new Set(replies.map(({ reply }) => reply))).toEqual(new Set(['unreachable']))
    })

    test('of a family that this machine has no way to, as long as the server has another', async () => {
      world.setHost('ns.both.test', ['127.0.0.11', '255.255.255.255'])
      world.setHost('ns.none.test', ['fe80::2'])
      await world.setZone('example.test', ZONE, { nameServers: ['ns.both.test', 'ns.none.test'], servedBy: ['ns1'] })
      const open = { isAllowed: () => true }
      const settings = { randomBytes, tryMs: TRY_MS }
      const resolve = resolver({ servers: [world.resolver], ...settings })
      const all = nameServers({ resolver: resolve, policy: open, port: world.nameServerPort, ...settings })
      const expected = ['in example.test', `ns.both.test answer ${TOKEN}`, 'ns.none.test unreachable']
      expect(told(await all.look(CHALLENGE, 'TXT'))).toEqual(expected)
    })
  })

  describe('follows aliases for TXT', () => {
    test.each<[title: string, records: string, expected: string[]]>([
      [
        'within the zone',
        '_waypost-challenge.im CNAME proof\nproof TXT "here"',
        ['-> proof.example.test', 'in example.test', 'ns1 answer here', 'ns2 answer here'],
      ],
      [
        'to another zone, whose servers are asked themselves',
        '_waypost-challenge.im CNAME Proof.Other.test.',
        ['-> proof.other.test', 'in other.test', 'ns2 answer there'],
      ],
      [
        'below a DNAME record',
        'im DNAME other.test.',
        ['-> _waypost-challenge.other.test', 'in other.test', 'ns2 answer moved'],
      ],
      [
        'that a wildcard makes',
        '* CNAME proof.other.test.',
        ['-> proof.other.test', 'in other.test', 'ns2 answer there'],
      ],
      [
        'to a name that is not there',
        '_waypost-challenge.im CNAME nothing.other.test.',
        ['-> nothing.other.test', 'in other.test', 'ns2 no-such-name'],
      ],
      [
        'to a name whose domain is not there',
        '_waypost-challenge.im CNAME proof.free.test.',
        ['-> proof.free.test', 'in test', 'ns1 no-such-name', 'ns2 no-such-name'],
      ],
      [
        'to a name that nobody can ask for',
        '_waypost-challenge.im CNAME a\\.b.other.test.',
        ['-> a\\046b.other.test', 'no-zone', 'in null'],
      ],
      [
        'eight times',
        `_waypost-challenge.im CNAME a1\n${aliases(8)}\na8 TXT "at last"`,
        [...chain(8), 'in example.test', 'ns1 answer at last', 'ns2 answer at last'],
      ],
      [
        'nine times no more',
        `_waypost-challenge.im CNAME a1\n${aliases(9)}\na9 TXT "at last"`,
        [
          ...chain(8),
          'too-many-aliases',
          'in example.test',
          'ns1 answer CNAME a9.example.test',
          'ns2 answer CNAME a9.example.test',
        ],
      ],
      [
        'but not in a circle',
        '_waypost-challenge.im CNAME a\na CNAME b\nb CNAME a',
        [
          '-> a.example.test',
          '-> b.example.test',
          'alias-loop',
          'in example.test',
          'ns1 answer CNAME a.example.test',
          'ns2 answer CNAME a.example.test',
        ],
      ],
      [
        'but not to where it began',
        '_waypost-challenge.im CNAME _waypost-challenge.im',
        ['alias-loop', 'in example.test', `ns1 answer CNAME ${CHALLENGE}`, `ns2 answer CNAME ${CHALLENGE}`],
      ],
    ])('%s', async (_title, records, expected) => {
      await world.setZone('other.test', 'proof TXT "there"\n_waypost-challenge TXT "moved"', { nameServers: ['ns2'] })
      await world.setZone('example.test', records)
      expect(await toldOf()).toEqual(expected)
    })

    test('though one of its servers is out of reach', async () => {
      await world.setZone('example.test', '_waypost-challenge.im CNAME proof\nproof TXT "here"')
      world.setBehaviour('ns2', 'silent')
      expect(await toldOf()).toEqual(['-> proof.example.test', 'in example.test', 'ns1 answer here', 'ns2 timeout'])
    })

    test('and says where no more than half of the servers have led there', async () => {
      await world.setZone('other.test', 'proof TXT "there"', { nameServers: ['ns1'] })
      await world.setZone('example.test', '_waypost-challenge.im CNAME proof.other.test.')
      expect(await look(CHALLENGE, 'TXT')).not.toHaveProperty('isLedByFew')
      world.setBehaviour('ns2', 'silent')
      expect(await look(CHALLENGE, 'TXT')).toMatchObject({ isLedByFew: true, replies: [{ values: ['there'] }] })
    })

    test.each<[title: string, records: string, last: string, fault: string]>([
      ['in a circle', '_waypost-challenge.im CNAME _waypost-challenge.im', CHALLENGE, 'alias-loop'],
      ['too far', `_waypost-challenge.im CNAME a1\n${aliases(9)}`, 'a8.example.test', 'too-many-aliases'],
    ])('and says so of the last one too, which leads %s', async (_title, records, last, fault) => {
      await world.setZone('example.test', records)
      expect(await look(CHALLENGE, 'TXT')).not.toHaveProperty('isLedByFew')
      world.setBehaviour('ns2', async (query, proper) => (query.name === last ? [] : [await proper()]))
      expect(await look(CHALLENGE, 'TXT')).toMatchObject({ fault, isLedByFew: true })
    })

    test('but not where only one of three can say where they lead', async () => {
      world.setHost('ns.dead.test', ['127.0.0.99'])
      await world.setZone('example.test', '_waypost-challenge.im CNAME proof\nproof TXT "here"', {
        nameServers: ['ns1', 'ns2', 'ns.dead.test'],
      })
      world.setBehaviour('ns2', 'servfail')
      expect(await toldOf()).toEqual([
        'in example.test',
        'ns.dead.test unreachable',
        'ns1 answer CNAME proof.example.test',
        'ns2 server-failure',
      ])
    })

    test.each<[title: string, other: string, said: string]>([
      ['another name', '_waypost-challenge.im CNAME other', 'answer CNAME other.example.test'],
      ['the record itself', '_waypost-challenge.im TXT "mine"', 'answer mine'],
      ['that it has none', '_waypost-challenge.im A 192.0.2.1', 'empty'],
      ['that there is no such name', '', 'no-such-name'],
    ])('but not where the other of two servers says %s', async (_title, other, said) => {
      await world.setZone('example.test', '_waypost-challenge.im CNAME proof\nproof TXT "here"')
      await world.setZoneAt('ns2', 'example.test', other)
      expect(await toldOf()).toEqual([
        'servers-disagree',
        'in example.test',
        'ns1 answer CNAME proof.example.test',
        `ns2 ${said}`,
      ])
    })

    test('and tells a broken target from a broken name', async () => {
      await world.setZone('other.test', 'proof TXT "there"')
      await world.setZone('example.test', '_waypost-challenge.im CNAME proof.other.test.')
      world.setBehaviour('other.test', 'servfail')
      expect(await toldOf()).toEqual([
        '-> proof.other.test',
        'in other.test',
        'ns1 server-failure',
        'ns2 server-failure',
      ])
    })
  })

  test('for a CNAME record follows nothing', async () => {
    await world.setZone('example.test', 'im CNAME a\na CNAME b')
    expect(await toldOf('im.example.test', 'CNAME')).toEqual([
      'in example.test',
      'ns1 answer a.example.test',
      'ns2 answer a.example.test',
    ])
  })

  test('takes no word from a server that answers a question with an alias of another name', async () => {
    world.setBehaviour('ns2', (query) => [reply(query, { answers: [cname('other.test', 'edge.waypost.test')] })])
    expect(await toldOf('im.example.test', 'CNAME')).toContain('ns2 malformed')
  })

  test.each([50, 400])('ends in time, whatever is silent: after %i ms', async (lookMs) => {
    world.setBehaviour('example.test', 'silent')
    const began = performance.now()
    await lookThrough(world, { lookMs, tryMs: 2_000 }).look(CHALLENGE, 'TXT')
    expect(performance.now() - began).toBeLessThan(lookMs + 2_500) // two tries would take 4 s
  })

  test('of which 200 are wanted at once: 64 are made, and each is answered', async () => {
    let now = 0
    let most = 0
    const counted = {
      ...resolver({ servers: [world.resolver], randomBytes }),
      async zoneOf(): Promise<Zone> {
        most = Math.max(most, ++now)
        await new Promise((resolve) => setImmediate(resolve))
        now--
        return { outcome: 'could-not-ask', fault: 'no-zone' }
      },
    }
    const many = nameServers({ resolver: counted, policy, port: world.nameServerPort, randomBytes })
    const looks = await Promise.all(Array.from({ length: 200 }, (_, i) => many.look(`n${i}.example.test`, 'TXT')))
    expect(looks.map(({ name }) => name)).toEqual(looks.map((_, i) => `n${i}.example.test`))
    expect(most).toBe(64)
  })
})

describe.skipIf(isLeftOut('knot'))('where the servers of a zone disagree on an alias', () => {
  const ALIAS = '_waypost-challenge.im CNAME proof.other.test.'
  const OTHER_ALIAS = '_waypost-challenge.im CNAME elsewhere.test.'
  const RECORD = `_waypost-challenge.im TXT "${TOKEN}"`
  const NOT_THERE = 'im A 192.0.2.1'
  const FOLLOWED = ['-> proof.other.test', 'in other.test', 'ns1 answer there']
  let world: DnsWorld

  beforeAll(async () => {
    world = await dnsWorld({ nameServers: 5 })
  })
  afterAll(() => world.close())
  beforeEach(async () => {
    await world.reset()
    await world.setZone('other.test', 'proof TXT "there"', { nameServers: ['ns1'] })
    await world.setZone('elsewhere.test', `@ TXT "${TOKEN}"`, { nameServers: ['ns1'] })
  })

  /** @param records of the first server, the second …; null: it is silent. By default a name server has one address */
  async function lookAmong(
    records: readonly (string | null)[],
    nameServers = records.map((_, i) => `ns${i + 1}`),
  ): Promise<Look> {
    const servedBy = records.map((_, i) => `ns${i + 1}`)
    await world.setZone('example.test', '', { nameServers, servedBy })
    for (const [i, own] of records.entries()) {
      await world.setZoneAt(servedBy[i]!, 'example.test', own ?? '')
      // Of this one zone only: the same servers have the zones that it leads to
      if (own === null)
        world.setBehaviour(servedBy[i]!, async (query, proper) =>
          query.name.endsWith('example.test') ? [] : [await proper()],
        )
    }
    return lookThrough(world).look(CHALLENGE, 'TXT')
  }

  test.each<[title: string, records: (string | null)[]]>([
    ['one of three has the record itself', [ALIAS, ALIAS, RECORD]],
    ['one of three knows no such name', [ALIAS, NOT_THERE, ALIAS]],
    ['one of three leads elsewhere', [OTHER_ALIAS, ALIAS, ALIAS]],
    ['of five one is silent, and one leads elsewhere', [null, ALIAS, OTHER_ALIAS, ALIAS, ALIAS]],
  ])('it is followed where more than half tell the same: %s', async (_title, records) => {
    const found = await lookAmong(records)
    expect(told(found)).toEqual(FOLLOWED)
    expect(found).not.toHaveProperty('isLedByFew')
  })

  test.each<[title: string, records: (string | null)[], findings: Finding]>([
    ['with the record', [RECORD, RECORD, ALIAS], { is: 'found', isByMost: true }],
    ['without it', [NOT_THERE, ALIAS, NOT_THERE], { is: 'absent', isByMost: true }],
    [
      'with and without it, where the alias tells against it',
      [RECORD, NOT_THERE, ALIAS],
      { is: 'absent', isByMost: true },
    ],
    ['with and without it, and too few for either', [RECORD, RECORD, NOT_THERE, ALIAS], UNKNOWN],
  ])('it is not where more than half have none: %s', async (_title, records, finding) => {
    const found = await lookAmong(records)
    expect(found).toMatchObject({ aliases: [], zone: 'example.test', fault: null })
    expect(findingOf(found, TOKEN)).toEqual(finding)
  })

  test.each<[title: string, records: (string | null)[]]>([
    ['half of two', [ALIAS, NOT_THERE]],
    ['half of four', [ALIAS, ALIAS, RECORD, NOT_THERE]],
    ['half of four, and of the others one is silent', [OTHER_ALIAS, OTHER_ALIAS, null, ALIAS]],
    ['of three one is silent, and one has the record', [OTHER_ALIAS, null, RECORD]],
    ['each of three says another thing', [ALIAS, OTHER_ALIAS, RECORD]],
  ])('nobody is led elsewhere, and nothing is known, where fewer tell: %s', async (_title, records) => {
    const found = await lookAmong(records)
    expect(found).toMatchObject({ aliases: [], zone: 'example.test', fault: 'servers-disagree' })
    expect(findingOf(found, TOKEN)).toEqual(UNKNOWN)
  })

  test('who has one of three servers, while another is silent, leads nobody elsewhere', async () => {
    const found = await lookAmong([OTHER_ALIAS, null, null])
    expect(found).toMatchObject({ aliases: [], fault: null })
    expect(findingOf(found, TOKEN)).toEqual(UNKNOWN)
  })

  test('half are followed where nobody contradicts them, but what is found there is not what most say', async () => {
    const found = await lookAmong([ALIAS, ALIAS, null, null])
    expect(told(found)).toEqual(FOLLOWED)
    expect(found.isLedByFew).toBe(true)
    expect(findingOf(found, 'there')).toEqual({ is: 'found', isByMost: false })
  })

  describe('a server whose addresses contradict each other', () => {
    beforeEach(() => world.setHost('torn.test', [world.addresses['ns1']!, world.addresses['ns2']!]))

    test('counts for nothing', async () => {
      const both = ['torn.test', 'ns3', 'ns4']
      expect(told(await lookAmong([ALIAS, RECORD, ALIAS, ALIAS], both))).toEqual(FOLLOWED)
      expect(await lookAmong([ALIAS, RECORD, ALIAS, RECORD], both)).toMatchObject({ fault: 'servers-disagree' })
    })

    test('is one of all servers nevertheless', async () => {
      const found = await lookAmong([ALIAS, RECORD, ALIAS], ['torn.test', 'ns3'])
      expect(found).toMatchObject({ fault: 'servers-disagree' })
    })

    test('and is but one where they agree', async () => {
      const found = await lookAmong([OTHER_ALIAS, OTHER_ALIAS, RECORD], ['torn.test', 'ns3'])
      expect(found).toMatchObject({ aliases: [], fault: 'servers-disagree' })
    })
  })

  test('the name that an alias leads to is never a TXT record, though it be written like a token', async () => {
    const likeToken = 'waypost-abc'
    const found = await lookAmong([NOT_THERE, NOT_THERE, `_waypost-challenge.im CNAME ${likeToken}.`])
    expect(told(found)).toContain(`ns3 answer CNAME ${likeToken}`)
    const one = await lookAmong([
      `_waypost-challenge.im TXT ${likeToken}`,
      NOT_THERE,
      ALIAS.replace('proof.other.test', likeToken),
    ])
    expect(findingOf(one, likeToken)).toEqual({ is: 'absent', isByMost: true })
  })
})

test('a look sends no more than 400 packets, however a zone is made to cost more', async () => {
  let count = 0
  const counting =
    (answer: BehaviourOf): Answerer =>
    (query) => {
      count++
      return answer(query, async () => Buffer.alloc(0))
    }
  // Each name is an alias of the next, far below a zone with eight servers at two addresses, all of which must be asked three
  // times: with EDNS, without it, and over TCP.
  const zone = 'example.test'
  const nameServer: BehaviourOf = (query) => {
    if (query.hasEdns) return [reply(query, { rcode: 1 })]
    if (query.transport === 'udp') return [reply(query, { flags: 0x0600 })]
    return [reply(query, { answers: [cname(query.name, `x${query.name}`)] })]
  }
  const recursive: BehaviourOf = (query) => {
    const { name, type } = query
    const answers =
      type === 'NS' && name === zone
        ? Array.from({ length: 8 }, (_, i) => ({ type: 'NS', name, data: `ns${i}.${zone}` }) as const)
        : type === 'A'
          ? [1, 2].map((host) => ({ type: 'A', name, data: `127.1.${name[2]}.${host}` }) as const)
          : []
    return [reply(query, { flags: 0x0080, answers })]
  }
  const first = await dnsServer({ address: '127.1.0.1', port: 0 }, counting(nameServer))
  const { port } = first
  const servers = [first]
  for (let i = 1; i < 16; i++)
    servers.push(await dnsServer({ address: `127.1.${i >> 1}.${1 + (i & 1)}`, port }, counting(nameServer)))
  const recursor = await dnsServer({ address: '127.0.0.1', port: 0 }, counting(recursive))

  const { look } = lookThrough({ resolver: recursor, nameServerPort: port })
  const found = await look(`a.b.c.d.e.f.g.h.i.j.${zone}`, 'TXT')
  for (const server of [...servers, recursor]) await server.close()
  expect(found.aliases.length).toBeGreaterThan(2)
  expect(found.replies.every(({ reply }) => reply !== 'empty' && reply !== 'no-such-name')).toBe(true)
  expect(count).toBeGreaterThan(300)
  expect(count).toBeLessThanOrEqual(400)
})

/** As it counts for a claim; the name beside it has no record. */
function findingOf(txt: Look, token: string): Finding {
  const nothing: ServerReply[] = [{ server: 'ns1', address: '192.0.2.1', reply: 'no-such-name', values: [] }]
  const txtSibling: Look = { name: 'beside', type: 'TXT', aliases: [], zone: txt.zone, replies: nothing, fault: null }
  return txtFinding({ token, edgeName: '' }, { txt, txtSibling, cname: null, cnameSibling: null })
}

function aliases(count: number): string {
  return Array.from({ length: count - 1 }, (_, i) => `a${i + 1} CNAME a${i + 2}`).join('\n')
}

function chain(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `-> a${i + 1}.example.test`)
}
