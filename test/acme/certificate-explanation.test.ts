import { describe, expect, test } from 'vitest'
import type { Authority } from '../../src/acme/authority.ts'
import { explainCertificate, type Circumstances } from '../../src/acme/certificate-explanation.ts'
import { finding } from '../../src/acme/failure.ts'
import type { IssuanceMemory, KnownRenewalInfo, Order } from '../../src/acme/order.ts'
import type { LineageCertificate, LineageWithCertificates, Source } from '../../src/certificate/lineage.ts'
import { domainName } from '../../src/name.ts'

const NOW = new Date('2026-11-23T12:00:00Z')
const HOUR = 3_600_000
const DAY = 24 * HOUR
const NAME = domainName('im.example.com')
const at = (ms: number) => new Date(NOW.getTime() + ms)

const AUTHORITY: Authority = {
  ...{ id: 'a1', name: 'letsencrypt', rank: 0, directoryUrl: 'https://acme.example/dir', caPem: null, contact: [] },
  ...{
    eabKeyId: null,
    profile: null,
    keyType: 'ec-p256',
    preferredChain: null,
    termsOfService: null,
    accountUrl: 'https://acme.example/1',
  },
  ...{ pausedUntil: null, pauseReason: null, createdAt: NOW, revision: 1 },
}

/** Of 90 days, of which so many are left. */
function certificate(daysLeft: number): LineageCertificate {
  return {
    ...{ id: 'c1', lineageId: 'l1', chainPem: '', sha256: '8'.repeat(64), spkiSha256: '', subject: '', serial: '01' },
    ...{ issuer: 'CN=R3', keyType: 'EC P-256', dnsNames: [NAME], privateKeyId: 'k1' },
    ...{ notBefore: at((daysLeft - 90) * DAY), notAfter: at(daysLeft * DAY) },
    ...{ stagedAt: at((daysLeft - 90) * DAY), activatedAt: NOW, supersededAt: null, retiresAt: null },
  }
}

function lineage(source: Source, ...certificates: LineageCertificate[]): LineageWithCertificates {
  const about = { id: 'l1', tenantId: 't1', tenantName: 'acme', name: `front:${NAME}`, createdAt: NOW, revision: 1 }
  return { ...about, identifiers: null, source, certificates }
}

const ORDER: Order = {
  ...{ id: 'o1', tenantId: 't1', lineageId: 'l1', authorityId: 'a1', identifiers: [NAME], profile: null },
  ...{ replaces: null, csrDer: new Uint8Array(), status: 'pending', newOrders: 1, url: 'https://acme.example/order/1' },
  ...{ finalizeUrl: null, certificateUrl: null, expiresAt: null, createdAt: NOW, finishedAt: null, outcome: null },
  ...{ problem: null, certificateId: null },
  authorizations: [
    {
      ...{ url: '', identifier: NAME, status: 'pending', expiresAt: null },
      challenge: { type: 'http-01', url: '', token: 't', isAnswered: true },
    },
  ],
}

function failed(given: Partial<IssuanceMemory> = {}): IssuanceMemory {
  return {
    ...{ lineageId: 'l1', failures: 2, failedAt: at(-HOUR), whose: 'owner', authorityId: 'a1', nextAt: at(HOUR) },
    ...{ failuresOfAuthority: 0, challengeType: 'http-01', problem: finding('connection', 'Timeout during connect') },
    ...given,
  }
}

function movedSince(ms: number) {
  return { ...finding('moved', 'It leads elsewhere.'), preflight: { since: at(ms).toISOString(), findings: [] } }
}

function info(given: Partial<KnownRenewalInfo>): KnownRenewalInfo {
  return {
    ...{ certificateId: 'c1', start: at(2 * DAY), end: at(4 * DAY), explanationUrl: null, renewAt: at(3 * DAY) },
    ...{ polledAt: NOW, pollAt: at(HOUR), fault: null, ...given },
  }
}

function explain(given: Partial<Circumstances>) {
  return explainCertificate({
    ...{ name: NAME, isHosted: true, lineage: lineage('acme'), issuedBy: 'acme', control: 'proven' },
    ...{ authorities: [AUTHORITY], issued: undefined, underWay: undefined, memory: undefined },
    ...{ renewalInfo: undefined, nextRunAt: NOW, now: NOW, ...given },
  })
}

const paused = { ...AUTHORITY, pausedUntil: at(HOUR), pauseReason: 'it is out' }
const valid = lineage('acme', certificate(60))
const other = { ...AUTHORITY, id: 'a2', name: 'other' }

describe('what comes next, when, and why', () => {
  test.each<[string, Partial<Circumstances>, string, Date | null, RegExp]>([
    ['an external name', { isHosted: false, lineage: null }, 'not needed', null, /^Nothing has to be done/],
    ['no proof', { control: 'none' }, 'missing', null, /before control of the name is proven/],
    ['no proof, and a failure of before', { control: 'none', memory: failed() }, 'missing', null, /proven/],
    ['a failure', { memory: failed() }, 'missing', at(HOUR), /tried again after 2 failures in a row/],
    [
      'a name that has moved away',
      { memory: failed({ problem: movedSince(-7 * DAY) }), lineage: lineage('acme', certificate(9)) },
      ...(['due', at(HOUR), /^For more than seven days DNS has led elsewhere/] as const),
    ],
    [
      'one that may come back',
      { memory: failed({ problem: movedSince(-6 * DAY) }), lineage: lineage('acme', certificate(9)) },
      ...(['due', at(HOUR), /tried again after 2 failures/] as const),
    ],
    ['a failure whose time has come', { memory: failed({ nextAt: NOW }) }, 'missing', null, /at any moment/],
    ['an order', { underWay: ORDER, nextRunAt: at(5000) }, 'missing', at(5000), /order at letsencrypt .*\(pending\)/],
    ['an old proof', { control: 'too old', nextRunAt: at(HOUR) }, 'missing', at(HOUR), /within 24 hours/],
    ['no authority', { authorities: [] }, 'missing', null, /No authority is set up/],
    [
      'a paused authority',
      { authorities: [paused], nextRunAt: at(HOUR) },
      ...(['missing', at(HOUR), /^letsencrypt is asked for nothing until 2026-11-23 13:00 UTC\.$/] as const),
    ],
    ['one of two paused', { authorities: [paused, other] }, 'missing', null, /at any moment/],
    ['a limit', { nextRunAt: at(HOUR) }, 'missing', at(HOUR), /waits for its turn/],
    ['nothing at all', { nextRunAt: null }, 'missing', null, /Nothing is under way/],
    ['no lineage yet', { lineage: null, nextRunAt: null }, 'missing', null, /within seconds, while the server runs/],
    ['by hand, none', { lineage: lineage('import') }, 'missing', null, /one has to be imported/],
    [
      'by hand, with those who would stand in',
      { lineage: lineage('import', certificate(20)) },
      ...(['valid', at(11 * DAY), /imported before 2026-12-04 .*, or an ACME authority issues it/] as const),
    ],
    [
      'by hand, and by nobody else',
      { lineage: lineage('import', certificate(20)), issuedBy: 'import' },
      ...(['valid', at(20 * DAY), /imported before 2026-12-13 \d\d:\d\d UTC\.$/] as const),
    ],
    [
      'by hand, not made for a host',
      { lineage: { ...lineage('import', certificate(20)), name: 'own' } },
      ...(['valid', at(20 * DAY), /imported before 2026-12-13 \d\d:\d\d UTC\.$/] as const),
    ],
    ['by hand, expired', { lineage: lineage('import', certificate(-1)) }, 'expired', null, /by hand/],
    [
      'no window',
      { lineage: valid, issued: ORDER },
      'valid',
      at(30 * DAY),
      /letsencrypt has suggested no time, and two thirds/,
    ],
    [
      'a poll that failed',
      { lineage: valid, issued: ORDER, renewalInfo: info({ start: null, end: null, renewAt: null, fault: 'no JSON' }) },
      ...(['valid', at(30 * DAY), /suggested no time \(no JSON\), and two thirds/] as const),
    ],
    [
      'a window',
      { lineage: valid, issued: ORDER, renewalInfo: info({ explanationUrl: 'https://acme.example/why' }) },
      ...([
        'valid',
        at(3 * DAY),
        /between 2026-11-25 12:00 UTC and 2026-11-27 .*why at https:\/\/acme\.example\/why/,
      ] as const),
    ],
    [
      'a wish',
      { lineage: valid, renewalInfo: info({ renewAt: at(HOUR) }) },
      'valid',
      at(HOUR),
      /somebody has asked for it/,
    ],
    [
      'a window beyond the last twentieth',
      {
        lineage: lineage('acme', certificate(10)),
        renewalInfo: info({ start: at(8 * DAY), end: at(9 * DAY), renewAt: at(9 * DAY - 1) }),
      },
      ...(['valid', at(5.5 * DAY), /no more than a twentieth/] as const),
    ],
    ['what nothing presents', { lineage: valid, nextRunAt: null }, 'valid', null, /not renewed, since no host/],
    [
      'one of the local authority, where it issues',
      { lineage: lineage('local', certificate(60)), issuedBy: 'local' },
      'valid',
      at(30 * DAY),
      /two thirds of its lifetime/,
    ],
    [
      'one of the local authority, where ACME issues',
      { lineage: lineage('local', certificate(60)) },
      'due',
      null,
      /at any moment/,
    ],
    ['one that is due', { lineage: lineage('acme', certificate(20)) }, 'due', null, /at any moment/],
    [
      'one that has expired',
      { lineage: lineage('acme', certificate(-1)), memory: failed() },
      'expired',
      at(HOUR),
      /tried again/,
    ],
  ])('%s', (_what, given, state, when, words) => {
    const explained = explain(given)
    expect(explained.state).toBe(state)
    expect(explained.next.what).toMatch(words)
    // The rule of fractions spreads by a hundredth
    if (when === null) expect(explained.next.at).toBeNull()
    else expect(Math.abs(explained.next.at!.getTime() - when.getTime())).toBeLessThan(DAY)
  })

  test('the window is told to the minute, and not by the rule of fractions', () => {
    const { next } = explain({ lineage: valid, issued: ORDER, renewalInfo: info({}) })
    expect(next.at).toEqual(at(3 * DAY))
  })
})

const ALIAS = 'k3.acme.hosting.example'
const BY_DNS = /Put right .* Or publish _acme-challenge\.\S+\. CNAME k3\.acme\.hosting\.example\. .* tried now/
const MENDED_ONLY = /^Put right what is said of the last failure\. Have it tried now[^_]*$/
const elsewhere = {
  ...finding('preflight', ''),
  preflight: {
    since: NOW.toISOString(),
    findings: [{ name: NAME, check: 'addresses', outcome: 'wrong', whose: 'owner', words: '' } as const],
  },
}

describe('what would make it sooner', () => {
  test.each<[string, Partial<Circumstances>, RegExp | null]>([
    ['the owner’s failure is to be mended first', { memory: failed() }, /Put right what is said.* tried now/],
    ['the authority’s is only tried', { memory: failed({ whose: 'authority' }) }, /^Have it tried now/],
    ['a name that was not reached may be shown in DNS', { memory: failed(), challengeAlias: ALIAS }, BY_DNS],
    ['so may one that leads elsewhere', { memory: failed({ problem: elsewhere }), challengeAlias: ALIAS }, BY_DNS],
    ['not what failed there', { memory: failed({ challengeType: 'dns-01' }), challengeAlias: ALIAS }, MENDED_ONLY],
    [
      'nor what has another cause',
      { memory: failed({ problem: finding('caa', '') }), challengeAlias: ALIAS },
      MENDED_ONLY,
    ],
    ['nor where there is no zone for it', { memory: failed() }, MENDED_ONLY],
    ['without an authority, one', { authorities: [] }, /waypost authority add/],
    ['without a proof, its record', { control: 'none' }, /Publish the DNS record/],
    ['of a certificate that is not due, asking', { lineage: valid }, /Have it renewed now/],
    ['of an order under way, nothing', { underWay: ORDER }, null],
    ['of an external name, nothing', { isHosted: false, lineage: null }, null],
  ])('%s', (_what, given, words) => {
    const { sooner } = explain(given)
    if (words === null) expect(sooner).toEqual([])
    else expect(sooner.join(' ')).toMatch(words)
  })
})

test('a failure of a lineage that is wanted for names is told by the names, whatever it is called', () => {
  const wanted = { ...lineage('acme'), name: 'the cluster', identifiers: [NAME] }
  const { failure } = explain({ name: 'the cluster', lineage: wanted, memory: failed() })
  expect(failure?.words).toContain(`http://${NAME}/.well-known/acme-challenge`)
})

test('a failure is told in words, with whose affair it is, and what of the look before an order stands not in them', () => {
  const wrong = { name: NAME, check: 'caa', outcome: 'wrong', whose: 'owner', words: 'No CAA for us.' } as const
  const good = { name: NAME, check: 'addresses', outcome: 'ok', whose: 'owner', words: 'It leads here.' } as const
  const problem = { ...finding('preflight', 'No CAA for us.'), preflight: { since: '', findings: [wrong, good] } }
  expect(explain({ memory: failed() }).failure).toMatchObject({
    ...{ failures: 2, whose: 'owner', authority: 'letsencrypt', nextTryAt: at(HOUR), findings: [] },
    words: expect.stringMatching(
      /letsencrypt could not reach http:\/\/im\.example\.com.*Timeout during connect/,
    ) as string,
  })
  const { failure } = explain({ memory: failed({ problem }) })
  expect(failure!.words).toContain('No CAA for us.')
  expect(failure!.findings).toEqual([{ name: NAME, check: 'addresses', outcome: 'ok', words: 'It leads here.' }])
})

test('an order is told with how far control of each name is proven', () => {
  expect(explain({ underWay: ORDER }).order).toEqual({
    ...{ authority: 'letsencrypt', status: 'pending', startedAt: NOW, url: 'https://acme.example/order/1' },
    authorizations: [{ identifier: NAME, status: 'pending', challenge: 'http-01', isAnswered: true }],
  })
})
