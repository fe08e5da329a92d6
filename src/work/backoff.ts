const FIRST_MS = 30_000
const LONGEST_MS = 6 * 3_600_000

/**
 * When to try again after so many failures: twice as late each time, from half a minute to six hours, and spread over
 * the upper half of the span so that what failed together does not come back together.
 * @param random from 0 up to, not including, 1
 */
export function retryAt(now: Date, failures: number, random: number): Date {
  const span = Math.min(FIRST_MS * 2 ** Math.min(failures - 1, 30), LONGEST_MS)
  return new Date(now.getTime() + Math.round((span * (1 + random)) / 2))
}
