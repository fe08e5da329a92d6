import { OpenApiGeneratorV31, OpenAPIRegistry } from '@asteasolutions/zod-to-openapi'
import { z } from 'zod'
import type { ProblemCode } from '../../problem.ts'
import { PROBLEMS } from '../problem-details.ts'
import { route, type Access, type Route, type RouteDeclaration } from './route.ts'

const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    instance: z.string(),
    code: z.enum(Object.keys(PROBLEMS) as [keyof typeof PROBLEMS]),
    rule: z.string().optional(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' })

/** The route of the document that describes all routes, itself too. */
export function openApiRoute(routes: readonly Route[], adminHost: string): Route {
  const described = route(
    {
      method: 'get',
      path: '/openapi.json',
      summary: 'This document',
      access: 'public',
      answer: { status: 200, schema: z.looseObject({ openapi: z.string() }).meta({ type: 'object' }) },
    },
    async () => ({ body: { ...document } }),
  )
  const document = openApiDocument(
    [...routes, described].map(({ declaration }) => declaration),
    `https://${adminHost}`,
  )
  return described
}

/** OpenAPI 3.1, from the declarations that validate the requests. */
function openApiDocument(declarations: readonly RouteDeclaration[], server: string) {
  const registry = new OpenAPIRegistry()
  const session = registry.registerComponent('securitySchemes', 'session', {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-session',
  })
  for (const declaration of declarations) {
    const { method, path, summary, params, query, body, answer } = declaration
    registry.registerPath({
      method,
      path,
      summary,
      security: declaration.access === 'public' ? [] : [{ [session.name]: [] }],
      request: {
        ...(params ? { params: params as z.ZodObject } : {}),
        ...(query ? { query: query as z.ZodObject } : {}),
        ...(body ? { body: { required: true, content: { 'application/json': { schema: body } } } } : {}),
      },
      responses: {
        [answer.status]: {
          description: summary,
          ...(answer.schema ? { content: { 'application/json': { schema: answer.schema } } } : {}),
          ...(answer.status === 201
            ? { headers: { Location: { description: 'Where it is', schema: { type: 'string' } } } }
            : {}),
        },
        ...problemResponses(declaration),
      },
    })
  }
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: { title: 'Waypost', version: 'v1', description: 'Delegations for /.well-known/tls and POSH.' },
    servers: [{ url: `${server}/api/v1` }],
  })
}

function problemResponses(declaration: RouteDeclaration) {
  const byStatus = new Map<number, ProblemCode[]>()
  for (const code of problemsOf(declaration)) {
    const { status } = PROBLEMS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      { description: codes.join(', '), content: { 'application/problem+json': { schema: problem } } },
    ]),
  )
}

const BY_ACCESS: Record<Access, readonly ProblemCode[]> = { public: [], operator: ['sign-in-required'] }

/** All refusals that a route can answer with, its own and those that come from its shape. */
export function problemsOf({ access, method, params, body, problems = [] }: RouteDeclaration): Set<ProblemCode> {
  return new Set([
    'malformed-request',
    'misdirected-request',
    'unavailable',
    ...BY_ACCESS[access],
    ...(params ? (['not-found'] as const) : []),
    ...(method === 'get' ? [] : (['cross-site-request'] as const)),
    ...(body ? (['too-large', 'unsupported-media-type'] as const) : []),
    ...problems,
  ])
}
