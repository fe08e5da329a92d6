import { describe, expect, test } from 'vitest'
import { vouchedSince, type Claim } from '../../src/tenant/control.ts'
import { attendance, nextCheckAt, type Waiting } from '../../src/tenant/proof-schedule.ts'
import { dice } from '../support/dice.ts'
import { aClaim, after, DAY, HOUR, MINUTE, START } from './claims.ts'

const ALMOST_ONE = 1 - 2 ** -32
const proven = { proof: 'txt', provenAt: START, seenAt: START } as const

/** How long until the next look at the earliest and at the latest, in minutes. */
function minutes(claims: Claim[], { unanswered = 0, now = START } = {}): [number, number] {
  const [least, most] = [0, ALMOST_ONE].map((random) => {
    const at = nextCheckAt(claims, unanswered, now, random)!
    return Math.round((at.getTime() - now.getTime()) / MINUTE)
  })
  return [least!, most!]
}

describe('the next look at a name', () => {
  test.each<[is: string, claim: Partial<Claim>, minutes: [number, number]]>([
    ['that is held is due in 18 to 22 hours', proven, [18 * 60, 22 * 60]],
    ['that wavers is due within the hour', { ...proven, waveringSince: START, misses: 1 }, [45, 60]],
  ])('%s', (_is, claim, expected) => {
    expect(minutes([aClaim('a', claim)])).toEqual(expected)
  })

  test('never comes where the operator vouches, or nobody claims the name', () => {
    expect(nextCheckAt([aClaim('b'), aClaim('a', vouchedSince(START))], 3, START, 0)).toBeNull()
    expect(nextCheckAt([], 0, START, 0)).toBeNull()
  })

  test.each<[unanswered: number, mostMinutes: number]>([
    [1, 5],
    [2, 10],
    [3, 20],
    [7, 320],
    [8, 360],
    [50, 360],
    [2000, 360],
  ])('that is held and was silent %i times in a row is due in %i minutes', (unanswered, most) => {
    expect(minutes([aClaim('a', proven)], { unanswered })).toEqual([Math.round(most * 0.75), most])
  })

  test.each<[age: string, ageMs: number, mostMinutes: number]>([
    ['a moment', 0, 2],
    ['nearly an hour', HOUR - 1, 2],
    ['an hour', HOUR, 15],
    ['nearly a day', DAY - 1, 15],
    ['a day', DAY, 120],
    ['nearly a week', 7 * DAY - 1, 120],
    ['a week', 7 * DAY, 24 * 60],
    ['nearly a month', 30 * DAY - 1, 24 * 60],
    ['a month', 30 * DAY, 7 * 24 * 60],
    ['ten years', 3650 * DAY, 7 * 24 * 60],
  ])('that has been claimed for %s is due in %i ms at most', (_age, ageMs, most) => {
    const now = after(ageMs)
    expect(minutes([aClaim('a')], { now })[1]).toBe(most)
    expect(minutes([aClaim('a', { claimedAt: after(-DAY), lapsedAt: START })], { now })[1]).toBe(most)
  })

  test('goes by the claim that came last', () => {
    const claims = [aClaim('a'), aClaim('b', { claimedAt: after(60 * DAY) }), aClaim('c')]
    expect(minutes(claims, { now: after(60 * DAY) })[1]).toBe(2)
  })

  test('is the earliest of what applies', () => {
    const now = after(60 * DAY)
    const seen = { ...proven, seenAt: now }
    expect(minutes([aClaim('a', seen), aClaim('b', { claimedAt: after(-HOUR, now) })], { now })[1]).toBe(15)
    expect(minutes([aClaim('a', seen), aClaim('b')], { now })[1]).toBe(22 * 60)
    expect(minutes([aClaim('a', seen), aClaim('b')], { now, unanswered: 1 })[1]).toBe(5)
  })

  test.each<[age: string, ageMs: number, unanswered: number, mostMinutes: number]>([
    ['a moment', 0, 1, 5],
    ['a moment', 0, 4, 40],
    ['a moment', 0, 2000, 360],
    ['two hours', 2 * HOUR, 1, 15],
    ['two hours', 2 * HOUR, 3, 20],
    ['a quarter', 90 * DAY, 8, 7 * 24 * 60],
    ['a quarter', 90 * DAY, 2000, 7 * 24 * 60],
  ])('at one that has been claimed for %s (%i ms) and was silent %i times is due in %i minutes', (...row) => {
    const [, ageMs, unanswered, most] = row
    expect(minutes([aClaim('a')], { now: after(ageMs), unanswered })).toEqual([Math.round(most * 0.75), most])
  })

  test('at a silent one that is held comes for the sake of the holder, not of those who wait', () => {
    const now = after(60 * DAY)
    const held = [aClaim('a', { ...proven, seenAt: now }), aClaim('b', { claimedAt: now })]
    expect(minutes(held, { now })[1]).toBe(2)
    expect(minutes(held, { now, unanswered: 4 })[1]).toBe(40)
    expect(minutes([aClaim('a', { ...proven, waveringSince: now }), held[1]!], { now, unanswered: 8 })[1]).toBe(60)
  })

  test('is never in the past, whatever the clock has done', () => {
    expect(minutes([aClaim('a', { claimedAt: after(DAY) })])[0]).toBeGreaterThan(0)
  })
})

test('a zone that is silent for a day from when a name of it was claimed is asked about it ten times', () => {
  let now = START
  let unanswered = 0
  while (now < after(DAY)) now = nextCheckAt([aClaim('a')], ++unanswered, now, 0.5)!
  expect(unanswered).toBeLessThanOrEqual(10)
})

describe('10,000 names that were claimed in one minute', () => {
  const NAMES = 10_000

  /** Looks in the busiest minute between two instants, and in a minute on average. */
  function load(claimAt: (now: Date, claimedAt: Date) => Claim, from: Date, to: Date): { peak: number; mean: number } {
    const roll = dice(4)
    const random = () => roll(2 ** 32) / 2 ** 32
    const byMinute = Array.from({ length: (to.getTime() - from.getTime()) / MINUTE }, () => 0)
    for (let name = 0; name < NAMES; name++) {
      const claimedAt = after(random() * MINUTE)
      let now = after(2 * MINUTE, claimedAt)
      while (now < to) {
        if (now >= from) byMinute[Math.floor((now.getTime() - from.getTime()) / MINUTE)]! += 1
        now = nextCheckAt([claimAt(now, claimedAt)], 0, now, random())!
      }
    }
    return { peak: Math.max(...byMinute), mean: byMinute.reduce((sum, count) => sum + count) / byMinute.length }
  }

  test('and proven at once do not come back in one minute the next day', () => {
    const seen = (now: Date, claimedAt: Date) =>
      aClaim('a', { claimedAt, proof: 'txt', provenAt: claimedAt, seenAt: now })
    const { peak, mean } = load(seen, after(18 * HOUR), after(22 * HOUR))
    expect(mean).toBeGreaterThan(NAMES / (4 * 60) - 1)
    expect(peak).toBeLessThan(3 * mean)
  })

  test('and never proven do not either', () => {
    // A while after the pace has changed from a quarter of an hour to two hours, which brings them closer together
    const waiting = (_now: Date, claimedAt: Date) => aClaim('a', { claimedAt })
    const { peak, mean } = load(waiting, after(30 * HOUR), after(2 * DAY))
    expect(mean).toBeGreaterThan(NAMES / (2 * 60))
    expect(peak).toBeLessThan(3 * mean)
  })
})

describe('while somebody waits at a page', () => {
  const waits = (given: Partial<Waiting> = {}, now = START) =>
    attendance({ claim: aClaim('a'), waitsForMore: false, pressedAt: null, unanswered: 0, ...given }, now)

  test.each<[age: string, ageMs: number, lookSeconds: number, askSeconds: number]>([
    ['a moment', 0, 5, 3],
    ['nearly ten minutes', 10 * MINUTE - 1, 5, 3],
    ['ten minutes', 10 * MINUTE, 15, 5],
    ['an hour', HOUR, 60, 30],
    ['nearly a day', DAY - 1, 60, 30],
  ])('who has claimed the name for %s is kept up with', (_age, ageMs, lookSeconds, askSeconds) => {
    const pace = { lookAfterMs: lookSeconds * 1000, askEverySeconds: askSeconds }
    expect(waits({}, after(ageMs))).toEqual(pace)
    expect(waits({ claim: aClaim('a', { claimedAt: after(-9 * DAY), lapsedAt: START }) }, after(ageMs))).toEqual(pace)
    expect(waits({ claim: aClaim('a', { claimedAt: after(-9 * DAY) }), pressedAt: START }, after(ageMs))).toEqual(pace)
  })

  test('nobody is, who waits for a day, nor with a proof in force and nothing else to wait for', () => {
    expect(waits({}, after(DAY))).toBeNull()
    expect(waits({ claim: aClaim('a', proven) })).toBeNull()
    expect(waits({ claim: aClaim('a', proven), waitsForMore: true })).not.toBeNull()
    expect(waits({ claim: aClaim('a', { ...proven, waveringSince: START, misses: 1 }) })).not.toBeNull()
  })

  test('an instant that is ahead of the clock counts for nothing', () => {
    expect(waits({ claim: aClaim('a', { claimedAt: after(-9 * DAY) }), pressedAt: after(HOUR) })).toBeNull()
  })

  test.each([
    [1, 10],
    [2, 20],
    [4, 60],
    [2000, 60],
  ])('a zone that was silent %i times in a row is asked every %i seconds', (unanswered, seconds) => {
    expect(waits({ unanswered })?.lookAfterMs).toBe(seconds * 1000)
  })
})
