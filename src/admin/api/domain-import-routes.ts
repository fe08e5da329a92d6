import { z } from 'zod'
import type { DomainImport } from '../../delegation/domain-import.ts'
import { IMPORT_COLUMNS } from '../../delegation/import-file.ts'
import { MOST_IMPORT_BYTES } from '../../delegation/source-domain.ts'
import { ProblemError } from '../../problem.ts'
import type { Principal } from '../../tenant/principal.ts'
import { includesScope } from '../../tenant/scope.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import type { AdminDeps } from '../deps.ts'
import { tenantNameField } from '../input.ts'
import { importResult } from './domain-import-result.ts'
import { BY_ID, listPage, pageOf, pageQuery } from './paging.ts'
import { route, type Route } from './route.ts'

/** JSON writes each line break as two characters. */
const BODY_LIMIT_BYTES = MOST_IMPORT_BYTES + 2 ** 20

const instant = z.iso.datetime().nullable()
const resource = z
  .object({
    id: z.uuid(),
    tenant: z.string().nullable().meta({ description: 'null: the operator’s, each line of which names a tenant' }),
    state: z
      .enum(['ready', 'running', 'done', 'cancelled'])
      .meta({ description: 'ready: looked at, and nothing has changed; cancelled: what was done until then stays' }),
    columns: z.array(z.enum(IMPORT_COLUMNS)).meta({ description: 'As they were understood, in their order' }),
    lines: z.int(),
    added: z.int().meta({ description: 'Foreseen, while it is ready; otherwise so far' }),
    thereAlready: z.int(),
    refused: z.int(),
    createdAt: z.iso.datetime(),
    begunAt: instant,
    endedAt: instant,
    expiresAt: instant.meta({ description: 'It is forgotten then, with its result; null: it is running' }),
  })
  .meta({ id: 'DomainImport', description: 'A CSV file of source domains' })

const body = z.strictObject({
  csv: z
    .string()
    .max(MOST_IMPORT_BYTES)
    .meta({ description: 'As text/csv it may be the whole body', example: 'domain,mode\nim.example.com,hosted\n' }),
})
const readQuery = z.strictObject({
  rehearsal: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .default(false)
    .meta({ description: 'Change nothing: it stays ready until it is confirmed' }),
})
const resultTypes = ['text/csv']

/** Whose imports: a tenant's, or the operator's, each line of which names a tenant. */
const OWNERS = [
  {
    path: '/tenants/{tenant}/imports',
    params: { tenant: tenantNameField },
    has: { params: z.strictObject({ tenant: tenantNameField }) },
    of: 'for a tenant',
    access: 'admin',
  },
  { path: '/operator/imports', params: {}, has: {}, of: 'for any tenants', access: 'operator' },
] as const

export function domainImportRoutes({ domainImports, fileImports }: AdminDeps): Route[] {
  return OWNERS.flatMap(({ path, params, has, of, access }) => {
    const one = z.strictObject({ ...params, id: z.uuid() })
    return [
      route(
        {
          method: 'post',
          path,
          summary: `Import source domains ${of} from a CSV file, in the background`,
          access,
          scope: 'source-domains:write',
          ...has,
          query: readQuery,
          body,
          textBody: { type: 'text/csv', field: 'csv' },
          bodyLimitBytes: BODY_LIMIT_BYTES,
          answer: { status: 201, schema: resource },
          problems: ['already-exists'],
        },
        async ({ tenant, body: { csv }, query: { rehearsal }, principal, act }) => {
          const options = { tenant, isByOperator: principal.isOperator, mayDelegate: mayDelegate(principal) }
          const { id } = await fileImports.read(Buffer.from(csv), options, act)
          if (!rehearsal) await domainImports.confirm(tenant?.id ?? null, id, act)
          return { body: toResource(await find(tenant, id)), location: `${locationOf(tenant)}/${id}` }
        },
      ),
      route(
        {
          method: 'get',
          path,
          summary: `The imports ${of}, newest first`,
          access,
          scope: 'source-domains:read',
          ...has,
          query: z.strictObject({ limit: pageQuery.limit, after: pageQuery.after }),
          answer: { status: 200, schema: pageOf(resource) },
        },
        async ({ tenant, query, url }) => {
          const { items, next } = await listPage(url, { ...query, sort: 'newest' }, BY_ID, (page) =>
            domainImports.list(tenant?.id ?? null, page),
          )
          return { body: { items: items.map(toResource), next } }
        },
      ),
      route(
        {
          method: 'get',
          path: `${path}/{id}`,
          summary: `How an import ${of} is getting on`,
          access,
          scope: 'source-domains:read',
          params: one,
          answer: { status: 200, schema: resource },
        },
        async ({ tenant, params: { id } }) => ({ body: toResource(await find(tenant, id)) }),
      ),
      route(
        {
          method: 'get',
          path: `${path}/{id}/result`,
          summary: `What became of each line of an import ${of}, as CSV`,
          access,
          scope: 'source-domains:read',
          params: one,
          answer: { status: 200, mediaTypes: resultTypes },
        },
        async ({ tenant, params: { id } }) => {
          const chunks = importResult(await find(tenant, id), domainImports)
          return { text: { type: 'text/csv', fileName: `import-${id}.csv`, chunks } }
        },
      ),
      route(
        {
          method: 'post',
          path: `${path}/{id}/confirm`,
          summary: `Carry out an import ${of} that is ready`,
          access,
          scope: 'source-domains:write',
          params: one,
          answer: { status: 200, schema: resource },
          problems: ['still-in-use'],
        },
        async ({ tenant, params: { id }, principal, act }) => {
          requireConfirming(await find(tenant, id), principal)
          await domainImports.confirm(tenant?.id ?? null, id, act)
          return { body: toResource(await find(tenant, id)) }
        },
      ),
      route(
        {
          method: 'delete',
          path: `${path}/{id}`,
          summary: `Cancel an import ${of}; what it has done until then stays`,
          access,
          scope: 'source-domains:write',
          params: one,
          hasNoEtag: true,
          answer: { status: 204 },
          problems: ['still-in-use'],
        },
        async ({ tenant, params: { id }, act }) => {
          await domainImports.cancel(tenant?.id ?? null, id, act)
          return {}
        },
      ),
    ]
  })

  async function find(tenant: Tenant | null, id: string): Promise<DomainImport> {
    const found = await domainImports.find(tenant?.id ?? null, id)
    if (!found) throw new ProblemError('not-found', `there is no import ${id}`)
    return found
  }
}

/**
 * Who confirms an import answers for all of it: what an operator brought may vouch for names.
 * @throws ProblemError forbidden
 */
export function requireConfirming(
  { isByOperator, isDelegating }: Pick<DomainImport, 'isByOperator' | 'isDelegating'>,
  principal: Principal,
): void {
  if (isByOperator && !principal.isOperator)
    throw new ProblemError('forbidden', 'an operator brought this file, and only an operator may confirm it')
  if (isDelegating && !mayDelegate(principal))
    throw new ProblemError('forbidden', 'the API token lacks the scope delegations:write')
}

function mayDelegate({ scopes }: Principal): boolean {
  return scopes === 'all' || includesScope(scopes, 'delegations:write')
}

function locationOf(tenant: Tenant | null): string {
  return `/api/v1${tenant ? `/tenants/${tenant.name}` : '/operator'}/imports`
}

function toResource(found: DomainImport): z.input<typeof resource> {
  const { id, tenantName, state, columns, lines, counts, createdAt, begunAt, endedAt, expiresAt } = found
  return {
    ...{ id, tenant: tenantName, state, columns, lines },
    ...{ added: counts.added, thereAlready: counts.present, refused: counts.refused },
    createdAt: createdAt.toISOString(),
    begunAt: begunAt?.toISOString() ?? null,
    endedAt: endedAt?.toISOString() ?? null,
    expiresAt: expiresAt?.toISOString() ?? null,
  }
}
