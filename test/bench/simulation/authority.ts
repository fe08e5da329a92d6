import { authorityError } from '../../../src/acme/acme-problem.ts'
import { TIMEOUT_MS } from '../../../src/acme/acme-session.ts'
import type { AcmeProblem, AcmeSession, Directory, OrderReply, RenewalInfo } from '../../../src/acme/session.ts'
import type { SimulatedTime } from './simulated-time.ts'
import { domainOf, download, mixed, nameOf, serialOf, type Dates, type Serial } from './stub-certificate.ts'

export const DIRECTORY_URL = 'https://acme-v02.api.letsencrypt.org/directory'
const HOST = new URL(DIRECTORY_URL).host

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS
/** How often Let's Encrypt wants to be asked about renewal. */
export const POLL_EVERY_MS = 6 * HOUR_MS
const BACKDATED_MS = HOUR_MS // for clocks that are behind
const DIRECTORY_KEPT_MS = HOUR_MS // for so long the product does not ask for it again

export const PROFILES = ['classic', 'tlsserver', 'shortlived'] as const
export type ProfileName = (typeof PROFILES)[number]

/** Certificates from then on live so long, and a validated name need not be validated again for so long. */
const CLASSIC = [
  { from: 0, lifetimeMs: 90 * DAY_MS, reuseMs: 30 * DAY_MS },
  { from: Date.parse('2027-02-10T00:00:00Z'), lifetimeMs: 64 * DAY_MS, reuseMs: 10 * DAY_MS },
  { from: Date.parse('2028-02-16T00:00:00Z'), lifetimeMs: 45 * DAY_MS, reuseMs: 7 * HOUR_MS },
]
const TERMS = {
  classic: CLASSIC,
  tlsserver: [{ from: 0, lifetimeMs: 45 * DAY_MS, reuseMs: 7 * HOUR_MS }],
  shortlived: [{ from: 0, lifetimeMs: 160 * HOUR_MS, reuseMs: 7 * HOUR_MS }],
} satisfies Record<ProfileName, typeof CLASSIC>

/** Of a run of the product's job all calls are waited for at once, in the first of them. */
const TAKES_MS = { newOrder: 1500, authorization: 350, order: 250, renewalInfo: 100, directory: 100 }
const QUICK = 9 / 10 // of the orders are validated and issued while they are asked about, the others after
const SLOW_MS = [SECOND_MS / 4, 4 * SECOND_MS] as const
const FAULTS = 1 / 1000 // of the calls are answered with 500 or 503, on any day

interface SimulatedOrder {
  generation: number // of the certificate to be
  replaces: Serial | null
  isQuick: boolean
  isAuthorized: boolean
  validFrom: number // of the authorization; Infinity: the challenge was not told
  expiresAt: number
  issuedAt: number // Infinity: not finalized
  dates: Dates | null
}

/** Let's Encrypt by its documents (`reference/acme.md` §5): limits, windows, lifetimes; and two bad days. */
export function simulatedAuthority(deps: {
  domains: number
  profile: ProfileName
  ordersPer3h: number
  outage: { from: number; until: number }
  revocation: { at: number; share: number; seed: number }
  hasRenewalInfo: boolean
  time: SimulatedTime
  random: () => number
}) {
  const { domains, profile, ordersPer3h, outage, revocation, hasRenewalInfo, time, random } = deps
  const orders = new Map<number, SimulatedOrder>()
  const generations = new Int32Array(domains)
  const notBefore = [new Float64Array(domains), new Float64Array(domains)] // of the last two generations
  const notAfter = [new Float64Array(domains), new Float64Array(domains)]
  const replaced = new Int32Array(domains) // the last generation that was
  const reusableUntil = new Float64Array(domains)
  const namesFullAt = new Float64Array(domains)
  let ordersFullAt = 0
  let directoryAt = -Infinity
  const seen = { newOrders: 0, limited: 0, polls: 0, pollsInOutage: 0, byRenewalInfo: 0 }
  let onOrder: (at: number, isFirst: boolean) => void = () => undefined

  const directory: Directory = {
    ...{ termsOfService: null, isExternalAccountRequired: false, profiles: null, caaIdentities: ['letsencrypt.org'] },
    renewalInfo: hasRenewalInfo ? `https://${HOST}/renewal-info` : null,
  }

  const refuse = (type: string, detail: string, status: number, more: Partial<AcmeProblem> = {}): never => {
    throw authorityError(HOST, { type, detail, status, retryAfterMs: null, url: null, subproblems: [], ...more })
  }
  const between = ([least, most]: readonly [number, number]) => least + (most - least) * random()
  const isOut = () => time.ms() >= outage.from && time.ms() < outage.until

  async function reach(takesMs: number): Promise<void> {
    if (isOut()) {
      const kind = random()
      if (kind < 1 / 3) {
        await time.wait(50)
        refuse('serverInternal', 'it answered with status 503 and without a word why', 503)
      }
      if (kind < 2 / 3) {
        await time.wait(TIMEOUT_MS)
        refuse('unreachable', 'no answer within 20 s', 0)
      }
      await time.wait(10)
      refuse('unreachable', 'connect ECONNREFUSED', 0)
    }
    if (takesMs > 0) await time.wait(takesMs)
    if (random() >= FAULTS) return
    if (random() < 1 / 2) refuse('serverInternal', 'Service busy; retry later.', 503, { retryAfterMs: MINUTE_MS })
    refuse('serverInternal', 'Error creating new order', 500)
  }

  /** Takes one of a bucket as Boulder does. @returns when it is full again */
  function take(fullAt: number, count: number, periodMs: number, words: string): number {
    const now = time.ms()
    const each = periodMs / count
    const next = Math.max(fullAt, now) + each
    if (next <= now + periodMs) return next
    seen.limited++
    return refuse('rateLimited', `${words}, retry after ${new Date(next - periodMs).toISOString()}`, 429, {
      retryAfterMs: Math.max(next - periodMs - now, MINUTE_MS),
    })
  }

  function windowOf({ domain, generation }: Serial): { start: number; end: number; isForced: boolean } {
    const [from, to] = [notBefore[generation & 1]![domain]!, notAfter[generation & 1]![domain]!]
    if (isRevoked(domain, from)) {
      // As Boulder has it for an incident: over, whenever it is asked about
      const now = time.ms()
      return { start: now - HOUR_MS, end: now - HOUR_MS / 2, isForced: true }
    }
    const life = to - from
    const ideal = to - life * (life < 10 * DAY_MS ? 1 / 2 : 1 / 3)
    return { start: ideal - life / 100, end: ideal + life / 100, isForced: false }
  }

  function renewalInfo(serial: Serial): RenewalInfo {
    const { start, end, isForced } = windowOf(serial)
    const explanationUrl = isForced ? 'https://letsencrypt.org/incident' : null
    return { start: new Date(start), end: new Date(end), explanationUrl, retryAfterMs: POLL_EVERY_MS }
  }

  /** @param from notBefore */
  function isRevoked(domain: number, from: number): boolean {
    const { at, share, seed } = revocation
    return time.ms() >= at && from + BACKDATED_MS < at && mixed(domain, seed, 7) < share * 2 ** 32
  }

  function statusOf(order: SimulatedOrder): OrderReply['status'] {
    const now = time.ms()
    if (order.issuedAt <= now) return 'valid'
    if (order.issuedAt < Infinity) return 'processing'
    return order.isAuthorized || order.validFrom <= now ? 'ready' : 'pending'
  }

  const urlOf = (domain: number) => `https://${HOST}/order/${domain}`
  const domainIn = (url: string) => Number(url.slice(url.lastIndexOf('/') + 1))

  function find(url: string): { domain: number; order: SimulatedOrder } {
    const domain = domainIn(url)
    const order = orders.get(domain) ?? refuse('malformed', 'No such order', 404)
    if (order.expiresAt <= time.ms()) refuse('malformed', 'No such order', 404)
    return { domain, order }
  }

  function reply(domain: number, order: SimulatedOrder): OrderReply {
    const url = urlOf(domain)
    const status = statusOf(order)
    return {
      url,
      status,
      expiresAt: new Date(order.expiresAt),
      authorizationUrls: [`https://${HOST}/authorization/${domain}`],
      finalizeUrl: `https://${HOST}/finalize/${domain}`,
      certificateUrl: status === 'valid' ? `https://${HOST}/certificate/${domain}` : null,
      problem: null,
      retryAfterMs: null,
    }
  }

  const terms = () => TERMS[profile].findLast(({ from }) => from <= time.ms())!
  const unasked = async (): Promise<never> => refuse('malformed', 'nobody asks this here', 400)

  const session: AcmeSession = {
    ...{ register: unasked, account: unasked, deactivateAuthorization: unasked, revoke: unasked },
    ...{ changeKey: unasked, updateContact: unasked, clockSkewMs: () => 0 },

    async directory() {
      if (time.ms() - directoryAt >= DIRECTORY_KEPT_MS) {
        await reach(TAKES_MS.directory)
        directoryAt = time.ms()
      }
      return directory
    },

    async newOrder({ identifiers: [name], replaces }) {
      await reach(TAKES_MS.newOrder)
      const domain = domainOf(name!)
      const former = replaces === null ? null : serialOf(replaces)
      if (former && (former.domain !== domain || former.generation <= replaced[domain]!))
        refuse('alreadyReplaced', 'cannot indicate an order replaces a certificate which already has one', 409)
      const window = former && windowOf(former)
      const isExempt = window !== null && window.start <= time.ms() && time.ms() < window.end
      if (isExempt) seen.byRenewalInfo++
      else {
        if (generations[domain] === 0) {
          const words = `too many new orders (${ordersPer3h}) from this account in the last 3h0m0s`
          ordersFullAt = take(ordersFullAt, ordersPer3h, 3 * HOUR_MS, words)
        }
        const words = 'too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s'
        namesFullAt[domain] = take(namesFullAt[domain]!, 5, 7 * DAY_MS, words)
      }
      seen.newOrders++
      onOrder(time.ms(), generations[domain] === 0)
      const order: SimulatedOrder = {
        generation: generations[domain]! + 1,
        replaces: former,
        isQuick: random() < QUICK,
        isAuthorized: reusableUntil[domain]! > time.ms(),
        validFrom: Infinity,
        expiresAt: time.ms() + (profile === 'classic' ? 7 * DAY_MS : 8 * HOUR_MS),
        issuedAt: Infinity,
        dates: null,
      }
      orders.set(domain, order)
      return reply(domain, order)
    },

    async order(url) {
      const { domain, order } = find(url)
      await reach(order.issuedAt <= time.ms() ? TAKES_MS.order : 0)
      return reply(domain, order)
    },

    async authorization(url) {
      const { domain, order } = find(url)
      await reach(order.validFrom < Infinity ? TAKES_MS.authorization : 0)
      const isValid = order.isAuthorized || order.validFrom <= time.ms()
      if (isValid && reusableUntil[domain]! <= time.ms()) reusableUntil[domain] = time.ms() + terms().reuseMs
      const status = isValid ? 'valid' : 'pending'
      const token = `token${domain}`
      return {
        ...{ url, identifier: nameOf(domain), status, expiresAt: new Date(order.expiresAt) },
        challenges: [{ type: 'http-01', url: `${url}/http`, token, status, keyAuthorization: `${token}.thumb` }],
        ...{ problem: null, retryAfterMs: null },
      }
    },

    async answer(url) {
      await reach(0)
      const { order } = find(url.slice(0, url.lastIndexOf('/')))
      if (order.validFrom === Infinity) order.validFrom = time.ms() + (order.isQuick ? 0 : between(SLOW_MS))
    },

    async finalize(_finalizeUrl, orderUrl) {
      await reach(0)
      const { domain, order } = find(orderUrl)
      if (statusOf(order) !== 'ready') refuse('orderNotReady', `the order is ${statusOf(order)}`, 403)
      order.issuedAt = time.ms() + (order.isQuick ? 0 : between(SLOW_MS))
      const { generation, replaces } = order
      const from = time.ms() - BACKDATED_MS
      order.dates = { notBefore: from, notAfter: from + terms().lifetimeMs - SECOND_MS }
      generations[domain] = generation
      if (replaces) replaced[domain] = replaces.generation
      keep({ domain, generation }, order.dates)
      return reply(domain, order)
    },

    async certificate(url) {
      await reach(0)
      const { domain, order } = find(url)
      if (!order.dates) return refuse('malformed', 'No such certificate', 404)
      orders.delete(domain)
      return download({ domain, generation: order.generation }, order.dates)
    },

    async renewalInfo(id) {
      if (isOut()) seen.pollsInOutage++
      await reach(TAKES_MS.renewalInfo)
      seen.polls++
      return renewalInfo(serialOf(id))
    },
  }

  function keep({ domain, generation }: Serial, dates: Dates): void {
    notBefore[generation & 1]![domain] = dates.notBefore
    notAfter[generation & 1]![domain] = dates.notAfter
  }

  return {
    session,
    seen,
    /** Is told of each new order as it is accepted. */
    onOrder: (tell: typeof onOrder) => void (onOrder = tell),
    isRevoked,
    renewalInfo,
    /** As if the domain had got its first certificate then. */
    issuedAt(domain: number, at: number): { serial: Serial; dates: Dates } {
      const serial = { domain, generation: 1 }
      const dates = { notBefore: at, notAfter: at + terms().lifetimeMs - SECOND_MS }
      generations[domain] = 1
      keep(serial, dates)
      return { serial, dates }
    },
  }
}

export type SimulatedAuthority = ReturnType<typeof simulatedAuthority>
