import type { NextFunction, Request, RequestHandler, Response } from 'express'
import type { Act } from '../act.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { nameFromBytes, type DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import type { Principal } from '../tenant/principal.ts'
import type { Session } from '../tenant/session.ts'
import { PLAIN, type Standing } from '../tenant/settings.ts'
import type { Visitor } from '../tenant/visitor.ts'
import { deviceOf } from './device.ts'

/** Who asks: a person with a session, or a program with an API token. */
export interface Caller {
  principal: Principal
  session: Session | null // null: an API token
}

/** What is known of one request before any route sees it. */
export interface Exchange {
  requestId: string // UUID
  address: string | null
  origin: string // "https://admin.example.net", with the port that the caller used
  caller: Caller | null
  standing: Standing
}

const exchanges = new WeakMap<Request, Exchange>()

export function exchangeOf(req: Request): Exchange {
  const exchange = exchanges.get(req)
  if (!exchange) throw new Error('a route ran before the exchange was opened')
  return exchange
}

/**
 * Opens the exchange and refuses all hosts but one.
 * @param isBehindEdge the edge dropped what the client sent of X-Forwarded-* and wrote its own: only then are they believed
 */
export function openExchange(deps: {
  adminHost: DomainName
  isBehindEdge: boolean
  randomBytes: (size: number) => Uint8Array
}): RequestHandler {
  return (req, res, next) => {
    const requestId = uuid(deps.randomBytes(16))
    res.setHeader('X-Request-Id', requestId)
    const host = deps.isBehindEdge ? req.get('x-forwarded-host') : req.get('host')
    exchanges.set(req, {
      requestId,
      address: (deps.isBehindEdge ? req.get('x-forwarded-for') : req.socket.remoteAddress) ?? null,
      origin: `https://${host?.toLowerCase() ?? deps.adminHost}`,
      caller: null,
      standing: PLAIN,
    })
    // A target that is no path is a request to a proxy (RFC 9112 §3.2.2)
    if (!req.url.startsWith('/') || !isAdminHost(host, deps.adminHost) || hostLines(req) > 1)
      throw new ProblemError('misdirected-request', `only ${deps.adminHost} is answered for here`)
    next()
  }
}

export function actOf(req: Request, clock: Clock): Act {
  const { caller, address } = exchangeOf(req)
  const actor = caller?.principal.name ?? 'nobody'
  return { at: clock.now(), actor, address, ifMatch: ifMatch(req), actingAs: caller?.principal.acting?.tenant.name }
}

export function visitorOf(req: Request): Visitor {
  return { address: exchangeOf(req).address, device: deviceOf(req.get('user-agent')) }
}

/** Whoever watches the log for guessing needs the address. */
export function logGuess(log: Log, req: Request, { code }: ProblemError): void {
  if (code !== 'sign-in-refused' && code !== 'too-many-requests') return
  const { requestId, address } = exchangeOf(req)
  log.info({ requestId, address, path: req.path, code }, 'refused')
}

export function hasAuthorization(req: Request): boolean {
  return req.get('authorization') !== undefined
}

/** The secret of an API token, RFC 6750 §2.1; undefined: the Authorization line holds none. */
export function bearerSecret(req: Request): string | undefined {
  return /^bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(req.get('authorization') ?? '')?.[1]
}

/** @throws ProblemError malformed-request: it is no list of entity tags, RFC 9110 §13.1.1 */
function ifMatch(req: Request): string[] | undefined {
  const line = req.get('if-match')?.trim()
  if (line === undefined) return undefined
  if (line === '*') return ['*']
  if (!/^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"(?:[ \t]*,[ \t]*(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")*$/.test(line))
    throw new ProblemError('malformed-request', 'If-Match should be the ETag of an answer, with its quotation marks')
  return line.match(/(?:W\/)?"[^"]*"/g) ?? []
}

const UNSAFE = /^(?!GET$|HEAD$|OPTIONS$)/

/**
 * Refuses requests that another site's page makes with the visitor's cookie. Browsers say where a request comes from
 * by Sec-Fetch-Site; those before 2023 by Origin only. A caller that sends neither is no browser of today, and has to
 * say the Origin itself: "absent" must not be the way around.
 */
export function refuseCrossSite(req: Request, _res: Response, next: NextFunction): void {
  const site = req.get('sec-fetch-site')
  const isOurs =
    site === undefined ? req.get('origin') === exchangeOf(req).origin : site === 'same-origin' || site === 'none'
  // No browser sends a token by itself
  if (UNSAFE.test(req.method) && !isOurs && !hasAuthorization(req))
    throw new ProblemError(
      'cross-site-request',
      `a request that changes something must come from this site itself: send "Origin: ${exchangeOf(req).origin}", or an API token`,
    )
  next()
}

function isAdminHost(host: string | undefined, adminHost: DomainName): boolean {
  const name = /^([^:/@?#\\\s]+)(?::\d{1,5})?$/.exec(host ?? '')?.[1]
  return name !== undefined && nameFromBytes(name) === adminHost
}

/** Node keeps the first of several Host lines and says nothing. */
function hostLines(req: Request): number {
  return req.headersDistinct.host?.length ?? 0
}

function uuid(random: Uint8Array): string {
  const bytes = Buffer.from(random)
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
