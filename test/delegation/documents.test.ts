import { createHash, X509Certificate } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import type { PublishedCertificate, PublishedLineage } from '../../src/certificate/lineage.ts'
import { documents, maxAgeSeconds, type Document } from '../../src/delegation/documents.ts'
import { makeCertificate, makeChain, type MadeCertificate } from '../support/certificates.ts'

const HOUR = 3_600_000
const NOW = new Date('2026-06-01T00:00:00Z')
const later = (ms: number) => new Date(NOW.getTime() + ms)

let one: MadeCertificate
let two: MadeCertificate
let three: MadeCertificate
beforeAll(async () => {
  one = await makeCertificate()
  two = await makeCertificate()
  three = await makeCertificate()
})

let serial = 0
function certificate(made: { pem: string }, change: Partial<PublishedCertificate> = {}): PublishedCertificate {
  return {
    id: `C${serial++}`,
    chainPem: made.pem,
    notBefore: later(-1000 * HOUR),
    notAfter: later(1000 * HOUR),
    privateKeyId: null,
    stagedAt: later(-100 * HOUR),
    activatedAt: later(-90 * HOUR),
    supersededAt: null,
    retiresAt: null,
    ...change,
  }
}

const staged = (made: MadeCertificate, change: Partial<PublishedCertificate> = {}) =>
  certificate(made, { stagedAt: later(-HOUR), activatedAt: null, ...change })
const retiring = (made: MadeCertificate, change: Partial<PublishedCertificate> = {}) =>
  certificate(made, {
    stagedAt: later(-300 * HOUR),
    activatedAt: later(-290 * HOUR),
    supersededAt: later(-90 * HOUR),
    retiresAt: later(HOUR),
    ...change,
  })
const lineage = (...certificates: PublishedCertificate[]): PublishedLineage => ({
  id: 'L',
  name: 'im',
  changedAt: later(-300 * HOUR),
  certificates,
})

function pem(of: PublishedLineage, now = NOW): string {
  return documents(3600).pem(of, now)?.body.toString() ?? 'none'
}

function posh(lineages: PublishedLineage[], now = NOW, expiresSeconds = 3600) {
  const document = documents(expiresSeconds).posh(lineages, now)
  return (
    document && (JSON.parse(document.body.toString()) as { fingerprints: Record<string, string>[]; expires: number })
  )
}

const sha256 = ({ der }: MadeCertificate) => createHash('sha256').update(der).digest('base64')

describe('the PEM document', () => {
  test('case 23 and 26: the leaf alone, of a chain with its issuers, in 64 columns with LF and a final LF', async () => {
    const { leaf, intermediate } = await makeChain({ names: ['im.example.com'] })
    const text = pem(lineage(certificate({ pem: leaf.pem + intermediate.pem })))
    expect(text).toBe(leaf.pem)
    expect(text).toMatch(
      /^-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/=]{1,64}\n-----END CERTIFICATE-----\n$/,
    )
    expect(new X509Certificate(text).raw.equals(leaf.der)).toBe(true)
  })

  test('case 24: the one in use first, then staged, then retiring', () => {
    expect(pem(lineage(retiring(three), staged(two), certificate(one)))).toBe(one.pem + two.pem + three.pem)
  })

  test('case 25: an expired certificate is gone, and with the last one the document', () => {
    const expiring = lineage(certificate(one, { notAfter: later(HOUR) }), staged(two, { notAfter: later(2 * HOUR) }))
    const made = documents(3600)
    expect(made.pem(expiring, NOW)?.body.toString()).toBe(one.pem + two.pem)
    expect(made.pem(expiring, later(HOUR))?.body.toString()).toBe(two.pem)
    expect(made.pem(expiring, later(2 * HOUR))).toBeNull()
    expect(made.posh([expiring], later(2 * HOUR))).toBeNull()
    expect(pem(lineage())).toBe('none')
  })

  test('case 25: a certificate that is not valid yet stands second, or there is no document', () => {
    const early = staged(two, { notBefore: later(HOUR) })
    expect(pem(lineage(early, certificate(one)))).toBe(one.pem + two.pem)
    expect(pem(lineage(early))).toBe('none')
    expect(pem(lineage(early), later(HOUR))).toBe(two.pem)
  })
})

describe('the POSH document, RFC 7711 §3.1', () => {
  test('case 31 and 33: each descriptor has a padded sha-256 and sha-512 of the DER, and there is no url', () => {
    expect(posh([lineage(certificate(one))])).toEqual({
      fingerprints: [{ 'sha-256': sha256(one), 'sha-512': createHash('sha512').update(one.der).digest('base64') }],
      expires: 3600,
    })
    expect(sha256(one)).toHaveLength(44)
  })

  test('case 36: the renewed one first, then the soonest to expire', () => {
    const soon = retiring(three, { notAfter: later(100 * HOUR) })
    const found = posh([lineage(certificate(one), soon, staged(two))])
    expect(found?.fingerprints.map((each) => each['sha-256'])).toEqual([two, three, one].map(sha256))
  })

  test('two lineages are united, and a certificate of both is named once', () => {
    const found = posh([lineage(certificate(one)), lineage(certificate(one), staged(two))])
    expect(found?.fingerprints.map((each) => each['sha-256']).sort()).toEqual([sha256(one), sha256(two)].sort())
  })

  test('case 37: as many certificates as anyone may have are under 10,000 bytes, the newest among them', () => {
    const fake = (n: number) => ({
      pem: `-----BEGIN CERTIFICATE-----\n${Buffer.from(`certificate ${n}`).toString('base64')}\n-----END CERTIFICATE-----\n`,
    })
    const many = Array.from({ length: 200 }, (_, n) => certificate(fake(n), { activatedAt: null }))
    const document = documents(604_800).posh([lineage(...many, staged(two))], NOW)
    expect(document?.body.length).toBeLessThan(10_000)
    expect(document?.body.length).toBeGreaterThan(9_000)
    expect(document?.body.toString()).toContain(sha256(two))
  })

  test.each([
    [HOUR, 3600],
    [HOUR - 1, 1800],
    [1800_000, 1800],
    [1000_000, 900],
    [1500, 1],
    [1, 1],
  ])('case 32 and 41: with %d ms left, expires is %d', (leftMs, expires) => {
    const found = posh([
      lineage(certificate(one), retiring(two, { notAfter: later(leftMs), retiresAt: later(2 * HOUR) })),
    ])
    expect(found?.expires).toBe(expires)
    expect(found?.expires).toSatisfy(Number.isInteger)
  })
})

describe('what HTTP says about a document', () => {
  const about = (of: PublishedLineage, now = NOW): Document => documents(3600).pem(of, now)!

  test('the ETag is of the content: equal wherever it is made, and another for another content', () => {
    const [a, b] = [certificate(one), staged(two)]
    expect(about(lineage(a)).etag).toBe(about(lineage({ ...a, id: 'other' })).etag)
    expect(about(lineage(a, b)).etag).not.toBe(about(lineage(a)).etag)
    expect(about(lineage(a)).etag).toMatch(/^"[\w-]{27}"$/)
  })

  test('it became what it is at the last change: staged, activated, superseded, retired, expired', () => {
    const both = lineage(certificate(one), retiring(two))
    expect(about(both).changedAt).toEqual(later(-90 * HOUR))
    expect(about(both, later(2 * HOUR)).changedAt).toEqual(later(HOUR))
    expect(about(lineage(certificate(one), staged(two))).changedAt).toEqual(later(-HOUR))
  })

  test('max-age ends with the next planned change', () => {
    const both = lineage(certificate(one), retiring(two))
    const at = (now: Date) => maxAgeSeconds(about(both, now), now, 60)
    expect(at(NOW)).toBe(60)
    expect(at(later(HOUR - 30_500))).toBe(30)
    expect(at(later(HOUR - 1))).toBe(0)
    expect(at(later(HOUR))).toBe(60)
    expect(maxAgeSeconds({ changesAt: null }, NOW, 60)).toBe(60)
  })

  test('the document of a certificate that runs out is planned to change with each expires', () => {
    const running = lineage(certificate(one, { notAfter: later(2 * HOUR) }))
    const made = documents(3600)
    const first = made.posh([running], NOW)!
    expect(first.changesAt).toEqual(later(HOUR + 1))
    expect(made.posh([running], later(HOUR))).toBe(first)
    const second = made.posh([running], later(HOUR + 1))!
    expect(second.body.toString()).toContain('"expires":1800')
    expect(second.changedAt).toEqual(later(HOUR))
    expect(second.changesAt).toEqual(later(HOUR + HOUR / 2 + 1))
  })

  test('a document is made once until it changes, or the lineage does', () => {
    const made = documents(3600)
    const both = lineage(certificate(one), retiring(two))
    const first = made.pem(both, NOW)
    expect(made.pem(both, later(HOUR - 1))).toBe(first)
    expect(made.pem(both, later(HOUR))?.body.toString()).toBe(one.pem)
    // A clock that was set back
    expect(made.pem(both, NOW)?.body.toString()).toBe(one.pem + two.pem)
    const changed = { ...both, certificates: [certificate(one), staged(three)] }
    expect(made.pem(changed, NOW)?.body.toString()).toBe(one.pem + three.pem)
    expect(made.posh([both, changed], NOW)).not.toBe(made.posh([both], NOW))
  })

  test('case 40: at every instant of a rollover PEM and POSH name the same certificates', () => {
    const made = documents(3600)
    const rolling = lineage(
      certificate(one, { notAfter: later(5 * HOUR), supersededAt: later(2 * HOUR), retiresAt: later(4 * HOUR) }),
      staged(two, { notBefore: later(HOUR), activatedAt: later(2 * HOUR) }),
    )
    for (let at = 0; at < 8 * HOUR; at += HOUR / 4) {
      const blocks = made
        .pem(rolling, later(at))!
        .body.toString()
        .match(/-----BEGIN[^]*?END CERTIFICATE-----/g)!
      const { fingerprints } = posh([rolling], later(at))!
      expect(
        blocks.map((block) => createHash('sha256').update(new X509Certificate(block).raw).digest('base64')).sort(),
      ).toEqual(fingerprints.map((each) => each['sha-256']).sort())
    }
  })

  test('case 34: a reference has a url and expires, and nothing else', () => {
    const { body, contentType } = documents(600).reference('https://hosting.example.com/x')
    expect(JSON.parse(body.toString())).toEqual({ url: 'https://hosting.example.com/x', expires: 600 })
    expect(contentType).toBe('application/json')
  })
})
