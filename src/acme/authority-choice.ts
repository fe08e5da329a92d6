import type { Authority } from './authority.ts'
import { whose } from './failure.ts'
import type { IssuanceMemory, Order } from './order.ts'
import { isAhead } from './retry.ts'

type Known = Pick<Authority, 'id' | 'pausedUntil'>
type Remembered = Pick<IssuanceMemory, 'authorityId' | 'failuresOfAuthority'>

/** How often in a row an authority may fail a lineage by its own fault, until another one is asked. */
export const FAILURES_TO_FAILOVER = 3

/**
 * The authorities as they stand for one lineage: one that refused an order of it, and wants to be left alone until later
 * than everybody else leaves it alone, is as good as paused.
 * @param orders of the lineage, the newest first
 */
export function asSeenBy<A extends Known>(
  authorities: readonly A[],
  orders: readonly Pick<Order, 'authorityId' | 'finishedAt' | 'problem'>[],
  now: Date,
): A[] {
  return authorities.map((authority) => {
    const refused = orders.find(({ authorityId, finishedAt }) => authorityId === authority.id && finishedAt !== null)
    const { finishedAt, problem } = refused ?? {}
    if (!finishedAt || !problem || problem.retryAfterMs === null || whose(problem, 'new-order') !== 'authority')
      return authority
    const until = new Date(finishedAt.getTime() + problem.retryAfterMs)
    const isLater = isAhead(until, now) && !(isPaused(authority, now) && authority.pausedUntil! >= until)
    return isLater ? { ...authority, pausedUntil: until } : authority
  })
}

/**
 * The authority to order from: that of the lowest rank, unless it is paused. While failures last, the one that failed,
 * until it has done so three times by its own fault; then the next in rank, and after the last the first again.
 * @param authorities the lowest rank first
 * @returns when the first of them may be asked again, where all are paused; undefined: there is none
 */
export function chooseAuthority<A extends Known>(
  authorities: readonly A[],
  memory: Remembered | undefined,
  now: Date,
): { authority: A } | { until: Date } | undefined {
  const last = authorities.findIndex(({ id }) => id === memory?.authorityId)
  const first = (memory?.failuresOfAuthority ?? 0) >= FAILURES_TO_FAILOVER ? last + 1 : last
  const inTurn = last === -1 ? authorities : [...authorities.slice(first), ...authorities.slice(0, first)]
  const authority = inTurn.find((one) => !isPaused(one, now))
  if (authority) return { authority }
  const ends = inTurn.flatMap(({ pausedUntil }) => (pausedUntil ? [pausedUntil.getTime()] : []))
  return ends.length > 0 ? { until: new Date(Math.min(...ends)) } : undefined
}

/**
 * Whether an order under way is left to itself, since another authority is to be asked. One that waits for its certificate
 * is not given up for a pause: the certificate may be there already.
 */
export function isToMove<A extends Known>(
  order: Pick<Order, 'authorityId' | 'status'>,
  authorities: readonly A[],
  memory: Remembered | undefined,
  now: Date,
): boolean {
  const choice = chooseAuthority(authorities, memory, now)
  if (!choice || !('authority' in choice) || choice.authority.id === order.authorityId) return false
  if (memory?.authorityId === order.authorityId && memory.failuresOfAuthority >= FAILURES_TO_FAILOVER) return true
  const own = authorities.find(({ id }) => id === order.authorityId)
  return own !== undefined && isPaused(own, now) && order.status !== 'processing' && order.status !== 'valid'
}

export function isPaused({ pausedUntil }: Pick<Authority, 'pausedUntil'>, now: Date): boolean {
  return pausedUntil !== null && isAhead(pausedUntil, now)
}
