import { describe, expect, test } from 'vitest'
import {
  afterLook,
  isFresh,
  lapsedSince,
  lapsesAt,
  stateOf,
  UNPROVEN,
  vouchedSince,
  type Claim,
  type Control,
  type Sighting,
} from '../../src/tenant/control.ts'
import { aClaim, after, DAY, HOUR, START } from './claims.ts'

const ok = { outcome: 'ok', proof: 'txt', isByMost: true } as const
const okByFew = { ...ok, isByMost: false } as const
const byCname = { outcome: 'ok', proof: 'cname', isByMost: true } as const
const wrong = { outcome: 'wrong', isByMost: true } as const
const wrongByFew = { ...wrong, isByMost: false } as const
const unknown = { outcome: 'could-not-ask' } as const

const proven: Control = { ...UNPROVEN, proof: 'txt', provenAt: START, seenAt: START }
const wavering = (misses: number, since = START): Control => ({ ...proven, waveringSince: since, misses })
const states = {
  unproven: UNPROVEN,
  vouched: vouchedSince(START),
  proven,
  wavering: wavering(1),
  lapsed: lapsedSince(START),
}
const now = after(80 * HOUR)

/** What a look changes: "a waver wavering, b prove proven". */
function changes(claims: Claim[], sightings: Record<string, Sighting>, at = now): string {
  return afterLook(claims, ({ id }) => sightings[id.slice(-1)]!, at)
    .map(({ claim, event, control }) => `${claim.id.slice(-1)} ${event} ${stateOf(control)}`)
    .join(', ')
}

test.each(Object.entries(states))('a claim is %s', (state, control) => {
  expect(stateOf(control)).toBe(state)
})

describe('a look at a name with one claim', () => {
  test.each<[from: keyof typeof states, sighting: Sighting, change: string]>([
    ['unproven', ok, 'a prove proven'],
    ['unproven', byCname, 'a prove proven'],
    ['unproven', okByFew, 'a prove proven'],
    ['unproven', wrong, ''],
    ['unproven', unknown, ''],
    ['vouched', ok, ''],
    ['vouched', wrong, ''],
    ['vouched', unknown, ''],
    ['proven', ok, 'a see proven'],
    ['proven', byCname, 'a prove proven'],
    ['proven', okByFew, 'a see proven'],
    ['proven', wrong, 'a waver wavering'],
    ['proven', wrongByFew, 'a waver wavering'],
    ['proven', unknown, ''],
    ['wavering', ok, 'a prove proven'],
    ['wavering', okByFew, 'a prove proven'],
    ['wavering', byCname, 'a prove proven'],
    ['wavering', wrong, 'a miss wavering'],
    ['wavering', wrongByFew, 'a miss wavering'],
    ['wavering', unknown, ''],
    ['lapsed', ok, 'a prove proven'],
    ['lapsed', byCname, 'a prove proven'],
    ['lapsed', wrong, ''],
    ['lapsed', unknown, ''],
  ])('from %s, %o: %s', (from, sighting, change) => {
    expect(changes([aClaim('a', states[from])], { a: sighting })).toBe(change)
  })
})

describe('a look at a name that a holds, and b claims too', () => {
  test.each<[from: 'vouched' | 'proven' | 'wavering', a: Sighting, b: Sighting, change: string]>([
    ['vouched', wrong, ok, ''],
    ['vouched', unknown, ok, ''],
    ['proven', ok, ok, 'a see proven'],
    ['proven', wrong, ok, 'a lose lapsed, b prove proven'],
    ['proven', wrong, okByFew, 'a waver wavering'],
    ['proven', wrongByFew, ok, 'a waver wavering'],
    ['proven', wrongByFew, okByFew, 'a waver wavering'],
    ['proven', okByFew, ok, 'a see proven'],
    ['proven', wrong, wrong, 'a waver wavering'],
    ['proven', wrong, unknown, 'a waver wavering'],
    ['proven', unknown, ok, ''],
    ['proven', unknown, wrong, ''],
    ['wavering', ok, ok, 'a prove proven'],
    ['wavering', wrong, ok, 'a lose lapsed, b prove proven'],
    ['wavering', wrong, okByFew, 'a miss wavering'],
    ['wavering', wrongByFew, ok, 'a miss wavering'],
    ['wavering', unknown, ok, ''],
  ])('%s, a %o, b %o: %s', (from, a, b, change) => {
    const claims = [aClaim('b', lapsedSince(START)), aClaim('a', states[from])]
    expect(changes(claims, { a, b })).toBe(change)
  })

  test('of several who are seen the first to have claimed it has the name, in whatever order they come', () => {
    const claims = ['d', 'b', 'c'].map((tenant) => aClaim(tenant))
    expect(changes(claims, { b: ok, c: ok, d: ok })).toBe('b prove proven')
    expect(changes([...claims, aClaim('a', proven)], { a: wrong, b: wrong, c: ok, d: ok })).toBe(
      'a lose lapsed, c prove proven',
    )
    expect(changes([...claims, aClaim('a', proven)], { a: wrong, b: okByFew, c: okByFew, d: ok })).toBe(
      'a lose lapsed, d prove proven',
    )
  })
})

describe('a proof that is gone', () => {
  const change = (control: Control, sighting: Sighting, at: Date) =>
    afterLook([aClaim('a', control)], () => sighting, at)[0]?.control

  test.each<[misses: number, afterMs: number, state: string]>([
    [2, 72 * HOUR, 'lapsed'],
    [2, 72 * HOUR - 1, 'wavering'],
    [1, 72 * HOUR, 'wavering'],
    [1, 30 * DAY, 'wavering'],
    [9, 72 * HOUR - 1, 'wavering'],
    [9, 72 * HOUR, 'lapsed'],
    [0, 72 * HOUR, 'wavering'],
  ])('after %i misses before and %i ms is %s', (misses, ms, state) => {
    const control = change(misses === 0 ? proven : wavering(misses), wrong, after(ms))!
    expect(stateOf(control)).toBe(state)
  })

  test('is counted from the first look that missed it', () => {
    const at = [after(HOUR), after(2 * HOUR)] as const
    const first = change(proven, wrong, at[0])!
    expect(first).toEqual({ ...proven, waveringSince: at[0], misses: 1 })
    expect(change(first, wrong, at[1])).toEqual({ ...proven, waveringSince: at[0], misses: 2 })
    expect(lapsesAt(first)).toEqual(after(73 * HOUR))
    expect(lapsesAt(proven)).toBeNull()
  })

  test('by a clock that ran a year ahead is counted from when the next look misses it', () => {
    const ahead = change(proven, wrong, after(365 * DAY))!
    const next = change(ahead, wrong, after(HOUR))!
    expect(next.waveringSince).toEqual(after(HOUR))
    expect(stateOf(change(next, wrong, after(73 * HOUR))!)).toBe('lapsed')
  })

  test('and found again begins anew, in force since it was first proven', () => {
    expect(change(wavering(7), ok, now)).toEqual({ ...proven, seenAt: now })
    expect(change(wavering(7), byCname, now)).toEqual({ ...proven, proof: 'cname', seenAt: now })
  })

  test('leaves nothing of itself when it lapses but when that was', () => {
    expect(change(wavering(2), wrong, now)).toEqual(lapsedSince(now))
    expect(change(lapsedSince(START), ok, now)).toEqual({ ...UNPROVEN, proof: 'txt', provenAt: now, seenAt: now })
  })
})

test('a change carries the proof and nothing else of the claim', () => {
  for (const sighting of [ok, wrong])
    for (const { control } of afterLook([aClaim('a', wavering(1))], () => sighting, now))
      expect(Object.keys(control).sort()).toEqual(Object.keys(UNPROVEN).sort())
})

describe('T7: fresh enough for an order', () => {
  test.each<[is: string, control: Control, atMs: number, fresh: boolean]>([
    ['is a proof just seen', proven, 0, true],
    ['is one seen nearly a day ago', proven, DAY - 1, true],
    ['is not one seen a day ago', proven, DAY, false],
    ['is not one that wavers', wavering(1), 1, false],
    ['is a vouch, whatever its age', vouchedSince(START), 400 * DAY, true],
    ['is not what has lapsed', lapsedSince(START), 0, false],
    ['is not what was never proven', UNPROVEN, 0, false],
    ['is not what a clock saw that ran a day ahead', proven, -DAY, false],
    ['is what a clock saw that ran a minute ahead', proven, -60_000, true],
  ])('%s', (_is, control, atMs, fresh) => {
    expect(isFresh(control, after(atMs))).toBe(fresh)
  })
})
