import { randomUUID } from 'node:crypto'
import dns from 'node:dns'
import https from 'node:https'
import type { IncomingMessage } from 'node:http'
import type { LookupFunction } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { isPublicCode } from '../admin/problem-details.ts'
import { ProblemError, type FieldProblem } from '../problem.ts'
import { queryString, type Answer, type ApiRequest, type Transport } from './api.ts'

const WAIT_AT_MOST_MS = 120_000

export interface Server {
  origin: string // "https://admin.example.net"
  token: string
  ca: string | undefined // PEM; undefined: the authorities that Node trusts
  answerWithinMs?: number // 30 s where it is left out
}

/**
 * The API of a running server. Follows no redirect: what a token opens is not told to anybody else.
 * @throws ProblemError unavailable: it was not reached, or is no Waypost; otherwise what it refused
 */
export function remote({ origin, token, ca, answerWithinMs = 30_000 }: Server): Transport {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, lookup, ...(ca !== undefined && { ca }) })

  async function send(request: ApiRequest): Promise<Answer> {
    // The same for each attempt: a POST whose answer was lost is carried out once
    const idempotencyKey = randomUUID()
    let waitedMs = 0
    let isAgain = false
    for (;;) {
      const reply = await attempt(request, idempotencyKey).catch((error: unknown) => {
        if (isAgain || !isReset(error) || !isRepeatable(request)) throw unreachable(error, origin, request)
        return undefined
      })
      if (!reply) {
        isAgain = true
        continue
      }
      const { message, text } = reply
      const retryMs = retryAfterMs(message)
      if (isAskedToWait(message, text) && waitedMs + retryMs <= WAIT_AT_MOST_MS) {
        await delay(retryMs)
        waitedMs += retryMs
        continue
      }
      // The first attempt may have done it: what was to go is gone
      if (isAgain && request.method === 'delete' && message.statusCode === 404) return answerOf(message, '')
      refuseProblem(message, text, origin)
      return answerOf(message, text)
    }
  }

  async function attempt(request: ApiRequest, idempotencyKey: string) {
    const signal = AbortSignal.timeout(answerWithinMs)
    try {
      const message = await open(request, idempotencyKey, signal)
      return { message, text: await textOf(message) }
    } catch (error) {
      throw signal.aborted ? timeout() : error // in the middle of an answer it looks like a reset
    }
  }

  function open(
    { method, path, query, body, ifMatch }: ApiRequest,
    idempotencyKey: string,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const content = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    return new Promise((resolve, reject) => {
      const request = https.request(
        `${origin}/api/v1${path}${queryString(query)}`,
        {
          method: method.toUpperCase(),
          agent,
          signal,
          headers: {
            Authorization: `Bearer ${token}`,
            Accept: 'application/json, application/problem+json, text/csv, application/x-ndjson',
            'User-Agent': 'waypost',
            ...(content && { 'Content-Type': 'application/json', 'Content-Length': content.length }),
            ...(method === 'post' && { 'Idempotency-Key': idempotencyKey }),
            ...(ifMatch !== undefined && { 'If-Match': ifMatch }),
          },
        },
        resolve,
      )
      request.on('error', reject)
      request.end(content)
    })
  }

  return {
    send,
    async *text(path, query) {
      const request: ApiRequest = { method: 'get', path, query }
      try {
        const beginning = new AbortController()
        const timer = setTimeout(() => beginning.abort(timeout()), answerWithinMs)
        const message = await open(request, '', beginning.signal).finally(() => clearTimeout(timer))
        if (message.statusCode !== 200) refuseProblem(message, await textOf(message), origin)
        // However long it is, something has to come now and then
        message.setTimeout(answerWithinMs, () => message.destroy(timeout()))
        message.setEncoding('utf8')
        for await (const chunk of message) yield chunk as string
      } catch (error) {
        throw error instanceof ProblemError ? error : unreachable(error, origin, request)
      }
    },
    async close() {
      agent.destroy()
    },
  }
}

/** RFC 6761 §6.3: names below `localhost` are this machine, whatever the resolver thinks; `admin.localhost` is the default. */
const lookup: LookupFunction = (hostname, options, callback) => {
  dns.lookup(/(?:^|\.)localhost$/i.test(hostname) ? 'localhost' : hostname, options, callback)
}

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function answerOf({ statusCode = 0, headers }: IncomingMessage, text: string): Answer {
  return {
    status: statusCode,
    body: text === '' ? undefined : JSON.parse(text),
    etag: headers.etag ?? null,
    location: headers.location ?? null,
  }
}

interface Problem {
  code?: unknown
  title?: unknown
  detail?: unknown
  instance?: unknown
  rule?: unknown
  errors?: unknown
}

/** A refusal becomes what it was on the server. */
function refuseProblem(message: IncomingMessage, text: string, origin: string): void {
  const { statusCode = 0, headers } = message
  const isJson = /^application\/json\b/.test(headers['content-type'] ?? '')
  if (statusCode === 204 || ((statusCode === 200 || statusCode === 201) && isJson)) return
  if (statusCode >= 300 && statusCode < 400)
    throw new ProblemError(
      'unavailable',
      `${origin} redirects to ${headers.location ?? 'somewhere'}, which is not followed; give the server's own address`,
    )
  const problem = problemOf(message, text)
  const { code, detail, rule, errors } = problem ?? {}
  if (typeof code !== 'string' || !isPublicCode(code))
    throw new ProblemError(
      'unavailable',
      `${origin} answered ${statusCode}, and not as Waypost does; check the address, and whatever stands before the server`,
    )
  if (code === 'internal')
    throw new ProblemError(
      'unavailable',
      `the server failed; its log says why, under request ${String(problem?.instance).replace('urn:uuid:', '')}`,
    )
  throw new ProblemError(code, typeof detail === 'string' ? detail : String(problem?.title), {
    ...(typeof rule === 'string' && { rule }),
    ...(Array.isArray(errors) && { fields: errors as FieldProblem[] }),
  })
}

function problemOf({ headers }: IncomingMessage, text: string): Problem | undefined {
  if (!/^application\/problem\+json\b/.test(headers['content-type'] ?? '')) return undefined
  try {
    return JSON.parse(text) as Problem
  } catch {
    return undefined
  }
}

/** Neither has changed anything: too many requests, and one whose first attempt is still under way. */
function isAskedToWait(message: IncomingMessage, text: string): boolean {
  const code = message.statusCode === 429 || message.statusCode === 409 ? problemOf(message, text)?.code : undefined
  return code === 'too-many-requests' || code === 'request-in-progress'
}

function retryAfterMs({ headers }: IncomingMessage): number {
  return Math.max(1, Number(headers['retry-after']) || 1) * 1000
}

/** What the first attempt has changed does not match a second time. */
function isRepeatable({ ifMatch }: ApiRequest): boolean {
  return ifMatch === undefined
}

function isReset(error: unknown): boolean {
  return codeOf(error) === 'ECONNRESET' || codeOf(error) === 'EPIPE'
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function timeout(): Error {
  return Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })
}

function unreachable(cause: unknown, origin: string, { method }: ApiRequest): ProblemError {
  const text = `${origin} could not be asked: ${whatToCheck(cause)}`
  const isUncertain = method !== 'get' && !NOTHING_SENT.has(codeOf(cause)) && !isCertificateFault(codeOf(cause))
  return new ProblemError(
    'unavailable',
    isUncertain ? `${text}; whether it was carried out is not known, so look before you repeat it` : text,
    { cause },
  )
}

const NOTHING_SENT = new Set(['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EPROTO'])

function whatToCheck(cause: unknown): string {
  const code = codeOf(cause)
  const message = cause instanceof Error ? cause.message : String(cause)
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the name is not found; check it, and your DNS'
  if (code === 'ECONNREFUSED') return 'nothing listens there; check the port, and that the server runs'
  if (code === 'ETIMEDOUT' || code === 'ABORT_ERR')
    return 'it does not answer in time; check that the server runs, and the network on the way'
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return 'there is no way to it; check the network'
  if (isReset(cause)) return 'the connection was reset; check that it is the server, and its log'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `its certificate is for another name; check the address (${message})`
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return `its certificate is not valid now (${message}); check the clocks, and renew it`
  if (isCertificateFault(code))
    return `its certificate is of an authority that is not trusted here (${message}); give the authority's with --ca FILE or WAYPOST_CA`
  if (/^(?:EPROTO|ERR_SSL_)/.test(code)) return 'it speaks no TLS for that name; check the address and the port'
  return message
}

function isCertificateFault(code: string): boolean {
  return /CERT|UNABLE_TO_/.test(code)
}
