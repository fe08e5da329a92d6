import express, { Router, type Request, type RequestHandler, type Response } from 'express'
import type { VNode } from 'preact'
import { renderToString } from 'preact-render-to-string'
import type { z } from 'zod'
import type { Act } from '../../act.ts'
import type { Clock } from '../../clock.ts'
import { ProblemError } from '../../problem.ts'
import { authorize, parseParams, parseQuery, refuseOtherMethods, type Access, type Method } from '../api/route.ts'
import { setNotice, takeNotice, type Notice } from '../cookies.ts'
import { actOf, exchangeOf } from '../exchange.ts'
import { parseInput } from '../input.ts'
import { PROBLEMS, refusalOf } from '../problem-details.ts'
import { PageFrame } from './frame.tsx'
import { texts } from './texts.ts'

/** One page, declared as the API's routes are: validated, authorized, closed by default. */
export interface PageDeclaration<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Form extends z.ZodType = z.ZodType,
> {
  path: `/${string}` // as Express writes it
  access: Access
  params?: Params
  query?: Query
  form?: Form // of a form that is posted
  formLimitBytes?: number
}

export interface Page {
  method: Extract<Method, 'get' | 'post'>
  declaration: PageDeclaration
  handlers: (render: RenderDeps) => RequestHandler[]
}

export interface RenderDeps {
  clock: Clock
  assets: Assets
}

/** The addresses of static files, with a mark of their content. */
export type Assets = Record<'css' | 'js' | 'icon', string>

export interface Seen<Params, Query> {
  params: Params
  query: Query
  act: Act
  req: Request
  res: Response
}

/** A page's heart, with what its frame shows. */
export interface View {
  title: string
  area?: Area
  main: VNode
}
export type Area = 'delegations' | 'source-domains' | 'certificates' | 'target-hosts' | 'tenants'

/** What was typed, as the form sent it, with what is wrong with it. */
export interface Refusal {
  typed: Readonly<Record<string, string>>
  problem: ProblemError
}

const FORM_LIMIT_BYTES = 64_000

export function page<Params extends z.ZodType = z.ZodUndefined, Query extends z.ZodType = z.ZodUndefined>(
  declaration: PageDeclaration<Params, Query, never>,
  show: (seen: Seen<z.output<Params>, z.output<Query>>) => Promise<View | { to: string }>,
): Page {
  return {
    method: 'get',
    declaration,
    handlers: (render) => [
      signedIn(declaration.access),
      async (req, res) => {
        const shown = await show(seen(declaration, req, res, render.clock))
        if ('to' in shown) res.redirect(303, shown.to)
        else sendPage(req, res, render, 200, shown)
      },
    ],
  }
}

/**
 * A form that was posted: either it is done and leads to another page, or the page is shown again with what was typed
 * and what is wrong with it.
 */
export function form<
  Params extends z.ZodType = z.ZodUndefined,
  Query extends z.ZodType = z.ZodUndefined,
  Form extends z.ZodType = z.ZodUndefined,
>(
  declaration: PageDeclaration<Params, Query, Form>,
  submit: (
    form: z.output<Form>,
    seen: Seen<z.output<Params>, z.output<Query>>,
  ) => Promise<{ to: string; notice?: Notice }>,
  again: (refusal: Refusal, seen: Seen<z.output<Params>, z.output<Query>>) => Promise<View>,
): Page {
  return {
    method: 'post',
    declaration,
    handlers: (render) => [
      signedIn(declaration.access),
      (req, _res, next) => {
        if (!req.is('application/x-www-form-urlencoded'))
          throw new ProblemError('unsupported-media-type', 'send the form as application/x-www-form-urlencoded')
        next()
      },
      express.urlencoded({
        extended: false,
        limit: declaration.formLimitBytes ?? FORM_LIMIT_BYTES,
        inflate: false,
        parameterLimit: 50,
      }),
      async (req, res) => {
        const arrived = seen(declaration, req, res, render.clock)
        const fields = { ...(req.body as Record<string, unknown>) }
        try {
          const { to, notice } = await submit(
            (declaration.form && parseInput(declaration.form, fields, 'body')) as z.output<Form>,
            arrived,
          )
          if (notice) setNotice(res, notice)
          res.redirect(303, to)
        } catch (err) {
          const problem = refusalOf(err)
          if (!problem) throw err
          const view = await again({ typed: strings(fields), problem }, arrived)
          sendPage(req, res, render, PROBLEMS[problem.code].status, view)
        }
      },
    ],
  }
}

export function pagesRouter(pages: readonly Page[], render: RenderDeps): Router {
  const router = Router({ caseSensitive: true, strict: true })
  for (const { method, declaration, handlers } of pages) router[method](declaration.path, ...handlers(render))
  refuseOtherMethods(
    router,
    pages.map(({ method, declaration }) => ({ method, path: declaration.path })),
  )
  return router
}

export function sendPage(req: Request, res: Response, { clock, assets }: RenderDeps, status: number, view: View): void {
  const notice = takeNotice(req, res)
  const html = renderToString(
    <PageFrame
      texts={texts}
      now={clock.now()}
      assets={assets}
      isSignedIn={exchangeOf(req).caller !== null}
      notice={notice}
      view={view}
    />,
  )
  res.status(status).type('html').send(`<!doctype html>${html}`)
}

/** A page that is closed leads to where one signs in. */
function signedIn(access: Access): RequestHandler {
  const check = authorize(access)
  return (req, res, next) => {
    if (access !== 'public' && exchangeOf(req).caller === null) return res.redirect(303, '/sign-in')
    check(req, res, next)
  }
}

function seen<Params extends z.ZodType, Query extends z.ZodType>(
  declaration: PageDeclaration<Params, Query>,
  req: Request,
  res: Response,
  clock: Clock,
): Seen<z.output<Params>, z.output<Query>> {
  return {
    params: parseParams(declaration.params, req.params) as z.output<Params>,
    query: parseQuery(declaration.query, req.query) as z.output<Query>,
    act: actOf(req, clock),
    req,
    res,
  }
}

function strings(fields: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).filter((field): field is [string, string] => typeof field[1] === 'string'),
  )
}
