import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { waysOf, type Issuer } from '../../src/acme/preflight-findings.ts'
import { failureWords } from '../../src/acme/failure.ts'
import { hasMoved } from '../../src/acme/preflight-gate.ts'
import { judge, preflight, type RunPreflight, type Seen } from '../../src/acme/preflight.ts'
import { plainHandler } from '../../src/edge/plain-handler.ts'
import { domainName } from '../../src/name.ts'
import { addressPolicy } from '../../src/outside/address-policy.ts'
import { certificateDns } from '../../src/outside/certificate-dns.ts'
import { challengeProbe } from '../../src/outside/challenge-probe.ts'
import { resolver } from '../../src/outside/resolver.ts'
import { dnsWorld, type DnsWorld } from '../support/dns-servers.ts'
import { HOUR_MS, issuerRig, MINUTE_MS, type IssuerRig } from './issuer-rig.ts'
import { problem } from './scripted-authority.ts'

const IM = domainName('im.example.com')
const EDGE = domainName('edge.hosting.example')

const issuer: Issuer = {
  name: 'letsencrypt',
  caaIdentities: ['letsencrypt.org'],
  accountUrl: 'https://acme.example/acct/1',
  challengeTypes: ['http-01', 'tls-alpn-01'],
  aliasOf: (name) => `label-of-${name}.acme.example`,
}
const unasked = { outcome: 'could-not-ask', why: 'the resolvers do not answer', isServerFailure: false } as const
const servfail = { outcome: 'could-not-ask', why: 'SERVFAIL, at example.com', isServerFailure: true } as const

function seen(more: Partial<Omit<Seen, 'addresses'>> & { addresses?: Partial<Seen['addresses']> } = {}): Seen {
  const addresses = { found: ['5.5.5.5'], hasOthers: false, alias: null, isByEdge: false, fault: null }
  return {
    ...{ name: IM, edge: { addresses: ['5.5.5.5', '2a00:5::5'], isWhole: true }, caa: { outcome: 'ok', set: null } },
    ...{ challengeRecord: null, probes: [echo('5.5.5.5')], ...more },
    addresses: { ...addresses, ...more.addresses },
  }
}
const echo = (address: string) => probe(address, { status: 200 }, true)
function probe(address: string, reply: object, isEcho = false): Seen['probes'][number] {
  return { address, isEcho, reply: { outcome: 'ok', status: 404, location: null, body: '', ...reply } }
}
const refused = (address: string) => ({
  ...{ address, isEcho: false },
  reply: { outcome: 'could-not-ask', why: 'the connection was refused' } as const,
})
const caaSet = (value: string, more: object = {}): Partial<Seen> => ({
  caa: {
    outcome: 'ok',
    set: { at: 'example.com', isEdges: false, isShown: true, records: [{ flags: 0, tag: 'issue', value }], ...more },
  },
})

const LABEL = 'label-of-im.example.com.acme.example'
const delegated: Partial<Seen> = { challengeRecord: { outcome: 'ok', alias: LABEL, hasText: false } }

describe('what was seen means', () => {
  type Row = [check: string, seen: Parameters<typeof seen>[0], outcome: string, words: string[], more?: object]
  const rows: Row[] = [
    ['addresses', {}, 'ok', ['im.example.com leads here: 5.5.5.5.']],
    ['addresses', { addresses: { found: ['2a00:5::5', '5.5.5.5'] } }, 'ok', ['2a00:5::5, 5.5.5.5']],
    [
      'addresses',
      { addresses: { found: ['5.5.5.5', '2a00:bad::1'] } },
      'wrong',
      ['Remove the records AAAA 2a00:bad::1.', 'the IPv6 address first'],
      { whose: 'owner' },
    ],
    [
      'addresses',
      { addresses: { found: ['5.5.5.5', '9.9.9.9'] } },
      'wrong',
      ['Remove the records A 9.9.9.9.', 'any one of the addresses'],
    ],
    ['addresses', { addresses: { hasOthers: true } }, 'wrong', ['Remove the records those with private']],
    [
      'addresses',
      { addresses: { found: ['9.9.9.9'], alias: 'old.example.net' } },
      'wrong',
      ['leads to 9.9.9.9 (it is an alias of old.example.net) and not to this server', '5.5.5.5, 2a00:5::5'],
      { whose: 'owner', isMoved: true },
    ],
    ['addresses', { addresses: { found: [] } }, 'wrong', ['has no address in DNS'], { whose: 'owner', isMoved: true }],
    ['addresses', { addresses: { found: [], hasOthers: true } }, 'wrong', ['has no address in DNS'], { isMoved: true }],
    [
      'addresses',
      { addresses: { found: ['9.9.9.9'], alias: EDGE, isByEdge: true } },
      'ok',
      [`leads here (it is an alias of ${EDGE}): 9.9.9.9`],
    ],
    [
      'addresses',
      { addresses: { found: [], alias: EDGE, isByEdge: true } },
      'wrong',
      [`alias of ${EDGE}, which has no public address`],
      { whose: 'operator' },
    ],
    [
      'addresses',
      { edge: { addresses: [], isWhole: true } },
      'could-not-ask',
      ['does not know its own public addresses', 'edge.addresses'],
      { whose: 'operator' },
    ],
    [
      'addresses',
      { addresses: { found: ['9.9.9.9'] }, edge: { addresses: ['5.5.5.5'], isWhole: false } },
      'could-not-ask',
      ["the edge's own name could not be looked up"],
    ],
    ['addresses', { edge: { addresses: ['5.5.5.5'], isWhole: false } }, 'ok', ['leads here']],
    ['addresses', { addresses: { fault: unasked } }, 'could-not-ask', ['do not answer'], { whose: 'operator' }],
    ['addresses', { addresses: { found: [], fault: servfail } }, 'could-not-ask', ['DNSSEC'], { whose: 'owner' }],
    ['addresses', { addresses: { found: ['5.5.5.5', '2a00:bad::1'], fault: servfail } }, 'wrong', ['AAAA 2a00:bad::1']],

    ['caa', {}, 'ok', ['No CAA record restricts']],
    ['caa', caaSet('letsencrypt.org'), 'ok', ['let letsencrypt (letsencrypt.org) issue']],
    [
      'caa',
      caaSet('digicert.com'),
      'wrong',
      [
        'at example.com, which hold for im.example.com too, do not let letsencrypt issue: 0 issue "digicert.com".',
        'Add the record example.com. CAA 0 issue "letsencrypt.org" there',
      ],
      { whose: 'owner' },
    ],
    ['caa', caaSet('digicert.com', { at: IM }), 'wrong', ['The CAA records at im.example.com do not let']],
    ['caa', caaSet('digicert.com', { at: EDGE, isEdges: true }), 'wrong', [EDGE], { whose: 'operator' }],
    ['caa', caaSet('inner.corp', { isShown: false }), 'wrong', ['do not let', 'not shown here']],
    [
      'caa',
      caaSet('letsencrypt.org; accounturi=https://acme.example/acct/2'),
      'wrong',
      ['0 issue "letsencrypt.org; accounturi=https://acme.example/acct/1"'],
    ],
    [
      'caa',
      caaSet('letsencrypt.org; validationmethods=dns-01'),
      'wrong',
      ['0 issue "letsencrypt.org; validationmethods=http-01,tls-alpn-01"'],
    ],
    [
      'caa',
      caaSet('', { records: [{ flags: 128, tag: 'tbs', value: '' }] }),
      'wrong',
      ['Remove the record "tbs" there'],
    ],
    ['caa', { caa: servfail }, 'could-not-ask', ['SERVFAIL, at example.com', 'issues nothing'], { whose: 'owner' }],
    ['caa', { caa: unasked }, 'could-not-ask', ['do not answer'], { whose: 'operator' }],

    ['port-80', {}, 'ok', ['answered by this server at 5.5.5.5']],
    [
      'port-80',
      { probes: [echo('2a00:5::5'), probe('5.5.5.5', { body: '<h1>nginx</h1>' })] },
      'wrong',
      ['5.5.5.5 answered 404, "<h1>nginx</h1>"'],
      { whose: 'operator' },
    ],
    ['port-80', { probes: [probe('5.5.5.5', { status: 200, body: 'other' })] }, 'wrong', ['answered 200, "other"']],
    [
      'port-80',
      { probes: [probe('5.5.5.5', { status: 301, location: 'https://im.example.com/x' })] },
      'ok',
      ['answered 301 to https://im.example.com/x'],
    ],
    ['port-80', { probes: [probe('5.5.5.5', { status: 503 })] }, 'could-not-ask', ['answered 503 without a body']],
    ['port-80', { probes: [refused('5.5.5.5')] }, 'could-not-ask', ['5.5.5.5: the connection was refused', 'NAT']],
    ['port-80', { probes: [refused('5.5.5.5'), echo('2a00:5::5')] }, 'ok', ['at 2a00:5::5']],
    ['port-80', { probes: [] }, 'could-not-ask', ['no other is asked']],

    ['challenge-record', { challengeRecord: unasked }, 'could-not-ask', ['_acme-challenge.im.example.com could not']],
    [
      'challenge-record',
      { challengeRecord: { outcome: 'ok', alias: null, hasText: true } },
      'ok',
      ['TXT records at _acme-challenge.im.example.com', 'remove them'],
    ],
    [
      'challenge-record',
      { challengeRecord: { outcome: 'ok', alias: 'x.acme.example', hasText: true } },
      'ok',
      ['is an alias that does not end in', `_acme-challenge.im.example.com. CNAME ${LABEL}.`],
    ],
    [
      'challenge-record',
      { challengeRecord: { outcome: 'ok', alias: null, hasText: false } },
      'ok',
      ['There is nothing at _acme-challenge.im.example.com', `_acme-challenge.im.example.com. CNAME ${LABEL}.`],
    ],
    ['challenge-record', delegated, 'ok', ["leads to this server's zone"]],
    [
      'addresses',
      { ...delegated, addresses: { found: ['9.9.9.9'] } },
      'ok',
      ['leads to 9.9.9.9', 'no obstacle', 'the DNS challenge'],
    ],
    ['port-80', { ...delegated, probes: [probe('5.5.5.5', {})] }, 'ok', ['no obstacle', 'the DNS challenge']],
    ['addresses', { ...delegated, addresses: { fault: unasked } }, 'could-not-ask', ['do not answer']],
    ['caa', { ...delegated, ...caaSet('digicert.com') }, 'wrong', ['do not let letsencrypt issue']],
    ['caa', { ...delegated, ...caaSet('letsencrypt.org; validationmethods=dns-01') }, 'ok', ['let letsencrypt']],
    ['caa', caaSet('letsencrypt.org; validationmethods=dns-01'), 'wrong', ['validationmethods=http-01,tls-alpn-01']],
    [
      'caa',
      { ...delegated, addresses: { found: ['9.9.9.9'] }, ...caaSet('letsencrypt.org; validationmethods=http-01') },
      'wrong',
      ['validationmethods=dns-01'],
    ],
  ]
  const titled = rows.map(([check, sight, outcome, words, more]) => ({
    ...{ check, sight, outcome, words, more },
    first: words[0],
  }))
  test('what perhaps only this server can see behind an alias is told to nobody', () => {
    const hidden = caaSet('inner.corp', { isShown: false })
    const elsewhere: Partial<Seen> = { challengeRecord: { outcome: 'ok', alias: 'acme.inner.corp', hasText: true } }
    expect(JSON.stringify(judge([seen({ ...hidden, ...elsewhere })], issuer))).not.toContain('inner.corp')
  })

  test.each(titled)('$check is $outcome: $first', ({ check, sight, outcome, words, more = {} }) => {
    const { findings } = judge([seen(sight)], issuer)
    const finding = findings.find((one) => one.check === check)
    expect(finding).toMatchObject({ name: IM, outcome, ...more })
    for (const each of words) expect(finding?.words).toContain(each)
  })

  test.each<[title: string, seen: Parameters<typeof seen>[0], ways: string]>([
    ['all is well, without the record', {}, 'http-01 tls-alpn-01'],
    [
      'it leads to another label',
      { challengeRecord: { outcome: 'ok', alias: `x.${LABEL}`, hasText: false } },
      'http-01 tls-alpn-01',
    ],
    ['the record is not known', { challengeRecord: unasked, addresses: { found: ['9.9.9.9'] } }, 'http-01 tls-alpn-01'],
    ['all is well', delegated, 'http-01 tls-alpn-01 dns-01'],
    ['the name leads elsewhere', { ...delegated, addresses: { found: ['9.9.9.9'] } }, 'dns-01'],
    ['one address is a stray', { ...delegated, addresses: { found: ['5.5.5.5', '2a00:bad::1'] } }, 'dns-01'],
    ['port 80 is closed', { ...delegated, probes: [refused('5.5.5.5')] }, 'dns-01 http-01 tls-alpn-01'],
    ['port 80 is answered by another', { ...delegated, probes: [probe('5.5.5.5', {})] }, 'dns-01 tls-alpn-01'],
    ['the addresses are not known', { ...delegated, addresses: { fault: unasked } }, 'dns-01 http-01 tls-alpn-01'],
  ])('where %s, that control is shown by: %3$s', (_title, sight, ways) => {
    expect(waysOf(seen(sight), issuer).join(' ')).toBe(ways)
  })

  test('without a zone for it nothing is said of the DNS challenge, and it is no way', () => {
    const { aliasOf: _aliasOf, ...without } = issuer
    const sight = seen({ ...delegated, addresses: { found: ['9.9.9.9'] } })
    expect(waysOf(sight, without)).toEqual(['http-01', 'tls-alpn-01'])
    expect(judge([sight], without)).toMatchObject({ outcome: 'wrong', isMoved: true })
    expect(judge([sight], without).findings.map(({ check }) => check)).not.toContain('challenge-record')
  })

  test('wrong as a whole where one thing is, of any of the names', () => {
    const other = { ...seen({ addresses: { found: ['9.9.9.9'] } }), name: domainName('b.example.com') }
    expect(judge([seen(), other], issuer)).toMatchObject({ outcome: 'wrong', isMoved: true })
    expect(judge([seen(caaSet('digicert.com'))], issuer)).toMatchObject({ outcome: 'wrong', isMoved: false })
  })

  test('that nothing could be asked only where nothing at all could be', () => {
    const nothing = { addresses: { found: [], fault: unasked }, caa: unasked, probes: [] }
    expect(judge([seen(nothing)], issuer).outcome).toBe('could-not-ask')
    expect(judge([seen({ ...nothing, caa: { outcome: 'ok', set: null } })], issuer).outcome).toBe('ok')
    expect(judge([seen(nothing), seen()], issuer).outcome).toBe('ok')
  })

  test('nothing about port 80 where that challenge is not used', () => {
    const { outcome, findings } = judge([seen({ probes: [probe('5.5.5.5', {})] })], {
      ...issuer,
      challengeTypes: ['tls-alpn-01'],
    })
    expect(outcome).toBe('ok')
    expect(findings.map(({ check }) => check)).toEqual(['addresses', 'caa'])
  })
})

describe('before an order', () => {
  let world: DnsWorld
  let rig: IssuerRig
  let run: RunPreflight
  const servers: Server[] = []
  let requests: string[]
  let port: number
  let isDatabaseGone = false

  beforeAll(async () => {
    world = await dnsWorld({ nameServers: 1 })
  })
  afterAll(() => world.close())

  beforeEach(async () => {
    rig = await issuerRig()
    rig.authority.script.directory.caaIdentities = ['letsencrypt.org']
    requests = []
    port = 0
    const { challenges } = rig.storage
    const admin = { host: domainName('admin.hosting.example'), httpsPort: 443 }
    const edge = plainHandler({ challenges, clock: rig.clock, admin, unavailable: () => undefined })
    port = await listen('127.0.0.1', edge)
    await listen('127.0.0.2', edge) // not the edge's
    run = parts()
  })
  afterEach(async () => {
    for (const server of servers.splice(0)) server.close()
    await world.reset()
  })

  async function listen(address: string, handler: RequestListener): Promise<number> {
    const server = createServer((request, response) => {
      requests.push(`${address} ${request.headers.host}${request.url}`)
      handler(request, response)
    }).listen(port, address)
    servers.push(server)
    await once(server, 'listening')
    return (server.address() as { port: number }).port
  }

  function parts(addresses = ['127.0.0.1']): RunPreflight {
    const policy = addressPolicy(['127.0.0.2/32'])
    const asked = resolver({ servers: [world.resolver], randomBytes, tryMs: 400 })
    const { run } = preflight({
      dns: certificateDns({ resolver: asked, policy, edge: { name: EDGE, addresses }, lookMs: 1_500 }),
      probe: challengeProbe({ port, timeoutMs: 500 }),
      challenges: {
        put: async (answer) => {
          if (isDatabaseGone) throw new Error('the database is gone')
          await rig.storage.challenges.put(answer)
        },
        remove: rig.storage.challenges.remove,
      },
      challengeTypes: ['http-01', 'tls-alpn-01'],
      clock: rig.clock,
      randomBytes,
    })
    return run
  }
  const issue = () => rig.issue({ preflight: run })
  const orders = () => rig.authority.count('newOrder')
  const since = (iso: string | undefined) => rig.clock.now().getTime() - Date.parse(iso ?? '')

  test('all is well: the probe came back by way of the edge and is gone, and the order is asked for', async () => {
    await world.setZone('example.com', 'im A 127.0.0.1\n@ CAA 0 issue "letsencrypt.org"')
    const { outcome, findings } = await run({ tenantId: null, identifiers: [IM] }, issuer)
    expect(outcome).toBe('ok')
    expect(findings.map(({ check, outcome }) => `${check} ${outcome}`)).toEqual([
      'addresses ok',
      'caa ok',
      'port-80 ok',
    ])
    expect(requests).toEqual([
      expect.stringMatching(/^127\.0\.0\.1 im\.example\.com(:\d+)?\/\.well-known\/acme-challenge\//),
    ])
    const [, token = ''] = /acme-challenge\/(.*)$/.exec(requests[0] ?? '') ?? []
    expect(await rig.storage.challenges.find(IM, token, rig.clock.now())).toBeUndefined()
    await issue()
    expect(orders()).toBe(1)
  })

  test.each<[title: string, records: string, type: string, words: string]>([
    ['a stray address', 'im A 127.0.0.1\nim A 127.0.0.2', 'preflight', 'Remove the records A 127.0.0.2'],
    ['another server', 'im A 127.0.0.2', 'preflight', 'leads to 127.0.0.2 and not to this server'],
    ['no address', 'im TXT "x"', 'preflight', 'has no address'],
    ['a CAA record', 'im A 127.0.0.1\n@ CAA 0 issue ";"', 'preflight', 'do not let first issue'],
  ])('%s costs no order and no budget, and the owner is told', async (_title, records, type, words) => {
    await world.setZone('example.com', records)
    const issuance = await issue()
    expect(orders()).toBe(0)
    expect(rig.paid).toEqual([])
    expect(await rig.orders()).toEqual([])
    const memory = await rig.memory()
    expect(memory).toMatchObject({ whose: 'owner', failures: 1, problem: { type } })
    expect(memory?.problem.detail).toContain(words)
    expect(failureWords(memory!, { authority: 'first', identifiers: [IM] })).toBe(memory?.problem.detail)
    expect(memory?.problem.preflight?.findings.map(({ check }) => check).sort()).toEqual([
      'addresses',
      'caa',
      'port-80',
    ])
    expect(issuance).toEqual({ outcome: 'later', at: memory?.nextAt })
    expect(requests.filter((one) => !one.startsWith('127.0.0.1 '))).toEqual([])
  })

  test.each([404, 200])(
    "what answers %i at the edge's own address in its place is the operator's affair",
    async (status) => {
      servers[0]!.close()
      await listen('127.0.0.1', (_request, response) => response.writeHead(status).end('another server'))
      await world.setZone('example.com', 'im A 127.0.0.1')
      await issue()
      expect(orders()).toBe(0)
      expect(await rig.memory()).toMatchObject({ whose: 'operator', problem: { type: 'preflight' } })
      expect((await rig.memory())?.problem.detail).toContain(`answered ${status}, "another server"`)
    },
  )

  test.each<[title: string, prepare: () => void]>([
    ['port 80 cannot be reached from here', () => void servers[0]!.close()],
    ['CAA records meet SERVFAIL', () => world.setBehaviour('resolver', failing('CAA'))],
    ['one family of addresses meets SERVFAIL', () => world.setBehaviour('resolver', failing('AAAA'))],
    ["the edge's addresses are not known", () => void (run = parts([]))],
  ])('it is ordered though %s', async (_title, prepare) => {
    await world.setZone('example.com', 'im A 127.0.0.1')
    prepare()
    await issue()
    expect(orders()).toBe(1)
  })

  test('nothing is ordered where nothing at all could be asked', async () => {
    world.setBehaviour('resolver', 'silent')
    await issue()
    expect(orders()).toBe(0)
    expect(await rig.memory()).toMatchObject({ whose: 'operator', problem: { type: 'preflight-unasked' } })
  })

  test('what was seen is kept for a minute, also for many at once, and an error is not', async () => {
    await world.setZone('example.com', 'im A 127.0.0.1')
    const wanted = { tenantId: null, identifiers: [IM] }
    await Promise.all([run(wanted, issuer), run(wanted, issuer)])
    const asked = world.queries('resolver').length
    rig.clock.advance(MINUTE_MS - 1)
    await run(wanted, { ...issuer, name: 'another' })
    expect(world.queries('resolver')).toHaveLength(asked)
    expect(requests).toHaveLength(1)
    rig.clock.advance(1)
    await run(wanted, issuer)
    expect(requests).toHaveLength(2)

    rig.clock.advance(MINUTE_MS)
    isDatabaseGone = true
    await expect(run(wanted, issuer)).rejects.toThrow('the database is gone')
    isDatabaseGone = false
    expect((await run(wanted, issuer)).outcome).toBe('ok')
  })

  test('it is looked at often while an owner may be publishing records, then seldom; then it goes on by itself', async () => {
    await world.setZone('example.com', 'im A 127.0.0.2')
    const waits: number[] = []
    for (let i = 0; i < 40; i++) {
      const result = await issue()
      if (result.outcome !== 'later') throw new Error('issued')
      waits.push(Math.round((result.at.getTime() - rig.clock.now().getTime()) / MINUTE_MS))
      rig.clock.advance(result.at.getTime() - rig.clock.now().getTime())
    }
    expect(waits.slice(0, 12)).toEqual(Array(12).fill(5))
    expect(waits.slice(12, 35)).toEqual(Array(23).fill(60))
    expect(waits.slice(35)).toEqual(Array(5).fill(24 * 60))
    expect((await rig.memory())?.failures).toBe(40)
    expect(orders()).toBe(0)
    await world.setZone('example.com', 'im A 127.0.0.1')
    await rig.issued({ preflight: run })
    expect(await rig.memory()).toBeUndefined()
  })

  test('a renewal of a name that has moved away: no order, hourly and then daily; moved after seven days; back by itself', async () => {
    await rig.activated()
    await world.setZone('example.com', 'im A 127.0.0.2')
    const before = orders()
    for (let i = 0; i < 31; i++) {
      const result = await issue()
      if (result.outcome !== 'later') throw new Error('issued')
      const memory = (await rig.memory())!
      expect(memory).toMatchObject({ whose: 'owner', problem: { type: 'moved' } })
      const age = since(memory.problem.preflight?.since)
      expect(hasMoved(memory, rig.clock.now())).toBe(age >= 7 * 24 * HOUR_MS)
      expect(result.at.getTime() - rig.clock.now().getTime()).toBe(age < 24 * HOUR_MS ? HOUR_MS : 24 * HOUR_MS)
      rig.clock.advance(result.at.getTime() - rig.clock.now().getTime())
    }
    expect(hasMoved((await rig.memory())!, rig.clock.now())).toBe(true)
    expect(orders()).toBe(before)
    await world.setZone('example.com', 'im A 127.0.0.1')
    await rig.issued({ preflight: run })
    expect(orders()).toBe(before + 1)
  })

  test('what it found makes no later failure wait longer', async () => {
    await world.setZone('example.com', 'im A 127.0.0.2')
    for (let i = 0; i < 3; i++) {
      const result = await issue()
      if (result.outcome === 'later') rig.clock.advance(result.at.getTime() - rig.clock.now().getTime())
    }
    await world.setZone('example.com', 'im A 127.0.0.1')
    rig.authority.script.validate = () => problem('connection')
    for (let i = 0; i < 3 && (await rig.memory())?.problem.type !== 'connection'; i++) {
      const result = await issue()
      if (result.outcome === 'later') rig.clock.advance(Math.min(2000, result.at.getTime() - rig.clock.now().getTime()))
    }
    expect(await rig.memory()).toMatchObject({ problem: { type: 'connection' }, failures: 1 })
  })

  test('a failover that was due stays due', async () => {
    servers[0]!.close() // it answers from another database
    rig = await issuerRig({ authorities: ['first', 'second'] })
    run = parts()
    await world.setZone('example.com', 'im A 127.0.0.1')
    const [first, second] = rig.authorities
    first!.fail('newOrder', problem('somethingOfItsOwn'), { times: 3 })
    const step = async () => {
      const result = await issue()
      if (result.outcome === 'later') rig.clock.advance(result.at.getTime() - rig.clock.now().getTime())
    }
    for (let i = 0; i < 3; i++) await step()
    expect(await rig.memory()).toMatchObject({ failuresOfAuthority: 3 })
    rig.clock.advance(MINUTE_MS)
    await world.setZone('example.com', 'im A 127.0.0.2')
    await step()
    expect(await rig.memory()).toMatchObject({ problem: { type: 'preflight' } })
    await world.setZone('example.com', 'im A 127.0.0.1')
    await rig.issued({ preflight: run })
    expect([first!.count('newOrder'), second!.count('newOrder')]).toEqual([3, 1])
  })
})

function failing(type: string) {
  return async (query: { type: string }, proper: () => Promise<Buffer>) => {
    const bytes = Buffer.from(await proper())
    if (query.type === type) bytes.writeUInt16BE((bytes.readUInt16BE(2) & 0xfff0) | 2, 2)
    return [bytes]
  }
}
