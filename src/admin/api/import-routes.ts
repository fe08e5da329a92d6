import { z } from 'zod'
import type { Act } from '../../act.ts'
import type { ImportRequest } from '../../delegation/registrar.ts'
import type { ImportOutcome } from '../../delegation/source-domain.ts'
import { ProblemError } from '../../problem.ts'
import type { Principal } from '../../tenant/principal.ts'
import { includesScope } from '../../tenant/scope.ts'
import type { AdminDeps } from '../deps.ts'
import { lineageNameField, tenantNameField } from '../input.ts'
import { terms } from './delegation-routes.ts'
import { route, type Route } from './route.ts'
import { isVouched, mode, onlyOperatorVouches } from './source-domain-routes.ts'

const BODY_LIMIT_BYTES = 1_000_000
const MOST_DOMAINS = 500
const MOST_DELEGATIONS = 20

/** Of the names only that they are text: a malformed one is that line's refusal, not the whole list's. */
const text = z.string().max(1000)
const domain = {
  name: text.meta({ example: 'im.example.com' }),
  mode: mode.default('hosted'),
  isVouched,
  delegations: z
    .array(
      z.strictObject({
        ...terms,
        service: text.meta({ example: '_xmpp-server._tcp' }),
        targetHost: text.meta({ example: 'hosting.example.com' }),
        lineage: lineageNameField,
      }),
    )
    .max(MOST_DELEGATIONS)
    .default([]),
}
const bodyOf = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject({
    isRehearsal: z.boolean().default(false).meta({ description: 'Change nothing, only say what would happen' }),
    domains: z.array(z.strictObject(shape)).max(MOST_DOMAINS),
  })

const outcome = z
  .object({
    outcome: z.enum(['added', 'there already', 'refused']).meta({
      description: 'Of what is there already nothing is changed, but delegations that it lacks are added',
    }),
    problem: z.object({ code: z.string(), detail: z.string() }).optional().meta({ description: 'Why it was refused' }),
  })
  .meta({ id: 'ImportOutcome' })
const answer = {
  status: 200,
  schema: z.object({ outcomes: z.array(outcome).meta({ description: 'In the order of the domains' }) }),
} as const

export function importRoutes({ tenants, registrar }: AdminDeps): Route[] {
  return [
    route(
      {
        method: 'post',
        path: '/source-domain-imports',
        summary: 'Claim many source domains for any tenants and register their delegations',
        access: 'operator',
        scope: 'source-domains:write',
        body: bodyOf({ ...domain, tenant: text.optional().meta({ example: 'acme' }) }),
        bodyLimitBytes: BODY_LIMIT_BYTES,
        answer,
      },
      async ({ body, act, principal }) => {
        requireScope(principal, body.domains)
        const ids = await tenantIds(body.domains.map(({ tenant }) => tenant))
        const requests = body.domains.map(({ tenant = '', ...line }) =>
          withTenant(ids.get(tenant) ?? noTenant(tenant), line),
        )
        return carryOut(requests, body, act)
      },
    ),
    route(
      {
        method: 'post',
        path: '/tenants/{tenant}/source-domain-imports',
        summary: 'Claim many source domains for a tenant and register their delegations',
        access: 'admin',
        scope: 'source-domains:write',
        params: z.strictObject({ tenant: tenantNameField }),
        body: bodyOf(domain),
        bodyLimitBytes: BODY_LIMIT_BYTES,
        answer,
      },
      async ({ tenant, body, act, principal }) => {
        requireScope(principal, body.domains)
        const vouched = body.domains.findIndex(({ isVouched }) => isVouched)
        if (vouched >= 0 && !principal.isOperator) throw onlyOperatorVouches(`/domains/${vouched}/isVouched`)
        return carryOut(
          body.domains.map((line) => withTenant(tenant.id, line)),
          body,
          act,
        )
      },
    ),
  ]

  async function carryOut(
    requests: readonly (ImportRequest | ProblemError)[],
    options: { isRehearsal: boolean },
    act: Act,
  ): Promise<{ body: { outcomes: z.input<typeof outcome>[] } }> {
    const outcomes = await registrar.importMany(requests, options, act)
    return { body: { outcomes: outcomes.map(toOutcome) } }
  }

  async function tenantIds(names: readonly (string | undefined)[]): Promise<Map<string, string>> {
    const ids = new Map<string, string>()
    for (const name of new Set(names)) {
      const { success, data } = tenantNameField.safeParse(name)
      const tenant = success ? await tenants.findByName(data) : undefined
      if (tenant && name !== undefined) ids.set(name, tenant.id)
    }
    return ids
  }
}

type Line = Omit<ImportRequest, 'tenantId'>

function withTenant(tenantId: string | ProblemError, line: Line): ImportRequest | ProblemError {
  return tenantId instanceof ProblemError ? tenantId : { ...line, name: line.name.trim(), tenantId }
}

/** What an import registers needs the scope that it would need alone. */
function requireScope({ scopes }: Principal, lines: readonly Line[]): void {
  const isDelegating = lines.some(({ delegations }) => delegations.length > 0)
  if (isDelegating && scopes !== 'all' && !includesScope(scopes, 'delegations:write'))
    throw new ProblemError('forbidden', 'the API token lacks the scope delegations:write')
}

function noTenant(name: string): ProblemError {
  return name === ''
    ? new ProblemError('malformed-request', 'tenant is missing: say whose it is to be')
    : new ProblemError('not-found', `there is no tenant ${name}`)
}

function toOutcome(done: ImportOutcome): z.input<typeof outcome> {
  if (!(done instanceof ProblemError)) return { outcome: done }
  return { outcome: 'refused', problem: { code: done.code, detail: done.message } }
}
