import express, { Router, type Request, type RequestHandler, type Response } from 'express'
import type { Clock } from '../../clock.ts'
import { ProblemError } from '../../problem.ts'
import type { IdempotencyStore } from '../../tenant/idempotency.ts'
import type { TenantStore } from '../../tenant/tenant.ts'
import { clearSessionToken, sessionToken, setSessionToken } from '../cookies.ts'
import { actOf, exchangeOf, hasAuthorization, visitorOf } from '../exchange.ts'
import { refuseInMaintenance } from '../maintenance.ts'
import { onceOnly } from './idempotency.ts'
import { takesIfMatch, type Method, type Route, type RouteAnswer, type RouteDeclaration } from './route.ts'

const BODY_LIMIT_BYTES = 64_000

export interface RouterDeps {
  tenants: TenantStore
  idempotency: IdempotencyStore
  clock: Clock
}

/** One Express router from the list; a path that is declared refuses all methods that are not. */
export function routesRouter(routes: readonly Route[], deps: RouterDeps): Router {
  const router = Router({ caseSensitive: true, strict: true })
  for (const one of routes) router[one.declaration.method](expressPath(one.declaration.path), ...handlers(one, deps))
  refuseOtherMethods(
    router,
    routes.map(({ declaration }) => ({ method: declaration.method, path: expressPath(declaration.path) })),
  )
  return router
}

function handlers(one: Route, { tenants, idempotency, clock }: RouterDeps): RequestHandler[] {
  const { declaration } = one
  return [
    async (req, res, next) => {
      const { caller } = exchangeOf(req)
      const { params } = req
      res.locals['tenant'] = await one.authorize({ params, caller, act: actOf(req, clock) }, tenants)
      // Ignored, it would let somebody believe that nothing was overwritten
      if (declaration.method !== 'get' && req.get('if-match') !== undefined && !takesIfMatch(declaration))
        throw new ProblemError('malformed-request', 'this request takes no If-Match')
      refuseInMaintenance(req, declaration)
      next()
    },
    ...readBody(declaration),
    async (req, res) => {
      const { caller } = exchangeOf(req)
      const perform = () =>
        one.answer(
          {
            params: req.params,
            query: req.query,
            body: req.body,
            caller,
            act: actOf(req, clock),
            url: req.originalUrl,
            visitor: visitorOf(req),
            // Who sends a token does not mean the cookie beside it
            pendingToken: hasAuthorization(req) ? null : (sessionToken(req) ?? null),
          },
          res.locals['tenant'] as Awaited<ReturnType<Route['authorize']>>,
        )
      await send(res, declaration, await onceOnly(req, declaration, { idempotency, clock }, perform))
    },
  ]
}

async function send(res: Response, { answer }: RouteDeclaration, done: RouteAnswer): Promise<void> {
  const { body, location, etag, isNew, session, text } = done
  if (session) setSessionToken(res, session.token)
  if (session === null) {
    clearSessionToken(res)
    // Not "cookies": those would be the ones of all hosts of the registered domain
    res.setHeader('Clear-Site-Data', '"cache", "storage"')
  }
  if (location !== undefined) res.setHeader('Location', location)
  if (etag !== undefined) res.setHeader('ETag', etag)
  res.status(isNew ? 201 : answer.status)
  if (text) await sendText(res, text)
  else if (answer.status === 204) res.end()
  else res.json(body)
}

/** As it comes. What goes wrong before the first of it is a problem as everywhere; later the connection breaks off. */
async function sendText(res: Response, { type, fileName, chunks }: NonNullable<RouteAnswer['text']>): Promise<void> {
  const begin = () => {
    if (fileName !== undefined) res.attachment(fileName)
    res.type(type)
  }
  if (res.req.method !== 'HEAD')
    for await (const chunk of chunks) {
      if (res.destroyed) return
      if (!res.headersSent) begin()
      if (!res.write(chunk)) await drained(res)
    }
  if (!res.headersSent) begin()
  res.end()
}

/** Or gone, together with whoever was to read it. */
function drained(res: Response): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      res.off('drain', done).off('close', done)
      resolve()
    }
    res.on('drain', done).on('close', done)
  })
}

export function refuseOtherMethods(router: Router, declared: readonly { method: Method; path: string }[]): void {
  for (const path of new Set(declared.map((route) => route.path))) {
    const methods = declared.filter((route) => route.path === path).map(({ method }) => method.toUpperCase())
    const allow = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ')
    router.all(path, (req, res) => {
      res.setHeader('Allow', allow)
      throw new ProblemError('method-not-allowed', `${req.method} is not possible here; ${allow} are`)
    })
  }
}

/** After authorization, so that a stranger's body is never read. */
function readBody({ body, textBody, bodyLimitBytes = BODY_LIMIT_BYTES }: RouteDeclaration): RequestHandler[] {
  if (!body) return [refuseBody]
  return [
    (req, _res, next) => {
      const types = ['application/json', ...(textBody ? [textBody.type] : [])]
      if (hasBody(req) && !req.is(types))
        throw new ProblemError('unsupported-media-type', `send the body as Content-Type: ${types.join(' or ')}`)
      next()
    },
    express.json({ limit: bodyLimitBytes, strict: true, inflate: false, type: 'application/json' }),
    ...(textBody ? readText(textBody, bodyLimitBytes) : []),
  ]
}

function readText({ type, field }: { type: string; field: string }, limit: number): RequestHandler[] {
  return [
    express.text({ limit, inflate: false, type }),
    (req, _res, next) => {
      if (typeof req.body === 'string') req.body = { [field]: req.body }
      next()
    },
  ]
}

const refuseBody: RequestHandler = (req, _res, next) => {
  if (hasBody(req)) throw new ProblemError('malformed-request', 'this request takes no body')
  next()
}

function hasBody(req: Request): boolean {
  return req.get('transfer-encoding') !== undefined || (req.get('content-length') ?? '0') !== '0'
}

function expressPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1')
}
