import { createPrivateKey } from 'node:crypto'
import { Client } from 'acme-client'
import type { Clock } from '../clock.ts'
import type { ProblemError } from '../problem.ts'
import { acmeProblem, authorityError, objectOf, ownProblem, problemOf } from './acme-problem.ts'
import * as read from './acme-replies.ts'
import type { AcmeProblem, OpenSession } from './session.ts'

/** For a whole call: the directory, a nonce, what is asked, and again where the nonce was refused. */
export const TIMEOUT_MS = 20_000
const DIRECTORY_MS = 3_600_000
const MAX_BAD_NONCES = 10
const MOST_ALTERNATES = 4
/** What a clock may be wrong by before it is said: certificates are backdated by an hour, and Date has whole seconds. */
const TOLERATED_SKEW_MS = 300_000
const NONCE = /^[A-Za-z0-9_-]{1,512}$/ // RFC 8555 §6.5.1

/** One HTTPS request to an authority; it answers and does not throw, follows no redirect and asks nothing twice. */
export type AuthorityExchange = (
  request: {
    url: string
    method: 'GET' | 'HEAD' | 'POST'
    headers: Readonly<Record<string, string>>
    body?: string
    caPem: string | null // the only trusted roots; null: those that Node ships
  },
  signal: AbortSignal,
) => Promise<AuthorityReply>

export type AuthorityReply =
  | { outcome: 'ok'; status: number; headers: Readonly<Record<string, string>>; body: string } // names in lower case
  | { outcome: 'malformed'; why: string }
  | { outcome: 'unreachable'; why: string }

interface AcmeSessionDeps {
  exchange: AuthorityExchange
  clock: Clock
  timeoutMs?: number // for one call
}

/** acme-client signs; what goes over the wire, what is tried again and what an answer means is decided here. */
export function acmeSessions({ exchange, clock, timeoutMs = TIMEOUT_MS }: AcmeSessionDeps): OpenSession {
  return ({ directoryUrl, caPem, accountUrl: knownAccountUrl }, accountKeyDer) => {
    const host = new URL(directoryUrl).host
    let accountKey = pemOf(accountKeyDer)
    let accountUrl = knownAccountUrl
    let directory: { document: Record<string, unknown>; fetchedAt: number } | undefined
    let spareNonce: string | null = null
    let skewMs: number | null = null

    const failed = (problem: AcmeProblem) => authorityError(host, problem)
    const malformed = (detail: string, status = 200) => failed(ownProblem('malformed-answer', detail, status))

    /** @throws ProblemError authority-unreachable; authority-refused: the answer is no HTTP, or too large */
    async function ask(
      method: 'GET' | 'HEAD' | 'POST',
      url: string,
      signal: AbortSignal,
      body?: string,
    ): Promise<Answer> {
      const headers = {
        'user-agent': 'waypost',
        ...(body === undefined ? {} : { 'content-type': 'application/jose+json' }),
      }
      const reply = await exchange({ url, method, headers, caPem, ...(body === undefined ? {} : { body }) }, signal)
      if (reply.outcome === 'malformed') throw malformed(reply.why, 0)
      if (reply.outcome === 'unreachable') {
        const why = signal.aborted ? `no complete answer within ${timeoutMs / 1000} s` : reply.why
        throw failed(ownProblem('unreachable', why))
      }
      const { status, body: text } = reply
      const { 'replay-nonce': nonce, ...others } = reply.headers
      const theirNow = Date.parse(others['date'] ?? '')
      if (!Number.isNaN(theirNow)) skewMs = theirNow - clock.now().getTime()
      const isNonce = nonce !== undefined && NONCE.test(nonce)
      return { status, headers: isNonce ? { ...others, 'replay-nonce': nonce } : others, body: text }
    }

    function refusedBy(answer: Answer): ProblemError {
      return failed(problemOf({ ...answer, now: clock.now() }))
    }

    async function directoryDocument(signal: AbortSignal): Promise<Record<string, unknown>> {
      const now = clock.now().getTime()
      if (directory !== undefined && Math.abs(now - directory.fetchedAt) < DIRECTORY_MS) return directory.document
      const answer = await ask('GET', directoryUrl, signal)
      if (!isSuccess(answer)) throw refusedBy(answer)
      const document = objectOf(answer.body)
      if (document === null) throw malformed('its directory is no JSON object')
      for (const name of ['newNonce', 'newAccount', 'newOrder']) read.url(document, name, malformed)
      directory = { document, fetchedAt: now }
      return document
    }

    async function resource(name: string, signal: AbortSignal): Promise<string> {
      const document = await directoryDocument(signal)
      if (document[name] === undefined) throw malformed(`its directory offers no ${name}`)
      return read.url(document, name, malformed)
    }

    async function nonce(signal: AbortSignal): Promise<string> {
      const spare = spareNonce
      spareNonce = null
      if (spare !== null) return spare
      const answer = await ask('HEAD', await resource('newNonce', signal), signal)
      if (!isSuccess(answer)) throw refusedBy(answer)
      const fresh = answer.headers['replay-nonce']
      if (fresh === undefined) throw malformed('it gave no nonce', answer.status)
      return fresh
    }

    /**
     * A client for one call. Its own ways out are replaced: they have no timeout, sleep out every Retry-After, send nonces
     * again, and take a body that was cut off for a whole one.
     */
    function signer(key: Buffer, signal: AbortSignal): Signer {
      // Its types know neither `http` nor `api`
      const client = new Client({
        directoryUrl,
        accountKey: key,
        ...(accountUrl ? { accountUrl } : {}),
      }) as unknown as Signer
      const { http, api } = client
      http.maxBadNonceRetries = MAX_BAD_NONCES
      http.getResourceUrl = (name) => resource(name, signal)
      http.getNonce = () => nonce(signal)
      http.request = async (url, _method, { data }) => {
        const answer = await ask('POST', url, signal, JSON.stringify(data))
        // acme-client itself takes the nonce that comes with badNonce
        if (isSuccess(answer)) spareNonce = answer.headers['replay-nonce'] ?? null
        return { ...answer, data: objectOf(answer.body) }
      }
      api.apiRequest = async (url, payload = null, _statuses, options = {}) => {
        const { includeJwsKid = true, includeExternalAccountBinding = false } = options
        const kid = includeJwsKid ? api.getAccountUrl() : null
        const answer = await http.signedRequest(url, payload, { kid, includeExternalAccountBinding })
        if (!isSuccess(answer)) throw refusedBy(answer)
        return answer
      }
      return client
    }

    const within = <Result>(call: (api: Api, http: Http, signal: AbortSignal) => Promise<Result>): Promise<Result> => {
      const signal = AbortSignal.timeout(timeoutMs)
      const { api, http } = signer(accountKey, signal)
      return call(api, http, signal)
    }

    const assertValid = ({ body }: Answer): void => {
      const { status } = objectOf(body) ?? {}
      if (status === 'deactivated' || status === 'revoked')
        throw failed(ownProblem('unauthorized', `the account is ${status}`, 403))
    }

    const orderOf = (url: string, answer: Answer) => read.order(url, answer, clock.now(), malformed)

    return {
      directory: () => within(async (_api, _http, signal) => read.directory(await directoryDocument(signal))),

      register: ({ contact, eab }) =>
        within(async (api, http) => {
          http.externalAccountBinding = eab === null ? {} : { kid: eab.keyId, hmacKey: eab.key }
          const account = { termsOfServiceAgreed: true, ...(contact.length > 0 ? { contact } : {}) }
          const answer = await api.createAccount(account).catch(async (error: unknown) => {
            // An external account key that may be used once was used up where the answer to its first use was lost
            if (eab === null || !isAboutUs(acmeProblem(error))) throw error
            return api.createAccount({ onlyReturnExisting: true }).catch(() => {
              throw error
            })
          })
          assertValid(answer)
          return (accountUrl = read.location(answer, malformed))
        }),

      account: () => within(async (api) => assertValid(await api.apiRequest(api.getAccountUrl()))),

      newOrder: ({ identifiers, profile, replaces }) =>
        within(async (api) => {
          const answer = await api.createOrder({
            identifiers: identifiers.map((value) => ({ type: 'dns', value })),
            ...(profile === null ? {} : { profile }),
            ...(replaces === null ? {} : { replaces }),
          })
          return orderOf(read.location(answer, malformed), answer)
        }),

      order: (url) => within(async (api) => orderOf(url, await api.getOrder(url))),

      authorization: (url) =>
        within(async (api, http) =>
          read.authorization(url, await api.getAuthorization(url), http.getJwk(), clock.now(), malformed),
        ),

      answer: (challengeUrl) => within(async (api) => void (await api.completeChallenge(challengeUrl, {}))),

      finalize: (finalizeUrl, orderUrl, csrDer) =>
        within(async (api) => {
          const csr = Buffer.from(csrDer).toString('base64url')
          return orderOf(orderUrl, await api.finalizeOrder(finalizeUrl, { csr }))
        }),

      certificate: (url, isPreferred = () => true) =>
        within(async (api) => {
          const offered = await api.apiRequest(url)
          const chainPem = read.chainPem(offered, malformed)
          if (isPreferred(chainPem)) return chainPem
          for (const alternate of read.alternates(offered).slice(0, MOST_ALTERNATES)) {
            const asked = api.apiRequest(alternate).then((answer) => read.chainPem(answer, malformed))
            const other = await asked.catch(() => undefined)
            if (other !== undefined && isPreferred(other)) return other
          }
          return chainPem
        }),

      deactivateAuthorization: (url) =>
        within(async (api) => void (await api.updateAuthorization(url, { status: 'deactivated' }))),

      revoke: (certificateDer, reason) =>
        within(async (api) => {
          const certificate = Buffer.from(certificateDer).toString('base64url')
          await api.revokeCert({ certificate, reason }).catch((error: unknown) => {
            if (acmeProblem(error)?.type !== 'alreadyRevoked') throw error
          })
        }),

      changeKey: (key) =>
        within(async (api, http, signal) => {
          const newKey = pemOf(key)
          // RFC 8555 §7.3.5: the inner JWS is the new key's, without nonce, for the same URL
          const url = await resource('keyChange', signal)
          const inner = { account: api.getAccountUrl(), oldKey: http.getJwk() }
          await api.updateAccountKey(signer(newKey, signal).http.createSignedBody(url, inner))
          accountKey = newKey
        }),

      updateContact: (contact) => within(async (api) => void (await api.updateAccount({ contact }))),

      renewalInfo: (certId) =>
        within(async (_api, _http, signal) => {
          const base = await resource('renewalInfo', signal)
          const answer = await ask('GET', `${base.replace(/\/$/, '')}/${certId}`, signal)
          if (!isSuccess(answer)) throw refusedBy(answer)
          return read.renewalInfo(answer, clock.now(), malformed)
        }),

      clockSkewMs: () => (skewMs !== null && Math.abs(skewMs) > TOLERATED_SKEW_MS ? skewMs : 0),
    }
  }
}

interface Answer {
  status: number
  headers: Readonly<Record<string, string>>
  body: string
}

/** What is used of acme-client 5.4.0 and replaced in it, whose types say nothing of it. */
interface Signer {
  http: Http
  api: Api
}

interface Http {
  externalAccountBinding: { kid?: string; hmacKey?: string }
  maxBadNonceRetries: number
  getJwk(): Record<string, string>
  getNonce(): Promise<string>
  getResourceUrl(name: string): Promise<string>
  createSignedBody(url: string, payload: object): object
  request(url: string, method: string, options: { data?: unknown }): Promise<Answer & { data: unknown }>
  signedRequest(
    url: string,
    payload: object | null,
    options: { kid: string | null; includeExternalAccountBinding: boolean },
  ): Promise<Answer>
}

interface Api {
  getAccountUrl(): string
  apiRequest(
    url: string,
    payload?: object | null,
    statuses?: number[],
    options?: { includeJwsKid?: boolean; includeExternalAccountBinding?: boolean },
  ): Promise<Answer>
  createAccount(account: object): Promise<Answer>
  updateAccount(changes: object): Promise<Answer>
  updateAccountKey(jws: object): Promise<Answer>
  createOrder(order: object): Promise<Answer>
  getOrder(url: string): Promise<Answer>
  finalizeOrder(url: string, request: object): Promise<Answer>
  getAuthorization(url: string): Promise<Answer>
  updateAuthorization(url: string, changes: object): Promise<Answer>
  completeChallenge(url: string, response: object): Promise<Answer>
  revokeCert(revocation: object): Promise<Answer>
}

function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300
}

/** Refused for what was sent, and not because the authority had no time. */
function isAboutUs(problem: AcmeProblem | undefined): boolean {
  return problem !== undefined && problem.status >= 400 && problem.status < 500 && problem.type !== 'rateLimited'
}

function pemOf(pkcs8Der: Uint8Array): Buffer {
  const key = createPrivateKey({ key: Buffer.from(pkcs8Der), format: 'der', type: 'pkcs8' })
  return Buffer.from(key.export({ type: 'pkcs8', format: 'pem' }))
}
