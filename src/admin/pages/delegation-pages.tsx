import { z } from 'zod'
import type { Delegation } from '../../delegation/delegation.ts'
import { displayName } from '../../name.ts'
import { poshAnswer, service, tlsAnswer } from '../api/delegation-routes.ts'
import { delegationView } from '../delegation-view.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField, lineageNameField, tenantNameField } from '../input.ts'
import { standingOf } from '../standing.ts'
import { DelegationPage, WithdrawPage } from './delegation-page.tsx'
import { DelegationsPage, type DelegationRow, type Progress } from './delegations-page.tsx'
import { pageOfList } from './list.tsx'
import { listQuery } from './list-query.ts'
import { form, page, type Page, type Refusal, type View } from './page.tsx'
import { atField, byCode } from './refusals.ts'
import { RegisterPage } from './register-page.tsx'
import { suggestedLineages, suggestedSourceDomains, suggestedTargetHosts, suggestedTenants } from './suggestions.ts'
import { typedPort } from './target-host-pages.tsx'
import { texts } from './texts.ts'

const one = z.strictObject({ tenant: tenantNameField, id: z.uuid() })
const registration = z.strictObject({
  tenant: tenantNameField,
  sourceDomain: domainNameField,
  service,
  targetHost: domainNameField,
  lineage: lineageNameField,
  tlsAnswer,
  poshAnswer,
  srvPort: typedPort,
})

export function delegationPages(deps: AdminDeps, find: LookUps): Page[] {
  const { delegations, registrar, clock } = deps

  const registerView = async (refusal?: Refusal): Promise<View> => ({
    title: texts.delegations.register,
    area: 'delegations',
    main: (
      <RegisterPage
        refusal={refusal}
        tenants={await suggestedTenants(deps)}
        sourceDomains={await suggestedSourceDomains(deps)}
        targetHosts={await suggestedTargetHosts(deps)}
        lineages={await suggestedLineages(deps)}
      />
    ),
  })

  const withdrawView = async (params: z.output<typeof one>, refusal?: Refusal): Promise<View> => {
    const tenant = await find.tenant(params.tenant)
    const delegation = await find.delegation(tenant, params.id)
    return {
      title: texts.delegations.withdraw,
      area: 'delegations',
      main: <WithdrawPage tenant={tenant.name} delegation={delegation} refusal={refusal} />,
    }
  }

  return [
    page({ path: '/', access: 'operator' }, async () => ({ to: '/delegations' })),
    page({ path: '/delegations', access: 'operator', query: listQuery }, async ({ query, act }) => {
      const list = await pageOfList<Delegation, string>(
        '/delegations',
        query,
        (part) => delegations.list('all', part),
        ({ id }) => id,
        (after) => after,
      )
      return {
        title: texts.delegations.title,
        area: 'delegations',
        main: (
          <DelegationsPage
            list={{ ...list, items: await rows(list.items, act.at) }}
            progress={list.items.length === 0 && !list.search ? await progress() : undefined}
          />
        ),
      }
    }),
    page({ path: '/delegations/register', access: 'operator' }, () => registerView()),
    form(
      { path: '/delegations/register', access: 'operator', form: registration },
      async ({ tenant: name, service: asked, ...rest }, { act }) => {
        const tenant = await find.tenant(name)
        const { delegation, warnings } = await registrar.register(
          tenant.id,
          { ...rest, service: `${asked.service}.${asked.protocol}` },
          act,
        )
        return {
          to: `/tenants/${tenant.name}/delegations/${delegation.id}`,
          notice: { text: texts.delegations.registered(displayName(delegation.sourceDomain)), warnings },
        }
      },
      // Where no field is named, it is the tenant that was not found
      (refusal) => registerView(atField(refusal, byCode({ 'not-found': 'tenant', 'already-exists': 'service' }))),
    ),
    page({ path: '/tenants/:tenant/delegations/:id', access: 'operator', params: one }, async ({ params }) => {
      const tenant = await find.tenant(params.tenant)
      const view = await delegationView(deps, find, tenant, await find.delegation(tenant, params.id))
      return {
        title: displayName(view.delegation.sourceDomain),
        area: 'delegations',
        main: <DelegationPage view={view} standing={standingOf(view.sourceDomain, view.lineage, clock.now())} />,
      }
    }),
    page({ path: '/tenants/:tenant/delegations/:id/withdraw', access: 'operator', params: one }, ({ params }) =>
      withdrawView(params),
    ),
    form(
      {
        path: '/tenants/:tenant/delegations/:id/withdraw',
        access: 'operator',
        params: one,
        form: z.strictObject({}),
      },
      async (_form, { params, act }) => {
        const tenant = await find.tenant(params.tenant)
        const { id, sourceDomain } = await find.delegation(tenant, params.id)
        await delegations.withdraw(tenant.id, id, act)
        return {
          to: '/delegations',
          notice: { text: texts.delegations.withdrawn(displayName(sourceDomain)), warnings: [] },
        }
      },
      (refusal, { params }) => withdrawView(params, refusal),
    ),
  ]

  /** With what the list says of each; many rows share one lineage, which is read once. */
  async function rows(items: Delegation[], now: Date): Promise<DelegationRow[]> {
    const names = await find.tenantNames(items)
    const lineages = new Map<string, ReturnType<LookUps['lineageOf']>>()
    return Promise.all(
      items.map(async (delegation) => {
        const { lineageId, tenantId, sourceDomain } = delegation
        const lineage = lineages.get(lineageId) ?? find.lineageOf(delegation)
        lineages.set(lineageId, lineage)
        const standing = standingOf(await deps.sourceDomains.find(tenantId, sourceDomain), await lineage, now)
        return { delegation, tenant: names.get(tenantId) ?? '', lineage: await lineage, standing }
      }),
    )
  }

  async function progress(): Promise<Progress> {
    const [tenants, domains, targets, lineages] = await Promise.all([
      deps.tenants.list({ limit: 1 }),
      deps.sourceDomains.list('all', { limit: 1 }),
      deps.targetHosts.list({ limit: 1 }),
      // Those that the local authority makes for this server's own names are no service certificates
      deps.lineages.list('all', { limit: 20 }),
    ])
    return {
      tenant: tenants.length > 0,
      domain: domains.length > 0,
      target: targets.length > 0,
      certificate: lineages.some(({ source }) => source === 'import'),
    }
  }
}
