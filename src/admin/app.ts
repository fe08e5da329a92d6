import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import express, { type Express, type ErrorRequestHandler, type RequestHandler } from 'express'
import { ProblemError } from '../problem.ts'
import { signIn, type SignIn } from '../tenant/sign-in.ts'
import { delegationRoutes } from './api/delegation-routes.ts'
import { lineageRoutes } from './api/lineage-routes.ts'
import { openApiRoute } from './api/openapi.ts'
import { routesRouter, type Route } from './api/route.ts'
import { sourceDomainRoutes } from './api/source-domain-routes.ts'
import { targetHostRoutes } from './api/target-host-routes.ts'
import { tenantRoutes } from './api/tenant-routes.ts'
import { sessionToken } from './cookies.ts'
import { lookUps, type AdminDeps } from './deps.ts'
import { exchangeOf, openExchange, refuseCrossSite } from './exchange.ts'
import { apiHeaders, securityHeaders } from './headers.ts'
import { allPages } from './pages/all-pages.ts'
import { pagesRouter, sendPage, type Assets, type Page, type RenderDeps } from './pages/page.tsx'
import { problemView } from './pages/problem-page.tsx'
import { problemDetails, PROBLEMS, refusalOf } from './problem-details.ts'

const PUBLIC = new URL('../../public/', import.meta.url)

/** All that the admin host answers, declared. */
export function declared(deps: AdminDeps): { routes: Route[]; pages: Page[]; signIns: SignIn } {
  const find = lookUps(deps)
  const signIns = signIn(deps)
  const routes = [
    ...tenantRoutes(deps, find),
    ...sourceDomainRoutes(deps, find),
    ...targetHostRoutes(deps),
    ...delegationRoutes(deps, find),
    ...lineageRoutes(deps, find),
  ]
  return {
    signIns,
    routes: [...routes, openApiRoute(routes, deps.config.admin.host)],
    pages: allPages(deps, find, signIns),
  }
}

/** The admin plane: JSON for programs below /api/v1, pages for people. */
export function adminApp(deps: AdminDeps): Express {
  const { config, clock, log } = deps
  const { routes, pages, signIns } = declared(deps)
  const render: RenderDeps = { clock, assets: assets() }

  const app = express()
  app.disable('x-powered-by')
  app.disable('etag') // what is no-store needs none
  app.set('trust proxy', false) // openExchange reads what the edge says, and only that
  app.set('case sensitive routing', true)
  app.set('strict routing', true)
  app.set('query parser', 'simple')

  app.use(...securityHeaders())
  app.use('/api', apiHeaders)
  app.use(openExchange({ ...deps, adminHost: config.admin.host }))
  app.use(refuseCrossSite)
  app.use('/assets', staticFiles())
  app.use(findCaller(signIns))
  app.use('/api/v1', routesRouter(routes, clock))
  app.use(pagesRouter(pages, render))
  app.use(() => {
    throw new ProblemError('not-found', 'there is nothing at this address')
  })
  app.use(answerProblem(log, render))
  return app
}

function findCaller(signIns: SignIn): RequestHandler {
  return async (req, _res, next) => {
    const token = sessionToken(req)
    if (token !== undefined && (await signIns.isOpen(token)))
      exchangeOf(req).caller = { kind: 'operator', sessionToken: token }
    next()
  }
}

/** A refusal is told; a bug of ours is logged whole and shows nothing of itself. */
function answerProblem(log: AdminDeps['log'], render: RenderDeps): ErrorRequestHandler {
  return (err: unknown, req, res, next) => {
    const problem = refusalOf(err)
    const requestId = String(res.getHeader('X-Request-Id'))
    if (!problem) log.error({ err, requestId, method: req.method, path: req.path }, 'unexpected error')
    if (res.headersSent) return next(err)
    const { status } = PROBLEMS[problem?.code ?? 'internal']
    // What was not read of a body must not be taken for the next request
    if (problem?.code === 'too-large') res.setHeader('Connection', 'close')
    if (/^\/(?:api|assets)(?:\/|$)/.test(req.path) || problem?.code === 'misdirected-request')
      res
        .status(status)
        .type('application/problem+json')
        .send(JSON.stringify(problemDetails(problem, requestId)))
    else sendPage(req, res, render, status, problemView(problem, requestId))
  }
}

/** Whoever asks with the mark of the content may keep it for ever. */
function staticFiles(): RequestHandler {
  return express.static(fileURLToPath(PUBLIC), {
    index: false,
    redirect: false,
    dotfiles: 'ignore',
    setHeaders: (res) => {
      const { query } = (res as unknown as { req: { query: { v?: unknown } } }).req
      res.setHeader('Cache-Control', query.v === undefined ? 'no-cache' : 'public, max-age=31536000, immutable')
    },
  })
}

function assets(): Assets {
  const marked = (file: string) => {
    const hash = createHash('sha256')
      .update(readFileSync(new URL(file, PUBLIC)))
      .digest('base64url')
    return `/assets/${file}?v=${hash.slice(0, 12)}`
  }
  return { css: marked('app.css'), js: marked('app.js'), icon: marked('favicon.svg') }
}
