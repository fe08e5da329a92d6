import { z } from 'zod'
import { LIFETIMES, type Census } from '../../census.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import { MOST_COUNTED, TROUBLES } from '../../trouble.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { DOMAIN_STANDINGS, filteredDomains, filteredLineages, LINEAGE_STANDINGS } from '../filtered-lists.ts'
import { line, tenantNameField } from '../input.ts'
import { csvOf, DOMAIN_COLUMNS, domainRow, LINEAGE_COLUMNS, lineageRow } from '../list-export.ts'
import { overview, type TroubleLine } from '../overview.ts'
import { route, type Route } from './route.ts'
import { mode } from './source-domain-routes.ts'

const troubles = z
  .array(
    z
      .object({
        trouble: z.enum(TROUBLES),
        count: z.int(),
        isMore: z.boolean().meta({ description: `It was counted to ${MOST_COUNTED}, and there is more` }),
        examples: z.array(
          z.object({ tenant: z.string().nullable(), name: z.string(), at: z.iso.datetime().nullable() }),
        ),
      })
      .meta({ id: 'Trouble' }),
  )
  .meta({ description: 'What needs somebody’s hand, what cannot wait first; without those of which there are none' })

const census = z
  .object({
    at: z.iso.datetime().meta({ description: 'Where there is much of something it was counted a while ago' }),
    tenants: z.int(),
    targetHosts: z.int(),
    delegations: z.int(),
    lineages: z.int(),
    sourceDomains: z.object({ all: z.int(), external: z.int(), proven: z.int(), suspended: z.int() }),
    certificates: z
      .array(
        z.object({
          lifetimeDays: z
            .int()
            .nullable()
            .meta({ description: `At most so many: one of ${LIFETIMES.join(', ')}; null: more`.replace(', ;', ';') }),
          tenthsLeft: z.int().meta({ description: 'Of the lifetime, from 0 to 9; -1: it has ended' }),
          count: z.int(),
        }),
      )
      .meta({ description: 'Those in use' }),
    ordersEnded: z
      .array(z.object({ day: z.iso.date(), issued: z.int(), failed: z.int(), abandoned: z.int() }))
      .meta({ description: 'Of the last 30 days those on which any ended, UTC' }),
  })
  .meta({ id: 'Census' })

const search = line(253).trim().optional().meta({ description: 'A part of the name' })
const EXPORTS = [
  { path: '/tenants/{tenant}', params: { tenant: tenantNameField }, whose: 'a tenant', access: 'viewer' },
  { path: '', params: {}, whose: 'all tenants', access: 'operator' },
] as const
const answer = { status: 200, mediaTypes: ['text/csv'] } as const

export function overviewRoutes(deps: AdminDeps, find: LookUps): Route[] {
  const { clock } = deps
  const seen = overview(deps)
  return [
    route(
      {
        method: 'get',
        path: '/overview',
        summary: 'What needs a hand, and how many there are of everything',
        access: 'operator',
        scope: 'jobs:read',
        answer: {
          status: 200,
          schema: z.object({ troubles, census: census.nullable().meta({ description: 'null: not counted yet' }) }),
        },
      },
      async () => {
        const now = clock.now()
        const counted = await seen.census(now)
        return {
          body: { troubles: (await seen.troubles('all', now)).map(shown), census: counted ? told(counted) : null },
        }
      },
    ),
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}/overview',
        summary: 'What of a tenant’s needs a hand',
        access: 'viewer',
        scope: 'source-domains:read',
        params: z.strictObject({ tenant: tenantNameField }),
        answer: { status: 200, schema: z.object({ troubles }) },
      },
      async ({ tenant }) => ({ body: { troubles: (await seen.troubles(tenant.id, clock.now())).map(shown) } }),
    ),
    ...EXPORTS.flatMap(({ path, params, whose, access }) => [
      route(
        {
          method: 'get',
          path: `${path}/overview/source-domains`,
          summary: `The source domains of ${whose} that stand in a certain way, as CSV`,
          access,
          scope: 'source-domains:read',
          params: z.strictObject(params),
          query: z.strictObject({
            ...{ standing: z.enum(DOMAIN_STANDINGS).optional(), mode: mode.optional(), search },
            ...(access === 'operator' ? { tenant: tenantNameField.optional() } : {}),
          }),
          answer,
        },
        async ({ tenant, query }) => {
          const list = filteredDomains(deps, await whoseOf(tenant, query), query)
          const chunks = csvOf(list, DOMAIN_COLUMNS, domainRow)
          return { text: { type: 'text/csv', fileName: 'source-domains.csv', chunks } }
        },
      ),
      route(
        {
          method: 'get',
          path: `${path}/overview/lineages`,
          summary: `The lineages of ${whose} that stand in a certain way, each with its certificate in use, as CSV`,
          access,
          scope: 'certificates:read',
          params: z.strictObject(params),
          query: z.strictObject({
            ...{ standing: z.enum(LINEAGE_STANDINGS).optional(), search },
            ...(access === 'operator' ? { tenant: tenantNameField.optional() } : {}),
          }),
          answer,
        },
        async ({ tenant, query }) => {
          const list = filteredLineages(deps, await whoseOf(tenant, query), query)
          const chunks = csvOf(list, LINEAGE_COLUMNS, lineageRow)
          return { text: { type: 'text/csv', fileName: 'lineages.csv', chunks } }
        },
      ),
    ]),
  ]

  /** The tenant that the path names, or the operator's choice. */
  async function whoseOf(tenant: Tenant | null, { tenant: name }: { tenant?: unknown }): Promise<string> {
    return tenant?.id ?? (typeof name === 'string' ? (await find.tenant(name)).id : 'all')
  }
}

function shown({ trouble, count, examples }: TroubleLine) {
  return {
    trouble,
    count: Math.min(count, MOST_COUNTED),
    isMore: count > MOST_COUNTED,
    examples: examples.map(({ tenantName, name, at }) => ({ tenant: tenantName, name, at: at?.toISOString() ?? null })),
  }
}

function told({ at, certificates, ordersEnded, ...counts }: Census): z.input<typeof census> {
  return {
    ...counts,
    at: at.toISOString(),
    certificates: certificates.map(({ lifetime, ...rest }) => ({ lifetimeDays: lifetime, ...rest })),
    ordersEnded: ordersEnded.map(({ day, ...outcomes }) => ({
      day: new Date(day * 86_400_000).toISOString().slice(0, 10),
      ...outcomes,
    })),
  }
}
