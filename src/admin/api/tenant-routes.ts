import { z } from 'zod'
import type { Tenant } from '../../tenant/tenant.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { tenantNameField } from '../input.ts'
import { nextUrl, pageOf, pageQuery, readPage } from './paging.ts'
import { route, type Route } from './route.ts'

const resource = z.object({ name: z.string(), createdAt: z.iso.datetime() }).meta({ id: 'Tenant' })

export function tenantRoutes({ tenants }: AdminDeps, find: LookUps): Route[] {
  return [
    route(
      {
        method: 'get',
        path: '/tenants',
        summary: 'The tenants, by name',
        access: 'operator',
        query: z.strictObject(pageQuery),
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ query: { limit, after, search }, url }) => {
        const page = await readPage(
          limit,
          (limit) => tenants.list({ limit, ...(after && { after }), ...(search && { search }) }),
          ({ name }) => name,
        )
        return { body: { items: page.items.map(toResource), next: nextUrl(url, page.after) } }
      },
    ),
    route(
      {
        method: 'post',
        path: '/tenants',
        summary: 'Add a tenant',
        access: 'operator',
        body: z.strictObject({ name: tenantNameField }),
        answer: { status: 201, schema: resource },
        problems: ['already-exists'],
      },
      async ({ body: { name }, act }) => {
        const tenant = await tenants.add(name, act)
        return { body: toResource(tenant), location: `/api/v1/tenants/${tenant.name}` }
      },
    ),
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}',
        summary: 'One tenant',
        access: 'operator',
        params: z.strictObject({ tenant: tenantNameField }),
        answer: { status: 200, schema: resource },
      },
      async ({ params }) => ({ body: toResource(await find.tenant(params.tenant)) }),
    ),
  ]
}

function toResource({ name, createdAt }: Tenant): z.input<typeof resource> {
  return { name, createdAt: createdAt.toISOString() }
}
