import { readLeaf } from '../certificate/chain.ts'
import type { Issuer } from '../certificate/issuer.ts'
import type { LineageCertificate } from '../certificate/lineage.ts'
import type { Clock } from '../clock.ts'
import { acmeProblem } from './acme-problem.ts'
import { isPaused } from './authority-choice.ts'
import type { Authority, AuthorityStore } from './authority.ts'
import { isOutage, isRefusal } from './failure.ts'
import type { OrderStore, RenewalInfoStore } from './order.ts'
import { outages } from './outages.ts'
import { certId } from './renewal-info.ts'
import { dueAt, isPollDue, learn, lookAgainAt, type Poll } from './renewal-rule.ts'
import type { AcmeSession } from './session.ts'

const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2

/**
 * When certificates of ACME authorities are to be renewed. Each one's own authority is asked, with the account that
 * ordered it, and only when that is due; where there is none to ask any more, the rule of fractions says it. One that does
 * not answer is left alone for a while: the polls of a million certificates would each wait for nothing, and renewals
 * behind them.
 */
export function renewals(deps: {
  orders: Pick<OrderStore, 'ofCertificate'>
  authorities: Pick<AuthorityStore, 'list'>
  renewalInfo: RenewalInfoStore
  sessionOf: (authority: Authority) => Promise<AcmeSession>
  clock: Clock
  random: () => number // from 0 up to, not including, 1
}): Issuer['renewal'] {
  const { orders, authorities, renewalInfo, sessionOf, clock, random } = deps
  // Of polls alone: an authority may answer orders and not these
  const outage = outages()
  const silentUntil = new Map<string, Date>()
  let chance: number | undefined

  /** Steps of the golden ratio: those with one window, asked about one after the other, lie more evenly than by chance. */
  function nextChance(): number {
    chance = chance === undefined ? random() : (chance + GOLDEN_RATIO) % 1
    return chance
  }

  /** Undefined: nobody's order, or of an authority that is not here any more. */
  async function authorityOf({ id }: LineageCertificate): Promise<Authority | undefined> {
    const order = await orders.ofCertificate(id)
    return order && (await authorities.list()).find((authority) => authority.id === order.authorityId)
  }

  /** However it fails, a certificate is renewed by the rule of fractions. */
  async function poll(authority: Authority, { chainPem, lineageId }: LineageCertificate): Promise<Poll> {
    const now = clock.now()
    const ends = [authority.pausedUntil, silentUntil.get(authority.id) ?? null]
    const leftAlone = ends.find((pausedUntil) => isPaused({ pausedUntil }, now))
    if (leftAlone) return none(`the authority is left alone until ${leftAlone.toISOString()}`)
    try {
      const name = certId(readLeaf(chainPem).der)
      if (name === null) return none("the certificate does not name its issuer's key")
      const session = await sessionOf(authority)
      const { renewalInfo } = await session.directory()
      if (renewalInfo === null) return none('the authority has no renewal information')
      const info = await session.renewalInfo(name)
      outage.isOver(authority.id)
      return info
    } catch (error) {
      const problem = acmeProblem(error)
      const { retryAfterMs = null } = problem ?? {}
      const until = problem && isOutage(problem) ? outage.met(authority.id, lineageId, now) : null
      // With a refusal it means this one certificate
      const isForAll = problem !== undefined && !isRefusal(problem) && retryAfterMs !== null
      const leftAloneUntil = isForAll ? new Date(now.getTime() + retryAfterMs) : until
      if (leftAloneUntil) silentUntil.set(authority.id, leftAloneUntil)
      return none(error instanceof Error ? error.message : String(error), retryAfterMs)
    }
  }

  return async (certificate) => {
    const now = clock.now()
    const known = await renewalInfo.find(certificate.id)
    const renewAt = dueAt(certificate, known)
    if (!isPollDue(certificate, known, now)) return { renewAt, askAgainAt: lookAgainAt(certificate, known) }
    const authority = await authorityOf(certificate)
    if (!authority) return { renewAt, askAgainAt: renewAt }
    const learnt = learn(certificate, known, await poll(authority, certificate), now, nextChance())
    await renewalInfo.save(learnt)
    return { renewAt: dueAt(certificate, learnt), askAgainAt: lookAgainAt(certificate, learnt) }
  }
}

function none(fault: string, retryAfterMs: number | null = null): Poll {
  return { fault, retryAfterMs }
}
