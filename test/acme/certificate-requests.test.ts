import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { certificateRequests } from '../../src/acme/certificate-requests.ts'
import { finding } from '../../src/acme/failure.ts'
import { limitsOf } from '../../src/acme/limits.ts'
import { CERTIFICATE_REVOCATION, revocations } from '../../src/acme/revocation.ts'
import { FRONT_CERTIFICATE } from '../../src/certificate/issuance.ts'
import { systemClock } from '../../src/clock.ts'
import { domainName } from '../../src/name.ts'
import { ProblemError } from '../../src/problem.ts'
import { attemptLimits } from '../../src/tenant/attempts.ts'
import { X509Certificate } from 'node:crypto'
import { newestPebble, pebbles, startPebble, type Pebble } from '../support/pebble.ts'
import { acmeParts, wishFor } from './pebble-rig.ts'

const HOST = domainName('hosting.waypost-corpus.net')
const HOUR_MS = 3_600_000

describe.skipIf(pebbles().length === 0)('what people ask for of a certificate', () => {
  let pebble: Pebble
  let parts: Awaited<ReturnType<typeof rig>>
  beforeAll(async () => {
    pebble = await startPebble({ pebble: newestPebble(), env: { PEBBLE_VA_ALWAYS_VALID: '1' } })
  })
  afterAll(() => pebble.stop())
  beforeEach(async () => {
    parts = await rig()
  })
  afterEach(() => parts.storage.close())

  async function rig(limits = limitsOf('https://localhost/')) {
    const made = await acmeParts()
    const { storage, sessionOf, act } = made
    const requests = certificateRequests({
      ...storage,
      limitsOf: async () => limits,
      limitRetries: attemptLimits(storage).issuance,
    })
    const revoker = revocations({
      ...{ ...storage, sessionOf, clock: systemClock, random: () => 0.5, replace: requests.replace },
      isInUse: ({ id }) => storage.lineages.isPresented(id),
    })
    await made.operator.add(wishFor(pebble), act())
    await storage.targetHosts.add({ name: HOST, port: 443 }, act())
    const { id } = await storage.lineages.create(null, { name: `front:${HOST}`, source: 'acme' }, act())
    await storage.targetHosts.setFrontLineage(HOST, id, act())
    const lineage = async () => (await storage.lineages.find(null, id))!
    /** Has a certificate issued as the job does, and activates it. */
    const issue = async () => {
      const { certificates } = await lineage()
      const replaces = certificates.find((one) => one.activatedAt !== null && one.supersededAt === null) ?? null
      for (let tries = 0; ; tries++) {
        const issued = await made.issuer.issue({ tenantId: null, lineageId: id, identifiers: [HOST], replaces })
        if (issued.outcome === 'issued') {
          const staged = await storage.lineages.stage(null, id, issued, act())
          return storage.lineages.activate(null, staged.id, act().at, act(), 'acme')
        }
        if (tries > 50) throw new Error('not issued')
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, issued.at.getTime() - Date.now())))
      }
    }
    const job = (kind: string, key: string) => storage.jobs.nextRun(kind, key)
    return { ...made, requests, revoker, lineage, issue, job, id }
  }

  const codeOf = async (asked: Promise<unknown>) => {
    const error: unknown = await asked.then(
      () => 'done',
      (thrown: unknown) => thrown,
    )
    return error instanceof ProblemError ? `${error.code}: ${error.message}` : error
  }
  const statusOf = ({ chainPem }: { chainPem: string }) =>
    pebble.certificateStatus(new X509Certificate(chainPem).serialNumber)

  test('issue makes the job due, with the host’s name, and forgets what failed', async () => {
    const { requests, storage, lineage, job, id, act } = parts
    const { at } = act()
    await storage.issuance.failed(
      {
        ...{ lineageId: id, failures: 3, failedAt: at, whose: 'owner', authorityId: null, failuresOfAuthority: 0 },
        ...{ problem: finding('dns', 'none'), challengeType: null, nextAt: new Date(at.getTime() + HOUR_MS) },
      },
      act(),
    )
    await requests.issue(await lineage(), act())
    expect(await storage.issuance.memory(id)).toBeUndefined()
    const [open] = await storage.jobs.list({ limit: 1 })
    expect(open).toMatchObject({
      ...{ kind: FRONT_CERTIFICATE, key: id },
      payload: { tenantId: null, lineageId: id, identifiers: [HOST] },
    })
    expect((await job(FRONT_CERTIFICATE, id))!.getTime()).toBeLessThanOrEqual(Date.now())
  })

  test('what has failed is tried before its time five times an hour, and no sixth', async () => {
    const { requests, storage, lineage, id } = parts
    const act = { ...parts.act(), at: new Date('2026-11-23T12:10:00Z') }
    const nextAt = new Date('2026-11-24T12:00:00Z')
    const memory = { lineageId: id, failures: 1, failedAt: act.at, whose: 'owner' as const, authorityId: null, nextAt }
    const fail = () =>
      storage.issuance.failed(
        { ...memory, failuresOfAuthority: 0, challengeType: null, problem: finding('dns', 'none') },
        act,
      )
    for (let tries = 0; tries < 5; tries++) {
      await fail()
      await requests.issue(await lineage(), act)
    }
    await fail()
    const refused: unknown = await requests.issue(await lineage(), act).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'too-many-requests', retryAfterMs: 50 * 60_000 })
    expect(await storage.issuance.memory(id)).toMatchObject({ nextAt })
    await requests.issue(await lineage(), { ...act, at: new Date('2026-11-23T13:00:00Z') })
  })

  test('what waits for nothing is not counted', async () => {
    const { requests, lineage, act } = parts
    for (let tries = 0; tries < 10; tries++) await requests.issue(await lineage(), act())
  })

  test('renew makes the certificate due at once, whatever its authority has suggested', async () => {
    const { requests, issuer, lineage, issue, job, id, act } = parts
    expect(await codeOf(requests.renew(await lineage(), act()))).toMatch(/^malformed-request: .*nothing to renew/)
    const first = await issue()
    expect((await issuer.renewal(first)).renewAt.getTime()).toBeGreaterThan(Date.now() + HOUR_MS)
    await requests.renew(await lineage(), act())
    expect((await issuer.renewal(first)).renewAt.getTime()).toBeLessThanOrEqual(Date.now())
    expect((await job(FRONT_CERTIFICATE, id))!.getTime()).toBeLessThanOrEqual(Date.now())
    const second = await issue()
    expect(second.spkiSha256).not.toBe(first.spkiSha256)
  }, 30_000)

  test('renew leaves one certificate of the limit for when it has to be renewed; replacing a key does not', async () => {
    await parts.storage.close()
    parts = await rig({ ...limitsOf('https://localhost/'), identifierSet: { count: 3, periodMs: 168 * HOUR_MS } })
    const { requests, lineage, issue, act } = parts
    await issue()
    await requests.renew(await lineage(), act())
    await issue()
    expect(await codeOf(requests.renew(await lineage(), act()))).toMatch(
      /^too-many-requests: .*at most 3 certificates .* in 168 hours; it has issued 2, .*try again after 20/,
    )
    await requests.replace(await lineage(), { revocationOf: 'one', reason: 'key-compromise' }, act())
    const asked = await parts.storage.audit.list('all', { limit: 9, action: 'certificate.request' })
    expect(asked.map(({ detail }) => detail)).toEqual([
      { wanted: 'replace', revocationOf: 'one', reason: 'key-compromise' },
      { wanted: 'renew' },
    ])
  }, 30_000)

  test('a lineage whose certificates come by hand is refused', async () => {
    const { requests, storage, act } = parts
    const { id } = await storage.lineages.create(null, { name: 'by hand', source: 'import' }, act())
    const own = (await storage.lineages.find(null, id))!
    expect(await codeOf(requests.issue(own, act()))).toMatch(/^malformed-request: .*come by hand/)
    expect(await codeOf(requests.renew(own, act()))).toMatch(/^malformed-request/)
  })

  test('what is in use is revoked when its successor is active, and not before', async () => {
    const { revoker, storage, lineage, issue, job, id, act } = parts
    const first = await issue()
    expect(await revoker.revoke(await lineage(), first.id, 'key-compromise', act())).toBe('after its successor')
    expect(await statusOf(first)).toBe('Valid')
    expect((await job(FRONT_CERTIFICATE, id))!.getTime()).toBeLessThanOrEqual(Date.now())
    const found = (await storage.jobs.list({ limit: 10 })).find(({ kind }) => kind === CERTIFICATE_REVOCATION)!
    expect(await revoker.job(found)).toMatchObject({ runAgainAt: expect.any(Date) as Date })
    expect(await statusOf(first)).toBe('Valid')
    const second = await issue()
    expect(await revoker.job(found)).toBeUndefined()
    expect([await statusOf(first), await statusOf(second)]).toEqual(['Revoked', 'Valid'])
    expect(await revoker.job(found), 'a second time').toBeUndefined()
    const [event] = await storage.audit.list('all', { limit: 1 })
    expect(event).toMatchObject({ action: 'certificate.revoke', detail: { certificate: first.id, reason: 1 } })
  }, 30_000)

  test('what is not in use is revoked at once, and a second time as well', async () => {
    const { revoker, lineage, issue, act } = parts
    const first = await issue()
    await issue()
    for (let times = 0; times < 2; times++)
      expect(await revoker.revoke(await lineage(), first.id, 'superseded', act())).toBe('revoked')
    expect(await statusOf(first)).toBe('Revoked')
  }, 30_000)

  test('what was not ordered here, or of an authority that is gone, is refused with whom to ask', async () => {
    const { revoker, storage, lineage, issue, act } = parts
    const first = await issue()
    expect(await codeOf(revoker.revoke(await lineage(), '0', 'unspecified', act()))).toMatch(/^not-found/)
    await storage.authorities.remove('pebble', act())
    expect(await codeOf(revoker.revoke(await lineage(), first.id, 'unspecified', act()))).toMatch(
      /^malformed-request: .*was removed here.*ask that authority/,
    )
  }, 30_000)
})
