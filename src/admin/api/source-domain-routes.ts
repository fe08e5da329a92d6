import { z } from 'zod'
import { entityTag, type Act } from '../../act.ts'
import { parseHostMeta } from '../../delegation/host-meta.ts'
import type { SourceDomain } from '../../delegation/source-domain.ts'
import { displayName, type DomainName } from '../../name.ts'
import { ProblemError } from '../../problem.ts'
import { lapsesAt, stateOf, type Control } from '../../tenant/control.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import { recordsOf } from '../delegation-view.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField, flag, tenantNameField } from '../input.ts'
import { BY_NAME_AND_ID, listPage, pageOf, pageQuery, sortQuery } from './paging.ts'
import { route, type Route, type RouteAnswer } from './route.ts'

export const mode = z.enum(['hosted', 'external'])
export const isVouched = z
  .boolean()
  .default(false)
  .meta({ description: 'The operator vouches for the tenant’s control; nobody else can' })

export const controlFields = {
  state: z
    .enum(['unproven', 'vouched', 'proven', 'wavering', 'lapsed'])
    .meta({ description: 'unproven, lapsed: nothing is served or issued' }),
  proof: z.enum(['vouched', 'txt', 'cname']).nullable().meta({ description: 'In force; null: none is' }),
  provenAt: z.iso.datetime().nullable().meta({ description: 'In force since' }),
  seenAt: z.iso.datetime().nullable().meta({ description: 'When it was last seen' }),
  waveringSince: z.iso.datetime().nullable().meta({ description: 'Not found then, and ever since' }),
  lapsesAt: z.iso.datetime().nullable().meta({ description: 'Not before then, and only if it is not found again' }),
  lapsedAt: z.iso.datetime().nullable().meta({ description: 'Until then a proof was in force' }),
}

const fields = {
  tenant: z.string(),
  name: z.string(),
  displayName: z.string().meta({ description: 'In U-labels' }),
  mode,
  ...controlFields,
  suspendedAt: z.iso.datetime().nullable(),
  hasFrontCertificate: z.boolean().meta({ description: 'Whether the edge has one to present for it' }),
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

/** The shape only; what the values may be is for the noun to say. */
const hostMeta = z
  .strictObject({
    links: z.array(
      z.strictObject({
        rel: z.string().meta({ example: 'urn:xmpp:alt-connections:websocket' }),
        href: z.string().optional().meta({ example: 'wss://hosting.example.com/xmpp-websocket' }),
        template: z.string().optional(),
        type: z.string().optional(),
        port: z.int().optional(),
        priority: z.int().optional(),
        weight: z.int().optional(),
        sni: z.string().optional(),
        ips: z.array(z.string()).optional(),
        ech: z.string().optional(),
      }),
    ),
    hostMeta2: z
      .strictObject({ ttlSeconds: z.int(), publicKeyPinsSha256: z.array(z.string()).optional() })
      .nullable()
      .optional()
      .meta({ description: 'XEP-0487; null: only what XEP-0156 has' }),
  })
  .meta({ id: 'HostMeta' })

const detailed = z
  .object({
    ...fields,
    hostMeta: hostMeta.nullable().meta({ description: 'null: switched off' }),
    frontLineage: z.string().nullable().meta({ description: 'What the edge presents; null: none yet' }),
    dnsRecords: z.array(dnsRecord),
  })
  .meta({ id: 'SourceDomainInDetail' })

const filters = {
  ...pageQuery,
  sort: sortQuery('name', '-name', 'created', '-created'),
  mode: mode.optional(),
  isProven: flag.optional(),
  isSuspended: flag.optional(),
}
const one = z.strictObject({ tenant: tenantNameField, name: domainNameField })

export function sourceDomainRoutes(deps: AdminDeps, find: LookUps): Route[] {
  const { sourceDomains, registrar } = deps

  const change = (
    verb: 'suspend' | 'resume' | 'vouch' | 'withdraw vouch',
    summary: string,
    change: (tenantId: string, name: DomainName, act: Act) => Promise<void>,
  ) =>
    route(
      {
        method: verb === 'withdraw vouch' ? 'delete' : 'post',
        path: `/tenants/{tenant}/source-domains/{name}/${verb === 'withdraw vouch' ? 'vouch' : verb}`,
        summary,
        access: 'operator',
        scope: 'source-domains:write',
        params: one,
        answer: { status: 200, schema: resource, hasEtag: true },
        problems: verb === 'vouch' ? ['precondition-failed', 'source-domain-taken'] : ['precondition-failed'],
      },
      async ({ tenant, params, act }) => {
        await change(tenant.id, params.name, act)
        return answer(await find.sourceDomain(tenant, params.name))
      },
    )

  return [
    route(
      {
        method: 'get',
        path: '/source-domains',
        summary: 'The source domains of all tenants, by name',
        access: 'operator',
        scope: 'source-domains:read',
        query: z.strictObject({
          ...filters,
          tenant: tenantNameField.optional(),
          name: domainNameField.optional().meta({ description: 'All claims to this very name, and nothing else' }),
        }),
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ query: { tenant, name, ...query }, url }) => {
        if (name === undefined) return { body: await list(await find.tenantId(tenant), query, url) }
        return { body: { items: (await sourceDomains.claims(name)).map(toResource), next: null } }
      },
    ),
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}/source-domains',
        summary: 'The source domains of a tenant, by name',
        access: 'viewer',
        scope: 'source-domains:read',
        params: z.strictObject({ tenant: tenantNameField }),
        query: z.strictObject(filters),
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ tenant, query, url }) => ({ body: await list(tenant.id, query, url) }),
    ),
    route(
      {
        method: 'post',
        path: '/tenants/{tenant}/source-domains',
        summary: 'Claim a source domain for a tenant',
        access: 'admin',
        scope: 'source-domains:write',
        params: z.strictObject({ tenant: tenantNameField }),
        body: z.strictObject({ name: domainNameField, mode: mode.default('hosted'), isVouched }),
        answer: { status: 201, schema: resource, hasEtag: true },
        problems: ['malformed-name', 'name-refused', 'already-exists', 'source-domain-taken', 'quota-reached'],
      },
      async ({ tenant, body: { name, mode, isVouched }, act, principal }) => {
        if (isVouched && !principal.isOperator) throw onlyOperatorVouches('/isVouched')
        const domain = await registrar.claim(tenant.id, name, { mode, isVouched }, act)
        return { ...answer(domain), location: pathOf(domain) }
      },
    ),
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}/source-domains/{name}',
        summary: 'One source domain, with the DNS records to publish',
        access: 'viewer',
        scope: 'source-domains:read',
        params: one,
        answer: { status: 200, schema: detailed, hasEtag: true },
      },
      async ({ tenant, params }) => {
        const domain = await find.sourceDomain(tenant, params.name)
        return { body: await inDetail(tenant, domain), etag: entityTag(domain) }
      },
    ),
    route(
      {
        method: 'put',
        path: '/tenants/{tenant}/source-domains/{name}',
        summary: 'Claim a source domain or change its mode',
        access: 'admin',
        scope: 'source-domains:write',
        params: one,
        body: z.strictObject({ mode }),
        answer: { status: 200, schema: resource, hasEtag: true, mayCreate: true },
        problems: ['name-refused', 'quota-reached'],
      },
      async ({ tenant, params, body, act }) => {
        const { domain, isNew } = await registrar.claimOrChange(tenant.id, params.name, body.mode, act)
        return { ...answer(domain), isNew, ...(isNew && { location: pathOf(domain) }) }
      },
    ),
    route(
      {
        method: 'delete',
        path: '/tenants/{tenant}/source-domains/{name}',
        summary: 'Give up a source domain, with its delegations',
        access: 'admin',
        scope: 'source-domains:write',
        params: one,
        answer: { status: 204 },
      },
      async ({ tenant, params, act }) => {
        await sourceDomains.remove(tenant.id, params.name, act)
        return {}
      },
    ),
    change('suspend', 'Stop answering for a source domain', (...args) => sourceDomains.suspend(...args)),
    change('resume', 'Answer for a suspended source domain again', (...args) => sourceDomains.resume(...args)),
    change('vouch', 'Vouch for the tenant’s control of a source domain', (...args) => sourceDomains.vouch(...args)),
    change(
      'withdraw vouch',
      'Vouch for it no longer: it is served only where its own record is found, for which a look is made at once',
      (...args) => sourceDomains.withdrawVouch(...args),
    ),
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}/source-domains/{name}/host-meta',
        summary: 'The alternative connection methods of a source domain (XEP-0156)',
        access: 'viewer',
        scope: 'source-domains:read',
        params: one,
        answer: { status: 200, schema: hostMeta, hasEtag: true },
      },
      async ({ tenant, params }) => {
        const domain = await find.sourceDomain(tenant, params.name)
        if (domain.hostMeta === null) throw new ProblemError('not-found', `host-meta of ${domain.name} is switched off`)
        return { body: domain.hostMeta, etag: entityTag(domain) }
      },
    ),
    route(
      {
        method: 'put',
        path: '/tenants/{tenant}/source-domains/{name}/host-meta',
        summary: 'Set the alternative connection methods of a source domain (XEP-0156)',
        access: 'admin',
        scope: 'source-domains:write',
        params: one,
        body: hostMeta,
        answer: { status: 200, schema: hostMeta, hasEtag: true, mayCreate: true },
      },
      async ({ tenant, params, body, act }) => {
        const hostMeta = parseHostMeta(body)
        const before = await find.sourceDomain(tenant, params.name)
        await sourceDomains.setHostMeta(tenant.id, params.name, hostMeta, act)
        const isNew = before.hostMeta === null
        return {
          ...{ body: hostMeta, etag: entityTag(await find.sourceDomain(tenant, params.name)), isNew },
          ...(isNew && { location: `${pathOf(before)}/host-meta` }),
        }
      },
    ),
    route(
      {
        method: 'delete',
        path: '/tenants/{tenant}/source-domains/{name}/host-meta',
        summary: 'Switch host-meta of a source domain off',
        access: 'admin',
        scope: 'source-domains:write',
        params: one,
        answer: { status: 204 },
      },
      async ({ tenant, params, act }) => {
        await sourceDomains.setHostMeta(tenant.id, params.name, null, act)
        return {}
      },
    ),
  ]

  async function list(
    tenantId: string | undefined,
    { limit, after, ...wanted }: z.output<z.ZodObject<typeof filters>>,
    url: string,
  ) {
    if (tenantId === undefined) return { items: [], next: null }
    const { items, next } = await listPage(url, { limit, after, sort: wanted.sort }, BY_NAME_AND_ID, (part) =>
      sourceDomains.list(tenantId, { ...part, ...wanted }),
    )
    return { items: items.map(toResource), next }
  }

  async function inDetail(tenant: Tenant, domain: SourceDomain): Promise<z.input<typeof detailed>> {
    return {
      ...toResource(domain),
      hostMeta: domain.hostMeta,
      frontLineage: await find.lineageName(tenant.id, domain.frontLineageId),
      dnsRecords: await recordsOf(deps, find, tenant, domain),
    }
  }
}

/** @param pointer where it was asked for */
export function onlyOperatorVouches(pointer: string): ProblemError {
  return new ProblemError('forbidden', 'only the operator may vouch for a name', {
    fields: [{ pointer, detail: 'should be false, or left out' }],
  })
}

function answer(domain: SourceDomain): RouteAnswer<z.input<typeof resource>> {
  return { body: toResource(domain), etag: entityTag(domain) }
}

function pathOf({ tenantName, name }: SourceDomain): string {
  return `/api/v1/tenants/${tenantName}/source-domains/${name}`
}

function toResource(domain: SourceDomain): z.input<typeof resource> {
  const { tenantName, name, mode, suspendedAt, frontLineageId, createdAt } = domain
  return {
    tenant: tenantName,
    name,
    displayName: displayName(name),
    mode,
    ...toControlFields(domain),
    suspendedAt: suspendedAt?.toISOString() ?? null,
    hasFrontCertificate: frontLineageId !== null,
    createdAt: createdAt.toISOString(),
  }
}

export function toControlFields(control: Control): z.input<z.ZodObject<typeof controlFields>> {
  const instant = (at: Date | null) => at?.toISOString() ?? null
  return {
    state: stateOf(control),
    proof: control.proof,
    provenAt: instant(control.provenAt),
    seenAt: instant(control.seenAt),
    waveringSince: instant(control.waveringSince),
    lapsesAt: instant(lapsesAt(control)),
    lapsedAt: instant(control.lapsedAt),
  }
}
