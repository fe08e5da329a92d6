import type { Clock } from '../../src/clock.ts'

/** A clock that stands still until the test moves it. */
export function stoppedClock(at: string): Clock & { advance(ms: number): void } {
  let ms = Date.parse(at)
  return { now: () => new Date(ms), advance: (by) => void (ms += by) }
}
