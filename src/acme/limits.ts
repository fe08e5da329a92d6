/** So many at once; what is spent comes back evenly over the period. */
export interface Limit {
  count: number
  periodMs: number
}

/** What an authority lets one account do; null: it does not care. */
export interface Limits {
  pace: Limit | null // new orders of whatever kind: our own courtesy, so that a backlog does not fall upon the authority
  orders: Limit | null // new orders of the account
  registeredDomain: Limit | null // certificates, of one registered domain
  identifierSet: Limit | null // certificates, of exactly the same names
  failures: Limit | null // validations that fail, of one identifier
  areRenewalsFree: boolean // who has a certificate of the same names pays neither `orders` nor `registeredDomain`
}

export type LimitName = Exclude<keyof Limits, 'areRenewalsFree'>

const SECOND_MS = 1000
const HOUR_MS = 3600 * SECOND_MS
const WEEK_MS = 7 * 24 * HOUR_MS

/** At most nine in any second. */
const PACE: Limit = { count: 4, periodMs: 800 }

/** https://letsencrypt.org/docs/rate-limits/, 2026-08 */
const LETS_ENCRYPT: Limits = {
  pace: PACE,
  orders: { count: 300, periodMs: 3 * HOUR_MS },
  registeredDomain: { count: 50, periodMs: WEEK_MS },
  identifierSet: { count: 5, periodMs: WEEK_MS },
  failures: { count: 5, periodMs: HOUR_MS },
  areRenewalsFree: true,
}
const LETS_ENCRYPT_STAGING: Limits = {
  ...LETS_ENCRYPT,
  orders: { count: 1500, periodMs: 3 * HOUR_MS },
  registeredDomain: { count: 30_000, periodMs: WEEK_MS },
  failures: { count: 200, periodMs: HOUR_MS },
}
/** Whose limits are not known may have none; the bound for the same names is for one that asks for renewal for ever. */
const OTHERS: Limits = {
  pace: { count: 10, periodMs: SECOND_MS },
  orders: null,
  registeredDomain: null,
  identifierSet: { count: 20, periodMs: HOUR_MS },
  failures: null,
  areRenewalsFree: true,
}
const KNOWN = new Map([
  ['acme-v02.api.letsencrypt.org', LETS_ENCRYPT],
  ['acme-staging-v02.api.letsencrypt.org', LETS_ENCRYPT_STAGING],
])

/** The limits that an authority is known to have; a raised one, or one of another authority, is `changes`. */
export function limitsOf(directoryUrl: string, changes: Partial<Limits> = {}): Limits {
  return { ...(KNOWN.get(new URL(directoryUrl).hostname) ?? OTHERS), ...changes }
}
