import { z } from 'zod'
import { entityTag } from '../../act.ts'
import { ROLES } from '../../tenant/member.ts'
import type { Principal } from '../../tenant/principal.ts'
import { NO_QUOTAS, type Quotas, type Tenant } from '../../tenant/tenant.ts'
import type { AdminDeps } from '../deps.ts'
import { flag, tenantNameField } from '../input.ts'
import { BY_NAME, listPage, pageOf, pageQuery, sortQuery } from './paging.ts'
import { route, type Route, type RouteAnswer } from './route.ts'

const quota = z.int().min(0).max(1_000_000_000).nullable().meta({ description: 'null: no limit' })
const quotas = {
  sourceDomains: quota,
  delegations: quota,
  lineages: quota,
} satisfies Record<keyof Quotas, z.ZodType>

const fields = {
  name: z.string(),
  createdAt: z.iso.datetime(),
  suspendedAt: z.iso
    .datetime()
    .nullable()
    .meta({ description: 'From then on nothing of it is served and its members change nothing; null: not suspended' }),
  quotas: z.object(quotas),
  role: z
    .enum(ROLES)
    .nullable()
    .meta({ description: 'Of the caller, an API token as an owner; null: they are no member' }),
}
const resource = z.object(fields).meta({ id: 'Tenant' })
const counted = z
  .object({
    ...fields,
    counts: z
      .object({ sourceDomains: z.int(), delegations: z.int(), lineages: z.int() })
      .meta({ description: 'What counts against the quotas' }),
  })
  .meta({ id: 'TenantWithCounts' })

const one = z.strictObject({ tenant: tenantNameField })

export function tenantRoutes({ tenants }: AdminDeps): Route[] {
  return [
    route(
      {
        method: 'get',
        path: '/tenants',
        summary: 'The tenants that the caller is a member of, for the operator all, by name',
        access: 'signed-in',
        scope: 'tenants:read',
        query: z.strictObject({ ...pageQuery, sort: sortQuery('name', '-name'), isSuspended: flag.optional() }),
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ query: { search, isSuspended, ...page }, url, principal }) => {
        const among = principal.isOperator ? undefined : [...principal.roles.keys()]
        const isDescending = page.sort === '-name'
        const { items, next } = await listPage(url, page, BY_NAME, (part) =>
          tenants.list({ ...part, search, isSuspended, among, isDescending }),
        )
        return { body: { items: items.map((tenant) => toResource(tenant, principal)), next } }
      },
    ),
    route(
      {
        method: 'post',
        path: '/tenants',
        summary: 'Add a tenant',
        access: 'operator',
        scope: 'tenants:write',
        body: z.strictObject({
          name: tenantNameField,
          quotas: z
            .strictObject({
              sourceDomains: quota.default(null),
              delegations: quota.default(null),
              lineages: quota.default(null),
            })
            .default(NO_QUOTAS),
        }),
        answer: { status: 201, schema: counted, hasEtag: true },
        problems: ['already-exists'],
      },
      async ({ body: { name, quotas }, act, principal }) => {
        const tenant = await tenants.add(name, act, quotas)
        return { ...(await withCounts(tenant, principal)), location: `/api/v1/tenants/${tenant.name}` }
      },
    ),
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}',
        summary: 'One tenant',
        access: 'viewer',
        scope: 'tenants:read',
        params: one,
        answer: { status: 200, schema: counted, hasEtag: true },
      },
      async ({ tenant, principal }) => withCounts(tenant, principal),
    ),
    route(
      {
        method: 'put',
        path: '/tenants/{tenant}',
        summary: 'Set the quotas of a tenant',
        access: 'operator',
        scope: 'tenants:write',
        params: one,
        body: z.strictObject({ quotas: z.strictObject(quotas) }),
        answer: { status: 200, schema: counted, hasEtag: true },
      },
      async ({ tenant, body, act, principal }) =>
        withCounts(await tenants.setQuotas(tenant.id, body.quotas, act), principal),
    ),
    ...(['suspend', 'resume'] as const).map((verb) =>
      route(
        {
          method: 'post',
          path: `/tenants/{tenant}/${verb}`,
          summary:
            verb === 'suspend'
              ? 'Stop answering for all source domains of a tenant, and its members from changing anything'
              : 'Answer for a suspended tenant again',
          access: 'operator',
          scope: 'tenants:write',
          params: one,
          answer: { status: 200, schema: counted, hasEtag: true },
          problems: ['precondition-failed'],
        },
        async ({ tenant, act, principal }) => withCounts(await tenants[verb](tenant.id, act), principal),
      ),
    ),
    route(
      {
        method: 'delete',
        path: '/tenants/{tenant}',
        summary: 'Remove a tenant that has no source domains and no lineages left',
        access: 'operator',
        scope: 'tenants:write',
        isGrave: true,
        params: one,
        answer: { status: 204 },
        problems: ['still-in-use'],
      },
      async ({ tenant, act }) => {
        await tenants.remove(tenant.id, act)
        return {}
      },
    ),
  ]

  async function withCounts(tenant: Tenant, principal: Principal): Promise<RouteAnswer<z.input<typeof counted>>> {
    const counts = await tenants.count(tenant.id)
    return { body: { ...toResource(tenant, principal), counts }, etag: entityTag(tenant) }
  }
}

function toResource(tenant: Tenant, { roles }: Principal): z.input<typeof resource> {
  return {
    name: tenant.name,
    createdAt: tenant.createdAt.toISOString(),
    suspendedAt: tenant.suspendedAt?.toISOString() ?? null,
    quotas: tenant.quotas,
    role: roles.get(tenant.id) ?? null,
  }
}
