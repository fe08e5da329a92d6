import express, { Router, type Request, type RequestHandler, type Response } from 'express'
import type { z } from 'zod'
import type { Act } from '../../act.ts'
import type { Clock } from '../../clock.ts'
import { ProblemError, type ProblemCode } from '../../problem.ts'
import { actOf, exchangeOf } from '../exchange.ts'
import { parseInput } from '../input.ts'

/** Who may use a route; closed unless the declaration says otherwise. */
export type Access = 'operator' | 'public'
export type Method = 'get' | 'post' | 'delete'

/** Everything that is to be known of a route: what validates, authorizes and describes it is this one text. */
export interface RouteDeclaration<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Answer extends z.ZodType = z.ZodType,
> {
  method: Method
  path: `/${string}` // below /api/v1, with {parameters} as OpenAPI writes them
  summary: string
  access: Access
  params?: Params
  query?: Query
  body?: Body
  bodyLimitBytes?: number // 64 kB where it is left out
  answer: { status: 200 | 201; schema: Answer } | { status: 204; schema?: never }
  problems?: readonly ProblemCode[] // beside those that every route may answer
}

export interface Route {
  declaration: RouteDeclaration
  handlers: (clock: Clock) => RequestHandler[]
}

interface Input<Params, Query, Body> {
  params: Params
  query: Query
  body: Body
  act: Act
  /** The path and query that were asked, for links to the next page. */
  url: string
}

const BODY_LIMIT_BYTES = 64_000
export const UPLOAD_LIMIT_BYTES = 200_000

export function route<
  Params extends z.ZodType = z.ZodUndefined,
  Query extends z.ZodType = z.ZodUndefined,
  Body extends z.ZodType = z.ZodUndefined,
  Answer extends z.ZodType = z.ZodUndefined,
>(
  declaration: RouteDeclaration<Params, Query, Body, Answer>,
  handler: (
    input: Input<z.output<Params>, z.output<Query>, z.output<Body>>,
  ) => Promise<{ body?: z.input<Answer>; location?: string }>,
): Route {
  return {
    declaration,
    handlers: (clock) => [
      authorize(declaration.access),
      ...readBody(declaration),
      async (req: Request, res: Response) => {
        const { body, location } = await handler({
          params: parseParams(declaration.params, req.params) as z.output<Params>,
          query: parseQuery(declaration.query, req.query) as z.output<Query>,
          body: (declaration.body &&
            parseInput(declaration.body, (req.body as unknown) ?? {}, 'body')) as z.output<Body>,
          act: actOf(req, clock),
          url: req.originalUrl,
        })
        if (location !== undefined) res.setHeader('Location', location)
        res.status(declaration.answer.status)
        if (declaration.answer.status === 204) res.end()
        else res.json(body)
      },
    ],
  }
}

/** One Express router from the list; a path that is declared refuses all methods that are not. */
export function routesRouter(routes: readonly Route[], clock: Clock): Router {
  const router = Router({ caseSensitive: true, strict: true })
  for (const { declaration, handlers } of routes)
    router[declaration.method](expressPath(declaration.path), ...handlers(clock))
  refuseOtherMethods(
    router,
    routes.map(({ declaration }) => ({ method: declaration.method, path: expressPath(declaration.path) })),
  )
  return router
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

export function authorize(access: Access): RequestHandler {
  return (req, _res, next) => {
    if (access !== 'public' && exchangeOf(req).caller?.kind !== access)
      throw new ProblemError('sign-in-required', 'sign in first; `waypost sign-in` prints a one-time link')
    next()
  }
}

/** A path that cannot name anything names nothing: not found, however it is malformed. */
export function parseParams(schema: z.ZodType | undefined, params: unknown): unknown {
  const parsed = schema?.safeParse(params)
  if (parsed && !parsed.success) throw new ProblemError('not-found', 'there is no such resource')
  return parsed?.data
}

export function parseQuery(schema: z.ZodType | undefined, query: Request['query']): unknown {
  if (schema) return parseInput(schema, { ...query }, 'query')
  if (Object.keys(query).length > 0) throw new ProblemError('malformed-request', 'this takes no query parameters')
  return undefined
}

/** After authorization, so that a stranger's body is never read. */
function readBody({ body, bodyLimitBytes = BODY_LIMIT_BYTES }: RouteDeclaration): RequestHandler[] {
  if (!body) return [refuseBody]
  return [
    (req, _res, next) => {
      if (hasBody(req) && !req.is('application/json'))
        throw new ProblemError('unsupported-media-type', 'send the body as Content-Type: application/json')
      next()
    },
    express.json({ limit: bodyLimitBytes, strict: true, inflate: false, type: 'application/json' }),
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
