import { beforeEach, describe, expect, test } from 'vitest'
import { authorityError } from '../../src/acme/acme-problem.ts'
import type { Authority } from '../../src/acme/authority.ts'
import { finding } from '../../src/acme/failure.ts'
import { certId } from '../../src/acme/renewal-info.ts'
import { renewals } from '../../src/acme/renewals.ts'
import type { AcmeSession, Directory, RenewalInfo } from '../../src/acme/session.ts'
import { readLeaf } from '../../src/certificate/chain.ts'
import type { Lineage, LineageCertificate } from '../../src/certificate/lineage.ts'
import { renewAt } from '../../src/certificate/renewal.ts'
import { readUpload } from '../../src/certificate/upload.ts'
import { domainName } from '../../src/name.ts'
import { ProblemError } from '../../src/problem.ts'
import { makeChain } from '../support/certificates.ts'
import { onBothEngines } from '../support/databases.ts'
import { freshName } from '../storage/rows.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const identifiers = [domainName('im.example.com')]

onBothEngines('renewal information', (database) => {
  let authority: Authority
  let lineage: Lineage
  let certificate: LineageCertificate
  let asked: { of: string; certId: string }[]
  let answer: () => Promise<RenewalInfo>
  let directory: Directory
  let chance: number
  const hours = (count: number, from = database.clock.now()) => new Date(from.getTime() + count * HOUR_MS)
  const window = (start: Date, end: Date): RenewalInfo => ({
    ...{ start, end, explanationUrl: 'https://ca.example/why', retryAfterMs: 6 * HOUR_MS },
  })

  async function anAuthority(): Promise<Authority> {
    const name = freshName()
    const wish = { name, rank: 1, directoryUrl: `https://${name}/`, caPem: null, contact: [], eabKeyId: null }
    const { authority } = await database.storage.authorities.reserve(
      { ...wish, profile: null, keyType: 'ec-p256', preferredChain: null },
      Buffer.from('key'),
      database.act(),
    )
    return database.storage.authorities.confirm(
      authority.id,
      { url: `https://${name}/account`, termsOfService: null },
      database.act(),
    )
  }

  /** As it comes from an order; valid for 90 days from now on. */
  async function issued(orderedFrom: Authority | null): Promise<LineageCertificate> {
    const { lineages, orders } = database.storage
    const now = database.clock.now()
    const chain = await makeChain({ notBefore: now.toISOString(), notAfter: hours(90 * 24).toISOString() })
    const upload = readUpload({ certificate: Buffer.from(chain.leaf.pem + chain.intermediate.pem), now })
    const order =
      orderedFrom &&
      (await orders.begin(
        {
          ...{ tenantId: null, lineageId: lineage.id, authorityId: orderedFrom.id, identifiers },
          ...{ profile: null, replaces: null, csrDer: Buffer.from('csr') },
        },
        chain.leaf.keyDer,
        database.act(),
      ))
    return lineages.stage(
      null,
      lineage.id,
      { chain: upload.chain, privateKey: chain.leaf.keyDer, orderId: order?.id ?? null },
      database.act(),
    )
  }

  beforeEach(async () => {
    asked = []
    chance = 0.5
    directory = {
      termsOfService: null,
      isExternalAccountRequired: false,
      profiles: null,
      renewalInfo: 'https://ari/',
      caaIdentities: null,
    }
    authority = await anAuthority()
    lineage = await database.storage.lineages.create(null, { name: freshName(), source: 'acme' }, database.act())
    certificate = await issued(authority)
    const [start, end] = [hours(1440), hours(1484)]
    answer = async () => window(start, end)
  })

  const asker = () => {
    const { storage, clock } = database
    return renewals({
      ...storage,
      ...{ clock, random: () => chance },
      sessionOf: async ({ name }) =>
        ({
          directory: async () => directory,
          renewalInfo: (certId: string) => (asked.push({ of: name, certId }), answer()),
        }) as Partial<AcmeSession> as AcmeSession,
    })
  }
  const renewal = (of = certificate) => asker()(of)
  const known = () => database.storage.renewalInfo.find(certificate.id)

  test("is asked for at once, of the certificate's own authority, and kept", async () => {
    await anAuthority()
    const due = hours(1462)
    expect(await renewal()).toEqual({ renewAt: due, askAgainAt: hours(6) })
    expect(asked).toEqual([{ of: authority.name, certId: certId(readLeaf(certificate.chainPem).der) }])
    expect(await known()).toMatchObject({ explanationUrl: 'https://ca.example/why', renewAt: due, fault: null })
    chance = 0.1
    database.clock.advance(6 * HOUR_MS - 1)
    expect(await renewal()).toEqual({ renewAt: due, askAgainAt: hours(0, (await known())!.pollAt) })
    expect(asked).toHaveLength(1)
    database.clock.advance(1)
    expect(await renewal()).toEqual({ renewAt: due, askAgainAt: hours(6) })
    expect(asked).toHaveLength(2)
  })

  test('a certificate that is to be revoked is due at the next poll, and not asked about any more', async () => {
    await renewal()
    database.clock.advance(6 * HOUR_MS)
    const over = window(hours(-1), hours(-0.5))
    answer = async () => over
    expect((await renewal()).renewAt).toEqual(hours(-0.75))
    database.clock.advance(6 * HOUR_MS)
    await renewal()
    expect(asked).toHaveLength(2)
  })

  describe('is left aside in favour of the fraction where', () => {
    const faults: [string, () => void, RegExp][] = [
      [
        'the authority refuses',
        () => (answer = () => Promise.reject(new ProblemError('unavailable', '404 of the CA'))),
        /404 of the CA/,
      ],
      ['its answer is absurd', () => (answer = async () => window(hours(99_999), hours(100_000))), /has expired/],
      ['the session has a fault', () => (answer = () => Promise.reject(new TypeError('of undefined'))), /of undefined/],
      ['the authority has none', () => (directory = { ...directory, renewalInfo: null }), /has no renewal information/],
    ]
    test.each(faults)('%s', async (_, break_, why) => {
      break_()
      expect(await renewal()).toEqual({ renewAt: renewAt(certificate), askAgainAt: hours(6) })
      expect((await known())!.fault).toMatch(why)
    })

    test('nobody is there to be asked any more', async () => {
      await database.storage.authorities.remove(authority.name, database.act())
      const due = renewAt(certificate)
      expect(await renewal()).toEqual({ renewAt: due, askAgainAt: due })
      const stranger = await issued(null)
      expect(await renewal(stranger)).toEqual({ renewAt: renewAt(stranger), askAgainAt: renewAt(stranger) })
      expect(asked).toEqual([])
    })
  })

  test('an authority that is to be left alone is asked at the next poll, so that not all come when that is over', async () => {
    await database.storage.authorities.pause(authority.id, hours(3), 'outage', database.act())
    expect(await renewal()).toEqual({ renewAt: renewAt(certificate), askAgainAt: hours(6) })
    expect(asked).toEqual([])
    database.clock.advance(6 * HOUR_MS)
    await renewal()
    expect(asked).toHaveLength(1)
  })

  test('an authority that wants to be left alone is asked about no other certificate before that, nor about this one', async () => {
    const ask = asker()
    const limited = { ...finding('rateLimited', 'slow down'), status: 429, retryAfterMs: 12 * HOUR_MS }
    answer = () => Promise.reject(authorityError('ca.example', limited))
    expect((await ask(certificate)).askAgainAt).toEqual(hours(12))
    expect((await known())!.fault).toContain('slow down')
    const another = await issued(authority)
    expect((await ask(another)).askAgainAt).toEqual(hours(6))
    database.clock.advance(12 * HOUR_MS - 1)
    await ask(another)
    expect(asked).toHaveLength(1)
    database.clock.advance(6 * HOUR_MS)
    await ask(another)
    expect(asked).toHaveLength(2)
  })

  test('of one certificate that it does not know an authority speaks for that one alone', async () => {
    const ask = asker()
    const unknown = { ...finding('malformed', 'not found'), status: 404, retryAfterMs: 12 * HOUR_MS }
    answer = () => Promise.reject(authorityError('ca.example', unknown))
    expect((await ask(certificate)).askAgainAt).toEqual(hours(12))
    await ask(await issued(authority))
    expect(asked).toHaveLength(2)
  })

  test('a pause that a clock far ahead has made is none', async () => {
    const { storage, act } = database
    await storage.authorities.pause(authority.id, hours(24 * 365), 'of the future', act())
    await renewal()
    expect(asked).toHaveLength(1)
  })

  test('an authority that suggests the present for ever is followed as often as its limit for the same names lets', async () => {
    const { clock } = database
    answer = async () => window(hours(-24), hours(1 / 6))
    let issuedIn = 0
    let last = certificate
    const startedAt = clock.now()
    while (clock.now().getTime() - startedAt.getTime() < 24 * HOUR_MS) {
      const { renewAt, askAgainAt } = await renewal(last)
      if (renewAt > clock.now()) clock.advance(Math.min(...[renewAt, askAgainAt].map(Number)) - clock.now().getTime())
      else last = (issuedIn++, await issued(authority))
    }
    expect(issuedIn).toBeLessThanOrEqual(5)
  })

  test('an authority that is silent to five is asked for no others for a while, and then for one', async () => {
    const ask = asker()
    let lineages = 0
    const poll = async () => ask({ ...(await issued(authority)), lineageId: `lineage ${++lineages}` })
    const silence = authorityError('ca.example', finding('unreachable', 'no answer'))
    answer = () => Promise.reject(silence)
    for (let i = 0; i < 7; i++) expect((await poll()).askAgainAt).toEqual(hours(6))
    expect(asked).toHaveLength(5)
    database.clock.advance(5 * MINUTE_MS)
    for (let i = 0; i < 2; i++) await poll()
    expect(asked).toHaveLength(6)
    const [start, end] = [hours(1440), hours(1484)]
    answer = async () => window(start, end)
    database.clock.advance(10 * MINUTE_MS)
    for (let i = 0; i < 2; i++) await poll()
    expect(asked).toHaveLength(8)
  })

  test('S26: a clock that jumps and comes back leaves the chosen instant as it was', async () => {
    const { clock } = database
    const due = (await renewal()).renewAt
    for (const days of [-1, 1, 3650]) {
      clock.advance(days * 24 * HOUR_MS)
      await renewal()
      clock.advance(-days * 24 * HOUR_MS)
      clock.advance(HOUR_MS)
      expect((await renewal()).renewAt, `${days} days`).toEqual(due)
      expect((await known())!.pollAt <= hours(24), `${days} days`).toBe(true)
    }
  })
})
