import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KnownRenewalInfo } from '../../src/acme/order.ts'
import { dueAt, isPollDue, learn, lookAgainAt, type Poll } from '../../src/acme/renewal-rule.ts'
import { renewAt } from '../../src/certificate/renewal.ts'
import { dice } from '../support/dice.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const START = Date.parse('2026-11-23T12:00:00Z')
const at = (hours: number) => new Date(START + hours * HOUR_MS)
const certificate = (hours: number, name = 'c') => ({
  ...{ id: name, notBefore: at(0), notAfter: at(hours), stagedAt: at(0) },
  sha256: createHash('sha256').update(name).digest('hex'),
})
const answer = (start: number, end: number, retryAfterMs: number | null = 6 * HOUR_MS): Poll => ({
  ...{ start: at(start), end: at(end), explanationUrl: null, retryAfterMs },
})
const none = (fault: string, retryAfterMs: number | null = null): Poll => ({ fault, retryAfterMs })
const DAYS_90 = certificate(90 * 24)

describe('after a poll', () => {
  test.each([
    [0, 1440],
    [0.5, 1462],
    [0.999_999_999, 1484],
  ])('an instant is chosen evenly within the window: for %d it is hour %d', (chance, hour) => {
    const known = learn(DAYS_90, undefined, answer(1440, 1484), at(0), chance)
    expect(known).toMatchObject({ certificateId: 'c', start: at(1440), end: at(1484), polledAt: at(0), fault: null })
    expect(known.renewAt!.getTime() / HOUR_MS).toBeCloseTo(at(hour).getTime() / HOUR_MS, 5)
    expect(known.renewAt! < known.end!).toBe(true)
  })

  test('it is kept while the window is the same, and chosen anew for another', () => {
    const first = learn(DAYS_90, undefined, answer(1440, 1484), at(0), 0.5)
    const same = learn(DAYS_90, first, answer(1440, 1484), at(6), 0.9)
    expect(same).toEqual({ ...first, polledAt: at(6), pollAt: at(12) })
    expect(learn(DAYS_90, same, answer(1440, 1485), at(12), 0).renewAt).toEqual(at(1440))
    expect(learn(DAYS_90, same, answer(1439, 1484), at(12), 0).renewAt).toEqual(at(1439))
  })

  test.each([
    ['nothing', null, 6],
    ['an hour', HOUR_MS, 1],
    ['a second', 1000, 1 / 60],
    ['less than nothing', -5, 1 / 60],
    ['a year', 8760 * HOUR_MS, 24],
  ])('where it asks for %s, the next is in %d hours', (_, retryAfterMs, hours) =>
    expect(learn(DAYS_90, undefined, answer(1440, 1484, retryAfterMs), at(0), 0).pollAt).toEqual(at(hours)),
  )

  test('one that failed, or whose window is absurd, changes nothing but the next poll, six hours later', () => {
    const known = learn(DAYS_90, undefined, { ...answer(1440, 1484), explanationUrl: 'https://ca.example/' }, at(0), 0)
    for (const poll of [none('the window ends before it begins'), answer(1484, 1440)])
      expect(learn(DAYS_90, known, poll, at(6), 0.7)).toEqual({
        ...known,
        ...{ polledAt: at(6), pollAt: at(12), fault: 'the window ends before it begins' },
      })
    expect(learn(DAYS_90, known, none('429', 7 * HOUR_MS), at(6), 0.7).pollAt).toEqual(at(13))
    expect(learn(DAYS_90, known, none('429', HOUR_MS), at(6), 0.7).pollAt).toEqual(at(12))
    const never = learn(DAYS_90, undefined, none('404'), at(0), 0.7)
    expect(never).toEqual({
      ...{ certificateId: 'c', start: null, end: null, explanationUrl: null, renewAt: null },
      ...{ polledAt: at(0), pollAt: at(6), fault: '404' },
    })
    expect(dueAt(DAYS_90, never)).toEqual(renewAt(DAYS_90))
  })
})

describe('it is due', () => {
  const chosen = (start: number, end: number) => learn(DAYS_90, undefined, answer(start, end), at(0), 0.5)
  const again = (start: number, end: number) => learn(DAYS_90, chosen(1440, 1484), answer(start, end), at(6), 0.5)
  test.each<[string, KnownRenewalInfo | undefined, Date]>([
    ['by the fraction, where nobody said anything', undefined, renewAt(DAYS_90)],
    ['at the instant that was chosen', chosen(1440, 1484), at(1462)],
    ['also before the fraction would have it', chosen(10, 12), at(11)],
    ['also after the fraction would have it', chosen(2000, 2002), at(2001)],
    ['long ago, where the window is over by the second poll', again(-3, -1), at(-2)],
    ['with a twentieth left, whatever is suggested', chosen(2150, 2158), at(90 * 24 * 0.95)],
  ])('%s', (_, known, due) => expect(dueAt(DAYS_90, known)).toEqual(due))
})

describe('one that has only just come is not due', () => {
  test.each([
    ['since the authority suggests a window that has begun', -24, 1 / 6],
    ['since the authority suggests one that is over', -24, -12],
  ])('%s', (_, start, end) => {
    const known = learn(DAYS_90, undefined, answer(start, end), at(0), 0.5)
    expect(dueAt(DAYS_90, known) > at(30 * 24)).toBe(true)
    expect(dueAt(DAYS_90, known) < at(40 * 24)).toBe(true)
    // As long as it says the same that stays so; what it changes its mind to is news
    expect(learn(DAYS_90, known, answer(start, end), at(6), 0).renewAt).toEqual(known.renewAt)
    expect(learn(DAYS_90, known, answer(-2, -1), at(6), 0).renewAt).toEqual(at(-2))
  })

  test.each([65, 90, 119])('where it is valid for %d minutes and backdated by an hour', (minutes) => {
    const one = { ...certificate(minutes / 60), stagedAt: at(1) }
    const rest = one.notAfter.getTime() - one.stagedAt.getTime()
    for (const known of [undefined, learn(one, undefined, none('404'), at(1), 0)]) {
      const due = dueAt(one, known).getTime() - one.stagedAt.getTime()
      expect(due).toBeGreaterThanOrEqual(rest / 3)
      expect(due).toBeLessThan(rest / 2)
    }
  })
})

describe('a poll is due', () => {
  const known = learn(DAYS_90, undefined, answer(1440, 1484), at(0), 0.5)
  test.each<[string, KnownRenewalInfo | undefined, number, boolean]>([
    ['at once after issuance', undefined, 0, true],
    ['not before it was agreed', known, 5.9, false],
    ['when it was agreed', known, 6, true],
    ['not where the certificate is to be renewed anyway', known, 1462, false],
    ['not of one that has expired', undefined, 90 * 24, false],
    ['where the last one was in the future, by a clock that was wrong', { ...known, ...polled(80_000) }, 7, true],
  ])('%s', (_, known, hour, isDue) => expect(isPollDue(DAYS_90, known, at(hour))).toBe(isDue))
})

function polled(hour: number) {
  return { polledAt: at(hour), pollAt: at(hour + 6) }
}

test('it is looked at again at the next poll, and never after it is due', () => {
  fc.assert(
    fc.property(
      fc.record({
        ...{ hours: fc.integer({ min: 2, max: 3000 }), start: fc.integer({ min: -100, max: 3000 }) },
        ...{ width: fc.integer({ min: 1, max: 100 }), now: fc.integer({ min: 0, max: 3000 }) },
        retryAfterMs: fc.oneof(fc.constant(null), fc.integer({ min: -1, max: 10 ** 9 })),
        chance: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      }),
      ({ hours, start, width, now, retryAfterMs, chance }) => {
        const one = certificate(hours)
        const known = learn(one, undefined, answer(start, start + width, retryAfterMs), at(now), chance)
        expect(lookAgainAt(one, known) <= dueAt(one, known)).toBe(true)
        expect(lookAgainAt(one, known) <= known.pollAt).toBe(true)
        expect(dueAt(one, known) < one.notAfter).toBe(true)
        if (known.renewAt && known.start! > at(now))
          expect(known.renewAt >= known.start! && known.renewAt < known.end!).toBe(true)
      },
    ),
  )
})

describe('by an authority that suggests windows of a fiftieth of the lifetime, polled every six hours', () => {
  /** The life of one certificate: it is looked at when that was asked for, and at no other time. */
  function life(hours: number, windowAt: (now: Date) => [start: number, end: number], chance: () => number) {
    const one = certificate(hours)
    let known: KnownRenewalInfo | undefined
    let now = at(0)
    let polls = 0
    while (dueAt(one, known) > now) {
      if (isPollDue(one, known, now)) {
        known = learn(one, known, answer(...windowAt(now)), now, chance())
        polls++
      }
      if (dueAt(one, known) > now) now = lookAgainAt(one, known)
    }
    return { renewedAt: now, known: known!, polls }
  }

  test.each([90 * 24, 64 * 24, 47 * 24, 45 * 24, 160])(
    'one of %d hours is renewed in it, at the chosen instant',
    (hours) => {
      const roll = dice(hours)
      const start = hours < 240 ? hours * 0.49 : hours * 0.66
      for (let i = 0; i < 50; i++) {
        const { renewedAt, known, polls } = life(
          hours,
          () => [start, start + hours / 50],
          () => roll(2 ** 31) / 2 ** 31,
        )
        expect(renewedAt).toEqual(known.renewAt)
        expect(renewedAt >= known.start! && renewedAt < known.end!).toBe(true)
        expect(Math.abs(polls - start / 6)).toBeLessThan(hours / 300 + 2)
      }
    },
  )

  test.each([90 * 24, 160])(
    'one of %d hours whose window jumps into the past is renewed at the very next poll',
    (hours) => {
      const over = [hours / 4 - 1, hours / 4 - 0.5] as const
      const { renewedAt } = life(
        hours,
        (now) => (now < at(hours / 4) ? [hours / 2, hours / 2 + 3] : [...over]),
        () => 0.5,
      )
      expect(renewedAt >= at(hours / 4) && renewedAt <= at(hours / 4 + 6)).toBe(true)
    },
  )

  test('S7: ten thousand with one window are spread over it', () => {
    for (const hours of [45 * 24, 160]) {
      const roll = dice(7)
      const minutes = new Map<number, number>()
      const width = (hours / 50) * 60
      for (let i = 0; i < 10_000; i++) {
        const known = learn(certificate(hours), undefined, answer(60, 60 + hours / 50), at(0), roll(2 ** 31) / 2 ** 31)
        const minute = Math.floor(known.renewAt!.getTime() / MINUTE_MS)
        minutes.set(minute, (minutes.get(minute) ?? 0) + 1)
      }
      expect(Math.max(...minutes.values()) / (10_000 / width)).toBeLessThanOrEqual(3)
    }
  })
})
