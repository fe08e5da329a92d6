import { z } from 'zod'
import { entityTag } from '../../act.ts'
import { requireHosted, requirePresentable } from '../../delegation/front.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField, lineageNameField, tenantNameField } from '../input.ts'
import { route, type Route } from './route.ts'

const front = z.strictObject({
  lineage: lineageNameField.nullable().meta({ description: 'What the edge presents for the host; null: nothing' }),
})
const answer = { status: 200, schema: front.meta({ id: 'Front' }), hasEtag: true } as const

export function frontRoutes({ sourceDomains, targetHosts }: AdminDeps, find: LookUps): Route[] {
  return [
    route(
      {
        method: 'put',
        path: '/tenants/{tenant}/source-domains/{name}/front',
        summary: 'Choose the lineage of the tenant that the edge presents for a source domain',
        access: 'admin',
        scope: 'certificates:write',
        params: z.strictObject({ tenant: tenantNameField, name: domainNameField }),
        body: front,
        answer,
        problems: ['certificate-refused'],
      },
      async ({ tenant, params: { name }, body, act }) => {
        const domain = await find.sourceDomain(tenant, name)
        if (body.lineage !== null) requireHosted(domain)
        const lineageId = await presentable(tenant, body.lineage, domain.frontLineageId)
        await sourceDomains.setFrontLineage(tenant.id, name, lineageId, act)
        return { body, etag: entityTag(await find.sourceDomain(tenant, name)) }
      },
    ),
    route(
      {
        method: 'put',
        path: '/target-hosts/{name}/front',
        summary: 'Choose the lineage of the operator that the edge presents for a target host',
        access: 'operator',
        scope: 'certificates:write',
        params: z.strictObject({ name: domainNameField }),
        body: front,
        answer,
        problems: ['certificate-refused'],
      },
      async ({ params: { name }, body, act }) => {
        const target = await find.targetHost(name)
        const lineageId = await presentable(null, body.lineage, target.frontLineageId)
        await targetHosts.setFrontLineage(name, lineageId, act)
        return { body, etag: entityTag(await find.targetHost(name)) }
      },
    ),
  ]

  /** @param presentId what is presented already may stay, whatever has become of it */
  async function presentable(tenant: Tenant | null, name: string | null, presentId: string | null) {
    if (name === null) return null
    const lineage = await find.lineage(tenant, name)
    if (lineage.id !== presentId) requirePresentable(lineage)
    return lineage.id
  }
}
