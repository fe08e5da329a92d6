import { z } from 'zod'
import { entityTag } from '../../act.ts'
import { ProblemError } from '../../problem.ts'
import { MOST_OVERLAP_MS } from '../../tenant/api-tokens.ts'
import { SCOPES } from '../../tenant/scope.ts'
import type { ApiToken } from '../../tenant/token.ts'
import type { AdminDeps } from '../deps.ts'
import { line, tenantNameField } from '../input.ts'
import { BY_NAME, listPage, pageOf, pageQuery } from './paging.ts'
import { labelField, secretField } from './people.ts'
import { route, type Route } from './route.ts'

const DAY_SECONDS = 86_400
const MOST_OVERLAP_SECONDS = MOST_OVERLAP_MS / 1000

const resource = z
  .object({
    id: z.uuid(),
    name: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    addresses: z.array(z.string()).nullable().meta({ description: 'null: it is taken from anywhere' }),
    createdBy: z.string(),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable().meta({ description: 'null: never' }),
    lastUsedAt: z.iso.datetime().nullable().meta({ description: 'Within 5 minutes' }),
    lastUsedBy: z.string().nullable().meta({ description: 'IP address' }),
    rotatesUntil: z.iso.datetime().nullable().meta({ description: 'The former secret is taken until then' }),
  })
  .meta({ id: 'Token' })
const issued = z.object({ token: resource, secret: secretField }).meta({ id: 'IssuedToken' })

const body = z.strictObject({
  name: labelField,
  scopes: z
    .array(z.enum(SCOPES))
    .min(1)
    .max(SCOPES.length)
    .meta({ description: 'Writing includes reading; grave is for what people have to confirm' }),
  addresses: z
    .array(line(50))
    .min(1)
    .max(50)
    .nullable()
    .default(null)
    .meta({ description: 'That it is taken from, with prefixes; null: from anywhere', example: ['192.0.2.0/24'] }),
  expiresAt: z.iso.datetime().nullable().default(null).meta({ description: 'null: never' }),
})

/** The two owners of tokens: a tenant, or the operator. */
const OWNERS = [
  { path: '/tenants/{tenant}', params: { tenant: tenantNameField }, whose: 'a tenant', access: 'owner' },
  { path: '/operator', params: {}, whose: 'the operator', access: 'operator' },
] as const

export function tokenRoutes({ tokens, apiTokens }: AdminDeps): Route[] {
  return OWNERS.flatMap(({ path, params, whose, access }) => {
    const owner = path === '/operator' ? {} : { params: z.strictObject(params) }
    const one = z.strictObject({ ...params, id: z.uuid() })
    return [
      route(
        {
          method: 'get',
          path: `${path}/tokens`,
          summary: `The API tokens of ${whose}, by name`,
          access,
          scope: 'tokens:read',
          ...owner,
          query: z.strictObject(pageQuery),
          answer: { status: 200, schema: pageOf(resource) },
        },
        async ({ tenant, query: { search, ...page }, url }) => {
          const { items, next } = await listPage(url, { ...page, sort: 'name' }, BY_NAME, ({ limit, after }) =>
            tokens.list(tenant?.id ?? null, {
              limit,
              ...(after !== undefined && { after }),
              ...(search && { search }),
            }),
          )
          return { body: { items: items.map(toResource), next } }
        },
      ),
      route(
        {
          method: 'post',
          path: `${path}/tokens`,
          summary: `Issue an API token of ${whose}`,
          access,
          scope: 'tokens:write',
          isGrave: 'for people', // it outlives the session that made it; what a token may issue is bounded by itself
          ...owner,
          body,
          answer: { status: 201, schema: issued, hasEtag: true },
          problems: ['already-exists'],
        },
        async ({ tenant, body: { expiresAt, ...given }, principal, act }) => {
          const { token, secret } = await apiTokens.issue(
            principal,
            { ...given, tenantId: tenant?.id ?? null, expiresAt: expiresAt === null ? null : new Date(expiresAt) },
            act,
          )
          return {
            body: { token: toResource(token), secret },
            location: `/api/v1${path.replace('{tenant}', tenant?.name ?? '')}/tokens/${token.id}`,
            etag: entityTag(token),
          }
        },
      ),
      route(
        {
          method: 'get',
          path: `${path}/tokens/{id}`,
          summary: `One API token of ${whose}`,
          access,
          scope: 'tokens:read',
          params: one,
          answer: { status: 200, schema: resource, hasEtag: true },
        },
        async ({ tenant, params: { id } }) => {
          const token = await tokens.find(tenant?.id ?? null, id)
          if (!token) throw new ProblemError('not-found', `there is no token ${id}`)
          return { body: toResource(token), etag: entityTag(token) }
        },
      ),
      route(
        {
          method: 'post',
          path: `${path}/tokens/{id}/rotate`,
          summary: `Another secret for an API token of ${whose}; the former is taken for a while yet`,
          access,
          scope: 'tokens:write',
          isGrave: 'for people',
          params: one,
          body: z.strictObject({ overlapSeconds: z.int().min(0).max(MOST_OVERLAP_SECONDS).default(DAY_SECONDS) }),
          answer: { status: 200, schema: issued, hasEtag: true },
          problems: ['precondition-failed'],
        },
        async ({ tenant, params: { id }, body: { overlapSeconds }, principal, act }) => {
          const { token, secret } = await apiTokens.rotate(
            principal,
            tenant?.id ?? null,
            id,
            overlapSeconds * 1000,
            act,
          )
          return { body: { token: toResource(token), secret }, etag: entityTag(token) }
        },
      ),
      route(
        {
          method: 'delete',
          path: `${path}/tokens/{id}`,
          summary: `Withdraw an API token of ${whose}`,
          access,
          scope: 'tokens:write',
          params: one,
          answer: { status: 204 },
        },
        async ({ tenant, params: { id }, act }) => {
          await tokens.remove(tenant?.id ?? null, id, act)
          return {}
        },
      ),
    ]
  })
}

function toResource(token: ApiToken): z.input<typeof resource> {
  const { id, name, scopes, addresses, createdBy, createdAt, expiresAt, lastUsedAt, lastUsedBy, rotatesUntil } = token
  return {
    ...{ id, name, scopes, addresses, createdBy, lastUsedBy },
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
    rotatesUntil: rotatesUntil?.toISOString() ?? null,
  }
}
