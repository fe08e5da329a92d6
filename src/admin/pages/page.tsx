import express, { Router, type Request, type RequestHandler, type Response } from 'express'
import type { VNode } from 'preact'
import { renderToString } from 'preact-render-to-string'
import type { z } from 'zod'
import type { Act } from '../../act.ts'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import { ProblemError } from '../../problem.ts'
import type { Role } from '../../tenant/member.ts'
import type { Access, Principal, Requirement } from '../../tenant/principal.ts'
import type { Session } from '../../tenant/session.ts'
import type { OpenedSession } from '../../tenant/sign-in.ts'
import type { Tenant, TenantStore } from '../../tenant/tenant.ts'
import type { UserStore } from '../../tenant/user.ts'
import type { Visitor } from '../../tenant/visitor.ts'
import { authorize, namedTenant, parseParams, parseQuery, type Method } from '../api/route.ts'
import { refuseOtherMethods } from '../api/router.ts'
import { clearSessionToken, setNotice, setSessionToken, takeNotice, type Notice } from '../cookies.ts'
import { actOf, exchangeOf, logGuess, visitorOf, type Caller } from '../exchange.ts'
import { parseInput } from '../input.ts'
import { refuseInMaintenance } from '../maintenance.ts'
import { PROBLEMS, refusalOf } from '../problem-details.ts'
import { PageFrame } from './frame.tsx'
import { ownPath, START, withNext } from './own-path.ts'
import { withIsolates } from './isolation.ts'
import { textsOf } from './language.ts'
import { refusalIn } from './refusals.ts'
import type { Texts } from './texts.ts'
import { themeOf } from './theme.ts'

/** One page, declared as the API's routes are: validated, authorized, closed by default. */
export interface PageDeclaration<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Form extends z.ZodType = z.ZodType,
  Who extends Access = Access,
> extends Requirement {
  path: `/${string}` // as Express writes it; :tenant is the one that `access` is about
  access: Who
  params?: Params
  query?: Query
  form?: Form // of a form that is posted
  standsOn?: `/${string}` // the page with the form, where that has another path
  formLimitBytes?: number
  hasFiles?: true // sent as multipart/form-data; what was chosen arrives as bytes
  goesOn?: true // while maintenance is on, whoever asks
}

export interface Page {
  method: Extract<Method, 'get' | 'post'>
  declaration: PageDeclaration
  /** @param isShown whether the path has a page too: who had to confirm that it is them is led back there */
  handlers: (render: RenderDeps, isShown: boolean) => RequestHandler[]
}

export interface RenderDeps {
  tenants: TenantStore
  users: Pick<UserStore, 'countOperators'>
  clock: Clock
  log: Log
  assets: Assets
  isCheckPublic: boolean // anybody may have any domain checked
}

/** The addresses of static files, with a mark of their content. */
export type Assets = Record<'css' | 'htmx' | 'js' | 'passkey' | 'icon', string>

export interface Seen<Params, Query, Who extends Access = Access> {
  params: Params
  query: Query
  act: Act
  /** The one that the path names. */
  tenant: Who extends Role ? Tenant : Tenant | null
  principal: Who extends 'public' ? Principal | null : Principal
  session: Who extends 'public' ? Session | null : Session
  visitor: Visitor
  texts: Texts // in the visitor's language
  req: Request
  res: Response
}

/** A page's heart, with what its frame shows. */
export interface View {
  title: string
  area?: Area | undefined
  main: VNode
  status?: number // 200 where it is left out
  isSetUp?: boolean // the page that those without an account are led to
}
export type Area =
  | 'overview'
  | 'delegations'
  | 'source-domains'
  | 'certificates'
  | 'authorities'
  | 'jobs'
  | 'target-hosts'
  | 'tenants'
  | 'users'
  | 'audit'
  | 'settings'
  | 'account'

/** What a form leads to: another page, one that is shown at once and never again, with a secret on it, or a file. */
export type Submitted = ({ to: string; notice?: Notice } | { shown: View } | { file: Download }) & {
  session?: OpenedSession | null // null: the cookie is cleared
}

export interface Download {
  name: string // ASCII letters, digits, dots, hyphens
  type: string
  text: string
}

/** What was typed, as the form sent it, with what is wrong with it. */
export interface Refusal {
  typed: Readonly<Record<string, string>>
  problem: ProblemError
  confirmAt?: string // where they first confirm that it is them
}

const FORM_LIMIT_BYTES = 64_000
const MOST_FIELDS = 50

export function page<
  Who extends Access,
  Params extends z.ZodType = z.ZodUndefined,
  Query extends z.ZodType = z.ZodUndefined,
>(
  declaration: PageDeclaration<Params, Query, never, Who>,
  show: (seen: Seen<z.output<Params>, z.output<Query>, Who>) => Promise<View | { to: string }>,
): Page {
  return {
    method: 'get',
    declaration,
    handlers: (render) => [
      admit(declaration, render, true),
      async (req, res) => {
        const shown = await show(seen<Params, Query, Who>(declaration, req, res, render.clock))
        if ('to' in shown) res.redirect(303, shown.to)
        else sendPage(req, res, render, shown.status ?? 200, shown)
      },
    ],
  }
}

/**
 * A form that was posted: either it is done and leads to another page, or the page is shown again with what was typed
 * and what is wrong with it.
 */
export function form<
  Who extends Access,
  Params extends z.ZodType = z.ZodUndefined,
  Query extends z.ZodType = z.ZodUndefined,
  Form extends z.ZodType = z.ZodUndefined,
>(
  declaration: PageDeclaration<Params, Query, Form, Who>,
  submit: (form: z.output<Form>, seen: Seen<z.output<Params>, z.output<Query>, Who>) => Promise<Submitted>,
  again: (refusal: Refusal, seen: Seen<z.output<Params>, z.output<Query>, Who>) => Promise<View>,
): Page {
  return {
    method: 'post',
    declaration,
    handlers: (render, isShown) => [
      admit(declaration, render, isShown),
      ...readForm(declaration),
      async (req, res) => {
        const arrived = seen<Params, Query, Who>(declaration, req, res, render.clock)
        const fields = { ...(req.body as Record<string, unknown>) }
        try {
          refuseInMaintenance(req, declaration, arrived.texts)
          const typed = (declaration.form &&
            parseInput(declaration.form, fields, 'body', arrived.texts)) as z.output<Form>
          const done = await submit(typed, arrived)
          if (done.session) setSessionToken(res, done.session.token)
          if (done.session === null) clearSessionToken(res)
          if ('shown' in done) return sendPage(req, res, render, 200, done.shown, null)
          if ('file' in done) return sendFile(res, done.file)
          if (done.notice) setNotice(res, done.notice)
          res.redirect(303, done.to)
        } catch (err) {
          const problem = refusalOf(err)
          if (!problem) throw err
          logGuess(render.log, req, problem)
          if (problem.retryAfterMs !== undefined)
            res.setHeader('Retry-After', String(Math.ceil(problem.retryAfterMs / 1000)))
          const place = placeOf(declaration, isShown, req)
          const view = await again(refused(arrived.texts, problem, strings(fields), place), arrived)
          sendPage(req, res, render, PROBLEMS[problem.code].status, view, place)
        }
      },
    ],
  }
}

function readForm({ hasFiles, formLimitBytes = FORM_LIMIT_BYTES }: PageDeclaration): RequestHandler[] {
  const type = hasFiles ? 'multipart/form-data' : 'application/x-www-form-urlencoded'
  const limits = { limit: formLimitBytes, inflate: false }
  return [
    (req, _res, next) => {
      const { noForm, noFileForm } = textsOf(req).refusals
      if (!req.is(type)) throw refusalIn(textsOf(req), 'unsupported-media-type', hasFiles ? noFileForm : noForm)
      next()
    },
    ...(hasFiles
      ? [express.raw({ ...limits, type }), readMultipart]
      : [express.urlencoded({ ...limits, extended: false, parameterLimit: MOST_FIELDS })]),
  ]
}

const readMultipart: RequestHandler = async (req, _res, next) => {
  const headers = { 'content-type': req.get('content-type') ?? '' }
  const form = await new Response(new Uint8Array(req.body as Buffer), { headers })
    .formData()
    .catch((cause: unknown) => {
      throw refusalIn(textsOf(req), 'malformed-request', textsOf(req).refusals.unreadableForm, { cause })
    })
  const fields = [...form].slice(0, MOST_FIELDS).map(async ([name, value]): Promise<[string, unknown]> => {
    return [name, typeof value === 'string' ? value : new Uint8Array(await value.arrayBuffer())]
  })
  req.body = Object.fromEntries(await Promise.all(fields))
  next()
}

export function pagesRouter(pages: readonly Page[], render: RenderDeps): Router {
  const router = Router({ caseSensitive: true, strict: true })
  const shown = new Set(pages.flatMap(({ method, declaration }) => (method === 'get' ? [declaration.path] : [])))
  for (const { method, declaration, handlers } of pages)
    router[method](declaration.path, ...handlers(render, shown.has(declaration.path)))
  refuseOtherMethods(
    router,
    pages.map(({ method, declaration }) => ({ method, path: declaration.path })),
  )
  return router
}

/** @param here where who chooses another language comes back to; null: what the page shows is shown this once */
export function sendPage(
  req: Request,
  res: Response,
  { clock, assets, isCheckPublic }: Pick<RenderDeps, 'clock' | 'assets' | 'isCheckPublic'>,
  status: number,
  view: View,
  here: string | null = req.method === 'GET' ? ownPath(req.originalUrl) : START,
): void {
  const notice = takeNotice(req, res)
  const principal = personOf(req)?.principal ?? null
  const html = renderToString(
    <PageFrame
      texts={textsOf(req)}
      theme={themeOf(req)}
      here={here}
      now={clock.now()}
      assets={assets}
      principal={principal}
      standing={exchangeOf(req).standing}
      isWithoutOperators={res.locals['isWithoutOperators'] === true}
      mayCheck={isCheckPublic || principal !== null}
      notice={notice}
      view={view}
    />,
  )
  res
    .status(status)
    .type('html')
    .send(`<!doctype html>${withIsolates(html)}`)
}

function sendFile(res: Response, { name, type, text }: Download): void {
  res.setHeader('Content-Disposition', `attachment; filename="${name.replace(/[^A-Za-z0-9.-]/g, '_')}"`)
  res.type(type).send(text)
}

/**
 * Whether the caller may see a page. Who has not signed in is led to where one does, and who has to confirm that it is
 * them to where they can; an API token opens no page.
 */
function admit(declaration: PageDeclaration, { tenants, users, clock }: RenderDeps, isShown: boolean): RequestHandler {
  return async (req, res, next) => {
    const caller = personOf(req)
    const isChange = req.method !== 'GET' && req.method !== 'HEAD'
    const back = placeOf(declaration, isShown, req)
    if (declaration.access !== 'public' && !caller) return res.redirect(303, withNext('/sign-in', back))
    const tenant = await namedTenant(parseParams(declaration.params, req.params), tenants)
    try {
      authorize(declaration, caller?.principal ?? null, tenant, clock.now(), { isChange })
    } catch (err) {
      if (!(err instanceof ProblemError) || err.code !== 'fresh-sign-in-required') throw err
      return res.redirect(303, withNext('/confirm', back))
    }
    res.locals['tenant'] = tenant
    // Who came by a link of the command line, and by no account, is asked to make one while nobody else has
    res.locals['isWithoutOperators'] =
      caller !== null && caller.principal.userId === null && (await users.countOperators()) === 0
    next()
  }
}

/** The page that somebody comes back to who has to sign in: what they posted is lost, but not their place. */
function placeOf({ standsOn }: PageDeclaration, isShown: boolean, req: Request): string {
  if (standsOn === undefined) return isShown ? ownPath(req.originalUrl) : START
  return ownPath(standsOn.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(req.params[name]))))
}

function refused(texts: Texts, problem: ProblemError, typed: Refusal['typed'], place: string): Refusal {
  // What only some of a form's contents make a grave act: it stays filled in
  if (problem.code === 'fresh-sign-in-required') return { typed, problem, confirmAt: withNext('/confirm', place) }
  // It was typed over what is no longer there
  if (problem.code === 'precondition-failed')
    return { typed: {}, problem: refusalIn(texts, problem.code, texts.changedMeanwhile, { cause: problem }) }
  return { typed, problem }
}

function personOf(req: Request): Caller | null {
  const { caller } = exchangeOf(req)
  return caller?.session ? caller : null
}

function seen<Params extends z.ZodType, Query extends z.ZodType, Who extends Access>(
  declaration: PageDeclaration<z.ZodType, z.ZodType, z.ZodType, Who>,
  req: Request,
  res: Response,
  clock: Clock,
): Seen<z.output<Params>, z.output<Query>, Who> {
  const caller = personOf(req)
  return {
    params: parseParams(declaration.params, req.params) as z.output<Params>,
    query: parseQuery(declaration.query, req.query) as z.output<Query>,
    act: actOf(req, clock),
    tenant: res.locals['tenant'] as Who extends Role ? Tenant : Tenant | null,
    principal: (caller?.principal ?? null) as Principal,
    session: (caller?.session ?? null) as Session,
    visitor: visitorOf(req),
    texts: textsOf(req),
    req,
    res,
  }
}

function strings(fields: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).filter((field): field is [string, string] => typeof field[1] === 'string'),
  )
}
