import { z } from 'zod'
import type { Delegation } from '../../delegation/delegation.ts'
import { serviceName } from '../../delegation/service-name.ts'
import { displayName } from '../../name.ts'
import { delegationView, type DelegationView } from '../delegation-view.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField, line, lineageNameField, parsedBy, tenantNameField } from '../input.ts'
import { certificateResource, toCertificateResource } from './lineage-routes.ts'
import { nextUrl, pageOf, pageQuery, readPage } from './paging.ts'
import { route, type Route } from './route.ts'
import { dnsRecord } from './source-domain-routes.ts'

export const tlsAnswer = z.enum(['redirect', 'possession'])
export const poshAnswer = z.enum(['fingerprints', 'redirect', 'reference', 'off'])
export const srvPort = z.int().min(1).max(65535)
export const service = line(100)
  .transform(parsedBy((text) => serviceName(text.trim())))
  .meta({ description: 'An SRV service', example: '_xmpp-server._tcp' })

const fields = {
  id: z.uuid(),
  tenant: z.string(),
  sourceDomain: z.string(),
  displayName: z.string().meta({ description: 'Of the source domain, in U-labels' }),
  service: z.string().meta({ example: '_xmpp-server._tcp' }),
  targetHost: z.string(),
  targetPort: z.int(),
  lineage: z.string(),
  tlsAnswer,
  poshAnswer,
  srvPort: srvPort.nullable().meta({ description: 'null: the usual port of the service' }),
  createdAt: z.iso.datetime(),
}
const resource = z.object(fields).meta({ id: 'Delegation' })
const detailed = z
  .object({
    ...fields,
    hops: z.array(
      z.object({
        url: z.string(),
        status: z.union([z.literal(200), z.literal(302), z.literal(404)]),
        location: z.string().nullable(),
      }),
    ),
    dnsRecords: z.array(dnsRecord),
    certificates: z.array(certificateResource),
    warnings: z.array(z.string()),
  })
  .meta({ id: 'DelegationInDetail' })

const listQuery = z.strictObject({ ...pageQuery, after: z.uuid().optional() })
const one = z.strictObject({ tenant: tenantNameField, id: z.uuid() })

export function delegationRoutes(deps: AdminDeps, find: LookUps): Route[] {
  const { delegations, registrar, clock } = deps
  return [
    route(
      {
        method: 'get',
        path: '/delegations',
        summary: 'The delegations of all tenants, newest first',
        access: 'operator',
        query: listQuery,
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ query, url }) => ({ body: await list('all', query, url) }),
    ),
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}/delegations',
        summary: 'The delegations of a tenant, newest first',
        access: 'operator',
        params: z.strictObject({ tenant: tenantNameField }),
        query: listQuery,
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ params, query, url }) => ({ body: await list((await find.tenant(params.tenant)).id, query, url) }),
    ),
    route(
      {
        method: 'post',
        path: '/tenants/{tenant}/delegations',
        summary: 'Register a delegation',
        access: 'operator',
        params: z.strictObject({ tenant: tenantNameField }),
        body: z.strictObject({
          sourceDomain: domainNameField,
          service,
          targetHost: domainNameField,
          lineage: lineageNameField.meta({ description: 'Of the tenant, else of the operator' }),
          tlsAnswer: tlsAnswer.default('redirect'),
          poshAnswer: poshAnswer.default('fingerprints'),
          srvPort: srvPort.nullable().default(null),
        }),
        answer: {
          status: 201,
          schema: z.object({ ...fields, warnings: z.array(z.string()) }).meta({ id: 'RegisteredDelegation' }),
        },
        problems: ['malformed-name', 'not-found', 'already-exists'],
      },
      async ({ params, body, act }) => {
        const tenant = await find.tenant(params.tenant)
        const { service, protocol } = body.service
        const request = { ...body, service: `${service}.${protocol}` }
        const { delegation, warnings } = await registrar.register(tenant.id, request, act)
        return {
          body: { ...toResource(delegation, tenant.name), warnings },
          location: `/api/v1/tenants/${tenant.name}/delegations/${delegation.id}`,
        }
      },
    ),
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}/delegations/{id}',
        summary: 'One delegation: its hops, certificates and DNS records',
        access: 'operator',
        params: one,
        answer: { status: 200, schema: detailed },
      },
      async ({ params }) => {
        const tenant = await find.tenant(params.tenant)
        const view = await delegationView(deps, find, tenant, await find.delegation(tenant, params.id))
        return { body: inDetail(view, clock.now()) }
      },
    ),
    route(
      {
        method: 'delete',
        path: '/tenants/{tenant}/delegations/{id}',
        summary: 'Withdraw a delegation',
        access: 'operator',
        params: one,
        answer: { status: 204 },
      },
      async ({ params, act }) => {
        const tenant = await find.tenant(params.tenant)
        await delegations.withdraw(tenant.id, params.id, act)
        return {}
      },
    ),
  ]

  async function list(
    tenantId: string,
    { limit, after, search }: z.output<typeof listQuery>,
    url: string,
  ): Promise<z.input<ReturnType<typeof pageOf<typeof resource>>>> {
    const page = await readPage(
      limit,
      (limit) => delegations.list(tenantId, { limit, ...(after && { after }), ...(search && { search }) }),
      ({ id }) => id,
    )
    const names = await find.tenantNames(page.items)
    return {
      items: page.items.map((item) => toResource(item, names.get(item.tenantId) ?? '')),
      next: nextUrl(url, page.after),
    }
  }
}

function toResource(delegation: Delegation, tenant: string): z.input<typeof resource> {
  const { id, sourceDomain, service, protocol, targetHost, targetPort, lineageName, createdAt } = delegation
  return {
    id,
    tenant,
    sourceDomain,
    displayName: displayName(sourceDomain),
    service: `${service}.${protocol}`,
    targetHost,
    targetPort,
    lineage: lineageName,
    tlsAnswer: delegation.tlsAnswer,
    poshAnswer: delegation.poshAnswer,
    srvPort: delegation.srvPort,
    createdAt: createdAt.toISOString(),
  }
}

function inDetail(view: DelegationView, now: Date): z.input<typeof detailed> {
  return {
    ...toResource(view.delegation, view.tenant.name),
    hops: view.hops.map(({ url, answer }) => ({
      url,
      status: answer.kind === 'redirect' ? 302 : answer.kind === 'none' ? 404 : 200,
      location: answer.kind === 'redirect' ? answer.location : null,
    })),
    dnsRecords: view.dnsRecords,
    certificates: (view.lineage?.certificates ?? []).map((certificate) => toCertificateResource(certificate, now)),
    warnings: view.warnings,
  }
}
