import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import express, { Router, type Express, type ErrorRequestHandler, type RequestHandler } from 'express'
import { ProblemError } from '../problem.ts'
import { allRoutes } from './api/all-routes.ts'
import { openApi } from './api/openapi.ts'
import { rateLimit } from './api/rate-limit.ts'
import type { Route } from './api/route.ts'
import { routesRouter } from './api/router.ts'
import { sessionToken } from './cookies.ts'
import { lookUps, type AdminDeps } from './deps.ts'
import { brandFiles } from './brand.ts'
import { bearerSecret, exchangeOf, hasAuthorization, logGuess, openExchange, refuseCrossSite } from './exchange.ts'
import { apiHeaders, securityHeaders } from './headers.ts'
import { allPages } from './pages/all-pages.ts'
import { textsOf } from './pages/language.ts'
import { START } from './pages/own-path.ts'
import { pagesRouter, sendPage, type Assets, type Page, type RenderDeps } from './pages/page.tsx'
import { problemView } from './pages/problem-page.tsx'
import { referencePage } from './pages/reference-page.tsx'
import { problemDetails, PROBLEMS, refusalOf } from './problem-details.ts'

const PUBLIC = new URL('../../public/', import.meta.url)
const HTMX = createRequire(import.meta.url).resolve('htmx.org/dist/htmx.min.js')

/** All that the admin host answers, declared. */
export function declared(deps: AdminDeps): { routes: Route[]; pages: Page[] } {
  const routes = allRoutes(deps)
  const api = openApi(routes, deps.config.admin.host)
  return {
    routes: [...routes, api.route],
    pages: [...allPages(deps, lookUps(deps)), referencePage(api.document)],
  }
}

/** The admin plane: JSON for programs below /api/v1, pages for people. */
export function adminApp(deps: AdminDeps): Express {
  const { config, clock, log } = deps
  const { routes, pages } = declared(deps)
  const isCheckPublic = config.admin.public_check
  const render: RenderDeps = { tenants: deps.tenants, users: deps.users, clock, log, assets: assets(), isCheckPublic }

  const app = express()
  app.disable('x-powered-by')
  app.disable('etag') // what is no-store needs none
  app.set('trust proxy', false) // openExchange reads what the edge says, and only that
  app.set('case sensitive routing', true)
  app.set('strict routing', true)
  app.set('query parser', 'simple')

  app.use(...securityHeaders())
  app.use('/api/v1', apiHeaders)
  app.use(openExchange({ ...deps, adminHost: config.admin.host }))
  app.use(refuseCrossSite)
  app.use('/assets', brandFiles(deps.settings), staticFiles())
  app.use(readStanding(deps))
  app.use(findCaller(deps))
  app.use(rateLimit(config.admin.requests_per_minute))
  app.use(refuseUnknownToken)
  app.use('/api/v1', routesRouter(routes, deps))
  app.use(refuseTokenOnPages)
  app.use(pagesRouter(pages, render))
  app.use(() => {
    throw new ProblemError('not-found', 'there is nothing at this address')
  })
  app.use(answerProblem(log, render))
  return app
}

/** What every page shows of the settings, and whether anything may be changed: as it is at this moment, on every node. */
function readStanding({ settings }: Pick<AdminDeps, 'settings'>): RequestHandler {
  return async (req, _res, next) => {
    exchangeOf(req).standing = await settings.standing()
    next()
  }
}

/** A request with an Authorization line is a program's: the cookie beside it does not count. */
function findCaller({ signIn, principals }: Pick<AdminDeps, 'signIn' | 'principals'>): RequestHandler {
  return async (req, _res, next) => {
    const exchange = exchangeOf(req)
    if (hasAuthorization(req)) {
      const secret = bearerSecret(req)
      const principal = secret === undefined ? undefined : await principals.ofSecret(secret, exchange.address)
      if (principal) exchange.caller = { principal, session: null }
    } else {
      const token = sessionToken(req)
      const session = token === undefined ? undefined : await signIn.find(token)
      const principal = session && (await principals.ofSession(session))
      if (session && principal) exchange.caller = { principal, session }
    }
    next()
  }
}

/** After the rate limit, so that whoever tries tokens is counted by their address. */
const refuseUnknownToken: RequestHandler = (req, _res, next) => {
  if (hasAuthorization(req) && !exchangeOf(req).caller)
    throw new ProblemError(
      'sign-in-required',
      'the API token is unknown or expired, or not taken from this address; send it as "Authorization: Bearer wp_…"',
    )
  next()
}

/** A page takes its visitor from the cookie alone, which a request with an Authorization line is not checked for. */
const refuseTokenOnPages: RequestHandler = (req, _res, next) => {
  if (hasAuthorization(req))
    throw new ProblemError('malformed-request', 'pages are for people; an API token is taken below /api/v1')
  next()
}

/** A refusal is told; a bug of ours is logged whole and shows nothing of itself. */
function answerProblem(log: AdminDeps['log'], render: RenderDeps): ErrorRequestHandler {
  return (err: unknown, req, res, next) => {
    const problem = refusalOf(err)
    const requestId = String(res.getHeader('X-Request-Id'))
    if (!problem) log.error({ err, requestId, method: req.method, path: req.path }, 'unexpected error')
    if (problem) logGuess(log, req, problem)
    if (res.headersSent) return next(err)
    const { status } = PROBLEMS[problem?.code ?? 'internal']
    if (problem?.retryAfterMs !== undefined)
      res.setHeader('Retry-After', String(Math.ceil(problem.retryAfterMs / 1000)))
    if (status === 401 && /^\/api\//.test(req.path)) res.setHeader('WWW-Authenticate', 'Bearer')
    // What was not read of a body must not be taken for the next request
    if (problem?.code === 'too-large') res.setHeader('Connection', 'close')
    if (/^\/(?:api|assets)(?:\/|$)/.test(req.path) || problem?.code === 'misdirected-request')
      res
        .status(status)
        .type('application/problem+json')
        .send(JSON.stringify(problemDetails(problem, requestId)))
    else sendPage(req, res, render, status, problemView(textsOf(req), problem, requestId), START)
  }
}

/** Whoever asks with the mark of the content may keep it for ever. */
function staticFiles(): RequestHandler {
  const settings = {
    index: false as const,
    redirect: false,
    dotfiles: 'ignore',
    setHeaders: (res: ServerResponse) => {
      const { query } = (res as unknown as { req: { query: { v?: unknown } } }).req
      res.setHeader('Cache-Control', query.v === undefined ? 'no-cache' : 'public, max-age=31536000, immutable')
    },
  }
  const files = Router()
  files.use('/htmx.min.js', express.static(HTMX, settings))
  files.use(express.static(fileURLToPath(PUBLIC), settings))
  return files
}

function assets(): Assets {
  const marked = (name: string, file: string | URL = new URL(name, PUBLIC)) => {
    const hash = createHash('sha256').update(readFileSync(file)).digest('base64url')
    return `/assets/${name}?v=${hash.slice(0, 12)}`
  }
  return {
    css: marked('app.css'),
    htmx: marked('htmx.min.js', HTMX),
    js: marked('app.js'),
    passkey: marked('passkey.js'),
    icon: marked('favicon.svg'),
  }
}
