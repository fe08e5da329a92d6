import type { Clock } from '../../src/clock.ts'

/** Where the clocks of tests on databases stand at first, also in their child processes. */
export const START = '2026-11-23T12:00:00Z'

/** A clock that stands still until the test moves it. */
export function stoppedClock(at: string): Clock & { advance(ms: number): void } {
  let ms = Date.parse(at)
  return { now: () => new Date(ms), advance: (by) => void (ms += by) }
}
