import { describe, expect, test } from 'vitest'
import {
  longestPauseMs,
  failureWords,
  isOutage,
  isTransient,
  scopeOf,
  whose,
  type During,
} from '../../src/acme/failure.ts'
import type { Whose } from '../../src/acme/order.ts'
import { problem } from './scripted-authority.ts'

const PAUSED =
  'Your account is temporarily prevented from requesting certificates for im.example.com. Please visit: https://portal.letsencrypt.org/unpause?jwt=x'

describe('whose affair a failure is', () => {
  const cases: [string, During, Whose][] = [
    ...['dns', 'connection', 'unauthorized', 'caa', 'tls', 'incorrectResponse', 'rejectedIdentifier'].map(
      (type): [string, During, Whose] => [type, 'validation', 'owner'],
    ),
    ...['caa', 'rejectedIdentifier', 'unsupportedIdentifier'].map((type): [string, During, Whose] => [
      type,
      'order',
      'owner',
    ]),
    ...[
      'serverInternal',
      'rateLimited',
      'unreachable',
      'malformed-answer',
      'badNonce',
      'malformed',
      'what-is-this',
    ].map((type): [string, During, Whose] => [type, 'order', 'authority']),
    ['serverInternal', 'validation', 'authority'],
    ...[
      'unauthorized',
      'accountDoesNotExist',
      'externalAccountRequired',
      'userActionRequired',
      'badCSR',
      'invalidProfile',
    ].map((type): [string, During, Whose] => [type, 'order', 'operator']),
    ['compound', 'order', 'authority'],
  ]
  test.each(cases)('%s during the %s is of the %s', (type, during, expected) => {
    expect(whose(problem(type), during)).toBe(expected)
  })

  test('of several subproblems that of the owner counts first', () => {
    const sub = (...types: string[]) =>
      problem('compound', { subproblems: types.map((type) => ({ identifier: 'im.example.com', type, detail: '' })) })
    expect(whose(sub('serverInternal', 'invalidProfile', 'caa'), 'order')).toBe('owner')
    expect(whose(sub('serverInternal', 'invalidProfile'), 'order')).toBe('operator')
    expect(whose(sub('serverInternal'), 'order')).toBe('authority')
  })

  test('a name that the authority has paused is for the operator to unpause, and for that name alone', () => {
    const paused = problem('rateLimited', { detail: PAUSED, status: 429 })
    expect(whose(paused, 'order')).toBe('operator')
    expect(longestPauseMs(paused, 'order')).toBe(0)
  })
})

describe('which limit was met', () => {
  // As Let's Encrypt words them
  const cases: [string, ReturnType<typeof scopeOf>, number][] = [
    ['too many new orders (300) from this account in the last 3h0m0s, retry after …', 'account', Infinity],
    [
      'too many certificates (50) already issued for "example.com" in the last 168h0m0s, retry after …',
      'registered-domain',
      0,
    ],
    [
      'too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry …',
      'identifier',
      0,
    ],
    ['too many failed authorizations (5) for "im.example.com" in the last 1h0m0s, retry after …', 'identifier', 0],
    ['too many new registrations (10) from this IP address in the last 3h0m0s', 'all', Infinity],
    ['Service busy; retry later.', 'all', Infinity],
    ['slow down', 'unknown', 3_600_000],
  ]
  test.each(cases)('%s', (detail, scope, pauseMs) => {
    const limited = problem('rateLimited', { detail, status: 429, retryAfterMs: 60_000 })
    expect(scopeOf(limited)).toBe(scope)
    expect(longestPauseMs(limited, 'order')).toBe(pauseMs)
  })

  test('an authority that is busy, and says until when, is busy for all; a failed validation concerns its name', () => {
    expect(longestPauseMs(problem('serverInternal', { status: 503, retryAfterMs: 1 }), 'order')).toBe(Infinity)
    expect(longestPauseMs(problem('serverInternal', { status: 500 }), 'order')).toBe(0)
    expect(longestPauseMs(problem('unauthorized'), 'validation')).toBe(0)
  })
})

test('an outage is of the whole authority, a limit is none; both pass', () => {
  expect(['unreachable', 'malformed-answer', 'serverInternal'].map((type) => isOutage(problem(type)))).toEqual([
    true,
    true,
    true,
  ])
  expect(isOutage(problem('rateLimited', { status: 503 }))).toBe(false)
  expect(isTransient(problem('rateLimited', { status: 429 }))).toBe(true)
  expect(isTransient(problem('badCSR', { status: 400 }))).toBe(false)
})

describe('words', () => {
  const about = { authority: 'letsencrypt', identifiers: ['im.example.com'] }
  const words = (
    type: string,
    more: Parameters<typeof problem>[1] = {},
    challengeType: string | null = 'http-01',
    party?: Whose,
  ) => {
    const one = problem(type, more)
    return failureWords({ problem: one, whose: party ?? whose(one, 'validation'), challengeType }, about)
  }

  const cases: [string, string][] = [
    ['dns', 'DNSSEC'],
    ['connection', 'http://im.example.com/.well-known/acme-challenge/'],
    ['unauthorized', 'A and AAAA'],
    ['incorrectResponse', 'A and AAAA'],
    ['caa', '0 issue "letsencrypt.org"'],
    ['tls', 'pass TLS on'],
    ['rejectedIdentifier', 'does not issue certificates for im.example.com'],
    ['unsupportedIdentifier', 'does not issue certificates for im.example.com'],
    ['rateLimited', 'tried again by itself'],
    ['badCSR', 'another key type'],
    ['serverInternal', 'fault of its own'],
    ['unreachable', 'could not be reached'],
    ['malformed-answer', 'cannot be used'],
    ['bad-certificate', 'the certificate in use stays'],
    ['invalidProfile', 'waypost authority test'],
    ['accountDoesNotExist', 'add it again'],
    ['externalAccountRequired', 'external account'],
    ['userActionRequired', 'terms of service'],
    ['no-challenge', 'no way to prove control'],
    ['clock', 'NTP'],
    ['brand-new', 'letsencrypt refused'],
  ]
  test.each(cases)('of %s quote the authority and say what to do', (type, expected) => {
    const text = words(type)
    expect(text).toContain(expected)
    expect(text).toContain(`because of ${type}`)
    expect(text).not.toMatch(/undefined|null|\.\.$/)
  })

  test('name the place where the authority looked', () => {
    expect(words('connection', {}, 'tls-alpn-01')).toContain('port 443 of im.example.com')
  })

  test('an account that is refused is not the owner to mend', () => {
    expect(words('unauthorized', {}, null, 'operator')).toContain("this server's account")
  })

  test('of several names say which is to be mended, and which others were refused', () => {
    const subproblems = [
      { identifier: 'a.example.com', type: 'serverInternal', detail: 'oops' },
      { identifier: 'b.example.com', type: 'caa', detail: 'CAA record forbids' },
    ]
    const text = words('compound', { subproblems })
    expect(text).toContain('to issue for b.example.com ("CAA record forbids")')
    expect(text).toContain('also refused a.example.com')
  })

  test('give the link, and a long word only in part', () => {
    expect(words('userActionRequired', { url: 'https://ca.example/terms' })).toMatch(/https:\/\/ca\.example\/terms$/)
    expect(words('userActionRequired', { url: 'javascript:alert(1)' })).not.toContain('javascript')
    expect(words('dns', { detail: 'x'.repeat(2000) }).length).toBeLessThan(700)
  })
})
