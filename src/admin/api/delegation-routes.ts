import { z } from 'zod'
import { entityTag } from '../../act.ts'
import { USUAL_ANSWERS, type Delegation, type ServiceName } from '../../delegation/delegation.ts'
import { serviceName } from '../../delegation/service-name.ts'
import { displayName } from '../../name.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import { delegationView, type DelegationView } from '../delegation-view.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField, line, lineageNameField, parsedBy, tenantNameField } from '../input.ts'
import { certificateResource, toCertificateResource } from './lineage-routes.ts'
import { BY_ID, listPage, pageOf, pageQuery, sortQuery } from './paging.ts'
import { route, type Route, type RouteAnswer } from './route.ts'
import { dnsRecord } from './source-domain-routes.ts'
import { ruleCheck, toRuleCheck } from './verification-routes.ts'

const OF_SERVICE = '/tenants/{tenant}/source-domains/{name}/delegations/{service}'

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
  ruleCheck: ruleCheck.nullable().meta({ description: 'At an external source domain; null: nobody has looked' }),
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

const registered = z.object({ ...fields, warnings: z.array(z.string()) }).meta({ id: 'RegisteredDelegation' })

/** What a delegation leads to. */
export const terms = {
  targetHost: domainNameField,
  lineage: lineageNameField.meta({ description: 'Of the tenant, else of the operator' }),
  tlsAnswer: tlsAnswer.default(USUAL_ANSWERS.tlsAnswer),
  poshAnswer: poshAnswer.default(USUAL_ANSWERS.poshAnswer),
  srvPort: srvPort.nullable().default(USUAL_ANSWERS.srvPort),
}

const filters = {
  ...pageQuery,
  search: pageQuery.search.meta({ description: 'A part of the source domain’s name' }),
  sort: sortQuery('-created', 'created'),
  sourceDomain: domainNameField.optional(),
  service: service.optional(),
  targetHost: domainNameField.optional(),
  lineage: lineageNameField.optional(),
}
const one = z.strictObject({ tenant: tenantNameField, id: z.uuid() })
const ofService = z.strictObject({ tenant: tenantNameField, name: domainNameField, service })

export function delegationRoutes(deps: AdminDeps, find: LookUps): Route[] {
  const { delegations, registrar, clock } = deps
  return [
    route(
      {
        method: 'get',
        path: '/delegations',
        summary: 'The delegations of all tenants, newest first',
        access: 'operator',
        scope: 'delegations:read',
        query: z.strictObject({ ...filters, tenant: tenantNameField.optional() }),
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ query: { tenant, ...query }, url }) => ({ body: await list(await find.tenantId(tenant), query, url) }),
    ),
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}/delegations',
        summary: 'The delegations of a tenant, newest first',
        access: 'viewer',
        scope: 'delegations:read',
        params: z.strictObject({ tenant: tenantNameField }),
        query: z.strictObject(filters),
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ tenant, query, url }) => ({ body: await list(tenant.id, query, url) }),
    ),
    route(
      {
        method: 'post',
        path: '/tenants/{tenant}/delegations',
        summary: 'Register a delegation',
        access: 'admin',
        scope: 'delegations:write',
        params: z.strictObject({ tenant: tenantNameField }),
        body: z.strictObject({ sourceDomain: domainNameField, service, ...terms }),
        answer: { status: 201, schema: registered, hasEtag: true },
        problems: ['malformed-name', 'not-found', 'already-exists', 'quota-reached'],
      },
      async ({ tenant, body, act }) => {
        const request = { ...body, service: fullName(body.service) }
        const { delegation, warnings } = await registrar.register(tenant.id, request, act)
        return {
          body: { ...toResource(delegation, tenant.name), warnings },
          location: `/api/v1/tenants/${tenant.name}/delegations/${delegation.id}`,
          etag: entityTag(delegation),
        }
      },
    ),
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}/delegations/{id}',
        summary: 'One delegation: its hops, certificates and DNS records',
        access: 'viewer',
        scope: 'delegations:read',
        params: one,
        answer: { status: 200, schema: detailed, hasEtag: true },
      },
      async ({ tenant, params }) => inDetail(tenant, await find.delegation(tenant, params.id)),
    ),
    route(
      {
        method: 'delete',
        path: '/tenants/{tenant}/delegations/{id}',
        summary: 'Withdraw a delegation',
        access: 'admin',
        scope: 'delegations:write',
        params: one,
        answer: { status: 204 },
      },
      async ({ tenant, params, act }) => {
        await delegations.withdraw(tenant.id, params.id, act)
        return {}
      },
    ),
    route(
      {
        method: 'get',
        path: OF_SERVICE,
        summary: 'The delegation of a service: its hops, certificates and DNS records',
        access: 'viewer',
        scope: 'delegations:read',
        params: ofService,
        answer: { status: 200, schema: detailed, hasEtag: true },
      },
      async ({ tenant, params }) => inDetail(tenant, await find.delegationOf(tenant, params.name, params.service)),
    ),
    route(
      {
        method: 'put',
        path: OF_SERVICE,
        summary: 'Register the delegation of a service, or change it',
        access: 'admin',
        scope: 'delegations:write',
        params: ofService,
        body: z.strictObject(terms),
        answer: { status: 200, schema: registered, hasEtag: true, mayCreate: true },
        problems: ['malformed-name', 'not-found', 'quota-reached'],
      },
      async ({ tenant, params, body, act }) => {
        const request = { ...body, sourceDomain: params.name, service: fullName(params.service) }
        const { delegation, warnings, isNew } = await registrar.registerOrChange(tenant.id, request, act)
        const { sourceDomain } = delegation
        return {
          body: { ...toResource(delegation, tenant.name), warnings },
          etag: entityTag(delegation),
          isNew,
          ...(isNew && {
            location: `/api/v1/tenants/${tenant.name}/source-domains/${sourceDomain}/delegations/${request.service}`,
          }),
        }
      },
    ),
    route(
      {
        method: 'delete',
        path: OF_SERVICE,
        summary: 'Withdraw the delegation of a service',
        access: 'admin',
        scope: 'delegations:write',
        params: ofService,
        answer: { status: 204 },
      },
      async ({ tenant, params, act }) => {
        const { id } = await find.delegationOf(tenant, params.name, params.service)
        await delegations.withdraw(tenant.id, id, act)
        return {}
      },
    ),
  ]

  async function list(
    tenantId: string | undefined,
    { limit, after, sort, ...wanted }: z.output<z.ZodObject<typeof filters>>,
    url: string,
  ): Promise<z.input<ReturnType<typeof pageOf<typeof resource>>>> {
    if (tenantId === undefined) return { items: [], next: null }
    const isOldestFirst = sort === 'created'
    const { items, next } = await listPage(url, { limit, after, sort }, BY_ID, (part) =>
      delegations.list(tenantId, { ...part, ...wanted, isOldestFirst }),
    )
    const names = await find.tenantNames(items)
    return { items: items.map((item) => toResource(item, names.get(item.tenantId) ?? '')), next }
  }

  async function inDetail(tenant: Tenant, delegation: Delegation): Promise<RouteAnswer<z.input<typeof detailed>>> {
    const view = await delegationView(deps, find, tenant, delegation)
    return { body: toDetail(view, clock.now()), etag: entityTag(delegation) }
  }
}

function fullName({ service, protocol }: ServiceName): string {
  return `${service}.${protocol}`
}

function toResource(delegation: Delegation, tenant: string): z.input<typeof resource> {
  const { id, sourceDomain, service, protocol, targetHost, targetPort, lineageName, createdAt } = delegation
  return {
    id,
    tenant,
    sourceDomain,
    displayName: displayName(sourceDomain),
    service: fullName({ service, protocol }),
    targetHost,
    targetPort,
    lineage: lineageName,
    tlsAnswer: delegation.tlsAnswer,
    poshAnswer: delegation.poshAnswer,
    srvPort: delegation.srvPort,
    ruleCheck: delegation.ruleCheck && toRuleCheck(delegation.ruleCheck),
    createdAt: createdAt.toISOString(),
  }
}

function toDetail(view: DelegationView, now: Date): z.input<typeof detailed> {
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
