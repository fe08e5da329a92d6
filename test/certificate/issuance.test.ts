import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Authority } from '../../src/certificate/authority.ts'
import { createRequest } from '../../src/certificate/certificate-request.ts'
import {
  FRONT_CERTIFICATE,
  frontCertificateJob,
  verifiedChain,
  type Confirmation,
} from '../../src/certificate/issuance.ts'
import type { Lineage } from '../../src/certificate/lineage.ts'
import { createLocalAuthority, localAuthority } from '../../src/certificate/local-authority.ts'
import { active, published } from '../../src/certificate/rollover.ts'
import { readUpload } from '../../src/certificate/upload.ts'
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
let local: Authority

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
  local = localAuthority({ ...(await createLocalAuthority(clock.now())), clock })
})
afterEach(() => storage.close())

const act = () => ({ at: clock.now(), actor: 'test', address: null })
let presented = true
const isPresented = async () => presented
let control: Record<string, Confirmation> // of names; of others it is proven
const confirmControl = async (_: string, name: DomainName) => control[name] ?? 'proven'
const stored = async () => (await storage.lineages.find(null, lineage.id))!.certificates
const runWith = (
  authority: Authority,
  payload: { tenantId?: string; identifiers?: DomainName[]; lineageId?: string } = {},
) =>
  frontCertificateJob({
    lineages: storage.lineages,
    authority,
    confirmControl,
    isPresented,
    cacheSpanMs: HOUR_MS,
    clock,
  })({
    id: 'job',
    kind: FRONT_CERTIFICATE,
    key: lineage.id,
    payload: { tenantId: null, lineageId: lineage.id, identifiers, ...payload },
    runAt: clock.now(),
    attempts: 1,
    fence: 1,
  })

test('a new front lineage gets its certificate, with its key, in use at once', async () => {
  const result = await runWith(local)
  const [certificate] = await stored()
  expect(certificate).toMatchObject({ dnsNames: ['im.example.com'], activatedAt: clock.now(), keyType: 'EC P-256' })
  expect(await storage.privateKeys.open(certificate!.privateKeyId!)).toHaveLength(138)
  // Two thirds of 90 days, from an hour ago
  expect(result).toEqual({ runAgainAt: new Date(clock.now().getTime() + 60 * DAY_MS - 3_600_000) })
})

test('when it is due it is replaced, and the one before retires at once', async () => {
  const first = (await runWith(local))!.runAgainAt
  clock.advance(first.getTime() - clock.now().getTime())
  await runWith(local)
  const all = await stored()
  expect(all).toHaveLength(2)
  expect(published(all, clock.now()).map(({ id }) => id)).toEqual([active(all)!.id])
  expect(active(all)!.stagedAt).toEqual(first)
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
  const run = (authority = local) => runWith(authority, { tenantId, lineageId: lineage.id, identifiers: names })
  const inAQuarter = () => ({ runAgainAt: new Date(clock.now().getTime() + QUARTER_MS) })
  /** Takes the name away while it is asked, by which time control was confirmed. */
  const slow: Authority = {
    name: 'slow',
    async issue(request) {
      await storage.sourceDomains.withdrawVouch(tenantId, names[0]!, act())
      return local.issue(request)
    },
  }

  test('nothing is ordered before control of each name is proven, and it is tried in a quarter of an hour', async () => {
    const asked: string[] = []
    const authority: Authority = { name: 'asked', issue: (request) => (asked.push('x'), local.issue(request)) }
    control = { 'b.example.com': 'not yet' }
    expect(await run(authority)).toEqual(inAQuarter())
    expect(asked).toEqual([])
    control = {}
    await run(authority)
    expect(asked).toEqual(['x'])
    expect(active(await of())!.dnsNames).toEqual(names)
  })

  test('it ends for good where the tenant claims one of the names no more', async () => {
    control = { 'im.example.com': 'not yet', 'b.example.com': 'not claimed' }
    expect(await run()).toBeUndefined()
    expect(await of()).toEqual([])
  })

  test('what was issued while the name was lost is not kept, and it is tried in a quarter of an hour', async () => {
    expect(await run(slow)).toEqual(inAQuarter())
    expect(await of()).toEqual([])
  })

  test('what was staged before the name was lost is put to use when it is held again, and nothing is ordered', async () => {
    const crashing = { ...storage.lineages, activate: () => Promise.reject(new Error('crash')) }
    const front = { lineages: crashing, authority: local, confirmControl, isPresented, cacheSpanMs: HOUR_MS, clock }
    const payload = { tenantId, lineageId: lineage.id, identifiers: names }
    const job = { id: 'job', kind: FRONT_CERTIFICATE, key: '', payload, runAt: clock.now(), attempts: 1, fence: 1 }
    await expect(frontCertificateJob(front)(job)).rejects.toThrow('crash')
    await storage.sourceDomains.withdrawVouch(tenantId, names[0]!, act())
    const none = { name: 'none', issue: () => Promise.reject(new Error('ordered')) }
    control = { 'im.example.com': 'not yet' }
    expect(await run(none)).toEqual(inAQuarter())
    await storage.sourceDomains.vouch(tenantId, names[0]!, act())
    await run(none)
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
  const due = (await runWith(local))!.runAgainAt
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
  clock.advance(due.getTime() - clock.now().getTime())
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
  const due = (await runWith(local))!.runAgainAt
  const notBefore = new Date(due.getTime() + DAY_MS)
  const early = await makeCertificate({ notBefore: notBefore.toISOString(), notAfter: '2027-06-01T00:00:00Z' })
  const { chain } = readUpload({ certificate: Buffer.from(early.pem), now: clock.now() })
  const staged = await storage.lineages.stage(null, lineage.id, { chain, privateKey: early.keyDer }, act())
  clock.advance(due.getTime() - clock.now().getTime())
  await runWith(local)
  expect(active(await stored())!.id).not.toBe(staged.id)
  expect(active(await stored())!.notBefore <= clock.now()).toBe(true)
})

test('a lineage that nothing presents any more is not renewed, one that is to be presented for the first time is made', async () => {
  presented = false
  const first = (await runWith(local))!.runAgainAt
  expect(await stored()).toHaveLength(1)
  clock.advance(first.getTime() - clock.now().getTime())
  expect(await runWith(local)).toBeUndefined()
  expect(await stored()).toHaveLength(1)
})

test('before it is due nothing is ordered', async () => {
  const first = await runWith(local)
  clock.advance(DAY_MS)
  expect(await runWith({ name: 'none', issue: () => Promise.reject(new Error('ordered')) })).toEqual(first)
})

test('other names are ordered at once', async () => {
  await runWith(local)
  const names = ['im.example.com', 'b.example.com'].map(domainName)
  await runWith(local, { identifiers: names })
  expect(active(await stored())!.dnsNames).toEqual(names)
})

test('after a crash between staging and activating, the staged one is activated and none is ordered', async () => {
  const crashing = {
    ...storage.lineages,
    activate: () => Promise.reject(new Error('crash')),
  }
  const job = {
    id: 'job',
    kind: FRONT_CERTIFICATE,
    key: '',
    payload: { tenantId: null, lineageId: lineage.id, identifiers },
    runAt: clock.now(),
    attempts: 1,
    fence: 1,
  }
  const crashed = frontCertificateJob({
    lineages: crashing,
    authority: local,
    confirmControl,
    isPresented,
    cacheSpanMs: HOUR_MS,
    clock,
  })(job)
  await expect(crashed).rejects.toThrow('crash')
  const [staged] = await stored()
  await runWith({ name: 'none', issue: () => Promise.reject(new Error('ordered')) })
  expect(await stored()).toMatchObject([{ id: staged!.id, activatedAt: clock.now() }])
})

test('nothing is done where the lineage is gone, or its certificates come by hand by now', async () => {
  expect(await runWith(local, { lineageId: 'gone' })).toBeUndefined()
  const byHand = await storage.lineages.create(null, { name: 'by-hand', source: 'import' }, act())
  expect(await runWith(local, { lineageId: byHand.id })).toBeUndefined()
  expect(await stored()).toEqual([])
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
    const authority = { name: 'other', issue: async () => ({ chainPem: await chainPem() }) }
    await expect(runWith(authority)).rejects.toThrow(text)
    expect(await stored()).toEqual(before)
  })

  test.each([
    ['more names than were asked for', ['im.example.com', 'b.example.com']],
    ['another name', ['b.example.com']],
  ])('%s', async (_, names) => {
    const authority: Authority = {
      name: 'generous',
      issue: ({ csrDer }) => local.issue({ csrDer, identifiers: names.map(domainName) }),
    }
    await expect(runWith(authority)).rejects.toThrow(/certified .* instead of im\.example\.com/)
    expect(await stored()).toEqual([])
  })

  test('one that is not valid yet', async () => {
    const { csrDer, privateKey } = await createRequest(identifiers)
    const { chainPem } = await local.issue({ identifiers, csrDer })
    const now = new Date(clock.now().getTime() - DAY_MS)
    expect(() => verifiedChain({ chainPem, identifiers, privateKey, now })).toThrow('not valid before')
  })

  test('a chain that does not link', async () => {
    const { csrDer, privateKey } = await createRequest(identifiers)
    const { chainPem } = await local.issue({ identifiers, csrDer })
    const stranger = await makeCertificate({ isCa: true, subject: 'CN=Stranger' })
    expect(() =>
      verifiedChain({ chainPem: chainPem + stranger.pem, identifiers, privateKey, now: clock.now() }),
    ).toThrow('does not belong')
  })
})
