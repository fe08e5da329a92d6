import { z } from 'zod'
import { entityTag } from '../../act.ts'
import type { Delegation } from '../../delegation/delegation.ts'
import { displayName } from '../../name.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import { poshAnswer, tlsAnswer } from '../api/delegation-routes.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField, line, lineageNameField, tenantNameField } from '../input.ts'
import { useTexts } from './context.ts'
import { form, page, type Page, type Refusal, type Seen, type View } from './page.tsx'
import { FormProblem, Heading } from './parts.tsx'
import { namesAlone } from './refusals.ts'
import { TermFields } from './register-page.tsx'
import { inEnglish } from './said.tsx'
import { suggestedLineages, suggestedTargetHosts } from './suggestions.ts'
import { typedPort } from './target-host-pages.tsx'

const PATH = '/tenants/:tenant/delegations/:id/change'
const one = z.strictObject({ tenant: tenantNameField, id: z.uuid() })

/** Where a delegation leads, and what it answers. */
export function changeDelegationPages(deps: AdminDeps, find: LookUps): Page[] {
  const { registrar } = deps

  const view = async (
    {
      tenant,
      params,
      principal,
      texts,
    }: Pick<Seen<z.output<typeof one>, undefined, 'admin'>, 'tenant' | 'params' | 'principal' | 'texts'>,
    refusal?: Refusal,
  ): Promise<View> => {
    const delegation = await find.delegation(tenant, params.id)
    return {
      title: texts.delegations.changeTitle(serviceOf(delegation), displayName(delegation.sourceDomain)),
      area: 'delegations',
      main: (
        <ChangePage
          {...{ tenant, delegation, refusal }}
          targetHosts={await suggestedTargetHosts(deps)}
          lineages={await suggestedLineages(deps, [tenant.id])}
          isOperator={principal.isOperator}
        />
      ),
    }
  }

  return [
    page({ path: PATH, access: 'admin', params: one }, (seen) => view(seen)),
    form(
      {
        path: PATH,
        access: 'admin',
        params: one,
        form: z.strictObject({
          targetHost: domainNameField,
          lineage: lineageNameField,
          tlsAnswer,
          poshAnswer,
          srvPort: typedPort,
          etag: line(100),
        }),
      },
      async ({ etag, ...terms }, { tenant, params, act, texts }) => {
        const { sourceDomain, ...delegation } = await find.delegation(tenant, params.id)
        const request = { ...terms, sourceDomain, service: serviceOf(delegation) }
        const { warnings } = await registrar.registerOrChange(tenant.id, request, { ...act, ifMatch: [etag] })
        return {
          to: pathOf(tenant, delegation),
          notice: {
            text: texts.delegations.changed(displayName(sourceDomain)),
            warnings: warnings.map(inEnglish),
          },
        }
      },
      (refusal, seen) => view(seen, namesAlone(seen.texts, refusal, ['targetHost'])),
    ),
  ]
}

function serviceOf({ service, protocol }: Pick<Delegation, 'service' | 'protocol'>): string {
  return `${service}.${protocol}`
}

function pathOf(tenant: Tenant, { id }: Pick<Delegation, 'id'>): string {
  return `/tenants/${tenant.name}/delegations/${id}`
}

function ChangePage(props: {
  tenant: Tenant
  delegation: Delegation
  refusal: Refusal | undefined
  targetHosts: string[]
  lineages: string[]
  isOperator: boolean
}) {
  const { tenant, delegation, refusal, targetHosts, lineages, isOperator } = props
  const all = useTexts()
  const t = all.delegations
  const { targetHost, lineage, tlsAnswer, poshAnswer, srvPort } = all.fields
  const path = pathOf(tenant, delegation)
  const name = displayName(delegation.sourceDomain)
  return (
    <>
      <Heading
        within={{ href: path, title: name }}
        title={t.changeTitle(serviceOf(delegation), name)}
        lead={t.changeLead}
      />
      <form method="post" action={`${path}/change`} class="card padded stack">
        <FormProblem refusal={refusal} fields={{ targetHost, lineage, tlsAnswer, poshAnswer, srvPort }} />
        <input type="hidden" name="etag" value={entityTag(delegation)} />
        <TermFields {...{ refusal, targetHosts, lineages, isOperator }} terms={delegation} />
        <div class="form-actions">
          <button type="submit" class="primary">
            {all.save}
          </button>
          <a class="button" href={path}>
            {all.cancel}
          </a>
        </div>
      </form>
    </>
  )
}
