import type { z } from 'zod'
import type { Act } from '../../act.ts'
import { ProblemError, type ProblemCode } from '../../problem.ts'
import { verdict, type Access, type Principal, type Requirement } from '../../tenant/principal.ts'
import type { Session } from '../../tenant/session.ts'
import type { OpenedSession } from '../../tenant/sign-in.ts'
import type { Tenant, TenantStore } from '../../tenant/tenant.ts'
import type { Visitor } from '../../tenant/visitor.ts'
import type { Caller } from '../exchange.ts'
import { parseInput } from '../input.ts'

export const UPLOAD_LIMIT_BYTES = 200_000

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

/** Everything that is to be known of a route: what validates, authorizes and describes it is this one text. */
export interface RouteDeclaration<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Answer extends z.ZodType = z.ZodType,
  Path extends string = string,
  Who extends Access = Access,
> extends Requirement {
  method: Method
  path: Path // below /api/v1, with {parameters} as OpenAPI writes them; {tenant} is the one that `access` is about
  summary: string
  access: Who
  params?: Params
  query?: Query
  body?: Body
  bodyLimitBytes?: number // 64 kB where it is left out
  textBody?: { type: string; field: string } // a text of that type is taken too, for that field of the body
  goesOn?: true // while maintenance is on, whoever asks
  hasNoEtag?: true // what it changes has none, so that there is nothing that If-Match could name
  answer: AnswerDeclaration<Answer>
  problems?: readonly ProblemCode[] // beside those that every route may answer
}

export type AnswerDeclaration<Answer extends z.ZodType = z.ZodType> =
  | {
      status: 200
      schema: Answer
      hasEtag?: true // for If-Match of the requests that change it
      mayCreate?: true // a PUT of what was not there is answered 201
      setsSession?: true // by its cookie
    }
  | { status: 201; schema: Answer; hasEtag?: true; setsSession?: true }
  | { status: 204; schema?: never; setsSession?: true }
  | { status: 200; schema?: never; mediaTypes: readonly string[] } // text that is sent as it comes

/** What a handler is given: all of it checked. */
export interface Input<Params, Query, Body, Path extends string = string, Who extends Access = Access> {
  params: Params
  query: Query
  body: Body
  act: Act
  /** The path and query that were asked, for links to the next page. */
  url: string
  /** The one that the path names. */
  tenant: TenantOf<Path>
  principal: Who extends 'public' ? Principal | null : Principal
  session: Session | null // null: an API token, or nobody
  visitor: Visitor
  /** Of the cookie, which may be of a session that waits for its second factor: those have no principal. */
  pendingToken: string | null
}

type TenantOf<Path extends string> = Path extends `${string}{tenant}${string}`
  ? Tenant
  : string extends Path
    ? Tenant | null
    : null

export interface RouteAnswer<Body = unknown> {
  body?: Body
  location?: string
  etag?: string
  isNew?: boolean // what was PUT was not there
  session?: OpenedSession | null // null: the cookie is cleared
  text?: { type: string; fileName?: string; chunks: AsyncIterable<string> }
}

/** A request before anything of it but its caller is believed. */
export interface RouteRequest {
  params: unknown
  query: Record<string, unknown>
  body: unknown
  caller: Caller | null
  act: Act
  url: string
  visitor: Visitor
  pendingToken?: string | null // left out: there is no cookie
}

/** Which requests take If-Match: those that change or remove one thing whose ETag was read. */
export function takesIfMatch({ method, hasNoEtag, problems = [] }: RouteDeclaration): boolean {
  const isOfOneThing = method === 'put' || method === 'patch' || method === 'delete'
  return (isOfOneThing && !hasNoEtag) || problems.includes('precondition-failed')
}

export interface Route {
  declaration: RouteDeclaration
  /**
   * Whether the caller may do this at all, before anything of the body is read.
   * @returns the tenant that the path names
   */
  authorize(
    request: Pick<RouteRequest, 'params' | 'caller' | 'act'>,
    tenants: Pick<TenantStore, 'findByName'>,
  ): Promise<Tenant | null>
  answer(request: RouteRequest, tenant: Tenant | null): Promise<RouteAnswer>
}

export function route<
  const Path extends `/${string}`,
  Who extends Access,
  Params extends z.ZodType = z.ZodUndefined,
  Query extends z.ZodType = z.ZodUndefined,
  Body extends z.ZodType = z.ZodUndefined,
  Answer extends z.ZodType = z.ZodUndefined,
>(
  declaration: RouteDeclaration<Params, Query, Body, Answer, Path, Who>,
  handler: (
    input: Input<z.output<Params>, z.output<Query>, z.output<Body>, Path, Who>,
  ) => Promise<RouteAnswer<z.input<Answer>>>,
): Route {
  return {
    declaration,

    async authorize({ params, caller, act }, tenants) {
      if (declaration.access !== 'public' && !caller) throw signInFirst()
      const parsed = parseParams(declaration.params, params)
      const tenant = await namedTenant(parsed, tenants)
      const { method } = declaration
      authorize(declaration, caller?.principal ?? null, tenant, act.at, { isChange: method !== 'get' })
      return tenant
    },

    async answer(request, tenant) {
      return handler({
        params: parseParams(declaration.params, request.params) as z.output<Params>,
        query: parseQuery(declaration.query, request.query) as z.output<Query>,
        body: (declaration.body && parseInput(declaration.body, request.body ?? {}, 'body')) as z.output<Body>,
        act: request.act,
        url: request.url,
        tenant: tenant as TenantOf<Path>,
        principal: (request.caller?.principal ?? null) as Principal,
        session: request.caller?.session ?? null,
        visitor: request.visitor,
        pendingToken: request.pendingToken ?? null,
      })
    },
  }
}

/** @throws ProblemError sign-in-required, not-found, forbidden, fresh-sign-in-required, tenant-suspended */
export function authorize(
  requirement: Requirement,
  principal: Principal | null,
  tenant: Tenant | null,
  now: Date,
  { isChange }: { isChange: boolean },
): void {
  switch (verdict(principal, requirement, tenant?.id ?? null, now)) {
    case 'allowed':
      break
    case 'sign-in-required':
      throw signInFirst()
    case 'not-found':
      throw noTenant(tenant?.name ?? '')
    case 'forbidden':
      throw new ProblemError('forbidden', whyForbidden(requirement, principal))
    case 'acting':
      throw new ProblemError('forbidden', actingFirst(principal, 'this is about yourself'))
    case 'fresh-sign-in-required':
      throw new ProblemError('fresh-sign-in-required', 'this is a grave act: confirm first that it is you')
  }
  if (isChange && tenant && tenant.suspendedAt !== null && !principal?.isOperator)
    throw new ProblemError('tenant-suspended', `the tenant ${tenant.name} is suspended; ask the operator why`)
}

/**
 * Whoever hands out rights may not do it from a session that was left open, nor with a token that was made for less.
 * @throws ProblemError forbidden, fresh-sign-in-required
 */
export function requireGrave(principal: Principal, now: Date): void {
  authorize({ access: 'signed-in', scope: 'any', isGrave: true }, principal, null, now, { isChange: true })
}

/** The tenant that a path names. Another's looks as if it were not there, which `authorize` sees to. */
export async function namedTenant(params: unknown, tenants: Pick<TenantStore, 'findByName'>): Promise<Tenant | null> {
  const name = params !== null && typeof params === 'object' && 'tenant' in params ? params.tenant : undefined
  if (typeof name !== 'string') return null
  const tenant = await tenants.findByName(name)
  if (!tenant) throw noTenant(name)
  return tenant
}

function signInFirst(): ProblemError {
  return new ProblemError('sign-in-required', 'sign in first, or send an API token as "Authorization: Bearer wp_…"')
}

function noTenant(name: string): ProblemError {
  return new ProblemError('not-found', `there is no tenant ${name}`)
}

function whyForbidden({ access, scope, isGrave }: Requirement, principal: Principal | null): string {
  if (access === 'operator' && principal?.acting) return actingFirst(principal, 'only the operator may do this')
  if (access === 'operator' && !principal?.isOperator) return 'only the operator may do this'
  if (principal?.scopes === 'all')
    return `only ${access === 'owner' ? 'an owner' : 'an owner or admin'} of the tenant may do this`
  if (scope === undefined) return 'a person has to do this; no API token may'
  if (scope === 'any') return 'the API token lacks the scope grave'
  return `the API token lacks the scope ${isGrave === true ? `${scope} or grave` : scope}`
}

function actingFirst(principal: Principal | null, why: string): string {
  return `${why}, and you act as the tenant ${principal?.acting?.tenant.name}: stop that first`
}

/** A path that cannot name anything names nothing: not found, however it is malformed. */
export function parseParams(schema: z.ZodType | undefined, params: unknown): unknown {
  const parsed = schema?.safeParse(params)
  if (parsed && !parsed.success) throw new ProblemError('not-found', 'there is no such resource')
  return parsed?.data
}

export function parseQuery(schema: z.ZodType | undefined, query: Record<string, unknown>): unknown {
  if (schema) return parseInput(schema, { ...query }, 'query')
  if (Object.keys(query).length > 0) throw new ProblemError('malformed-request', 'this takes no query parameters')
  return undefined
}
