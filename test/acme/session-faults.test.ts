import { X509Certificate } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { certId } from '../../src/acme/renewal-info.ts'
import type { AcmeProblem, AcmeSession, OrderReply } from '../../src/acme/session.ts'
import { spoiltCertificate, type Fault, type RequestKind } from '../support/fault-proxy.ts'
import { pebbles } from '../support/pebble.ts'
import { stoppedClock } from '../support/stopped-clock.ts'
import { until } from '../support/until.ts'
import { accountKey, failing, request, startRig, type SessionRig } from './session-rig.ts'

const MINUTE_MS = 60_000
const WEEK_MS = 7 * 86_400_000

/** Everything that a session asks, and what it needs first. */
const CALLS: [kind: RequestKind, call: (session: AcmeSession, at: Prepared) => Promise<unknown>][] = [
  ['newAccount', (session) => session.register({ contact: [], eab: null })],
  ['account', (session) => session.account()],
  ['newOrder', (session) => session.newOrder({ identifiers: ['new.example'], profile: null, replaces: null })],
  ['order', (session, { pending }) => session.order(pending.url)],
  ['authz', (session, { pending }) => session.authorization(pending.authorizationUrls[0]!)],
  ['challenge', (session, { challengeUrl }) => session.answer(challengeUrl)],
  ['finalize', (session, { ready, csr }) => session.finalize(ready.finalizeUrl, ready.url, csr)],
  ['cert', (session, { valid }) => session.certificate(valid.certificateUrl!)],
  ['revoke', (session) => session.revoke(Buffer.from('no certificate at all'), 0)],
  ['keyChange', (session, { otherKey }) => session.changeKey(otherKey)],
]
/** And what these rest on. */
const BELOW: typeof CALLS = [
  ['directory', (session) => session.directory()],
  ['newNonce', (session) => session.newOrder({ identifiers: ['new.example'], profile: null, replaces: null })],
]
const RENEWAL_INFO: (typeof CALLS)[number] = ['renewalInfo', (session, { id }) => session.renewalInfo(id)]

interface Prepared {
  pending: OrderReply
  challengeUrl: string
  ready: OrderReply
  valid: OrderReply
  id: string
  csr: Uint8Array
  otherKey: Uint8Array
}

type Expected = Partial<AcmeProblem>
const FAULTS: [what: string, fault: Fault, expected: Expected][] = [
  [
    'limits the rate for an hour',
    { do: 'problem', status: 429, type: 'rateLimited', detail: 'too many', headers: { 'retry-after': '3600' } },
    { type: 'rateLimited', status: 429, detail: 'too many', retryAfterMs: 3_600_000 },
  ],
  [
    'limits the rate and says no more',
    { do: 'answer', status: 429, body: '' },
    { type: 'rateLimited', retryAfterMs: null },
  ],
  [
    'is down',
    { do: 'answer', status: 503, body: '<html>', headers: { 'retry-after': '1' } },
    { type: 'serverInternal', status: 503, retryAfterMs: MINUTE_MS },
  ],
  ['has a fault', { do: 'problem', status: 500, type: 'serverInternal' }, { type: 'serverInternal', status: 500 }],
  [
    'refuses',
    { do: 'problem', status: 403, type: 'userActionRequired', more: { instance: 'https://acme.example/terms' } },
    { type: 'userActionRequired', status: 403, url: 'https://acme.example/terms' },
  ],
  [
    'sends elsewhere',
    { do: 'answer', status: 302, body: '', headers: { location: 'https://localhost/' } },
    { status: 302 },
  ],
  ['drops the connection at once', { do: 'drop' }, { type: 'unreachable', status: 0 }],
  ['drops the connection when it is done', { do: 'drop', after: true }, { type: 'unreachable', status: 0 }],
]
/** Of answers that have a body. */
const SPOILT: typeof FAULTS = [
  ['is cut off', { do: 'truncate' }, { type: 'unreachable', status: 0 }],
  ['does not end', { do: 'flood', bytes: 64 * 1_048_576 }, { type: 'malformed-answer' }],
  ['is garbage', { do: 'body', body: '{"status": "val' }, { type: 'malformed-answer' }],
  ['is empty', { do: 'body', body: '' }, { type: 'malformed-answer' }],
  ['is of another kind', { do: 'body', body: '[1, 2]' }, { type: 'malformed-answer' }],
]
const HAS_BODY = new Set<RequestKind>(['directory', 'newOrder', 'order', 'authz', 'finalize', 'cert', 'renewalInfo'])

const here = pebbles()
if (here.length === 0) test.skip('Pebble is left out')

describe.each(here)('a session where Pebble $version fails', (pebble) => {
  let rig: SessionRig
  const key = accountKey()
  let session: AcmeSession
  let prepared: Prepared

  beforeAll(async () => {
    rig = await startRig({ pebble })
    session = await rig.registered({ key })
    const pending = await session.newOrder({ identifiers: ['pending.example'], profile: null, replaces: null })
    const told = await session.newOrder({ identifiers: ['told.example'], profile: null, replaces: null })
    const { challenges } = await session.authorization(told.authorizationUrls[0]!)
    const valid = await rig.validOrder(session, 'valid.example')
    const chain = await session.certificate(valid.certificateUrl!)
    prepared = {
      pending,
      challengeUrl: challenges[0]!.url,
      ready: await rig.readyOrder(session, 'ready.example'),
      valid,
      id: certId(new X509Certificate(chain).raw)!,
      csr: await request('ready.example'),
      otherKey: accountKey(),
    }
  })
  afterAll(() => rig.stop())
  afterEach(() => {
    expect(rig.proxy.reusedNonces()).toEqual([])
    rig.proxy.clear()
  })

  const calls = [...CALLS, ...BELOW, ...(pebble.hasRenewalInfo ? [RENEWAL_INFO] : [])]
  describe.each(calls)('%s', (kind, call) => {
    /** With the directory read and a nonce to hand, so that nothing else is asked, unless it is that which fails. */
    async function fail(fault: Fault, timeoutMs?: number) {
      const own = kind === 'keyChange' ? accountKey() : key
      const patient = rig.open({ key: own })
      const accountUrl = await patient.register({ contact: [], eab: null })
      // It may be finalized once
      if (kind === 'finalize') prepared.ready = await rig.readyOrder(patient, 'ready.example')
      const hurried = rig.open({ key: own, accountUrl, ...(timeoutMs === undefined ? {} : { timeoutMs }) })
      const succeeds = (ask: () => Promise<unknown>) =>
        until(() =>
          ask().then(
            () => true,
            () => false,
          ),
        )
      if (kind !== 'directory') await succeeds(() => hurried.directory())
      if (kind !== 'directory' && kind !== 'newNonce') await succeeds(() => hurried.account())
      rig.proxy.clear()
      rig.proxy.fault(kind, fault, { times: 99 })
      return failing(() => call(hurried, prepared))
    }

    const spoilt = HAS_BODY.has(kind) ? SPOILT : []
    test.each([...FAULTS, ...spoilt])('%s: typed, at once, asked once', async (_what, fault, expected) => {
      const { error, problem, tookMs } = await fail(fault)
      // What is wrong with a nonce is said in the head alone
      const { status, retryAfterMs = problem.retryAfterMs } = expected
      expect(problem).toMatchObject(kind === 'newNonce' && status ? { status, retryAfterMs } : expected)
      expect(error.code).toBe(problem.type === 'unreachable' ? 'authority-unreachable' : 'authority-refused')
      expect(error.message).toContain(problem.detail)
      expect(rig.proxy.requests(kind)).toHaveLength(1)
      expect(tookMs).toBeLessThan(3_000)
    })

    test.each<[string, Fault]>([
      ['hangs', { do: 'hang' }],
      ['hangs when it is done', { do: 'hang', after: true }],
      ...(HAS_BODY.has(kind) ? [['trickles', { do: 'trickle', everyMs: 20 }] as [string, Fault]] : []),
    ])('%s: given up in time', async (_what, fault) => {
      const { problem, tookMs } = await fail(fault, 400)
      expect(problem).toMatchObject({ type: 'unreachable', status: 0, detail: 'no complete answer within 0.4 s' })
      expect(rig.proxy.requests(kind)).toHaveLength(1)
      expect(tookMs).toBeLessThan(1_500)
    })
  })

  test.each<[string, RequestKind, (json: Record<string, unknown>) => unknown]>([
    ['a directory without newOrder', 'directory', (json) => void delete json['newOrder']],
    ['a directory with an http URL', 'directory', (json) => void (json['newOrder'] = 'http://acme.example/order')],
    ['an order without finalize', 'order', (json) => void delete json['finalize']],
    ['an order with a finalize URL of http', 'order', (json) => void (json['finalize'] = 'http://localhost/finalize')],
    ['an order without authorizations', 'order', (json) => void delete json['authorizations']],
    ['an order whose authorization is no URL', 'order', (json) => void (json['authorizations'] = [7])],
    ['an order of a status that nobody knows', 'order', (json) => void (json['status'] = 'thinking')],
    ['a valid order without certificate', 'order', (json) => void (json['status'] = 'valid')],
    ['an authorization without identifier', 'authz', (json) => void delete json['identifier']],
    ['an authorization without challenges', 'authz', (json) => void (json['challenges'] = null)],
    ['an authorization of a status that nobody knows', 'authz', (json) => void (json['status'] = '')],
    ['a token that is a path', 'authz', (json) => challengesOf(json).forEach((one) => (one['token'] = '../../etc'))],
    ['a challenge without URL', 'authz', (json) => challengesOf(json).forEach((one) => delete one['url'])],
  ])('%s is no answer of RFC 8555', async (_what, kind, edit) => {
    const own = kind === 'directory' ? rig.open() : session
    rig.proxy.fault(kind, { do: 'json', edit })
    const { problem } = await failing(async () => {
      if (kind === 'directory') return own.directory()
      return kind === 'order'
        ? own.order(prepared.pending.url)
        : own.authorization(prepared.pending.authorizationUrls[0]!)
    })
    expect(problem.type).toBe('malformed-answer')
  })

  test('passes over fields and challenge types that it does not know', async () => {
    rig.proxy.fault('authz', {
      do: 'json',
      edit(json) {
        challengesOf(json).push({ type: 'tkauth-01', 'tkauth-type': 'atc' }, { type: 'http-02' })
        json['novelty'] = { deep: [1] }
      },
    })
    rig.proxy.fault('directory', { do: 'json', edit: (json) => ({ ...json, 'draft-thing': 7, meta: 'none' }) })
    const { challenges } = await session.authorization(prepared.pending.authorizationUrls[0]!)
    expect(challenges.map(({ type }) => type).sort()).toEqual(['dns-01', 'http-01', 'tls-alpn-01'])
    expect(await rig.open().directory()).toMatchObject({ termsOfService: null, profiles: null })
  })

  test('takes URLs of any host', async () => {
    const elsewhere = 'https://another.example:8443/finalize?x=%2F'
    rig.proxy.fault('order', { do: 'json', edit: (json) => void (json['finalize'] = elsewhere) })
    expect((await session.order(prepared.pending.url)).finalizeUrl).toBe(elsewhere)
  })

  test.each(['garbage', 'empty', 'huge'] as const)(
    'refuses a certificate that is %s; only PEM is looked for',
    async (how) => {
      rig.proxy.fault('cert', spoiltCertificate(how))
      const download = () => session.certificate(prepared.valid.certificateUrl!)
      if (how === 'garbage') expect(await download()).toContain('nothing of the kind')
      else expect((await failing(download)).problem.type).toBe('malformed-answer')
    },
  )

  test.each([
    ['12', 12_000],
    ['0', 0],
    ['99999999', 99_999_999_000],
    ['-5', null],
    ['soon', null],
    ['Mon, 01 Jun 2026 00:00:30 GMT', 30_000], // by the Date of the same answer
    ['Sun, 31 May 2026 00:00:00 GMT', 0],
  ])('an order may be asked for again after Retry-After: %s', async (value, ms) => {
    const set = { 'retry-after': value, date: 'Mon, 01 Jun 2026 00:00:00 GMT' }
    rig.proxy.fault('order', { do: 'headers', set })
    expect((await session.order(prepared.pending.url)).retryAfterMs).toBe(ms)
  })

  test.each([
    ['1', MINUTE_MS],
    ['3600', 3_600_000],
    ['99999999', WEEK_MS],
    ['Mon, 01 Jun 2026 02:00:00 GMT', 2 * 3_600_000],
    ['never', null],
  ])('a refusal is not asked again before Retry-After: %s, within a minute and a week', async (value, ms) => {
    const headers = { 'retry-after': value, date: 'Mon, 01 Jun 2026 00:00:00 GMT' }
    rig.proxy.fault('newOrder', { do: 'problem', status: 429, type: 'rateLimited', headers })
    const order = { identifiers: ['new.example'], profile: null, replaces: null }
    const { error, problem } = await failing(() => session.newOrder(order))
    expect(problem.retryAfterMs).toBe(ms)
    expect(error.retryAfterMs).toBe(ms ?? undefined)
  })

  test('keeps what a problem says, cleaned and cut', async () => {
    rig.proxy.fault('newOrder', {
      do: 'problem',
      status: 403,
      type: 'rateLimited',
      detail: `\u001b[31mpaused\r\n\u202e, visit https://acme.example/unpause?jwt=x. ${'x'.repeat(3000)}`,
      more: {
        subproblems: [
          { type: 'urn:ietf:params:acme:error:caa', detail: 'no', identifier: { type: 'dns', value: 'a.example' } },
          { type: 'https://elsewhere.example/error', detail: 7 },
          'nothing',
        ],
      },
    })
    const { problem } = await failing(() =>
      session.newOrder({ identifiers: ['new.example'], profile: null, replaces: null }),
    )
    expect(problem.detail).toMatch(/^\[31mpaused , visit https:\/\/acme\.example/)
    expect(problem.detail).toHaveLength(2000)
    expect(problem.url).toBe('https://acme.example/unpause?jwt=x')
    expect(problem.subproblems).toEqual([
      { identifier: 'a.example', type: 'caa', detail: 'no' },
      { identifier: null, type: 'unknown', detail: '' },
    ])
  })

  test.each([
    ['<https://acme.example/help>; rel="help"', 'https://acme.example/help'],
    [
      '<https://acme.example/dir>;rel="index", <https://acme.example/tos>;rel="terms-of-service"',
      'https://acme.example/tos',
    ],
    ['<javascript:alert(1)>;rel="help"', null],
  ])('gives the instructions that come with Link: %s', async (link, url) => {
    rig.proxy.fault('newOrder', { do: 'problem', status: 403, type: 'userActionRequired', headers: { link } })
    const order = { identifiers: ['new.example'], profile: null, replaces: null }
    expect((await failing(() => session.newOrder(order))).problem.url).toBe(url)
  })

  test('an invalid order and its authorization say why', async () => {
    const error = { type: 'urn:ietf:params:acme:error:dns', detail: 'NXDOMAIN', status: 400 }
    rig.proxy.fault('order', { do: 'json', edit: (json) => ({ ...json, status: 'invalid', error }) })
    rig.proxy.fault('authz', {
      do: 'json',
      edit: (json) => void Object.assign(challengesOf(json)[1]!, { status: 'invalid', error }),
    })
    const problem = { type: 'dns', detail: 'NXDOMAIN', status: 400 }
    expect(await session.order(prepared.pending.url)).toMatchObject({ status: 'invalid', problem })
    expect(await session.authorization(prepared.pending.authorizationUrls[0]!)).toMatchObject({ problem })
  })

  test.each([
    ['Mon, 01 Jun 2026 00:04:00 GMT', 0],
    ['Mon, 01 Jun 2026 00:06:00 GMT', 6 * MINUTE_MS],
    ['Sat, 30 May 2026 00:00:00 GMT', -2 * 86_400_000],
    ['yesterday', 0],
  ])('tells how wrong our clock is by Date: %s', async (date, skewMs) => {
    const other = rig.open({ clock: stoppedClock('2026-06-01T00:00:00Z') })
    expect(other.clockSkewMs()).toBe(0)
    rig.proxy.fault('directory', { do: 'headers', set: { date } })
    await other.directory()
    expect(other.clockSkewMs()).toBe(skewMs)
  })

  test('gives up after ten refused nonces, and sends none of them again', async () => {
    const other = await rig.registered()
    rig.proxy.clear()
    rig.proxy.fault('newOrder', { do: 'problem', status: 400, type: 'badNonce' }, { times: 99 })
    const { problem } = await failing(() =>
      other.newOrder({ identifiers: ['new.example'], profile: null, replaces: null }),
    )
    expect(problem.type).toBe('badNonce')
    expect(rig.proxy.requests('newOrder')).toHaveLength(11)
  })

  test('a nonce that is none is not sent', async () => {
    const other = rig.open()
    rig.proxy.fault('newNonce', { do: 'headers', set: { 'replay-nonce': 'a b"' } })
    const { problem } = await failing(() => other.register({ contact: [], eab: null }))
    expect(problem).toMatchObject({ type: 'malformed-answer', detail: 'it gave no nonce' })
    expect(rig.proxy.requests('newAccount')).toEqual([])
  })

  test('an account is found again by its key where its external account key was used up', async () => {
    const eab = { keyId: 'kid-1', key: 'c2VjcmV0' }
    const first = await session.register({ contact: [], eab: null })
    rig.proxy.fault('newAccount', { do: 'problem', status: 403, type: 'unauthorized', detail: 'used up' })
    expect(await session.register({ contact: [], eab })).toBe(first)
    expect(rig.proxy.requests('newAccount').at(-1)).toMatchObject({ payload: { onlyReturnExisting: true } })

    rig.proxy.fault('newAccount', { do: 'problem', status: 403, type: 'unauthorized', detail: 'used up' })
    const { problem } = await failing(() => rig.open().register({ contact: [], eab }))
    expect(problem.detail).toBe('used up')
  })

  test.each(['deactivated', 'revoked'])('an account that is %s is no account', async (status) => {
    for (const kind of ['newAccount', 'account'] as const)
      rig.proxy.fault(kind, { do: 'json', edit: (json) => void (json['status'] = status) })
    for (const call of [() => session.register({ contact: [], eab: null }), () => session.account()]) {
      const { problem } = await failing(call)
      expect(problem).toMatchObject({ type: 'unauthorized', detail: `the account is ${status}` })
    }
  })
})

function challengesOf(json: Record<string, unknown>): Record<string, unknown>[] {
  return json['challenges'] as Record<string, unknown>[]
}
