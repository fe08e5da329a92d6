import { parseArgs } from 'node:util'
import { DAY_MS, HOUR_MS, PROFILES, type ProfileName } from './authority.ts'
import type { Options } from './simulation.ts'

const USAGE = `npm run simulate -- [--domains N] [--orders-per-3h N] [--profile ${PROFILES.join('|')}] [--seed N]`
const MOST_DOMAINS = 5_000_000
/** Let's Encrypt's, of one account; more for large hosters who ask. */
const ORDERS_PER_3H = 300
const PERIOD_MS = 3 * HOUR_MS
/** So that the first certificates are not always at the limit. */
const HEADROOM = 1.1
const SHORTEST_RAMP_MS = 30 * DAY_MS

const FROM = Date.parse('2026-11-23T00:00:00Z')
/** Of the lifetimes of classic the last gets shorter in February 2028; those of the others stay as they are. */
const COURSE = {
  classic: { until: Date.parse('2028-05-01T00:00:00Z'), revocationAt: Date.parse('2028-03-14T06:00:00Z') },
  tlsserver: { until: FROM + 90 * DAY_MS, revocationAt: FROM + 60 * DAY_MS },
  shortlived: { until: FROM + 60 * DAY_MS, revocationAt: FROM + 45 * DAY_MS },
} satisfies Record<ProfileName, { until: number; revocationAt: number }>

/** What the command line asks for. @throws Error in words: what is wrong with it, and how it is used */
export function optionsOf(args: string[]): Options {
  try {
    return parse(args)
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\nUsage: ${USAGE}`, { cause: error })
  }
}

function parse(args: string[]): Options {
  const text = { type: 'string' } as const
  const options = { domains: text, seed: text, profile: text, 'orders-per-3h': text }
  const { values } = parseArgs({ args, options })
  const domains = wholeNumber('--domains', values.domains ?? '1000000', 1, MOST_DOMAINS)
  const ordersPer3h = wholeNumber('--orders-per-3h', values['orders-per-3h'] ?? String(ORDERS_PER_3H), 1, 1_000_000)
  const seed = wholeNumber('--seed', values.seed ?? '1', 0, 2 ** 32 - 1)
  const profile = PROFILES.find((name) => name === (values.profile ?? 'classic'))
  if (!profile) throw new Error(`--profile is one of ${PROFILES.join(', ')}, and not ${values.profile}`)

  const { until, revocationAt } = COURSE[profile]
  const rampMs = Math.max(SHORTEST_RAMP_MS, (HEADROOM * domains * PERIOD_MS) / ordersPer3h)
  const longestMs = revocationAt - FROM - 2 * DAY_MS
  if (rampMs > longestMs) {
    const [days, most] = [Math.ceil(rampMs / DAY_MS), Math.floor(longestMs / DAY_MS)]
    const needed = Math.ceil((HEADROOM * domains * PERIOD_MS) / longestMs)
    throw new Error(
      `the first certificates of ${domains} domains take ${days} days at ${ordersPer3h} new orders in 3 h, and there are ${most}: give --orders-per-3h ${needed} or more, or fewer --domains`,
    )
  }
  const outageFrom = revocationAt + 3 * HOUR_MS
  return {
    ...{ domains, seed, profile, ordersPer3h, rampMs, start: 'registered', tenants: 1000 },
    ...{ from: new Date(FROM), until: new Date(until) },
    revocation: { at: revocationAt, share: 0.3 },
    outage: { from: outageFrom, until: outageFrom + 48 * HOUR_MS },
    ...{ hasRenewalInfo: true, polls: 'batched', stores: 'memory' },
  }
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : NaN
  if (number >= least && number <= most) return number
  throw new Error(`${option} is a whole number from ${least} to ${most}, and not ${text}`)
}
