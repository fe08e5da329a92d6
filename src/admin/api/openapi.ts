import { OpenApiGeneratorV31, OpenAPIRegistry } from '@asteasolutions/zod-to-openapi'
import { z } from 'zod'
import type { ProblemCode } from '../../problem.ts'
import { PROBLEMS } from '../problem-details.ts'
import type { ApiDocument } from './example.ts'
import { takesIdempotencyKey } from './idempotency.ts'
import { route, takesIfMatch, type Route, type RouteDeclaration } from './route.ts'

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

/** The document that describes all routes, and the route of the document, which it describes too. */
export function openApi(routes: readonly Route[], adminHost: string): { document: ApiDocument; route: Route } {
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
  return { document: document as unknown as ApiDocument, route: described }
}

/** OpenAPI 3.1, from the declarations that validate the requests. */
function openApiDocument(declarations: readonly RouteDeclaration[], server: string) {
  const registry = new OpenAPIRegistry()
  const session = registry.registerComponent('securitySchemes', 'session', {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-session',
    description: 'Of a person who has signed in; what changes something then needs an Origin header',
  })
  const token = registry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API token, "wp_…"',
  })
  for (const declaration of declarations) {
    const { method, path, summary, access, scope, params, query, body, textBody } = declaration
    const headers = requestHeaders(declaration)
    registry.registerPath({
      method,
      path,
      operationId: operationId(declaration),
      tags: [areaOf(path)],
      summary,
      description: whoMay(declaration),
      security:
        access === 'public'
          ? []
          : [
              { [session.name]: [] },
              ...(scope === undefined ? [] : [{ [token.name]: scope === 'any' ? [] : [scope] }]),
            ],
      request: {
        ...(params ? { params: params as z.ZodObject } : {}),
        ...(query ? { query: query as z.ZodObject } : {}),
        ...(headers ? { headers } : {}),
        ...(body
          ? {
              body: {
                required: !body.safeParse({}).success,
                content: {
                  'application/json': { schema: body },
                  ...(textBody && { [textBody.type]: { schema: { type: 'string' as const } } }),
                },
              },
            }
          : {}),
      },
      responses: { ...successes(declaration), ...problemResponses(declaration) },
    })
  }
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: { title: 'Waypost', version: 'v1', description: 'Delegations for /.well-known/tls and POSH.' },
    servers: [{ url: `${server}/api/v1` }],
  })
}

/** The noun that a path is about. */
export function areaOf(path: string): string {
  const [first = '', second = '', third = ''] = path.split('/').slice(1)
  const noun = (first === 'tenants' && third) || (first === 'operator' && second) || first
  return AREAS[noun] ?? noun
}
const AREAS: Record<string, string> = {
  suspend: 'tenants',
  resume: 'tenants',
  certificates: 'lineages',
  'source-domain-imports': 'source-domains',
  imports: 'source-domains',
  'password-links': 'registrations',
  'openapi.json': 'reference',
}

function operationId({ method, path }: RouteDeclaration): string {
  const words = path
    .replace(/\{(\w+)\}/g, 'by-$1')
    .split(/[/.-]/)
    .filter(Boolean)
  return [method, ...words].map((word, at) => (at === 0 ? word : word[0]!.toUpperCase() + word.slice(1))).join('')
}

function whoMay({ access, scope, isGrave }: RouteDeclaration): string {
  if (access === 'public') return 'Open to everybody.'
  const who = { 'signed-in': 'Whoever is signed in', viewer: 'Members', admin: 'Admins and owners', owner: 'Owners' }
  return [
    access === 'operator' ? 'The operator only.' : `${who[access]}, and the operator.`,
    scope === undefined
      ? 'No API token.'
      : scope === 'any'
        ? 'Every API token.'
        : `API tokens with the scope \`${scope}\`${isGrave === true ? ' and `grave`' : ''}.`,
    ...(isGrave ? ['A person has to have confirmed within 15 minutes that it is them.'] : []),
  ].join(' ')
}

function requestHeaders(declaration: RouteDeclaration): z.ZodObject | undefined {
  const shape: Record<string, z.ZodType> = {
    ...(takesIfMatch(declaration) && {
      'If-Match': z.string().optional().meta({ description: 'The ETag that was read: 412 where it has changed since' }),
    }),
    ...(takesIdempotencyKey(declaration) && {
      'Idempotency-Key': z
        .string()
        .regex(/^[!-~]{1,255}$/)
        .optional()
        .meta({ description: 'Sent again with the same key within a day, the request is answered as the first time' }),
    }),
  }
  return Object.keys(shape).length > 0 ? z.object(shape) : undefined
}

const text = (description: string) => ({ description, schema: { type: 'string' as const } })

function successes({ summary, answer }: RouteDeclaration) {
  if ('mediaTypes' in answer)
    return {
      200: {
        description: summary,
        content: Object.fromEntries(answer.mediaTypes.map((type) => [type, { schema: { type: 'string' as const } }])),
      },
    }
  const success = (isNew: boolean) => ({
    description: summary,
    ...(answer.schema ? { content: { 'application/json': { schema: answer.schema } } } : {}),
    headers: {
      ...(isNew ? { Location: text('Where it is') } : {}),
      ...('setsSession' in answer && answer.setsSession ? { 'Set-Cookie': text('The session') } : {}),
      ...('hasEtag' in answer && answer.hasEtag ? { ETag: text('For If-Match') } : {}),
      RateLimit: text('draft-ietf-httpapi-ratelimit-headers'),
      'RateLimit-Policy': text('draft-ietf-httpapi-ratelimit-headers'),
    },
  })
  return {
    [answer.status]: success(answer.status === 201),
    ...('mayCreate' in answer && answer.mayCreate ? { 201: success(true) } : {}),
  }
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
      {
        description: codes.join(', '),
        content: { 'application/problem+json': { schema: problem } },
        ...(status === 429 || status === 503 ? { headers: { 'Retry-After': text('Seconds') } } : {}),
      },
    ]),
  )
}

/** All refusals that a route can answer with, its own and those that come from its shape. */
export function problemsOf(declaration: RouteDeclaration): Set<ProblemCode> {
  const { access, isGrave, method, path, params, body, problems = [] } = declaration
  const codes: ProblemCode[] = ['malformed-request', 'misdirected-request', 'too-many-requests', 'unavailable']
  codes.push('sign-in-required') // also where an API token is none
  if (access !== 'public') codes.push('forbidden')
  if (isGrave) codes.push('fresh-sign-in-required')
  if (params) codes.push('not-found')
  if (method !== 'get') codes.push('cross-site-request')
  if (method !== 'get' && !declaration.goesOn) codes.push('maintenance')
  if (method !== 'get' && path.includes('{tenant}')) codes.push('tenant-suspended')
  if (takesIfMatch(declaration)) codes.push('precondition-failed')
  if (takesIdempotencyKey(declaration)) codes.push('idempotency-key-reused', 'request-in-progress', 'outcome-unknown')
  if (body) codes.push('too-large', 'unsupported-media-type')
  return new Set([...codes, ...problems])
}
