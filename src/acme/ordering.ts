import type { Act } from '../act.ts'
import { createRequest } from '../certificate/certificate-request.ts'
import { readLeaf } from '../certificate/chain.ts'
import type { Wanted } from '../certificate/issuer.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { ProblemError } from '../problem.ts'
import { acmeProblem, authorityError } from './acme-problem.ts'
import type { Attempt } from './attempt.ts'
import type { Budget, OrderToPay } from './budget.ts'
import { chooseProfile, isAboutProfile, isAboutReplaces, profileMissing } from './new-order.ts'
import type { NewOrder, Order, OrderStore, RenewalInfoStore } from './order.ts'
import { certId } from './renewal-info.ts'
import type { AcmeSession, OrderReply } from './session.ts'

const ORDERS_LOOKED_BACK = 20

type Terms = Pick<NewOrder, 'profile' | 'replaces'>

/** From what a lineage wants to an order that the authority knows of. */
export function ordering(deps: {
  orders: Pick<OrderStore, 'begin' | 'save' | 'list' | 'ofCertificate'>
  budget: Pick<Budget, 'take' | 'giveBack'>
  renewalInfo: Pick<RenewalInfoStore, 'find'>
  clock: Clock
  log: Log
  makeRequest?: typeof createRequest
}) {
  const { orders, budget, renewalInfo, clock, log, makeRequest = createRequest } = deps

  /** What to ask for. @throws ProblemError authority-refused: the authority lacks the profile that is required */
  async function terms({ authority, wanted }: Attempt, session: AcmeSession): Promise<Terms> {
    const directory = await session.directory()
    const former = wanted.replaces && (await orders.ofCertificate(wanted.replaces.id))
    // RFC 9773 §5 asks for the same account; of one authority there is one
    const own = former?.authorityId === authority.id ? former : null
    const { profile, missing } = chooseProfile(authority.profile, own?.profile ?? null, directory)
    if (missing?.isRequired)
      throw authorityError(new URL(authority.directoryUrl).host, profileMissing(missing, directory))
    if (missing)
      log.warn(
        { authority: authority.name, profile: missing.name },
        'the authority does not offer the profile that is preferred; it is ordered without',
      )
    return { profile, replaces: own && directory.renewalInfo !== null ? await replaceable(wanted) : null }
  }

  /** The ARI identifier of the certificate in use. Null: it has none, or another one was issued in its place already. */
  async function replaceable({ lineageId, replaces }: Wanted): Promise<string | null> {
    const id = replaces && certId(readLeaf(replaces.chainPem).der)
    if (id === null) return null
    const before = await orders.list(lineageId, { limit: ORDERS_LOOKED_BACK })
    return before.some((one) => one.replaces === id && one.outcome === 'issued') ? null : id
  }

  async function toPay(
    { tenantId, identifiers, replaces }: Wanted,
    authorityId: string,
    replaced: string | null,
    now: Date,
  ): Promise<OrderToPay> {
    const former = replaces && (await orders.ofCertificate(replaces.id))
    const info = replaces && replaced !== null ? await renewalInfo.find(replaces.id) : null
    return {
      ...{ authorityId, tenantId, identifiers },
      isRenewal: former?.authorityId === authorityId && sameNames(former.identifiers, identifiers),
      isByRenewalInfo: info?.start != null && info.end !== null && info.start <= now && now < info.end,
      expiresAt: replaces?.notAfter ?? null,
    }
  }

  return {
    terms,

    /** Null: it is paid for; else when to ask again. */
    async pay({ authority, wanted }: Attempt, replaced: string | null): Promise<Date | null> {
      const now = clock.now()
      const payment = await budget.take(await toPay(wanted, authority.id, replaced, now), now)
      if (payment.outcome === 'ok') return null
      const { at, why } = payment
      log.debug({ authority: authority.name, identifiers: wanted.identifiers, why, at }, 'an order waits for its turn')
      return at
    },

    /** What it was paid for beyond the asking, for it ended without a certificate. */
    async giveBack(wanted: Wanted, { authorityId, identifiers, replaces, createdAt }: Order): Promise<void> {
      await budget.giveBack(await toPay({ ...wanted, identifiers }, authorityId, replaces, createdAt), clock.now())
    },

    /** Undefined: one of the lineage is under way. */
    async begin({ authority, wanted }: Attempt, terms: Terms, act: Act): Promise<Order | undefined> {
      const { tenantId, lineageId } = wanted
      const identifiers = [...wanted.identifiers].sort()
      const { csrDer, privateKey } = await makeRequest(identifiers, { keyType: authority.keyType })
      const order = { tenantId, lineageId, authorityId: authority.id, identifiers, csrDer, ...terms }
      try {
        return await orders.begin(order, privateKey, act)
      } catch (error) {
        if (error instanceof ProblemError && error.code === 'already-exists') return undefined
        throw error
      }
    },

    /** Asks, and once more without what the authority refuses and the order can do without. Counts before it asks. */
    async ask(attempt: Attempt, session: AcmeSession, order: Order): Promise<{ order: Order; reply: OrderReply }> {
      let current = order
      for (;;) {
        current = await orders.save(order.id, { newOrders: current.newOrders + 1 })
        const { identifiers, profile, replaces } = current
        try {
          return { order: current, reply: await session.newOrder({ identifiers, profile, replaces }) }
        } catch (error) {
          const problem = acmeProblem(error)
          const isOptional = attempt.authority.profile?.isRequired !== true
          if (problem && replaces !== null && isAboutReplaces(problem)) {
            current = await orders.save(order.id, { replaces: null })
          } else if (problem && profile !== null && isOptional && isAboutProfile(problem)) {
            current = await orders.save(order.id, { profile: null })
          } else throw error
          const { replaces: stillReplaces, profile: stillProfile } = current
          log.warn(
            { authority: attempt.authority.name, identifiers, problem, replaces: stillReplaces, profile: stillProfile },
            'the authority refused a part of the order; it is asked for without',
          )
        }
      }
    },
  }
}

export function sameNames(one: readonly string[], other: readonly string[]): boolean {
  return [...one].sort().join() === [...other].sort().join()
}
