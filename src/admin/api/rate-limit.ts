import type { RequestHandler } from 'express'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { ProblemError } from '../../problem.ts'
import { addressPrefix } from '../../tenant/address-prefix.ts'
import { exchangeOf } from '../exchange.ts'

const WINDOW_SECONDS = 60

/**
 * So many requests a minute of one caller; of strangers, by their address. Each answer tells how many are left
 * (draft-ietf-httpapi-ratelimit-headers-10). Each main process counts for itself.
 */
export function rateLimit(requestsPerMinute: number): RequestHandler {
  const limiter = new RateLimiterMemory({ points: requestsPerMinute, duration: WINDOW_SECONDS })
  return async (req, res, next) => {
    const { caller, address } = exchangeOf(req)
    const who = caller?.principal.key ?? `address ${addressPrefix(address)}`
    const state = await limiter.consume(who).catch((refusal: unknown) => {
      if (refusal instanceof RateLimiterRes) return refusal
      throw refusal
    })
    const left = Math.max(0, state.remainingPoints)
    res.setHeader('RateLimit-Policy', `"default";q=${requestsPerMinute};w=${WINDOW_SECONDS}`)
    res.setHeader('RateLimit', `"default";r=${left};t=${Math.ceil(state.msBeforeNext / 1000)}`)
    if (state.consumedPoints > requestsPerMinute)
      throw new ProblemError('too-many-requests', `more than ${requestsPerMinute} requests in a minute; slow down`, {
        retryAfterMs: state.msBeforeNext,
      })
    next()
  }
}
