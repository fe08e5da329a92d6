import { describe, expect, test } from 'vitest'
import { asSeenBy, chooseAuthority, isToMove } from '../../src/acme/authority-choice.ts'
import { chooseChallenge } from '../../src/acme/challenge-choice.ts'
import { chooseProfile, isAboutReplaces } from '../../src/acme/new-order.ts'
import { nextStep, type Seen, type Step } from '../../src/acme/next-step.ts'
import type { Order, OrderAuthorization } from '../../src/acme/order.ts'
import { outages } from '../../src/acme/outages.ts'
import { nextTry, outageEnd, pauseOver, pollAt } from '../../src/acme/retry.ts'
import type { Challenge } from '../../src/acme/session.ts'
import { problem, unreachable } from './scripted-authority.ts'

const now = new Date('2026-11-23T12:00:00Z')
const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS
const YEAR_MS = 365 * DAY_MS
const at = (ms: number) => new Date(now.getTime() + ms)

describe('the next step of an order', () => {
  const unseen: Seen = { isOrderRead: false, isFinalized: false, authorizations: new Set() }
  const authorization = (status: OrderAuthorization['status'], url = 'a'): OrderAuthorization => ({
    ...{ url, identifier: 'im.example.com', status, challenge: null, expiresAt: null },
  })
  const row = {
    status: 'pending',
    newOrders: 1,
    expiresAt: at(MINUTE_MS),
    createdAt: now,
    certificateUrl: null,
    authorizations: [],
  }
  const cases: [string, Partial<Order>, Partial<Seen>, Step['do']][] = [
    ['new', { status: 'new', newOrders: 0 }, {}, 'ask'],
    ['new, and once asked for in vain', { status: 'new', newOrders: 1 }, {}, 'ask'],
    ['new, and asked for in vain twice', { status: 'new', newOrders: 2 }, {}, 'give-up'],
    ['invalid', { status: 'invalid' }, {}, 'explain'],
    ['valid', { status: 'valid', certificateUrl: 'c' }, {}, 'download'],
    ['valid though it has expired', { status: 'valid', certificateUrl: 'c', expiresAt: at(-1) }, {}, 'download'],
    ['expired, as far as the row knows', { status: 'ready', expiresAt: at(0) }, {}, 'look'],
    ['expired', { status: 'ready', expiresAt: at(0) }, { isOrderRead: true }, 'begin-anew'],
    ['a day old', { createdAt: at(-86_400_001) }, { isOrderRead: true }, 'give-up'],
    ['of a day that is to come', { createdAt: at(86_400_001) }, { isOrderRead: true }, 'give-up'],
    ['pending', { authorizations: [authorization('pending')] }, {}, 'authorize'],
    [
      'pending, and its authorization as well',
      { authorizations: [authorization('pending')] },
      { authorizations: new Set(['a']) },
      'wait',
    ],
    [
      'pending with one that failed',
      { authorizations: [authorization('invalid')] },
      { authorizations: new Set(['a']) },
      'explain',
    ],
    [
      'pending with one that was deactivated',
      { authorizations: [authorization('deactivated')] },
      { authorizations: new Set(['a']) },
      'begin-anew',
    ],
    ['pending with nothing left to do', { authorizations: [authorization('valid')] }, {}, 'look'],
    ['the same, and just looked at', { authorizations: [authorization('valid')] }, { isOrderRead: true }, 'wait'],
    ['ready', { status: 'ready' }, {}, 'finalize'],
    ['ready after it was finalized', { status: 'ready' }, { isFinalized: true }, 'look'],
    ['the same, and just looked at', { status: 'ready' }, { isFinalized: true, isOrderRead: true }, 'wait'],
    ['processing', { status: 'processing' }, {}, 'look'],
    ['processing, and just looked at', { status: 'processing' }, { isOrderRead: true }, 'wait'],
  ]
  test.each(cases)('%s', (_, order, seen, expected) => {
    expect(nextStep({ ...row, ...order } as Order, { ...unseen, ...seen }, now, 0).do).toBe(expected)
  })

  test('an order has expired when the clock of the authority says so', () => {
    const order = { ...row, status: 'ready', expiresAt: now } as unknown as Order
    expect(nextStep(order, unseen, now, -1).do).toBe('finalize')
    expect(nextStep(order, unseen, now, 0).do).toBe('look')
    expect(nextStep(order, unseen, new Date(now.getTime() - 10), 10).do).toBe('look')
  })
})

describe('the challenge to answer', () => {
  const offered = ['dns-01', 'tls-alpn-01', 'http-01'].map((type) => ({ type })) as Challenge[]
  const cases: [Parameters<typeof chooseChallenge>[1], string | null, string | undefined][] = [
    [['http-01', 'tls-alpn-01'], null, 'http-01'],
    [['tls-alpn-01', 'http-01'], null, 'tls-alpn-01'],
    [['http-01', 'tls-alpn-01'], 'http-01', 'tls-alpn-01'],
    [['http-01', 'tls-alpn-01'], 'tls-alpn-01', 'http-01'],
    [['http-01'], 'http-01', 'http-01'],
    [['http-01', 'tls-alpn-01', 'dns-01'], 'http-01', 'tls-alpn-01'],
    [['http-01', 'tls-alpn-01', 'dns-01'], 'tls-alpn-01', 'dns-01'],
    [['http-01', 'tls-alpn-01', 'dns-01'], 'dns-01', 'http-01'],
    [['dns-01'], 'http-01', 'dns-01'],
    [[], null, undefined],
  ]
  test.each(cases)('of %o where %s failed: %s', (answerable, failed, expected) => {
    expect(chooseChallenge(offered, answerable, failed)?.type).toBe(expected)
  })
})

describe('the authority to ask', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((id) => ({ id, pausedUntil: null as Date | null })) as [never, never, never]
  const paused = (one: { id: string }, ms: number) => ({ ...one, pausedUntil: at(ms) })
  const memory = (authorityId: string, failuresOfAuthority: number) => ({ authorityId, failuresOfAuthority })
  const cases: [string, Parameters<typeof chooseAuthority>[0], Parameters<typeof chooseAuthority>[1], unknown][] = [
    ['that of the lowest rank', [a, b], undefined, { authority: a }],
    ['not one that is paused', [paused(a, 1), b], undefined, { authority: b }],
    ['one whose pause is over', [paused(a, 0), b], undefined, { authority: paused(a, 0) }],
    ['one that a clock far ahead has paused', [paused(a, YEAR_MS), b], undefined, { authority: paused(a, YEAR_MS) }],
    ['not one that is paused for a week and its spread', [paused(a, 7.7 * DAY_MS), b], undefined, { authority: b }],
    ['the one that failed, twice', [a, b], memory('b', 2), { authority: b }],
    ['the next after three failures', [a, b, c], memory('a', 3), { authority: b }],
    ['the first after the last', [a, b, c], memory('c', 3), { authority: a }],
    ['the same where there is no other', [a], memory('a', 7), { authority: a }],
    ['the first where the one that failed is gone', [a, b], memory('z', 3), { authority: a }],
    ['none before the first pause ends', [paused(a, 5), paused(b, 3)], undefined, { until: at(3) }],
    ['none', [], undefined, undefined],
  ]
  test.each(cases)('%s', (_, all, remembered, expected) => {
    expect(chooseAuthority(all, remembered, now)).toEqual(expected)
  })

  test.each([
    ['is as good as paused for whoever it has told to come later', -1, { retryAfterMs: 5 }, at(4)],
    ['no longer than it said', -5, { retryAfterMs: 5 }, null],
    ['not where it has said no time', -1, {}, null],
    ["not for what is the owner's affair", -1, { retryAfterMs: 5, type: 'dns' }, null],
    ['not by a clock that was ahead', YEAR_MS, { retryAfterMs: 5 }, null],
  ])('%s', (_, finished, more, pausedUntil) => {
    const refused = { authorityId: 'a', finishedAt: at(finished), problem: problem('rateLimited', more) }
    expect(asSeenBy([a, b], [refused], now)).toEqual([{ ...(a as object), pausedUntil }, b])
  })

  test('is as good as paused by its last answer alone, and for as long as for everybody where that is longer', () => {
    const refused = (retryAfterMs: number | null) => ({
      ...{ authorityId: 'a', finishedAt: now, problem: problem('rateLimited', { retryAfterMs }) },
    })
    const underWay = { authorityId: 'a', finishedAt: null, problem: null }
    const issued = { ...underWay, finishedAt: now }
    expect(asSeenBy([a], [underWay, refused(5)], now)).toEqual([paused(a, 5)])
    expect(asSeenBy([a], [issued, refused(5)], now)).toEqual([a])
    expect(asSeenBy([paused(a, 9)], [refused(5)], now)).toEqual([paused(a, 9)])
    expect(asSeenBy([paused(a, 2)], [refused(5)], now)).toEqual([paused(a, 5)])
  })

  test('an order moves for three failures at once, for a pause only while it waits for nothing that may be there', () => {
    const move = (status: Order['status'], all: Parameters<typeof isToMove>[1], failures: number) =>
      isToMove({ authorityId: 'a', status }, all, memory('a', failures), now)
    expect(move('valid', [a, b], 3)).toBe(true)
    expect(move('pending', [a, b], 2)).toBe(false)
    expect(move('pending', [paused(a, 1), b], 0)).toBe(true)
    expect(move('processing', [paused(a, 1), b], 0)).toBe(false)
    expect(move('pending', [paused(a, 1), paused(b, 1)], 3)).toBe(false)
  })
})

describe('when to try again', () => {
  const minutes = (whose: 'owner' | 'authority' | 'operator', failures: number, random: number, what = problem('x')) =>
    (nextTry({ whose, problem: what, failures }, now, random).getTime() - now.getTime()) / MINUTE_MS

  test('of the owner never before twelve minutes, and a day at most', () => {
    for (const random of [0, 0.25, 0.999]) {
      const waits = [1, 2, 3, 4, 400].map((failures) => minutes('owner', failures, random))
      expect(waits[0]).toBeGreaterThanOrEqual(12)
      expect(waits[0]).toBeLessThan(14)
      expect(waits[1]).toBeGreaterThanOrEqual(90)
      expect(waits[4]).toBeLessThanOrEqual(1584)
      expect(waits[4]).toBeGreaterThanOrEqual(1296)
    }
    expect(minutes('owner', 1, 0)).not.toBe(minutes('owner', 1, 0.5))
  })

  test('of the authority after 1, 10, 100 minutes, then daily; an outage every 100 minutes', () => {
    expect([1, 2, 3, 4, 9].map((failures) => minutes('authority', failures, 0.5))).toEqual([1, 10, 100, 1000, 1440])
    expect([3, 4, 9].map((failures) => minutes('authority', failures, 0.5, unreachable))).toEqual([100, 100, 100])
  })

  test.each(['owner', 'authority', 'operator'] as const)('of the %s never before the authority says', (whose) => {
    const limited = problem('rateLimited', { retryAfterMs: 180 * MINUTE_MS })
    for (const random of [0, 0.999]) {
      expect(minutes(whose, 1, random, limited)).toBeGreaterThanOrEqual(180)
      expect(minutes(whose, 1, random, limited)).toBeLessThan(200)
    }
  })

  test('of the operator hourly', () => {
    expect(minutes('operator', 7, 0.5)).toBe(60)
  })

  test('an order is looked at within bounds, whatever the authority says', () => {
    const wait = (age: number, retryAfterMs: number | null) =>
      pollAt({ createdAt: at(-age) }, retryAfterMs, now).getTime() - now.getTime()
    expect([0, 9000, 300_000].map((age) => wait(age, null))).toEqual([1000, 3000, 30_000])
    expect([0, 5000, 86_400_000].map((retryAfterMs) => wait(0, retryAfterMs))).toEqual([1000, 5000, 3_600_000])
    expect([null, 1000, 1e9].map((retryAfterMs) => wait(11 * MINUTE_MS, retryAfterMs))).toEqual([
      ...[5 * MINUTE_MS, 5 * MINUTE_MS, 60 * MINUTE_MS],
    ])
    expect(wait(-11 * MINUTE_MS, null)).toBe(5 * MINUTE_MS)
  })

  test('of many that fail together as an authority goes out, one makes the pause', () => {
    const { met, isOver } = outages()
    const minutesOf = (until: Date | null, from: Date) => until && (until.getTime() - from.getTime()) / MINUTE_MS
    const eight = (from: Date) => Array.from({ length: 8 }, (_, n) => minutesOf(met('a', `lineage ${n}`, from), from))
    expect(eight(now)).toEqual([null, null, null, null, 5, 5, 5, 5])
    expect(eight(at(5 * MINUTE_MS))).toEqual(Array(8).fill(10))
    // The clock was ahead: that pause is none
    expect(eight(at(-YEAR_MS))).toEqual(Array(8).fill(20))
    isOver('a')
    expect(eight(now).slice(3)).toEqual([null, 5, 5, 5, 5])
  })

  test('a pause for an outage grows to an hour, and who waited does not come back at one instant', () => {
    expect([1, 2, 3, 4, 5, 50].map((times) => (outageEnd(times, now).getTime() - now.getTime()) / MINUTE_MS)).toEqual([
      ...[5, 10, 20, 40, 60, 60],
    ])
    expect([0, 0.5].map((random) => pauseOver(at(60 * MINUTE_MS), now, random).getTime() - now.getTime())).toEqual([
      ...[60 * MINUTE_MS, 75 * MINUTE_MS],
    ])
  })
})

test('a profile is never guessed', () => {
  const profiles = { classic: '', constructor: '' }
  const setting = { name: 'short', isRequired: false }
  expect(chooseProfile(null, null, { profiles })).toEqual({ profile: null, missing: null })
  expect(chooseProfile(null, 'classic', { profiles: null })).toEqual({ profile: null, missing: null })
  expect(chooseProfile(setting, 'classic', { profiles })).toEqual({ profile: null, missing: setting })
  expect(chooseProfile(null, 'toString', { profiles })).toEqual({ profile: null, missing: null })
})

test('what is no answer, or asks for patience, says nothing of the certificate to be replaced', () => {
  expect(isAboutReplaces(unreachable)).toBe(false)
  expect(isAboutReplaces(problem('serverInternal', { status: 503, retryAfterMs: 1000 }))).toBe(false)
  expect(isAboutReplaces(problem('userActionRequired', { status: 403 }))).toBe(false)
})
