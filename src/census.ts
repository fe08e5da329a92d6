/** How many there are of everything. Where there are many it was counted a while ago, and says when. */
export interface Census {
  at: Date
  tenants: number
  targetHosts: number
  delegations: number
  lineages: number
  sourceDomains: { all: number; external: number; proven: number; suspended: number }
  certificates: CertificateCount[] // in use, by what is left of their lifetime
  ordersEnded: DayOfOrders[] // the last 30 days on which any ended, the oldest first; UTC
}

export interface CertificateCount {
  lifetime: Lifetime
  tenthsLeft: number // of the lifetime, from 0 to 9; -1: it has ended
  count: number
}

/** The longest that certificates of the class live, in days; Infinity would be no JSON. */
export const LIFETIMES = [10, 50, 70, 100, 200, null] as const
export type Lifetime = (typeof LIFETIMES)[number]

export interface DayOfOrders {
  day: number // since the epoch
  issued: number
  failed: number
  abandoned: number
}

export interface CensusStore {
  /**
   * Counts everything, in bounded steps between which others have their turn.
   * @param former of which the days that are over are not counted again
   */
  take(now: Date, former: Census | undefined): Promise<Census>
  /** The same where there is little of everything, so that it takes no time. Undefined: there is much of something. */
  takeIfSmall(now: Date): Promise<Census | undefined>
  keep(census: Census): Promise<void>
  /** The one that was kept last; undefined: there is none yet. */
  latest(): Promise<Census | undefined>
}

/** The kind of job that counts. Of its only job the key is 'all'. */
export const CENSUS = 'census'

const DAY_MS = 86_400_000
export const DAYS_OF_ORDERS = 30
const EVERY_MS = 300_000

/** Counts every five minutes, whatever there is to count. */
export function censusJob(deps: { census: CensusStore; now: () => Date }): () => Promise<{ runAgainAt: Date }> {
  const { census, now } = deps
  return async () => {
    await census.keep(await census.take(now(), await census.latest()))
    return { runAgainAt: new Date(now().getTime() + EVERY_MS) }
  }
}

/** Of a former census, the days of orders that need not be counted again: they were over when it was taken. */
export function daysToKeep(former: Census | undefined, now: Date): DayOfOrders[] {
  if (!former || former.at > now) return []
  const first = dayOf(now) - DAYS_OF_ORDERS + 1
  return former.ordersEnded.filter(({ day }) => day >= first && day < dayOf(former.at))
}

export function dayOf(at: Date): number {
  return Math.floor(at.getTime() / DAY_MS)
}
