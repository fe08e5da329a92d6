import { z } from 'zod'
import type { Act } from '../../act.ts'
import type { SourceDomain } from '../../delegation/source-domain.ts'
import { displayName, type DomainName } from '../../name.ts'
import { recordsOf } from '../delegation-view.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField, tenantNameField } from '../input.ts'
import { namedCursor, nextUrl, pageOf, pageQuery, parseNamedCursor, readPage, type ListQuery } from './paging.ts'
import { route, type Route } from './route.ts'

const fields = {
  tenant: z.string(),
  name: z.string(),
  displayName: z.string().meta({ description: 'In U-labels' }),
  mode: z.enum(['hosted', 'external']),
  proof: z.enum(['vouched']).nullable().meta({ description: 'null: nothing is served until control is proven' }),
  provenAt: z.iso.datetime().nullable(),
  suspendedAt: z.iso.datetime().nullable(),
  createdAt: z.iso.datetime(),
}
const resource = z.object(fields).meta({ id: 'SourceDomain' })

export const dnsRecord = z
  .object({
    name: z.string(),
    type: z.enum(['A', 'AAAA', 'CNAME', 'SRV', 'TLSA', 'TXT']),
    value: z.string().meta({ description: 'As a zone file has it' }),
    ttl: z.int().meta({ description: 'Seconds' }),
    purpose: z.string(),
    zone: z.enum(['source domain', 'target host']).meta({ description: 'Whose zone it belongs to' }),
  })
  .meta({ id: 'DnsRecord' })

const one = z.strictObject({ tenant: tenantNameField, name: domainNameField })

export function sourceDomainRoutes(deps: AdminDeps, find: LookUps): Route[] {
  const { sourceDomains, registrar } = deps

  const change = (
    verb: 'suspend' | 'resume' | 'vouch',
    summary: string,
    act: (tenantId: string, name: DomainName, act: Act) => Promise<void>,
  ) =>
    route(
      {
        method: 'post',
        path: `/tenants/{tenant}/source-domains/{name}/${verb}`,
        summary,
        access: 'operator',
        params: one,
        answer: { status: 200, schema: resource },
        problems: ['source-domain-taken'],
      },
      async ({ params, act: by }) => {
        const tenant = await find.tenant(params.tenant)
        await act(tenant.id, params.name, by)
        return { body: toResource(await find.sourceDomain(tenant, params.name)) }
      },
    )

  return [
    route(
      {
        method: 'get',
        path: '/source-domains',
        summary: 'The source domains of all tenants, by name',
        access: 'operator',
        query: z.strictObject(pageQuery),
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ query, url }) => ({ body: await list('all', query, url) }),
    ),
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}/source-domains',
        summary: 'The source domains of a tenant, by name',
        access: 'operator',
        params: z.strictObject({ tenant: tenantNameField }),
        query: z.strictObject(pageQuery),
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ params, query, url }) => ({ body: await list((await find.tenant(params.tenant)).id, query, url) }),
    ),
    route(
      {
        method: 'post',
        path: '/tenants/{tenant}/source-domains',
        summary: 'Claim a source domain for a tenant',
        access: 'operator',
        params: z.strictObject({ tenant: tenantNameField }),
        body: z.strictObject({
          name: domainNameField,
          mode: z.enum(['hosted', 'external']).default('hosted'),
          isVouched: z.boolean().default(false).meta({ description: 'The operator vouches for the tenant’s control' }),
        }),
        answer: { status: 201, schema: resource },
        problems: ['malformed-name', 'name-refused', 'already-exists', 'source-domain-taken'],
      },
      async ({ params, body: { name, mode, isVouched }, act }) => {
        const tenant = await find.tenant(params.tenant)
        const domain = await registrar.claim(tenant.id, name, { mode, isVouched }, act)
        return {
          body: toResource(domain),
          location: `/api/v1/tenants/${tenant.name}/source-domains/${domain.name}`,
        }
      },
    ),
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}/source-domains/{name}',
        summary: 'One source domain, with the DNS records to publish',
        access: 'operator',
        params: one,
        answer: {
          status: 200,
          schema: z.object({ ...fields, dnsRecords: z.array(dnsRecord) }).meta({ id: 'SourceDomainWithRecords' }),
        },
      },
      async ({ params }) => {
        const tenant = await find.tenant(params.tenant)
        const domain = await find.sourceDomain(tenant, params.name)
        return { body: { ...toResource(domain), dnsRecords: await recordsOf(deps, find, tenant, domain) } }
      },
    ),
    change('suspend', 'Stop answering for a source domain', (...args) => sourceDomains.suspend(...args)),
    change('resume', 'Answer for a suspended source domain again', (...args) => sourceDomains.resume(...args)),
    change('vouch', 'Vouch for the tenant’s control of a source domain', (...args) => sourceDomains.vouch(...args)),
  ]

  async function list(tenantId: string, { limit, after, search }: ListQuery, url: string) {
    const from = after === undefined ? undefined : parseNamedCursor(after)
    const page = await readPage(
      limit,
      (limit) => sourceDomains.list(tenantId, { limit, ...(from && { after: from }), ...(search && { search }) }),
      namedCursor,
    )
    return { items: page.items.map(toResource), next: nextUrl(url, page.after) }
  }
}

function toResource(domain: SourceDomain): z.input<typeof resource> {
  const { tenantName, name, mode, proof, provenAt, suspendedAt, createdAt } = domain
  return {
    tenant: tenantName,
    name,
    displayName: displayName(name),
    mode,
    proof,
    provenAt: provenAt?.toISOString() ?? null,
    suspendedAt: suspendedAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
  }
}
