import { expect, test } from 'vitest'
import { clockWatch } from '../src/clock-watch.ts'
import { START, stoppedClock } from './support/stopped-clock.ts'

const HOUR_MS = 3_600_000

test.each([
  { title: 'an hour ahead', by: HOUR_MS, isSteady: true },
  { title: 'more than an hour ahead', by: HOUR_MS + 1, isSteady: false },
  { title: 'more than an hour back', by: -HOUR_MS - 1, isSteady: false },
])('a clock that is set $title is relied on: $isSteady', ({ by, isSteady }) => {
  const clock = stoppedClock(START)
  const elapsedMs = 0
  const watch = clockWatch({ clock, elapsedMs: () => elapsedMs })
  expect(watch.isSteady()).toBe(true)
  clock.advance(by)
  expect(watch.isSteady()).toBe(isSteady)
})

test('a clock that was set is relied on again a day later, and not sooner where it is set again', () => {
  const clock = stoppedClock(START)
  let elapsedMs = 0
  const watch = clockWatch({ clock, elapsedMs: () => elapsedMs })
  const pass = (ms: number) => {
    clock.advance(ms)
    elapsedMs += ms
  }
  clock.advance(1000 * HOUR_MS)
  expect(watch.isSteady()).toBe(false)
  pass(20 * HOUR_MS)
  clock.advance(-1000 * HOUR_MS)
  expect(watch.isSteady()).toBe(false)
  pass(24 * HOUR_MS - 1)
  expect(watch.isSteady()).toBe(false)
  pass(1)
  expect(watch.isSteady()).toBe(true)
  // However long it is not asked, and though the two clocks drift apart a little
  pass(1000 * HOUR_MS)
  expect(watch.isSteady()).toBe(true)
})
