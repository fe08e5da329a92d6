import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { ProblemError } from '../problem.ts'

const WINDOWS = [
  { points: 10, duration: 60, what: '10 domains in a minute' },
  { points: 60, duration: 3600, what: '60 domains in an hour' },
] as const

/**
 * How many domains somebody may have this server ask about. Each main process counts for itself.
 * @returns what throws ProblemError too-many-requests where it was more
 */
export function checkLimits(): (who: string) => Promise<void> {
  const limits = WINDOWS.map((window) => ({ ...window, limiter: new RateLimiterMemory(window) }))
  return async (who) => {
    for (const { limiter, what } of limits) {
      const refusal = await limiter.consume(who).then(
        () => null,
        (refused: unknown) => refused,
      )
      if (refusal === null) continue
      if (!(refusal instanceof RateLimiterRes)) throw refusal as Error
      throw new ProblemError('too-many-requests', `that were more than ${what}; try again ${inWords(refusal)}`, {
        retryAfterMs: refusal.msBeforeNext,
      })
    }
  }
}

function inWords({ msBeforeNext }: RateLimiterRes): string {
  const seconds = Math.ceil(msBeforeNext / 1000)
  return seconds < 120 ? `in ${seconds} s` : `in ${Math.ceil(seconds / 60)} min`
}
