import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createRequest } from '../../src/certificate/certificate-request.ts'
import { FRONT_CERTIFICATE, frontCertificateJob, type Confirmation } from '../../src/certificate/issuance.ts'
import type { Issuance, Issuer, Wanted } from '../../src/certificate/issuer.ts'
import type { Lineage, LineageCertificate, Source } from '../../src/certificate/lineage.ts'
import { createLocalAuthority, localAuthority, type LocalAuthority } from '../../src/certificate/local-authority.ts'
import { localIssuer } from '../../src/certificate/local-issuer.ts'
import { renewAt } from '../../src/certificate/renewal.ts'
import { active, published } from '../../src/certificate/rollover.ts'
import { readUpload } from '../../src/certificate/upload.ts'
import { verifiedChain } from '../../src/certificate/verified-chain.ts'
import { sealer } from '../../src/certificate/sealing.ts'
import { domainName, type DomainName } from '../../src/name.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import { DURING, makeCertificate } from '../support/certificates.ts'
import { stoppedClock } from '../support/stopped-clock.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const identifiers = [domainName('im.example.com')]

let clock: ReturnType<typeof stoppedClock>
let storage: Storage
let lineage: Lineage
let authority: LocalAuthority
let local: Issuer

beforeEach(async () => {
  clock = stoppedClock(DURING)
  presented = true
  control = {}
  storage = await openStorage({
    url: undefined,
    file: ':memory:',
    sealer: sealer(Buffer.alloc(32, 7), randomBytes),
    clock,
  })
  await storage.migrate()
  lineage = await storage.lineages.create(null, { name: 'front:im.example.com', source: 'local' }, act())
  authority = localAuthority({ ...(await createLocalAuthority(clock.now())), clock })
  local = localIssuer({ authority, clock })
})
afterEach(() => storage.close())

const act = () => ({ at: clock.now(), actor: 'test', address: null })
let presented = true
const isInUse = async () => presented
let control: Record<string, Confirmation> // of names; of others it is proven
const confirmControl = async (_: string, name: DomainName) => control[name] ?? 'proven'
const stored = async () => (await storage.lineages.find(null, lineage.id))!.certificates
const issuer = (source: Issuer['source'], issue: (wanted: Wanted) => Promise<Issuance>): Issuer => ({
  ...{ name: `some ${source} issuer`, source, issue },
  renewal: (certificate) => local.renewal(certificate),
})
/** Never to be asked for a certificate. */
const none = issuer('local', () => Promise.reject(new Error('ordered')))
const noAcme = issuer('acme', () => Promise.reject(new Error('ordered')))
/** An ACME authority that issues at once, and what it was asked for. */
function acmeAuthority() {
  const asked: Wanted[] = []
  const one = issuer('acme', (wanted) => (asked.push(wanted), local.issue(wanted)))
  return { ...one, asked }
}
/** The local issuer, with an authority of its own. */
const localWith = (issue: LocalAuthority['issue']) => localIssuer({ authority: { issue }, clock })
interface Run {
  lineages?: Partial<Storage['lineages']>
  acme?: Issuer
  authority?: Source
  payload?: { tenantId?: string; identifiers?: DomainName[]; lineageId?: string }
}
const run = (local: Issuer, { lineages = {}, acme = noAcme, authority = 'local', payload = {} }: Run = {}) =>
  frontCertificateJob({
    lineages: { ...storage.lineages, ...lineages },
    issuers: { local, acme },
    ...{ authority, confirmControl, isInUse, cacheSpanMs: HOUR_MS, clock },
  })({
    ...{ id: 'job', kind: FRONT_CERTIFICATE, key: lineage.id, runAt: clock.now(), attempts: 1, fence: 1 },
    payload: { tenantId: null, lineageId: lineage.id, identifiers, ...payload },
  })
const runWith = (issuer: Issuer, payload: NonNullable<Run['payload']> = {}) => run(issuer, { payload })
const advanceTo = (at: Date) => clock.advance(at.getTime() - clock.now().getTime())
const untilDue = async () => advanceTo(renewAt(active(await stored())!))

test('a new front lineage gets its certificate, with its key, in use at once', async () => {
  const result = await runWith(local)
  const [certificate] = await stored()
  expect(certificate).toMatchObject({ dnsNames: ['im.example.com'], activatedAt: clock.now(), keyType: 'EC P-256' })
  expect(await storage.privateKeys.open(certificate!.privateKeyId!)).toHaveLength(138)
  // It sleeps for a month at most, whenever it is due
  expect(result).toEqual({ runAgainAt: new Date(clock.now().getTime() + 30 * DAY_MS) })
})

test('when it is due it is replaced, and the one before retires at once', async () => {
  await runWith(local)
  const due = renewAt(active(await stored())!)
  for (let at = clock.now(); at < due; at = (await runWith(none))!.runAgainAt) advanceTo(at)
  expect(await stored()).toHaveLength(1)
  advanceTo(due)
  await runWith(local)
  const all = await stored()
  expect(all).toHaveLength(2)
  expect(published(all, clock.now()).map(({ id }) => id)).toEqual([active(all)!.id])
  expect(active(all)!.stagedAt).toEqual(due)
})

describe('a lineage that somebody wants for names', () => {
  const names = ['conference.xmpp.example.net', 'xmpp.example.net'].map((name) => domainName(name))
  const make = async (source: 'acme' | 'local') => {
    lineage = await storage.lineages.create(null, { name: `by ${source}`, source, identifiers: names }, act())
  }

  test('has its job from the start, with its names', async () => {
    await make('acme')
    const job = await storage.jobs.claim('w', [FRONT_CERTIFICATE], clock.now(), new Date(clock.now().getTime() + 1))
    expect(job).toMatchObject({
      key: lineage.id,
      payload: { tenantId: null, lineageId: lineage.id, identifiers: names },
    })
  })

  test('is issued by whom somebody chose, whoever issues front certificates', async () => {
    await make('acme')
    const acme = acmeAuthority()
    for (const authority of ['import', 'local', 'acme'] as const) {
      await run(none, { acme, authority, payload: { identifiers: names } })
      expect(active(await stored())?.dnsNames.toSorted(), authority).toEqual(names)
      await untilDue()
    }
    expect(acme.asked).toHaveLength(3)
    await make('local')
    expect(await run(local, { authority: 'acme', payload: { identifiers: names } })).toBeDefined()
    expect(active(await stored())?.dnsNames.toSorted()).toEqual(names)
  })

  test('goes on publishing what an XMPP server may present still', async () => {
    await make('local')
    await run(local, { payload: { identifiers: names } })
    await untilDue()
    await run(local, { payload: { identifiers: names } })
    const all = await stored()
    expect(published(all, clock.now()).map(({ id }) => id)).toEqual([
      active(all)!.id,
      all.find((one) => one.id !== active(all)!.id)!.id,
    ])
  })
})

test('a certificate whose private key was destroyed is no good: where the name is presented again it is replaced', async () => {
  const tenant = await storage.tenants.add('acme', act())
  const name = identifiers[0]!
  const { sourceDomains, lineages } = storage
  lineage = await lineages.create(tenant.id, { name: 'front:im.example.com', source: 'local' }, act())
  const payload = { tenantId: tenant.id, lineageId: lineage.id }
  const certificates = async () => (await lineages.find(tenant.id, lineage.id))!.certificates
  await sourceDomains.add(tenant.id, { name, mode: 'hosted', isVouched: true }, act())
  await runWith(local, payload)
  await sourceDomains.setFrontLineage(tenant.id, name, lineage.id, act())
  await sourceDomains.withdrawVouch(tenant.id, name, act())
  clock.advance(30 * DAY_MS)
  expect(await storage.control.destroyKeys(clock.now())).toBe(1)

  presented = false
  expect(await runWith(local, payload)).toBeUndefined()
  expect(await certificates()).toMatchObject([{ privateKeyId: null }])
  presented = true
  await sourceDomains.vouch(tenant.id, name, act())
  await runWith(local, payload)
  expect(active(await certificates())).toMatchObject({ activatedAt: clock.now() })
  expect(active(await certificates())!.privateKeyId).not.toBeNull()
})

describe("of a tenant's name", () => {
  const QUARTER_MS = 15 * 60_000
  const names = ['im.example.com', 'b.example.com'].map(domainName)
  let tenantId: string

  beforeEach(async () => {
    tenantId = (await storage.tenants.add('acme', act())).id
    for (const name of names)
      await storage.sourceDomains.add(tenantId, { name, mode: 'hosted', isVouched: true }, act())
    lineage = await storage.lineages.create(tenantId, { name: 'front:im.example.com', source: 'local' }, act())
  })
  const of = async () => (await storage.lineages.find(tenantId, lineage.id))!.certificates
  const tryWith = (issuer = local) => runWith(issuer, { tenantId, lineageId: lineage.id, identifiers: names })
  const inAQuarter = () => ({ runAgainAt: new Date(clock.now().getTime() + QUARTER_MS) })
  /** Takes the name away while it is asked, by which time control was confirmed. */
  const slow = issuer('local', async (wanted) => {
    await storage.sourceDomains.withdrawVouch(tenantId, names[0]!, act())
    return local.issue(wanted)
  })

  test('nothing is ordered before control of each name is proven, and it is tried in a quarter of an hour', async () => {
    const asked: string[] = []
    const authority = issuer('local', (wanted) => (asked.push('x'), local.issue(wanted)))
    control = { 'b.example.com': 'not yet' }
    expect(await tryWith(authority)).toEqual(inAQuarter())
    expect(asked).toEqual([])
    control = {}
    await tryWith(authority)
    expect(asked).toEqual(['x'])
    expect(active(await of())!.dnsNames).toEqual(names)
  })

  test('it ends for good where the tenant claims one of the names no more', async () => {
    control = { 'im.example.com': 'not yet', 'b.example.com': 'not claimed' }
    expect(await tryWith()).toBeUndefined()
    expect(await of()).toEqual([])
  })

  test('what was issued while the name was lost is not kept, and it is tried in a quarter of an hour', async () => {
    expect(await tryWith(slow)).toEqual(inAQuarter())
    expect(await of()).toEqual([])
  })

  test('what was staged before the name was lost is put to use when it is held again, and nothing is ordered', async () => {
    const crashing = { activate: () => Promise.reject(new Error('crash')) }
    const payload = { tenantId, lineageId: lineage.id, identifiers: names }
    await expect(run(local, { lineages: crashing, payload })).rejects.toThrow('crash')
    await storage.sourceDomains.withdrawVouch(tenantId, names[0]!, act())
    control = { 'im.example.com': 'not yet' }
    expect(await tryWith(none)).toEqual(inAQuarter())
    await storage.sourceDomains.vouch(tenantId, names[0]!, act())
    await tryWith(none)
    expect(await of()).toMatchObject([{ activatedAt: clock.now() }])
  })

  test("the operator's own names are not asked about", async () => {
    control = { 'im.example.com': 'not claimed' }
    lineage = await storage.lineages.create(null, { name: 'other', source: 'local' }, act())
    await runWith(local)
    expect(await stored()).toHaveLength(1)
  })
})

test('where a delegation publishes the lineage, caches get their time before the next one is in use', async () => {
  await runWith(local)
  const due = renewAt(active(await stored())!)
  const tenant = await storage.tenants.add('acme', act())
  const domain = await storage.sourceDomains.add(
    tenant.id,
    { name: domainName('im.example.com'), mode: 'hosted', isVouched: true },
    act(),
  )
  const target = await storage.targetHosts.add({ name: domainName('hosting.example.com'), port: 443 }, act())
  await storage.delegations.register(
    tenant.id,
    {
      ...{ sourceDomainId: domain.id, targetHostId: target.id, lineageId: lineage.id, srvPort: null },
      ...{ service: '_xmpp-server', protocol: '_tcp', tlsAnswer: 'redirect', poshAnswer: 'fingerprints' },
    },
    act(),
  )
  advanceTo(due)
  expect(await runWith(local)).toEqual({ runAgainAt: new Date(clock.now().getTime() + HOUR_MS) })
  const [first, second] = await stored()
  expect(published(await stored(), clock.now()).map(({ id }) => id)).toEqual([first!.id, second!.id])

  clock.advance(HOUR_MS)
  await runWith(local)
  expect(published(await stored(), clock.now()).map(({ id }) => id)).toEqual([second!.id, first!.id])
  // The XMPP server that presents the first too was told nothing: it stays published to its end
  clock.advance(first!.notAfter.getTime() - clock.now().getTime() - 1)
  expect(published(await stored(), clock.now()).map(({ id }) => id)).toEqual([second!.id, first!.id])
  clock.advance(1)
  expect(published(await stored(), clock.now()).map(({ id }) => id)).toEqual([second!.id])
})

test('what somebody staged by hand is not put to use before it is valid', async () => {
  await runWith(local)
  const due = renewAt(active(await stored())!)
  const notBefore = new Date(due.getTime() + DAY_MS)
  const early = await makeCertificate({ notBefore: notBefore.toISOString(), notAfter: '2027-06-01T00:00:00Z' })
  const { chain } = readUpload({ certificate: Buffer.from(early.pem), now: clock.now() })
  const staged = await storage.lineages.stage(null, lineage.id, { chain, privateKey: early.keyDer }, act())
  advanceTo(due)
  await runWith(local)
  expect(active(await stored())!.id).not.toBe(staged.id)
  expect(active(await stored())!.notBefore <= clock.now()).toBe(true)
})

test('a lineage that nothing presents any more is not renewed, one that is to be presented for the first time is made', async () => {
  presented = false
  await runWith(local)
  expect(await stored()).toHaveLength(1)
  await untilDue()
  expect(await runWith(local)).toBeUndefined()
  expect(await stored()).toHaveLength(1)
})

describe('one that somebody has brought for a host', () => {
  const DAYS = 90
  const bring = async (more: { notBefore?: Date; notAfter?: Date; subject?: string } = {}) => {
    const { notBefore = clock.now(), notAfter = new Date(clock.now().getTime() + DAYS * DAY_MS) } = more
    // Of more names than the host's own
    const names = ['im.example.com', 'www.example.com']
    const dates = { notBefore: notBefore.toISOString(), notAfter: notAfter.toISOString() }
    const made = await makeCertificate({ names, ...dates })
    const { chain } = readUpload({ certificate: Buffer.from(made.pem), now: notBefore })
    return storage.lineages.stage(null, lineage.id, { chain, privateKey: made.keyDer }, act())
  }
  beforeEach(async () => {
    lineage = await storage.lineages.create(null, { name: 'front:host.example', source: 'import' }, act())
    const { id } = await bring()
    await storage.lineages.activate(null, id, clock.now(), act())
  })
  const source = async () => (await storage.lineages.find(null, lineage.id))!.source
  const started = () => active(lineageCertificates)!
  let lineageCertificates: LineageCertificate[]
  beforeEach(async () => void (lineageCertificates = await stored()))
  const tenthLeftAt = () => new Date(started().notBefore.getTime() + 0.9 * DAYS * DAY_MS)

  test('is left to whoever brought it until a tenth of its lifetime is left, and then ACME authorities stand in', async () => {
    const acme = acmeAuthority()
    for (
      let at = clock.now();
      at < tenthLeftAt();
      at = (await run(none, { acme: noAcme, authority: 'acme' }))!.runAgainAt
    )
      advanceTo(at)
    expect(await stored()).toHaveLength(1)
    advanceTo(tenthLeftAt())
    await run(none, { acme, authority: 'acme' })
    expect(acme.asked).toHaveLength(1)
    expect(active(await stored())).toMatchObject({ dnsNames: ['im.example.com'], activatedAt: clock.now() })
    expect(await source()).toBe('acme')
  })

  test('goes on by what was brought meanwhile, and stays by hand', async () => {
    advanceTo(new Date(tenthLeftAt().getTime() - DAY_MS))
    const next = await bring()
    advanceTo(tenthLeftAt())
    await run(none, { authority: 'acme' })
    expect(active(await stored())!.id).toBe(next.id)
    expect(await source()).toBe('import')
  })

  test.each([
    ['nobody presents it', false, 'acme', 'front:host.example'],
    ['no ACME authority is to issue', true, 'local', 'front:host.example'],
    ['certificates come by hand altogether', true, 'import', 'front:host.example'],
    ['it is not made for a host', true, 'acme', 'hosting.example'],
  ] as const)('expires where %s', async (_, isPresented, authority, name) => {
    if (name !== lineage.name) {
      lineage = await storage.lineages.create(null, { name, source: 'import' }, act())
      const { id } = await bring()
      await storage.lineages.activate(null, id, clock.now(), act())
    }
    advanceTo(tenthLeftAt())
    presented = isPresented
    expect(await run(none, { authority })).toBeUndefined()
  })

  test('nothing is ordered where nothing was ever in use', async () => {
    lineage = await storage.lineages.create(null, { name: 'front:new.example', source: 'import' }, act())
    expect(await run(none, { authority: 'acme' })).toBeUndefined()
  })
})

test('before it is due nothing is ordered', async () => {
  await runWith(local)
  const due = renewAt(active(await stored())!)
  clock.advance(45 * DAY_MS)
  expect(await runWith(none)).toEqual({ runAgainAt: due })
})

test('other names are ordered at once', async () => {
  await runWith(local)
  const names = ['im.example.com', 'b.example.com'].map(domainName)
  await runWith(local, { identifiers: names })
  expect(active(await stored())!.dnsNames).toEqual(names)
})

test('after a crash between staging and activating, the staged one is activated and none is ordered', async () => {
  const crashing = { activate: () => Promise.reject(new Error('crash')) }
  await expect(run(local, { lineages: crashing })).rejects.toThrow('crash')
  const [staged] = await stored()
  await runWith(none)
  expect(await stored()).toMatchObject([{ id: staged!.id, activatedAt: clock.now() }])
})

test('nothing is done where the lineage is gone, or its certificates come by hand by now', async () => {
  expect(await runWith(local, { lineageId: 'gone' })).toBeUndefined()
  const byHand = await storage.lineages.create(null, { name: 'by-hand', source: 'import' }, act())
  expect(await runWith(local, { lineageId: byHand.id })).toBeUndefined()
  expect(await stored()).toEqual([])
})

describe('where ACME authorities are to issue', () => {
  const acmes = async () => {
    lineage = await storage.lineages.create(null, { name: 'front:acme.example', source: 'acme' }, act())
  }
  const inAnHour = () => new Date(clock.now().getTime() + HOUR_MS)
  const busy = () => issuer('acme', async () => ({ outcome: 'later', at: inAnHour() }))
  const sourceNow = async () => (await storage.lineages.find(null, lineage.id))!.source

  test('nobody else does, and it comes again when they say so', async () => {
    await acmes()
    expect(await run(none, { acme: busy(), authority: 'acme' })).toEqual({ runAgainAt: inAnHour() })
    expect(await stored()).toEqual([])
    const acme = acmeAuthority()
    await run(none, { acme, authority: 'acme' })
    expect(acme.asked).toEqual([{ tenantId: null, lineageId: lineage.id, identifiers, replaces: null }])
    expect(active(await stored())).toMatchObject({ activatedAt: clock.now() })
    const [present] = await stored()
    await untilDue()
    await run(none, { acme, authority: 'acme' })
    expect(acme.asked[1]!.replaces).toEqual(present)
    expect(await sourceNow()).toBe('acme')
  })

  test('it looks at a certificate again when its issuer wants to be asked, and at once after it was issued', async () => {
    await acmes()
    const seen: LineageCertificate[] = []
    const acme: Issuer = {
      ...acmeAuthority(),
      async renewal(certificate) {
        seen.push(certificate)
        return { renewAt: renewAt(certificate), askAgainAt: inAnHour() }
      },
    }
    expect(await run(none, { acme, authority: 'acme' })).toEqual({ runAgainAt: inAnHour() })
    expect(seen).toEqual(await stored())
    clock.advance(HOUR_MS)
    expect(await run(none, { acme, authority: 'acme' })).toEqual({ runAgainAt: inAnHour() })
  })

  test('where they took long to say when, nothing is ordered before its next turn, which is at once', async () => {
    await acmes()
    await run(none, { acme: acmeAuthority(), authority: 'acme' })
    await untilDue()
    const slow: Issuer = {
      ...noAcme,
      async renewal(certificate) {
        clock.advance(15_001)
        return { renewAt: renewAt(certificate), askAgainAt: clock.now() }
      },
    }
    expect(await run(none, { acme: slow, authority: 'acme' })).toEqual({ runAgainAt: clock.now() })
  })

  test('it never sleeps beyond the instant of renewal', async () => {
    await acmes()
    const at = new Date(clock.now().getTime() + 1234)
    const acme: Issuer = { ...acmeAuthority(), renewal: async () => ({ renewAt: at, askAgainAt: inAnHour() }) }
    expect(await run(none, { acme, authority: 'acme' })).toEqual({ runAgainAt: at })
  })

  test('what is supplied locally is so at once, then theirs, and local again only while they do not issue', async () => {
    // The admin host's, at the first start
    expect(await run(local, { acme: busy(), authority: 'acme' })).toEqual({ runAgainAt: clock.now() })
    expect(await stored()).toHaveLength(1)
    expect(await run(none, { acme: busy(), authority: 'acme' })).toEqual({ runAgainAt: inAnHour() })
    expect(await sourceNow()).toBe('local')
    await untilDue()
    await run(local, { acme: busy(), authority: 'acme' })
    expect(await stored()).toHaveLength(2)

    const acme = acmeAuthority()
    await run(none, { acme, authority: 'acme' })
    expect(acme.asked).toHaveLength(1)
    expect(await sourceNow()).toBe('acme')
    await untilDue()
    await run(none, { acme: busy(), authority: 'acme' })
    expect(await stored()).toHaveLength(3)
  })

  test('it is tried again before the local one is due, however late they want to be asked', async () => {
    await run(local, { acme: busy(), authority: 'acme' })
    const at = renewAt(active(await stored())!)
    advanceTo(new Date(at.getTime() - 1000))
    expect(await run(none, { acme: busy(), authority: 'acme' })).toEqual({ runAgainAt: at })
  })

  test('where they are no more, a lineage of theirs moves when it is due, or stays where nobody is named', async () => {
    await acmes()
    const acme = acmeAuthority()
    await run(none, { acme, authority: 'acme' })
    expect(await run(none, { acme: noAcme, authority: 'local' })).toBeDefined()
    await untilDue()
    await run(none, { acme, authority: 'import' })
    expect(acme.asked).toHaveLength(2)
    await untilDue()
    await run(local, { acme: noAcme, authority: 'local' })
    expect(await sourceNow()).toBe('local')
  })

  test('each step wants a proof: an order under way rests while the name is not held', async () => {
    const tenantId = (await storage.tenants.add('acme', act())).id
    const [name] = identifiers
    await storage.sourceDomains.add(tenantId, { name: name!, mode: 'hosted', isVouched: true }, act())
    lineage = await storage.lineages.create(tenantId, { name: 'front:im.example.com', source: 'acme' }, act())
    const payload = { tenantId, lineageId: lineage.id }
    let steps = 0
    const slow = issuer('acme', async () => (steps++, { outcome: 'later', at: clock.now() }))
    await run(none, { acme: slow, authority: 'acme', payload })
    control = { 'im.example.com': 'not yet' }
    const later = new Date(clock.now().getTime() + 15 * 60_000)
    expect(await run(none, { acme: slow, authority: 'acme', payload })).toEqual({ runAgainAt: later })
    control = { 'im.example.com': 'not claimed' }
    expect(await run(none, { acme: slow, authority: 'acme', payload })).toBeUndefined()
    expect(steps).toBe(1)
  })
})

describe('S26: a clock that jumps', () => {
  const jump = (days: number) => clock.advance(days * DAY_MS)

  test.each([-1, 1])('%d day and back orders nothing', async (days) => {
    await run(local)
    jump(days)
    await run(none)
    jump(-days)
    await run(none)
    expect(await stored()).toHaveLength(1)
  })

  test('ten years and back orders one for each time, loses none, and sleeps a month at most', async () => {
    await run(local)
    const [first] = await stored()
    jump(3650)
    await run(local)
    await run(none)
    expect(await stored()).toHaveLength(2)
    jump(-3650)
    // That of the future is of no use to anybody now
    const { runAgainAt } = (await run(local))!
    expect(runAgainAt.getTime() - clock.now().getTime()).toBe(30 * DAY_MS)
    await run(none)
    const all = await stored()
    expect(all).toHaveLength(3)
    expect(all.find(({ id }) => id === first!.id)?.privateKeyId).not.toBeNull()
    expect(active(all)!.notBefore <= clock.now() && active(all)!.notAfter > clock.now()).toBe(true)
    expect(published(all, clock.now())[0]!.id).toBe(active(all)!.id)
  })

  test('a second each second for ten minutes orders nothing', async () => {
    await run(local)
    for (let i = 0; i < 600; i += 20) {
      clock.advance(20_000)
      await run(none)
      clock.advance(-10_000)
      await run(none)
    }
    expect(await stored()).toHaveLength(1)
  })
})

describe('what an authority gave is verified in full before anything is replaced', () => {
  const answers: [string, () => Promise<string>, RegExp][] = [
    ['no certificate', async () => '', /no certificate/],
    ['a certificate of another key', async () => (await makeCertificate()).pem, /private key is not that of/],
    ['an expired one', async () => (await makeCertificate({ notAfter: '2026-05-01T00:00:00Z' })).pem, /expired/],
    ['more than 64 KiB', async () => (await makeCertificate()).pem.repeat(200), /64 KiB/],
  ]
  test.each(answers)('%s', async (_, chainPem, text) => {
    await runWith(local)
    const before = await stored()
    clock.advance(70 * DAY_MS)
    const other = localWith(async () => ({ chainPem: await chainPem() }))
    await expect(runWith(other)).rejects.toThrow(text)
    expect(await stored()).toEqual(before)
  })

  test.each([
    ['more names than were asked for', ['im.example.com', 'b.example.com']],
    ['another name', ['b.example.com']],
  ])('%s', async (_, names) => {
    const generous = localWith(({ csrDer }) => authority.issue({ csrDer, identifiers: names.map(domainName) }))
    await expect(runWith(generous)).rejects.toThrow(/certified .* instead of im\.example\.com/)
    expect(await stored()).toEqual([])
  })

  test('one that is not valid yet', async () => {
    const { csrDer, privateKey } = await createRequest(identifiers)
    const { chainPem } = await authority.issue({ identifiers, csrDer })
    const now = new Date(clock.now().getTime() - DAY_MS)
    expect(() => verifiedChain({ chainPem, identifiers, privateKey, now })).toThrow('not valid before')
  })

  test('a chain that does not link', async () => {
    const { csrDer, privateKey } = await createRequest(identifiers)
    const { chainPem } = await authority.issue({ identifiers, csrDer })
    const stranger = await makeCertificate({ isCa: true, subject: 'CN=Stranger' })
    expect(() =>
      verifiedChain({ chainPem: chainPem + stranger.pem, identifiers, privateKey, now: clock.now() }),
    ).toThrow('does not belong')
  })
})
