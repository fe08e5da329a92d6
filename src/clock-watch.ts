import type { Clock } from './clock.ts'

const CLOCKS_DIFFER_MS = 3_600_000
const DISTRUST_MS = 24 * 3_600_000

/**
 * Tells whether the clock went on as time did. For a day after it was set by more than an hour nothing is to be destroyed
 * for its age: whoever sets a clock ten years ahead by mistake has a day to set it back.
 * @param elapsedMs a clock that nobody sets
 */
export function clockWatch({ clock, elapsedMs }: { clock: Clock; elapsedMs: () => number }): { isSteady(): boolean } {
  const offset = () => clock.now().getTime() - elapsedMs()
  let known = offset()
  let steadyFrom = -Infinity

  return {
    isSteady() {
      const found = offset()
      if (Math.abs(found - known) > CLOCKS_DIFFER_MS) steadyFrom = elapsedMs() + DISTRUST_MS
      known = found
      return elapsedMs() >= steadyFrom
    },
  }
}
