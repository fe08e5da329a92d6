import { z } from 'zod'
import type { Delegation } from '../../delegation/delegation.ts'
import type { SourceDomain } from '../../delegation/source-domain.ts'
import { displayName } from '../../name.ts'
import { poshAnswer, service, tlsAnswer } from '../api/delegation-routes.ts'
import { delegationToVerify, delegationWithRule } from '../api/verification-routes.ts'
import { delegationView, type DelegationView } from '../delegation-view.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField, lineageNameField, tenantNameField } from '../input.ts'
import type { Principal } from '../../tenant/principal.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import { standingOf } from '../standing.ts'
import { confirmed } from './confirmed.tsx'
import { DelegationPage } from './delegation-page.tsx'
import { DelegationsPage, type DelegationRow, type Progress } from './delegations-page.tsx'
import { pageOfList } from './list.tsx'
import { delegationListQuery } from './list-query.ts'
import { form, page, type Page, type Refusal, type Seen, type View } from './page.tsx'
import { pressedQuery, since, withPressed } from './pressed.ts'
import { ruleNotice } from './redirect-rule-section.tsx'
import { atField, byCode, namesAlone } from './refusals.ts'
import { RegisterPage } from './register-page.tsx'
import { ReportPage } from './report-page.tsx'
import { inEnglish } from './said.tsx'
import { suggestedLineages, suggestedSourceDomains, suggestedTargetHosts } from './suggestions.ts'
import { typedPort } from './target-host-pages.tsx'
import type { Texts } from './texts.ts'
import { isToChange, mayChange, tenantChoices, tenantsToChoose, tenantToChange, titleOf, whoseList } from './whose.tsx'

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

const registerQuery = z.strictObject({ tenant: tenantNameField.optional(), sourceDomain: domainNameField.optional() })

type SeenDelegation = Pick<
  Seen<z.output<typeof one>, undefined, 'viewer'>,
  'tenant' | 'params' | 'principal' | 'act' | 'texts'
>

export function delegationPages(deps: AdminDeps, find: LookUps): Page[] {
  const { delegations, registrar, rules, clock } = deps

  const registerView = async (
    texts: Texts,
    principal: Principal,
    asked: z.output<typeof registerQuery>,
    refusal?: Refusal,
  ): Promise<View> => {
    const open = await tenantsToChoose(texts, deps, principal)
    const choices = asked.tenant === undefined ? open : { ...open, chosen: asked.tenant }
    const whose = await tenantsNamed(choices)
    return {
      title: texts.delegations.register,
      area: 'delegations',
      main: (
        <RegisterPage
          refusal={refusal}
          choices={choices}
          sourceDomains={await suggestedSourceDomains(deps, whose)}
          targetHosts={await suggestedTargetHosts(deps)}
          lineages={await suggestedLineages(deps, whose)}
          isOperator={principal.isOperator}
          sourceDomain={asked.sourceDomain}
        />
      ),
    }
  }

  const delegationPage = async (
    { tenant, params, principal, act, texts }: SeenDelegation,
    pressedAt: Date | null,
    refusal?: Refusal,
  ): Promise<View> => {
    const isAdmin = mayChange(principal, 'admin', tenant, act.at)
    const view = await delegationView(deps, find, tenant, await find.delegation(tenant, params.id), texts.told)
    return {
      title: displayName(view.delegation.sourceDomain),
      area: 'delegations',
      main: (
        <DelegationPage
          view={view}
          standing={standingOf(view.delegation, underTenant(view.sourceDomain, tenant), view.lineage, clock.now())}
          everySeconds={attend(view, { pressedAt, mayCheck: isAdmin }, act.at)}
          isAdmin={isAdmin}
          refusal={refusal}
          maySeeLineage={view.lineage?.tenantId !== null || principal.isOperator}
        />
      ),
    }
  }

  /** Has the rule looked for that is waited for. @returns in how many seconds the page asks again; null: nothing is */
  function attend(
    { delegation, sourceDomain }: DelegationView,
    { pressedAt, mayCheck }: { pressedAt: Date | null; mayCheck: boolean },
    now: Date,
  ): number | null {
    if (sourceDomain.mode === 'hosted' || sourceDomain.proof === null) return null
    const begun = since([delegation.createdAt, sourceDomain.provenAt, pressedAt], now)
    return rules.attend([delegation], { since: begun, mayCheck })
  }

  /** Whose names a form proposes. */
  async function tenantsNamed({ isFree, names }: { isFree: boolean; names: readonly string[] }) {
    if (isFree) return 'all'
    const found = await Promise.all(names.map((name) => deps.tenants.findByName(name)))
    return found.flatMap((tenant) => (tenant ? [tenant.id] : []))
  }

  return [
    page(
      { path: '/delegations', access: 'signed-in', query: delegationListQuery },
      async ({ query, principal, act, texts }) => {
        const whose = await whoseList(deps, find, principal, query.tenant, act.at)
        const only = query.standing === undefined ? {} : ({ isRuleWrong: true } as const)
        const list = await pageOfList<Delegation, string>(
          '/delegations',
          query,
          async (part) => (whose.of === undefined ? [] : delegations.list(whose.of, { ...part, ...only })),
          ({ id }) => id,
          (after) => after,
        )
        const isEmpty = list.items.length === 0 && !list.search && !query.standing && list.first === null
        const choices = await tenantChoices(deps, principal, whose.tenant)
        return {
          title: titleOf(texts.delegations.title, whose.tenant),
          area: 'delegations',
          main: (
            <DelegationsPage
              list={{ ...list, items: await rows(list.items, act.at) }}
              whose={whose}
              mayRegister={isToChange(choices, whose.tenant)}
              mayWithdraw={(tenant) => mayChange(principal, 'admin', tenant, act.at)}
              progress={isEmpty && whose.tenant === null && choices.isFree ? await progress() : undefined}
            />
          ),
        }
      },
    ),
    page({ path: '/delegations/register', access: 'signed-in', query: registerQuery }, ({ principal, texts, query }) =>
      registerView(texts, principal, query),
    ),
    form(
      { path: '/delegations/register', access: 'signed-in', form: registration },
      async ({ tenant: name, service: asked, ...rest }, { principal, act, texts }) => {
        const tenant = await tenantToChange(find, principal, name, act.at)
        const { delegation, warnings } = await registrar.register(
          tenant.id,
          { ...rest, service: `${asked.service}.${asked.protocol}` },
          act,
        )
        return {
          to: pathOf(tenant, delegation),
          notice: {
            text: texts.delegations.registered(displayName(delegation.sourceDomain)),
            warnings: warnings.map(inEnglish),
          },
        }
      },
      // Where no field is named, it is the tenant that was not found
      (refusal, { principal, texts }) =>
        registerView(
          texts,
          principal,
          {},
          atField(
            namesAlone(texts, refusal, ['sourceDomain', 'targetHost']),
            byCode({
              'not-found': 'tenant',
              forbidden: 'tenant',
              'tenant-suspended': 'tenant',
              'already-exists': 'service',
            }),
          ),
        ),
    ),
    page({ path: '/tenants/:tenant/delegations/:id', access: 'viewer', params: one, query: pressedQuery }, (seen) =>
      delegationPage(seen, seen.query.checked ?? null),
    ),
    form(
      {
        path: '/tenants/:tenant/delegations/:id/verify',
        access: 'admin',
        params: one,
        form: z.strictObject({}),
        standsOn: '/tenants/:tenant/delegations/:id',
      },
      async (_form, { tenant, params, texts }) => {
        const delegation = await delegationToVerify(find, tenant, params.id)
        const { mode } = await find.sourceDomain(tenant, delegation.sourceDomain)
        // What is seen of the owner's web server is kept, so that the delegation's own page says the same
        const report =
          mode === 'hosted' ? await rules.verify(delegation) : (await rules.verifyAndCheck(delegation)).report
        return {
          shown: {
            title: texts.verification.titleOf(displayName(delegation.sourceDomain)),
            area: 'delegations',
            main: <ReportPage path={pathOf(tenant, delegation)} delegation={delegation} report={report} />,
          },
        }
      },
      (refusal, seen) => delegationPage(seen, null, refusal),
    ),
    form(
      {
        path: '/tenants/:tenant/delegations/:id/check-rule',
        access: 'admin',
        params: one,
        form: z.strictObject({ from: z.enum(['source-domain', 'delegation']) }),
        standsOn: '/tenants/:tenant/delegations/:id',
      },
      async ({ from }, { tenant, params, act, texts }) => {
        const delegation = await delegationWithRule(find, tenant, params.id)
        const check = await rules.check(delegation)
        const domain = `/tenants/${tenant.name}/source-domains/${delegation.sourceDomain}`
        return {
          to: withPressed(from === 'source-domain' ? domain : pathOf(tenant, delegation), act),
          notice: ruleNotice(texts, delegation, check),
        }
      },
      (refusal, seen) => delegationPage(seen, null, refusal),
    ),
    ...confirmed(
      { path: '/tenants/:tenant/delegations/:id/withdraw', access: 'admin', params: one },
      async ({ tenant, params, texts }) => {
        const { id, sourceDomain, service, protocol } = await find.delegation(tenant, params.id)
        return {
          title: texts.delegations.withdrawTitle(displayName(sourceDomain)),
          lines: [texts.delegations.withdrawWhat(`${service}.${protocol}`), texts.delegations.withdrawWho],
          button: texts.delegations.withdraw,
          back: pathOf(tenant, { id }),
          area: 'delegations',
        }
      },
      async (_form, { tenant, params, act, texts }) => {
        const { id, sourceDomain } = await find.delegation(tenant, params.id)
        await delegations.withdraw(tenant.id, id, act)
        return {
          to: '/delegations',
          notice: { text: texts.delegations.withdrawn(displayName(sourceDomain)), warnings: [] },
        }
      },
    ),
  ]

  /** With what the list says of each; many rows share one lineage, which is read once. */
  async function rows(items: Delegation[], now: Date): Promise<DelegationRow[]> {
    const tenants = new Map<string, Tenant>()
    for (const id of new Set(items.map(({ tenantId }) => tenantId))) {
      const tenant = await deps.tenants.find(id)
      if (tenant) tenants.set(id, tenant)
    }
    const lineages = new Map<string, ReturnType<LookUps['lineageOf']>>()
    return Promise.all(
      items.map(async (delegation) => {
        const { lineageId, tenantId, sourceDomain } = delegation
        const lineage = lineages.get(lineageId) ?? find.lineageOf(delegation)
        lineages.set(lineageId, lineage)
        const tenant = tenants.get(tenantId)
        if (!tenant) return []
        const domain = await deps.sourceDomains.find(tenantId, sourceDomain)
        const standing = standingOf(delegation, domain && underTenant(domain, tenant), await lineage, now)
        return [{ delegation, tenant, lineage: await lineage, standing }]
      }),
    ).then((rows) => rows.flat())
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

function pathOf(tenant: Tenant, { id }: Pick<Delegation, 'id'>): string {
  return `/tenants/${tenant.name}/delegations/${id}`
}

/** Nothing is served of a tenant that is suspended. */
function underTenant(domain: SourceDomain, { suspendedAt }: Tenant): SourceDomain {
  return { ...domain, suspendedAt: domain.suspendedAt ?? suspendedAt }
}
