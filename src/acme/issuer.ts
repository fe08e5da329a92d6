import type { Act } from '../act.ts'
import type { createRequest } from '../certificate/certificate-request.ts'
import type { Issuance, Issuer, Wanted } from '../certificate/issuer.ts'
import { rootName, verifiedChain } from '../certificate/verified-chain.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { ProblemError } from '../problem.ts'
import { acmeProblem } from './acme-problem.ts'
import { isOver, type Attempt } from './attempt.ts'
import { asSeenBy, chooseAuthority, isPaused, isToMove } from './authority-choice.ts'
import type { Authority, AuthorityStore } from './authority.ts'
import type { Budget } from './budget.ts'
import type { EdgeType } from './challenge-choice.ts'
import { finding, isOutage, isRefusal, isTransient, isZones } from './failure.ts'
import { isTooOld, nextStep } from './next-step.ts'
import type { IssuanceMemory, IssuanceStore, Order, OrderStore, RenewalInfoStore } from './order.ts'
import { ordering, sameNames } from './ordering.ts'
import { preflightGate } from './preflight-gate.ts'
import type { RunPreflight } from './preflight.ts'
import { isAhead, pauseOver, pollAt } from './retry.ts'
import type { AcmeProblem, AcmeSession, OrderReply } from './session.ts'
import { setbacks, type Setback } from './setbacks.ts'
import { validation, type ChallengeAnswers, type DnsAnswers } from './validation.ts'

const NAME = 'acme'
const NO_AUTHORITY_AGAIN_MS = 10 * 60_000
/** Of what another node has remembered. */
const CLOCKS_DIFFER_MS = 3_600_000
const ORDERS_LOOKED_BACK = 10
/** Somebody else has begun an order of the lineage at the same time. */
const BUSY_MS = 1000
const LONGEST_SKEW_MS = 2 * 86_400_000
const BAD_CERTIFICATE = 'bad-certificate'
/** It may have been garbled on its way; one that is wrong at the authority stays wrong. */
const MOST_BAD_DOWNLOADS = 3

/**
 * Issues by RFC 8555. Each call reads the lineage's order and takes its steps, one after the other, until there is a
 * certificate or something to wait for. Whatever is needed to go on is written before it is used, and what failed is
 * remembered with the instant of the next try: neither a crash nor a caller in a hurry makes anything happen twice or
 * sooner.
 */
export function acmeIssuer(deps: {
  authorities: Pick<AuthorityStore, 'list' | 'pause'>
  orders: Pick<OrderStore, 'underWay' | 'begin' | 'save' | 'privateKey' | 'end' | 'list' | 'ofCertificate'>
  issuance: IssuanceStore
  challenges: ChallengeAnswers
  budget: Pick<Budget, 'take' | 'giveBack' | 'noteFailure'>
  /** Finishes a change of the account's key that a crash cut off; whether it was that. */
  finishKeyChange: (authority: Authority, act: Act) => Promise<boolean>
  preflight: RunPreflight
  renewalInfo: Pick<RenewalInfoStore, 'find'>
  sessionOf: (authority: Authority) => Promise<AcmeSession>
  challengeTypes: readonly EdgeType[] // the one to try first before the others
  dns?: DnsAnswers | undefined // undefined: there is no zone for dns-01
  renewal: Issuer['renewal']
  clock: Clock
  log: Log
  random: () => number // from 0 up to, not including, 1
  makeRequest?: typeof createRequest // others than the real ones only where millions of certificates are simulated
  verify?: typeof verifiedChain
}): Issuer {
  const { authorities, orders, issuance, sessionOf, finishKeyChange, renewal, clock, random } = deps
  const { verify = verifiedChain } = deps
  const { terms, pay, giveBack, begin, ask } = ordering(deps)
  const obstacleTo = preflightGate(deps)
  const { authorize, explain } = validation(deps)
  const { remember, worked } = setbacks(deps)
  const act = (): Act => ({ at: clock.now(), actor: NAME, address: null })

  async function issue(wanted: Wanted): Promise<Issuance> {
    const startedAt = clock.now()
    for (let hasBegunAnew = false; ; hasBegunAnew = true) {
      const known = await issuance.memory(wanted.lineageId)
      const now = clock.now()
      // What is of the future was written while the clock was wrong, and is as good as nothing
      const memory = known && known.failedAt.getTime() <= now.getTime() + CLOCKS_DIFFER_MS ? known : undefined
      if (memory && isAhead(memory.nextAt, now)) return later(memory.nextAt)
      if (isOver({ startedAt }, clock)) return later(now)
      const all = await authoritiesFor(wanted.lineageId, now)
      const order = await orderUnderWay(wanted, all, memory)
      const choice = order ? atItsOwn(order, all, now) : chooseAuthority(all, memory, now)
      if (!choice) return withoutAuthority(wanted, memory)
      if ('until' in choice) return later(pauseOver(choice.until, now, random()))
      const result = await advance({ wanted, startedAt, hasBegunAnew, authority: choice.authority, all, memory }, order)
      if (result !== 'again') return result
    }
  }

  async function authoritiesFor(lineageId: string, now: Date): Promise<Authority[]> {
    const all = await authorities.list()
    return all.length > 1 ? asSeenBy(all, await orders.list(lineageId, { limit: ORDERS_LOOKED_BACK }), now) : all
  }

  /** Undefined: there is none, or it was left to itself. */
  async function orderUnderWay(
    wanted: Wanted,
    all: Authority[],
    memory: IssuanceMemory | undefined,
  ): Promise<Order | undefined> {
    const order = await orders.underWay(wanted.lineageId)
    if (!order) return undefined
    const isKnown = all.some(({ id }) => id === order.authorityId)
    const isMoving = isToMove(order, all, memory, clock.now())
    if (isKnown && sameNames(order.identifiers, wanted.identifiers) && !isMoving) return order
    await end(wanted, order, 'abandoned', isMoving && memory?.authorityId === order.authorityId ? memory.problem : null)
    return undefined
  }

  function atItsOwn(order: Order, all: Authority[], now: Date): { authority: Authority } | { until: Date } | undefined {
    const authority = all.find(({ id }) => id === order.authorityId)
    if (!authority?.pausedUntil || !isPaused(authority, now)) return authority && { authority }
    return { until: authority.pausedUntil }
  }

  async function withoutAuthority({ lineageId }: Wanted, memory: IssuanceMemory | undefined): Promise<Issuance> {
    const now = clock.now()
    const nextAt = new Date(now.getTime() + NO_AUTHORITY_AGAIN_MS)
    const problem = finding('no-authority', 'no ACME authority is set up')
    const failures = memory?.problem.type === problem.type ? memory.failures + 1 : 1
    const facts = { lineageId, failures, failedAt: now, problem, nextAt, authorityId: null }
    await issuance.failed({ ...facts, whose: 'operator', failuresOfAuthority: 0, challengeType: null }, act())
    return later(nextAt)
  }

  /** 'again': the order is over by nobody's fault, and another one is to be begun. */
  async function advance(attempt: Attempt, kept: Order | undefined): Promise<Issuance | 'again'> {
    const position: Position = { order: kept, doing: 'ask', retryAfterMs: null }
    try {
      return await steps(attempt, await sessionOf(attempt.authority), position)
    } catch (error) {
      const problem = acmeProblem(error)
      if (!problem) throw error
      const { order, doing } = position
      // Of what is signed with the key of before everything is refused, by each authority in other words
      if (isRefusal(problem) && (await isKeyChanged(attempt.authority))) return later(clock.now())
      if (problem.status === 404 && order && order.url !== null) return anew(attempt, order)
      const during = doing === 'ask' ? 'new-order' : 'order'
      const challengeType = isZones(problem) ? 'dns-01' : undefined
      return fail(attempt, order, { problem, during, challengeType }, !isWorthKeeping(problem, doing, order))
    }
  }

  async function steps(attempt: Attempt, session: AcmeSession, position: Position): Promise<Issuance | 'again'> {
    const { authority } = attempt
    const seen = { isOrderRead: false, isFinalized: false, authorizations: new Set<string>() }
    let isPaid = false
    await session.directory() // and with it the time over there
    const skewMs = session.clockSkewMs()
    // Whatever it issued would be refused, as expired or not valid yet, and ordered again
    if (Math.abs(skewMs) > LONGEST_SKEW_MS) return fail(attempt, position.order, setWrong(skewMs), false)
    if (!position.order) {
      const wish = await terms(attempt, session)
      const obstacle = await obstacleTo(attempt, session, act())
      if (obstacle) return obstacle
      const payableAt = await pay(attempt, wish.replaces)
      if (payableAt) return later(payableAt)
      isPaid = true
      position.order = await begin(attempt, wish, act())
      if (!position.order) return later(new Date(clock.now().getTime() + BUSY_MS))
    }
    for (;;) {
      const { order } = position
      const now = clock.now()
      if (isOver(attempt, clock)) return later(now)
      const step = nextStep(order, seen, now, skewMs)
      position.doing = step.do
      switch (step.do) {
        case 'ask': {
          const payableAt = isPaid ? null : await pay(attempt, order.replaces)
          if (payableAt) return later(payableAt)
          const asked = await ask(attempt, session, order)
          position.order = await saveReply(asked.order, asked.reply, position)
          break
        }
        case 'authorize': {
          seen.authorizations.add(step.authorization.url)
          const failedType = attempt.memory?.challengeType ?? null
          const authorized = await authorize(session, order, step.authorization, failedType)
          position.order = authorized.order
          noteRetryAfter(position, authorized.reply)
          break
        }
        case 'look':
          seen.isOrderRead = true
          position.order = await saveReply(order, await session.order(order.url ?? ''), position)
          break
        case 'finalize':
          seen.isFinalized = true
          seen.isOrderRead = await finalize(session, order, position)
          break
        case 'download':
          return download(attempt, session, order)
        case 'wait':
          worked(authority.id)
          return later(pollAt(order, position.retryAfterMs, now))
        case 'explain': {
          const explained = await explain(session, order, authority.id)
          worked(authority.id)
          return fail(attempt, explained.order, explained.setback, true)
        }
        case 'begin-anew':
          return anew(attempt, order)
        case 'give-up':
          // What an outage made old is no failure of its own: that would cost another wait, of hours by then
          if (isHeldUp(order, attempt.memory)) return anew(attempt, order)
          return fail(attempt, order, lost('it did not come to an end'), true)
      }
    }
  }

  /**
   * Whether the answer told what became of it. Where it did not, the order will; but an authority that wants to be left
   * alone is not asked.
   */
  async function finalize(session: AcmeSession, order: Order, position: Position): Promise<boolean> {
    try {
      const reply = await session.finalize(order.finalizeUrl ?? '', order.url ?? '', order.csrDer)
      position.order = await saveReply(order, reply, position)
      return true
    } catch (error) {
      const problem = acmeProblem(error)
      const isUnclear = problem && (problem.type === 'orderNotReady' || isOutage(problem))
      if (!isUnclear || problem.retryAfterMs !== null) throw error
      return false
    }
  }

  async function download(attempt: Attempt, session: AcmeSession, order: Order): Promise<Issuance> {
    const { memory, authority, wanted } = attempt
    const privateKey = await orders.privateKey(order.id)
    const read = (chainPem: string) =>
      verify({ chainPem, identifiers: order.identifiers, privateKey, now: clock.now() })
    const { preferredChain } = authority
    const isPreferred = (pem: string) =>
      preferredChain === null || (rootName(pem) === preferredChain && isGood(() => read(pem)))
    const chainPem = await session.certificate(order.certificateUrl ?? '', isPreferred)
    worked(authority.id)
    try {
      const chain = read(chainPem)
      await issuance.forget(wanted.lineageId)
      return { outcome: 'issued', chain, privateKey, orderId: order.id }
    } catch (error) {
      if (!(error instanceof ProblemError) || (error.code !== 'certificate-refused' && error.code !== 'too-early'))
        throw error
      const isByClock = session.clockSkewMs() !== 0 && (error.code === 'too-early' || error.rule === 'expired')
      if (isByClock) return fail(attempt, order, { problem: finding('clock', error.message), during: 'order' }, false)
      const before = memory?.problem.type === BAD_CERTIFICATE ? memory.failures : 0
      const setback: Setback = { problem: finding(BAD_CERTIFICATE, error.message), during: 'order' }
      return fail(attempt, order, setback, before + 1 >= MOST_BAD_DOWNLOADS)
    }
  }

  async function saveReply(order: Order, reply: OrderReply, position: Position): Promise<Order> {
    noteRetryAfter(position, reply)
    const { url, status, expiresAt, finalizeUrl, certificateUrl, authorizationUrls } = reply
    const isAuthorized = status === 'ready' || status === 'processing' || status === 'valid'
    const only = order.identifiers.length === 1 ? order.identifiers[0] : undefined
    const authorizations = authorizationUrls.map((each) => {
      const unread = { url: each, identifier: only ?? '', status: 'pending' as const, challenge: null, expiresAt: null }
      const known = order.authorizations.find((one) => one.url === each) ?? unread
      return isAuthorized ? { ...known, status: 'valid' as const } : known
    })
    return orders.save(order.id, { url, status, expiresAt, finalizeUrl, certificateUrl, authorizations })
  }

  /** Expired, or the authority has forgotten it: once that is nobody's fault. */
  async function anew(attempt: Attempt, order: Order): Promise<Issuance | 'again'> {
    if (attempt.hasBegunAnew) return fail(attempt, order, lost('it was gone, and one before it as well'), true)
    await end(attempt.wanted, order, 'abandoned', null)
    return 'again'
  }

  /** Remembers before the order ends: a crash in between makes the next try later, never sooner. */
  async function fail(attempt: Attempt, order: Order | undefined, setback: Setback, isEnd: boolean): Promise<Issuance> {
    const next = await remember(attempt, setback, act())
    // What fails for so long would go on to fail: whoever comes next begins anew
    if (order && (isEnd || isTooOld(order, clock.now()))) await end(attempt.wanted, order, 'failed', setback.problem)
    return next
  }

  async function end(wanted: Wanted, order: Order, outcome: 'failed' | 'abandoned', problem: AcmeProblem | null) {
    await orders.end(order.id, outcome, problem, act())
    await giveBack(wanted, order)
  }

  async function isKeyChanged(authority: Authority): Promise<boolean> {
    return finishKeyChange(authority, act()).catch((error: unknown) => {
      if (acmeProblem(error)) return false
      throw error
    })
  }

  return { name: NAME, source: 'acme', renewal, issue }
}

/** How far a call has come, for whoever has to see to what was thrown. */
interface Position {
  order: Order | undefined
  doing: ReturnType<typeof nextStep>['do']
  retryAfterMs: number | null // the longest that the authority wants to be left alone for
}

function noteRetryAfter(position: Position, { retryAfterMs }: { retryAfterMs: number | null }): void {
  if (retryAfterMs !== null) position.retryAfterMs = Math.max(retryAfterMs, position.retryAfterMs ?? 0)
}

/** Whether the order may come to a good end yet. One that was asked for without an answer is asked for once more. */
function isWorthKeeping(problem: AcmeProblem, doing: Position['doing'], order: Order | undefined): boolean {
  if (doing !== 'ask') return isTransient(problem)
  return problem.status < 400 && order?.newOrders === 0
}

/** Whether the authority was out since the order was begun. */
function isHeldUp({ createdAt }: Order, memory: IssuanceMemory | undefined): boolean {
  return memory !== undefined && isOutage(memory.problem) && memory.failedAt >= createdAt
}

/** Whether a chain may be used; one that may not gives way to another. */
function isGood(read: () => unknown): boolean {
  try {
    read()
    return true
  } catch {
    return false
  }
}

function lost(detail: string): Setback {
  return { problem: finding('order-lost', detail), during: 'order' }
}

function setWrong(skewMs: number): Setback {
  const hours = Math.round(Math.abs(skewMs) / 3_600_000)
  return { problem: finding('clock', `by ${hours} hours`), during: 'order' }
}

function later(at: Date): Issuance {
  return { outcome: 'later', at }
}
