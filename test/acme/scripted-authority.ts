import type { LocalAuthority } from '../../src/certificate/local-authority.ts'
import { authorityError } from '../../src/acme/acme-problem.ts'
import type {
  AcmeProblem,
  AcmeSession,
  AuthorizationReply,
  Challenge,
  ChallengeType,
  Directory,
  OrderReply,
} from '../../src/acme/session.ts'
import type { Clock } from '../../src/clock.ts'
import { domainName } from '../../src/name.ts'

export function problem(type: string, more: Partial<AcmeProblem> = {}): AcmeProblem {
  return { type, detail: `because of ${type}`, status: 403, retryAfterMs: null, url: null, subproblems: [], ...more }
}

export const unreachable = problem('unreachable', { detail: 'connect ECONNREFUSED', status: 0 })

/** How it is to behave; changed by a test at any time. */
export interface Script {
  directory: Directory
  offered: ChallengeType[]
  isReusing: boolean // authorizations of a name are valid from the beginning once one was
  validate: (identifier: string, type: ChallengeType) => 'valid' | 'pending' | AcmeProblem
  processingPolls: number // how often an order is looked at, once it was finalized, before it is valid
  orderRetryAfterMs: number | null
  orderLifeMs: number
  skewMs: number // of its clock
  before: (method: keyof AcmeSession) => Promise<void>
  /** What becomes of the certificate on its way. */
  tamper: (pem: string, identifiers: string[]) => string | Promise<string>
}

interface ScriptedOrder {
  url: string
  identifiers: string[]
  authorizations: ScriptedAuthorization[]
  profile: string | null
  replaces: string | null
  expiresAt: Date
  finalizedCsr: Uint8Array | null
  pollsLeft: number
  finalized: number
}

interface ScriptedAuthorization {
  url: string
  identifier: string
  status: AuthorizationReply['status']
  challenges: Challenge[]
  problem: AcmeProblem | null
}

type Method = keyof AcmeSession

/** An authority in memory that takes the steps of RFC 8555 §7.1.6 as a test tells it; its certificates are real. */
export function scriptedAuthority(deps: { ca: LocalAuthority; clock: Clock; name?: string }) {
  const { ca, clock, name = 'scripted' } = deps
  const base = `https://${name}.example`
  const script: Script = {
    directory: {
      termsOfService: null,
      isExternalAccountRequired: false,
      profiles: null,
      renewalInfo: null,
      caaIdentities: null,
    },
    offered: ['http-01', 'tls-alpn-01', 'dns-01'],
    isReusing: false,
    validate: () => 'valid',
    processingPolls: 0,
    orderRetryAfterMs: null,
    orderLifeMs: 7 * 86_400_000,
    skewMs: 0,
    before: async () => undefined,
    tamper: (pem) => pem,
  }
  const orders: ScriptedOrder[] = []
  const calls: Method[] = []
  const faults: { method: Method; problem: AcmeProblem; isAfter: boolean }[] = []
  const replaced = new Set<string>()
  let serial = 0

  const refuse = (what: AcmeProblem): never => {
    throw authorityError(new URL(base).host, what)
  }
  const gone = () => refuse(problem('malformed', { status: 404, detail: 'not found' }))
  const authorizations = () => orders.flatMap((order) => order.authorizations)
  const isKnownValid = (identifier: string) =>
    script.isReusing && authorizations().some((one) => one.identifier === identifier && one.status === 'valid')

  function authorization(identifier: string): ScriptedAuthorization {
    const url = `${base}/authz/${++serial}`
    return {
      ...{ url, identifier, problem: null },
      status: isKnownValid(identifier) ? 'valid' : 'pending',
      challenges: script.offered.map((type) => {
        const token = `token-${serial}-${type}`
        return { type, token, url: `${url}/${type}`, status: 'pending', keyAuthorization: `${token}.thumb` }
      }),
    }
  }

  function reply(order: ScriptedOrder): OrderReply {
    const states = order.authorizations.map(({ status }) => status)
    const status = states.includes('invalid')
      ? 'invalid'
      : order.finalizedCsr
        ? order.pollsLeft > 0
          ? 'processing'
          : 'valid'
        : states.every((one) => one === 'valid')
          ? 'ready'
          : 'pending'
    return {
      ...{ url: order.url, status, expiresAt: order.expiresAt, finalizeUrl: `${order.url}/finalize` },
      authorizationUrls: order.authorizations.map(({ url }) => url),
      certificateUrl: status === 'valid' ? `${order.url}/certificate` : null,
      ...{ problem: null, retryAfterMs: script.orderRetryAfterMs },
    }
  }

  function find(url: string): ScriptedOrder {
    const order = orders.find((one) => url.startsWith(`${one.url}/`) || url === one.url)
    if (!order || order.expiresAt <= clock.now()) return gone()
    return order
  }

  const session: AcmeSession = {
    directory: async () => script.directory,
    register: async () => `${base}/account/1`,
    account: async () => undefined,
    async newOrder({ identifiers, profile, replaces }) {
      if (profile !== null && !Object.hasOwn(script.directory.profiles ?? {}, profile))
        refuse(problem('invalidProfile', { status: 400 }))
      if (replaces !== null && replaced.has(replaces)) refuse(problem('alreadyReplaced', { status: 409 }))
      if (replaces !== null) replaced.add(replaces)
      const order: ScriptedOrder = {
        ...{ url: `${base}/order/${++serial}`, identifiers, profile, replaces },
        authorizations: identifiers.map(authorization),
        expiresAt: new Date(clock.now().getTime() + script.orderLifeMs),
        ...{ finalizedCsr: null, pollsLeft: script.processingPolls, finalized: 0 },
      }
      orders.push(order)
      return reply(order)
    },
    async order(url) {
      const order = find(url)
      const answer = reply(order)
      if (answer.status === 'processing') order.pollsLeft--
      return answer
    },
    async authorization(url) {
      const found = authorizations().find((one) => one.url === url) ?? gone()
      const { identifier, status, challenges, problem: why } = found
      return { url, identifier, status, challenges, problem: why, expiresAt: null, retryAfterMs: null }
    },
    async answer(url) {
      const found = authorizations().find((one) => url.startsWith(`${one.url}/`)) ?? gone()
      if (found.status !== 'pending')
        refuse(problem('malformed', { status: 400, detail: 'authorization must be pending' }))
      const challenge = found.challenges.find((one) => one.url === url) ?? gone()
      const outcome = script.validate(found.identifier, challenge.type)
      if (outcome === 'pending') return
      found.status = outcome === 'valid' ? 'valid' : 'invalid'
      challenge.status = found.status
      found.problem = outcome === 'valid' ? null : outcome
    },
    async finalize(_finalizeUrl, orderUrl, csrDer) {
      const order = find(orderUrl)
      if (reply(order).status !== 'ready') return refuse(problem('orderNotReady'))
      order.finalizedCsr = csrDer
      order.finalized++
      return reply(order)
    },
    async certificate(url) {
      const { identifiers, finalizedCsr } = find(url)
      if (!finalizedCsr) return gone()
      const issued = await ca.issue({ identifiers: identifiers.map(domainName), csrDer: finalizedCsr })
      return script.tamper(issued.chainPem, identifiers)
    },
    async deactivateAuthorization(url) {
      const found = authorizations().find((one) => one.url === url) ?? gone()
      found.status = 'deactivated'
    },
    revoke: async () => undefined,
    changeKey: async () => undefined,
    updateContact: async () => undefined,
    renewalInfo: async () => gone(),
    clockSkewMs: () => script.skewMs,
  }

  return {
    script,
    orders,
    authorizations,
    /** What was asked, in order; the directory does not count. */
    calls,
    count: (method: Method) => calls.filter((one) => one === method).length,
    /** The next call of that kind fails; `isAfter`: though it was done. */
    fail(method: Method, what: AcmeProblem, { isAfter = false, times = 1 } = {}) {
      for (let i = 0; i < times; i++) faults.push({ method, problem: what, isAfter })
    },
    mend: () => void (faults.length = 0),
    session: new Proxy(session, {
      get: (target, method: Method) =>
        // Also 'then', which it does not have
        typeof target[method] !== 'function' || method === 'clockSkewMs'
          ? target[method]
          : async (...args: unknown[]) => {
              if (method !== 'directory') calls.push(method)
              await script.before(method)
              const index = faults.findIndex((fault) => fault.method === method)
              const [fault] = index === -1 ? [] : faults.splice(index, 1)
              if (fault && !fault.isAfter) refuse(fault.problem)
              const result = await (target[method] as (...args: unknown[]) => unknown)(...args)
              if (fault) refuse(fault.problem)
              return result
            },
    }),
  }
}

export type ScriptedAuthority = ReturnType<typeof scriptedAuthority>
