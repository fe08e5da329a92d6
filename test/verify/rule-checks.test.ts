import { X509Certificate } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { describeCertificate } from '../../src/certificate/chain.ts'
import type { LineageCertificate } from '../../src/certificate/lineage.ts'
import type { Delegation, RuleCheck } from '../../src/delegation/delegation.ts'
import { domainName } from '../../src/name.ts'
import { httpsGet } from '../../src/outside/https-get.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import type { Ask } from '../../src/verify/ask.ts'
import { REDIRECT_RULE, ruleChecks, type RuleChecks } from '../../src/verify/rule-checks.ts'
import type { Job } from '../../src/work/job.ts'
import { testSealer } from '../support/sealer.ts'
import { stoppedClock } from '../support/stopped-clock.ts'
import { poshOf } from './posh-of.ts'
import { body, redirect, testAuthority, webHosts, type Issued, type TestAuthority, type WebHosts } from './web-hosts.ts'

const SOURCE = 'im.example.com'
const TARGET = 'hosting.example.net'
const OTHER = 'other.example.net'
const NAMES = [SOURCE, TARGET, OTHER, 'closed.example.com']
const PATH = `/.well-known/tls/_xmpp-server._tcp.${SOURCE}`
const POSH = '/.well-known/posh/xmpp-server.json'
const MINUTE_MS = 60_000

let authority: TestAuthority
let hosts: WebHosts
let service: Issued
let next: Issued
let strange: Issued
beforeAll(async () => {
  authority = await testAuthority('Test root')
  hosts = await webHosts()
  const front = await authority.issue([SOURCE, TARGET, OTHER])
  for (const host of [SOURCE, TARGET, OTHER]) hosts.present(host, front)
  service = await authority.issue([SOURCE])
  next = await authority.issue([SOURCE])
  strange = await authority.issue([SOURCE])
})
afterAll(() => Promise.all([hosts.close(), authority.remove()]))

let clock: ReturnType<typeof stoppedClock>
let storage: Storage
let tenantId: string
let lineageId: string
let checks: RuleChecks
let delegation: Delegation
const act = () => ({ at: clock.now(), actor: 'test', address: null })
const at = (host: string, path = PATH) => `https://${host}:${hosts.port}${path}`
const pem = (...issued: Issued[]) =>
  body(200, 'application/pem-certificate-chain', issued.map(({ certPem }) => certPem).join(''))

beforeEach(async () => {
  clock = stoppedClock(new Date(Date.now() + MINUTE_MS).toISOString()) // what openssl has just made is valid by it
  storage = await openStorage({ url: undefined, file: ':memory:', sealer: testSealer, clock })
  await storage.migrate()
  tenantId = (await storage.tenants.add('acme', act())).id
  await storage.targetHosts.add({ name: domainName(TARGET), port: hosts.port }, act())
  lineageId = (await storage.lineages.create(null, { name: 'xmpp', source: 'import' }, act())).id
  await activate(await stage(service))
  clock.advance(60 * MINUTE_MS)
  await storage.sourceDomains.add(tenantId, { name: domainName(SOURCE), mode: 'external', isVouched: true }, act())
  delegation = await delegate('_xmpp-server')
  checks = checksWith(anyone())

  hosts.reset()
  hosts.answer(SOURCE, PATH, redirect(302, at(TARGET)))
  hosts.answer(TARGET, PATH, pem(service))
  hosts.answer(SOURCE, POSH, poshOf(service.certPem))
})
afterEach(() => storage.close())

function anyone(): Ask {
  const resolve = NAMES.map((host) => ({ host, port: hosts.port, address: '127.0.0.1' }))
  return httpsGet({ ca: authority.rootPem, resolve, timeoutMs: 5000, maxBytes: 65_536 })
}

function checksWith(ask: Ask, httpsPort = hosts.port): RuleChecks {
  return ruleChecks({
    ...storage,
    askAt: () => ask,
    httpsPort,
    clock,
    random: () => 0.5,
    log: pino({ level: 'silent' }),
  })
}

async function stage({ certPem }: Issued): Promise<LineageCertificate> {
  const chain = { pem: certPem, leaf: describeCertificate(new X509Certificate(certPem).raw) }
  return storage.lineages.stage(null, lineageId, { chain, privateKey: null }, act())
}

function activate({ id }: LineageCertificate): Promise<LineageCertificate> {
  return storage.lineages.activate(null, id, new Date(clock.now().getTime() + 60 * MINUTE_MS), act())
}

async function delegate(name: string, poshAnswer: Delegation['poshAnswer'] = 'fingerprints'): Promise<Delegation> {
  const sourceDomainId = (await storage.sourceDomains.find(tenantId, domainName(SOURCE)))!.id
  const targetHostId = (await storage.targetHosts.find(domainName(TARGET)))!.id
  return storage.delegations.register(
    tenantId,
    {
      ...{ sourceDomainId, targetHostId, lineageId, service: name, protocol: '_tcp' },
      ...{ tlsAnswer: 'redirect', poshAnswer, srvPort: null },
    },
    act(),
  )
}

async function kept({ id } = delegation): Promise<RuleCheck | null> {
  return (await storage.delegations.find(tenantId, id))!.ruleCheck
}

async function expectCheck(
  check: Promise<RuleCheck>,
  outcome: RuleCheck['outcome'],
  found: RegExp,
): Promise<RuleCheck> {
  const seen = await check
  expect(seen.found).toMatch(found)
  expect(seen.outcome).toBe(outcome)
  return seen
}

const job = (payload: unknown): Job => ({
  ...{ id: 'j', kind: REDIRECT_RULE, key: 'd', payload, runAt: clock.now(), attempts: 0, fence: 1 },
})

describe('a rule that is right', () => {
  test('leads to the certificate that is published here; that is kept with the delegation, and is no act', async () => {
    const { revision } = delegation
    const check = await checks.check(delegation)
    expect(check).toEqual({
      outcome: 'ok',
      found: `${SOURCE} leads to ${TARGET}, which gives the certificate published here`,
      checkedAt: clock.now(),
    })
    expect(await kept()).toEqual(check)
    expect((await storage.delegations.find(tenantId, delegation.id))!.revision).toBe(revision)
  })

  test('a verification tells every step, and keeps nothing', async () => {
    expect(await checks.verify(delegation)).toMatchObject({ conclusion: 'proven', sourceDomain: SOURCE })
    expect(hosts.asked).toEqual([`${SOURCE} ${PATH}`, `${TARGET} ${PATH}`, `${SOURCE} ${POSH}`])
    expect(await kept()).toBeNull()
  })

  test('without POSH it is right all the same, and that is told; where POSH is off it is not', async () => {
    hosts.answer(SOURCE, POSH, body(404, 'text/plain', 'not found\n'))
    const told = /answers 404 to \/\.well-known\/posh\/xmpp-server\.json.*add the rule/
    await expectCheck(checks.check(delegation), 'ok', told)
    expect((await checks.check({ ...delegation, poshAnswer: 'off' })).found).not.toContain('404')
  })

  test('through another host of the owner, as from an apex to www', async () => {
    hosts.answer(SOURCE, PATH, redirect(302, at(OTHER)))
    hosts.answer(OTHER, PATH, redirect(302, at(TARGET)))
    expect(await checks.check(delegation)).toMatchObject({ outcome: 'ok' })
  })

  test('while certificates change, all that are published here are right', async () => {
    const staged = await stage(next)
    hosts.answer(TARGET, PATH, pem(service, next))
    hosts.answer(SOURCE, POSH, poshOf(service.certPem, next.certPem))
    await expectCheck(checks.check(delegation), 'ok', /the certificates published/)
    await activate(staged)
    hosts.answer(TARGET, PATH, pem(next, service))
    expect(await checks.check(delegation)).toMatchObject({ outcome: 'ok' })
    clock.advance(61 * MINUTE_MS) // the former one is retired
    await expectCheck(checks.check(delegation), 'wrong', /not published here/)
  })
})

describe('a copy on the owner’s own server', () => {
  beforeEach(() => hosts.answer(SOURCE, PATH, pem(service)))

  test('is right as long as it is the same', async () => {
    expect(await checks.check(delegation)).toMatchObject({
      outcome: 'ok',
      found: `${SOURCE} gives the certificate published here itself`,
    })
  })

  test('may be a quarter of an hour old, and no older: clients would refuse the next certificate', async () => {
    await stage(next)
    clock.advance(14 * MINUTE_MS)
    expect(await checks.check(delegation)).toMatchObject({ outcome: 'ok' })
    clock.advance(MINUTE_MS)
    await expectCheck(
      checks.check(delegation),
      'wrong',
      /lacks a certificate that is published here .*every five minutes/,
    )
  })
})

describe('a rule that is wrong, with what to do', () => {
  test.each<[why: string, prepare: () => void, found: RegExp]>([
    [
      'there is none',
      () => hosts.answer(SOURCE, PATH, body(404, 'text/plain', 'not found\n')),
      /^https:\/\/im\.example\.com:\d+\/\.well-known\/tls\/\S+: the status is 404.* must redirect this path to the target host/,
    ],
    ['301', () => hosts.answer(SOURCE, PATH, redirect(301, at(TARGET))), /301.*Answer 302/],
    [
      'another path',
      () => hosts.answer(SOURCE, PATH, redirect(302, at(TARGET, '/'))),
      /path of the Location is \/ .*path of the request unchanged/,
    ],
    [
      'another host with the right certificate',
      () => {
        hosts.answer(SOURCE, PATH, redirect(302, at(OTHER)))
        hosts.answer(OTHER, PATH, pem(service))
      },
      /leads to https:\/\/other\.example\.net:\d+\S+, which is not the target host\. Let the path lead to https:\/\/hosting\.example\.net:\d+/,
    ],
    [
      'another certificate at the target host',
      () => {
        hosts.answer(TARGET, PATH, pem(strange))
        hosts.answer(SOURCE, POSH, poshOf(strange.certPem))
      },
      /gives a certificate that is not published here \(CN=im\.example\.com, sha-256 [0-9a-f]{16}…\)/,
    ],
    [
      'another certificate beside the right one',
      () => {
        hosts.answer(TARGET, PATH, pem(service, strange))
        hosts.answer(SOURCE, POSH, poshOf(service.certPem, strange.certPem))
      },
      /not published here/,
    ],
    [
      'a copy of another certificate',
      () => hosts.answer(SOURCE, PATH, pem(strange)),
      /im\.example\.com:\d+\S+ gives a certificate that is not published here/,
    ],
    [
      'POSH that promises another certificate',
      () => hosts.answer(SOURCE, POSH, poshOf(strange.certPem)),
      /not among the POSH fingerprints.*Publish both from the same/,
    ],
    [
      'POSH that is no document',
      () => hosts.answer(SOURCE, POSH, body(200, 'text/html', '<p>welcome</p>')),
      /posh\/xmpp-server\.json: the body is not a JSON object/,
    ],
  ])('%s', async (_, prepare, found) => {
    prepare()
    const check = await expectCheck(checks.check(delegation), 'wrong', found)
    expect(await kept()).toEqual(check)
  })

  test('the target host at another port than its own', async () => {
    await expectCheck(
      checks.check({ ...delegation, targetPort: 443 }),
      'wrong',
      /which is not the target host\. .*https:\/\/hosting\.example\.net, by the rule/,
    )
  })

  test('a web server without a certificate for the name', async () => {
    hosts.answer(SOURCE, PATH, redirect(302, at('closed.example.com')))
    await expectCheck(checks.check(delegation), 'wrong', /TLS handshake/)
  })

  test('what strangers write is kept within bounds', async () => {
    hosts.answer(SOURCE, PATH, redirect(302, at(TARGET, `/${'x'.repeat(6000)}`)))
    expect((await checks.check(delegation)).found).toHaveLength(1000)
  })
})

describe('what cannot be asked is nobody’s fault', () => {
  test.each<[why: string, prepare: () => void, found: RegExp]>([
    ['the web server is busy', () => hosts.answer(SOURCE, PATH, body(503, 'text/plain', 'busy\n')), /answered 503/],
    ['the target host is busy', () => hosts.answer(TARGET, PATH, body(500, 'text/plain', 'busy\n')), /hosting.*500/],
    ['POSH is busy', () => hosts.answer(SOURCE, POSH, body(429, 'text/plain', 'busy\n')), /posh.*answered 429/],
  ])('%s', async (_, prepare, found) => {
    prepare()
    await expectCheck(checks.check(delegation), 'could-not-ask', found)
  })

  test('nobody listens', async () => {
    const ask = httpsGet({ resolve: [{ host: SOURCE, port: 1, address: '127.0.0.1' }], timeoutMs: 5000, maxBytes: 1 })
    await expectCheck(checksWith(ask, 1).check(delegation), 'could-not-ask', /refused the connection/)
  })

  test('nothing is published here that it could lead to', async () => {
    clock.advance(30 * 24 * 60 * MINUTE_MS) // the certificate has expired
    await expectCheck(checks.check(delegation), 'could-not-ask', /lineage xmpp has no certificate that is valid now/)
  })
})

test('only the ports of the two web servers are asked beside 443', async () => {
  const allowed: (readonly number[])[] = []
  const askAt = (ports: readonly number[]) => (allowed.push(ports), anyone())
  const asking = ruleChecks({
    ...storage,
    askAt,
    httpsPort: hosts.port,
    clock,
    random: () => 0,
    log: pino({ level: 'silent' }),
  })
  await asking.verify({ ...delegation, targetPort: 8443 })
  expect(allowed).toEqual([[hosts.port, 8443]])
})

describe('the job', () => {
  test("checks all delegations of the tenant's name, and comes again in 18 to 22 hours", async () => {
    const client = await delegate('_xmpp-client')
    const runAgainAt = new Date(clock.now().getTime() + 20 * 60 * MINUTE_MS)
    expect(await checks.job(job({ tenantId, name: SOURCE }))).toEqual({ runAgainAt })
    expect(await kept()).toMatchObject({ outcome: 'ok' })
    expect(await kept(client)).toMatchObject({ outcome: 'wrong' })
  })

  test.each(['hosted', 'unproven', 'gone'] as const)('ends where the name is %s, and checks nothing', async (how) => {
    const name = domainName(SOURCE)
    if (how === 'hosted') await storage.sourceDomains.setMode(tenantId, name, 'hosted', act())
    else if (how === 'unproven') await storage.sourceDomains.withdrawVouch(tenantId, name, act())
    else await storage.sourceDomains.remove(tenantId, name, act())
    expect(await checks.job(job({ tenantId, name: SOURCE }))).toBeUndefined()
    expect(hosts.asked).toEqual([])
  })

  test('does not ask again within an hour, but for a delegation that has changed', async () => {
    const client = await delegate('_xmpp-client')
    await checks.job(job({ tenantId, name: SOURCE }))
    hosts.asked.length = 0
    clock.advance(59 * MINUTE_MS)
    await checks.job(job({ tenantId, name: SOURCE }))
    expect(hosts.asked).toEqual([])
    const targetHostId = (await storage.targetHosts.find(domainName(TARGET)))!.id
    const terms = { targetHostId, lineageId, tlsAnswer: 'redirect', poshAnswer: 'off', srvPort: null } as const
    await storage.delegations.change(tenantId, client.id, terms, act())
    await checks.job(job({ tenantId, name: SOURCE }))
    expect(hosts.asked.filter((asked) => asked.includes('_xmpp-server'))).toEqual([])
    expect(hosts.asked).not.toEqual([])
    clock.advance(MINUTE_MS)
    await checks.job(job({ tenantId, name: SOURCE }))
    expect(hosts.asked.some((asked) => asked.includes('_xmpp-server'))).toBe(true)
  })

  test('of another tenant, or of another name, it checks nothing', async () => {
    const other = (await storage.tenants.add('other', act())).id
    await checks.job(job({ tenantId: other, name: SOURCE }))
    await checks.job(job({ tenantId, name: OTHER }))
    expect(hosts.asked).toEqual([])
    await expect(checks.job(job({ tenantId, name: '' }))).rejects.toThrow('no source domain')
  })

  test('of very many delegations it checks the first twenty', async () => {
    for (let i = 0; i < 22; i++) await delegate(`_service-${i}`, 'off')
    await checks.job(job({ tenantId, name: SOURCE }))
    const all = await storage.delegations.list(tenantId, { limit: 100, isOldestFirst: true })
    expect(all.map(({ ruleCheck }) => ruleCheck !== null)).toEqual(all.map((_, index) => index < 20))
    expect(all).toHaveLength(23)
  })

  test('slow servers do not make it outlast its lease: after 40 seconds nothing more is asked', async () => {
    await delegate('_xmpp-client')
    const third = await delegate('_xmpps-client')
    const fourth = await delegate('_xmpps-server')
    const asked: string[] = []
    const slow: Ask = async (url) => {
      asked.push(url)
      clock.advance(9_000)
      return { outcome: 'could-not-ask', why: 'no complete answer within 9 s' }
    }
    const began = clock.now().getTime()
    await checksWith(slow).job(job({ tenantId, name: SOURCE }))
    expect(clock.now().getTime() - began).toBe(45_000)
    expect(asked).toHaveLength(5) // two for each, and the last one's second is not asked
    for (const one of [delegation, third]) expect(await kept(one)).toMatchObject({ outcome: 'could-not-ask' })
    expect(await kept(fourth)).toBeNull() // what was found of it before stands
  })

  test('a delegation that is withdrawn meanwhile hurts nobody', async () => {
    const withdrawing: Ask = async (url) => {
      if (url === at(SOURCE)) await storage.delegations.withdraw(tenantId, delegation.id, act())
      return anyone()(url)
    }
    await checksWith(withdrawing).job(job({ tenantId, name: SOURCE }))
    expect(await storage.delegations.list(tenantId, { limit: 10 })).toEqual([])
  })
})

describe('a page that somebody waits at for the rule', () => {
  const now = () => clock.now()
  const present = async () => (await storage.delegations.find(tenantId, delegation.id))!

  test('has it checked in the background, again after ten seconds, and no more once it is there', async () => {
    hosts.answer(SOURCE, PATH, body(404, 'text/plain', 'nothing'))
    const since = now()
    expect(checks.attend([await present()], { since, mayCheck: true })).toBe(5)
    await expect.poll(async () => (await present()).ruleCheck?.outcome).toBe('wrong')
    const first = (await present()).ruleCheck!.checkedAt
    hosts.answer(SOURCE, PATH, redirect(302, at(TARGET)))
    clock.advance(9_999)
    checks.attend([await present()], { since, mayCheck: true })
    expect((await present()).ruleCheck!.checkedAt).toEqual(first)
    clock.advance(1)
    checks.attend([await present()], { since, mayCheck: true })
    await expect.poll(async () => (await present()).ruleCheck?.outcome).toBe('ok')
    expect(checks.attend([await present()], { since, mayCheck: true })).toBeNull()
  })

  test('asks the less often the longer it waits, and nobody after an hour', async () => {
    const since = now()
    const seconds = async () => checks.attend([await present()], { since, mayCheck: false })
    expect(await seconds()).toBe(5)
    clock.advance(10 * MINUTE_MS)
    expect(await seconds()).toBe(15)
    clock.advance(50 * MINUTE_MS)
    expect(await seconds()).toBeNull()
    expect((await present()).ruleCheck).toBeNull()
  })
})
