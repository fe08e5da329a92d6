import { createHash } from 'node:crypto'
import type { DomainName } from '../name.ts'
import {
  areOthersWaiting,
  left,
  mended,
  openAt,
  refused,
  returned,
  spent,
  untouched,
  withoutWaiting,
  withWaiting,
  type Bucket,
} from './bucket.ts'
import type { Limit, LimitName, Limits } from './limits.ts'

/** An order that is about to be asked for. */
export interface OrderToPay {
  authorityId: string
  tenantId: string | null
  identifiers: DomainName[]
  isRenewal: boolean // this authority has issued a certificate of these names before
  isByRenewalInfo: boolean // it names the certificate that it replaces, and is inside the window the authority suggested
  expiresAt: Date | null // of the certificate in use; null: there is none
}

export type Payment = { outcome: 'ok' } | { outcome: 'later'; at: Date; why: string }

/** What an authority lets one account do, kept so that its limits are never met. */
export interface Budget {
  /** Takes what one new order costs, or says when it is worth asking again; then nothing was taken. */
  take(order: OrderToPay, now: Date): Promise<Payment>
  /** The order ended without a certificate: what counts certificates gets back what it cost. */
  giveBack(order: OrderToPay, now: Date): Promise<void>
  /** A validation failed: that is limited too, for each identifier. */
  noteFailure(authorityId: string, identifier: DomainName, now: Date): Promise<void>
  /** What is left of the limits that all share. */
  standing(authorityId: string, now: Date): Promise<{ limit: LimitName; of: Limit; left: number }[]>
}

export interface BudgetStore {
  /**
   * Reads buckets and writes those that `decide` changed. Of one authority, one settles at a time, in whatever process.
   * @param decide is given one for each key, untouched where there is none
   */
  settle<Result>(
    authorityId: string,
    keys: string[],
    decide: (buckets: ReadonlyMap<string, Bucket>) => { changed: Bucket[]; result: Result },
  ): Promise<Result>
}

const URGENT_MS = 48 * 3_600_000
const LONGEST_SPREAD_MS = 6 * 3_600_000
const LONGEST_URGENT_SPREAD_MS = 10 * 60_000

/** What each leaves, as a share of a limit, for those that come before it. */
const RESERVE = { urgent: 0, first: 1 / 10, routine: 1 / 3 }
type Priority = keyof typeof RESERVE

export function budget(deps: {
  buckets: BudgetStore
  limitsOf: (authorityId: string) => Promise<Limits>
  /** The name below a public suffix that the name is at or below: "example.com". */
  registeredDomain: (name: DomainName) => string
  random: () => number // from 0 up to, not including, 1
}): Budget {
  const { buckets, limitsOf, registeredDomain, random } = deps

  return {
    async take(order, now) {
      const limits = await limitsOf(order.authorityId)
      const costs = costsOf(order, limits, registeredDomain, now)
      const keys = [...costs.map(({ key }) => key), ordersKey, tenantKey(order.tenantId)]
      return buckets.settle(order.authorityId, [...new Set(keys)], (found) => pay(order, costs, found, now, random()))
    },

    async giveBack(order, now) {
      const limits = await limitsOf(order.authorityId)
      const costs = costsOf(order, limits, registeredDomain, now).filter(({ isOfCertificates }) => isOfCertificates)
      const keys = costs.map(({ key }) => key)
      await buckets.settle(order.authorityId, keys, (found) => ({
        changed: costs
          .map(({ key, limit }) => returned(found.get(key) ?? untouched(key), limit, now))
          .filter((bucket) => bucket !== found.get(bucket.key)),
        result: undefined,
      }))
    },

    async noteFailure(authorityId, identifier, now) {
      const { failures } = await limitsOf(authorityId)
      if (!failures) return
      const key = failuresKey(identifier)
      await buckets.settle(authorityId, [key], (found) => ({
        changed: [spent(found.get(key) ?? untouched(key), failures, now)],
        result: undefined,
      }))
    },

    async standing(authorityId, now) {
      const limits = await limitsOf(authorityId)
      return buckets.settle(authorityId, [paceKey, ordersKey], (found) => ({
        changed: [],
        result: (['pace', 'orders'] as const).flatMap((name) => {
          const of = limits[name]
          return of ? [{ limit: name, of, left: left(found.get(name) ?? untouched(name), of, now) }] : []
        }),
      }))
    },
  }
}

interface Cost {
  key: string
  limit: Limit
  reserve: number
  isTaken: boolean // false: there only has to be one
  isOfCertificates: boolean // and not of orders: one that comes to nothing costs none
  isShared: boolean // many wait for the next one, and are told instants apart
  onlyWhileOthersWait: boolean
  what: string
}

const paceKey = 'pace'
const ordersKey = 'orders'
const tenantKey = (tenantId: string | null) => `tenant ${tenantId ?? 'operator'}`
const failuresKey = (identifier: DomainName) => `failures ${identifier}`

/**
 * What the order costs, which is little for a renewal: it is what the authority wants of its clients. That of certificates
 * for the same names even an authority's own suggestion bears: one that suggests the present for ever would be followed
 * for ever.
 */
function costsOf(order: OrderToPay, limits: Limits, registeredDomain: (name: DomainName) => string, now: Date): Cost[] {
  const { tenantId, identifiers, isRenewal, isByRenewalInfo } = order
  const priority = priorityOf(order, now)
  const costs: Cost[] = []
  const add = (limit: Limit | null, key: string, what: string, cost: Partial<Cost> = {}) => {
    const base = { reserve: 0, isTaken: true, isOfCertificates: false, isShared: true, onlyWhileOthersWait: false }
    if (limit) costs.push({ ...base, limit, key, what: `${what} (${inWords(limit)})`, ...cost })
  }
  const reserveOf = (limit: Limit | null) => (limit ? Math.floor(limit.count * RESERVE[priority]) : 0)

  add(limits.pace, paceKey, 'so many orders at once', { reserve: reserveOf(limits.pace) })
  if (!isByRenewalInfo && !(isRenewal && limits.areRenewalsFree)) {
    const { orders } = limits
    add(orders, ordersKey, 'new orders of the account', { reserve: reserveOf(orders) })
    const half = orders && { ...orders, count: Math.max(1, Math.floor(orders.count / 2)) }
    if (priority !== 'urgent')
      add(half, tenantKey(tenantId), "a tenant's half of them while others wait", { onlyWhileOthersWait: true })
    for (const domain of new Set(identifiers.map(registeredDomain)))
      add(limits.registeredDomain, `domain ${domain}`, `certificates for ${domain}`, { isOfCertificates: true })
  }
  const ofSameNames = { isOfCertificates: true, isShared: false }
  add(limits.identifierSet, `names ${digest(identifiers)}`, 'certificates for the same names', ofSameNames)
  if (isByRenewalInfo) return costs
  for (const name of identifiers)
    add(limits.failures, failuresKey(name), `failed validations of ${name}`, { isTaken: false, isShared: false })
  return costs
}

function priorityOf(order: OrderToPay, now: Date): Priority {
  if (isUrgent(order, now)) return 'urgent'
  return order.isRenewal ? 'routine' : 'first'
}

function isUrgent({ expiresAt }: OrderToPay, now: Date): boolean {
  return expiresAt !== null && expiresAt.getTime() - now.getTime() < URGENT_MS
}

interface Settlement {
  changed: Bucket[]
  result: Payment
}

/** All of it or nothing. */
function pay(
  order: OrderToPay,
  costs: Cost[],
  stored: ReadonlyMap<string, Bucket>,
  now: Date,
  chance: number,
): Settlement {
  const found = new Map(stored)
  for (const { key, limit } of costs) found.set(key, mended(found.get(key) ?? untouched(key), limit, now))
  const bucketOf = (key: string) => found.get(key) ?? untouched(key)
  const isContended = areOthersWaiting(bucketOf(ordersKey), order.tenantId, now)
  const obstacles = costs
    .filter(({ onlyWhileOthersWait }) => isContended || !onlyWhileOthersWait)
    .map((cost) => ({ ...cost, at: openAt(bucketOf(cost.key), cost.limit, cost.reserve) }))
    .filter(({ at }) => at > now)
    .sort((one, other) => other.at.getTime() - one.at.getTime())
  for (const bucket of obstacles.length > 0 ? turnedAway() : taken()) found.set(bucket.key, bucket)
  const changed = [...found.values()].filter((bucket) => bucket !== stored.get(bucket.key))
  return { changed, result: obstacles[0] ? later(obstacles[0]) : { outcome: 'ok' } }

  function taken(): Bucket[] {
    const all = costs.filter(({ isTaken }) => isTaken).map(({ key, limit }) => spent(bucketOf(key), limit, now))
    const orders = all.find(({ key }) => key === ordersKey) ?? bucketOf(ordersKey)
    return [...all, withoutWaiting(orders, order.tenantId)]
  }

  function turnedAway(): Bucket[] {
    const own = tenantKey(order.tenantId)
    const shared = obstacles.filter(({ key, isShared }) => isShared && key !== own)
    const waited = shared.map(({ key }) => withWaiting(bucketOf(key), order.tenantId, now))
    return [refused(bucketOf(own), now), ...waited]
  }

  /**
   * Of many who wait for one limit each is told another instant: the more of one tenant's come, or the more tenants do, the
   * further apart.
   */
  function later({ key, at, limit, isShared, what }: Cost & { at: Date }): Payment {
    const longest = isUrgent(order, now) ? LONGEST_URGENT_SPREAD_MS : LONGEST_SPREAD_MS
    const eachMs = limit.periodMs / limit.count
    const before = Math.max(bucketOf(tenantKey(order.tenantId)).refusals, bucketOf(key).refusals)
    const spreadMs = isShared ? Math.min(eachMs * before, longest) : 0
    const why = `${what} are spent for now`
    return { outcome: 'later', at: new Date(at.getTime() + Math.floor(spreadMs * chance)), why }
  }
}

function digest(identifiers: DomainName[]): string {
  return createHash('sha256')
    .update([...new Set(identifiers)].sort().join())
    .digest('hex')
}

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
] as const

function inWords({ count, periodMs }: Limit): string {
  const [ms, unit] = UNITS.find(([ms]) => periodMs % ms === 0) ?? [1, 'ms']
  return `${count} in ${periodMs / ms} ${unit}`
}
