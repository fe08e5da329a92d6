import type { Clock } from '../clock.ts'
import type { DomainName } from '../name.ts'
import { acmeProblem, authorityError } from './acme-problem.ts'
import type { Budget } from './budget.ts'
import { chooseChallenge, type EdgeType } from './challenge-choice.ts'
import type { DnsChallenges } from './dns-challenges.ts'
import { finding, whose } from './failure.ts'
import type { Order, OrderAuthorization, OrderStore } from './order.ts'
import type { AcmeSession, AuthorizationReply, Challenge, ChallengeType } from './session.ts'
import type { Setback } from './setbacks.ts'

/** Rows that the edges answer challenges from. */
export interface ChallengeAnswers {
  /** A second time, for the same host and token, it takes the place of the first. It goes when the order is over. */
  put(answer: {
    host: DomainName
    type: EdgeType
    token: string
    keyAuthorization: string
    orderId: string
    expiresAt: Date
  }): Promise<void>
  remove(host: DomainName, token: string): Promise<void>
}

/** dns-01, in a zone of the operator's. */
export interface DnsAnswers {
  challenges: Pick<DnsChallenges, 'publish' | 'withdraw'>
  /** By which challenges control of the name can be shown, the likeliest first; those of the edge among them. */
  waysOf: (tenantId: string | null, name: DomainName) => Promise<readonly ChallengeType[]>
}

/**
 * For how long a challenge is answered at least. When its authorization ends is by the authority's clock, of which this
 * one may be ahead: it would not be answered at all then. It ends with the authorization or the order in any case.
 */
const CHALLENGE_MS = 24 * 3_600_000
const TELL_AGAIN_MS = 10 * 60_000

/** From an order's authorizations to their end, RFC 8555 §7.5. */
export function validation(deps: {
  orders: Pick<OrderStore, 'save'>
  challenges: ChallengeAnswers
  budget: Pick<Budget, 'noteFailure'>
  challengeTypes: readonly EdgeType[]
  dns?: DnsAnswers | undefined // undefined: there is no zone for dns-01
  clock: Clock
}) {
  const { orders, challenges, budget, challengeTypes, dns, clock } = deps

  /** @throws ProblemError authority-refused: it is for another name */
  async function read(session: AcmeSession, { identifiers }: Order, { url }: OrderAuthorization) {
    const reply = await session.authorization(url)
    const host = identifiers.find((one) => one === reply.identifier)
    if (host !== undefined) return { reply, host }
    throw authorityError(
      new URL(url).host,
      finding('malformed-answer', `an authorization is for ${reply.identifier}, which was not ordered`),
    )
  }

  function save(order: Order, changed: OrderAuthorization): Promise<Order> {
    const authorizations = order.authorizations.map((one) => (one.url === changed.url ? changed : one))
    return orders.save(order.id, { authorizations })
  }

  /** A challenge that was told already may be refused to be told again. */
  async function tell(session: AcmeSession, url: string): Promise<void> {
    try {
      await session.answer(url)
    } catch (error) {
      if (acmeProblem(error)?.type !== 'malformed') throw error
    }
  }

  async function answerable({ tenantId }: Order, host: DomainName): Promise<readonly ChallengeType[]> {
    return dns ? dns.waysOf(tenantId, host) : challengeTypes
  }

  /** @returns false: it is not yet where the authority will look */
  async function put(order: Order, host: DomainName, challenge: Challenge, until: Date | null): Promise<boolean> {
    const { type, token, keyAuthorization } = challenge
    if (type === 'dns-01') return dns ? dns.challenges.publish(order, host, keyAuthorization) : false
    const expiresAt = new Date(Math.max(until?.getTime() ?? 0, clock.now().getTime() + CHALLENGE_MS))
    await challenges.put({ host, type, token, keyAuthorization, orderId: order.id, expiresAt })
    return true
  }

  async function remove(order: Order, host: DomainName, { type, token }: Pick<Challenge, 'type' | 'token'>) {
    if (type !== 'dns-01') await challenges.remove(host, token)
    else await dns?.challenges.withdraw(order, host)
  }

  return {
    /**
     * Reads an authorization. Where it waits for us, chooses a challenge, puts its answer where the edges, or the
     * authority itself, find it, and then tells the authority that it may look. A record that its name servers do not all
     * have yet is looked for again the next time.
     */
    async authorize(
      session: AcmeSession,
      order: Order,
      one: OrderAuthorization,
      failedType: string | null,
    ): Promise<{ order: Order; reply: AuthorizationReply }> {
      const { reply, host } = await read(session, order, one)
      const known = { ...one, identifier: host, status: reply.status, expiresAt: reply.expiresAt }
      if (reply.status !== 'pending') {
        if (one.challenge) await remove(order, host, one.challenge)
        return { reply, order: await save(order, known) }
      }
      const chosen = reply.challenges.find(({ url }) => url === one.challenge?.url)
      const isTold = chosen !== undefined && one.challenge?.isAnswered === true && (chosen.type !== 'dns-01' || !!dns)
      // What is pending after so long was told in vain
      const isLate = clock.now().getTime() - order.createdAt.getTime() > TELL_AGAIN_MS
      if (isTold && !(isLate && chosen.status === 'pending')) return { reply, order: await save(order, known) }

      const types = await answerable(order, host)
      // One that could not even be put where the authority looks gives way to another
      const isKept = isTold || chosen?.type !== failedType
      const present = chosen && isKept ? chooseChallenge([chosen], types, null) : undefined
      const challenge = present ?? chooseChallenge(reply.challenges, types, failedType)
      if (!challenge) {
        const types = [...new Set(reply.challenges.map(({ type }) => type))]
        throw authorityError(
          new URL(one.url).host,
          finding('no-challenge', `offered: ${types.join(', ') || 'none that is known'}`),
        )
      }
      const { type, url, token } = challenge
      const told = await save(order, { ...known, challenge: { type, url, token, isAnswered: false } })
      if (!(await put(order, host, challenge, reply.expiresAt))) return { reply, order: told }
      if (challenge.status === 'pending') await tell(session, url)
      return { reply, order: await save(told, { ...known, challenge: { type, url, token, isAnswered: true } }) }
    },

    /** Why an order became invalid; the failures count for whom they concern. */
    async explain(
      session: AcmeSession,
      order: Order,
      authorityId: string,
    ): Promise<{ order: Order; setback: Setback }> {
      let current = order
      const failed: { reply: AuthorizationReply; type: ChallengeType | undefined; host: DomainName }[] = []
      for (const one of order.authorizations.filter(({ status }) => status !== 'valid')) {
        const { reply, host } = await read(session, order, one)
        const { status, expiresAt } = reply
        current = await save(current, { ...one, identifier: host, status, expiresAt })
        if (status === 'invalid') failed.push({ reply, type: one.challenge?.type, host })
      }
      const now = clock.now()
      for (const { host } of failed) await budget.noteFailure(authorityId, host, now)

      const problems = failed.flatMap(({ reply: { problem, identifier }, type }) =>
        problem ? { problem, identifier, type } : [],
      )
      const first = problems.find(({ problem }) => whose(problem, 'validation') === 'owner') ?? problems[0]
      if (first) {
        const each = problems.map(({ identifier, problem: { type, detail } }) => ({ identifier, type, detail }))
        const subproblems = order.identifiers.length > 1 ? each : first.problem.subproblems
        return {
          order: current,
          setback: { problem: { ...first.problem, subproblems }, during: 'validation', challengeType: first.type },
        }
      }
      const { problem } = await session.order(order.url ?? '')
      const unsaid = finding('order-lost', 'the order is invalid, and nothing says why')
      return { order: current, setback: { problem: problem ?? unsaid, during: 'validation' } }
    },
  }
}
