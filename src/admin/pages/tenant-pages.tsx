import { z } from 'zod'
import { entityTag } from '../../act.ts'
import type { ProblemError } from '../../problem.ts'
import type { Role } from '../../tenant/member.ts'
import type { Principal } from '../../tenant/principal.ts'
import { NO_QUOTAS, type Quotas, type Tenant } from '../../tenant/tenant.ts'
import type { AdminDeps } from '../deps.ts'
import { line, tenantNameField } from '../input.ts'
import { confirmed } from './confirmed.tsx'
import { useTexts } from './context.ts'
import { ListPage, pageOfList, type ListView } from './list.tsx'
import { listQuery, type ListRequest } from './list-query.ts'
import { form, page, type Page, type Refusal, type View } from './page.tsx'
import { Badge, Day, FormProblem, TextField, When } from './parts.tsx'
import { atField, byCode, refusalIn } from './refusals.ts'
import { TenantHeading, tenantPath } from './tenant-heading.tsx'
import type { Texts } from './texts.ts'

const one = z.strictObject({ tenant: tenantNameField })
const QUOTAS = Object.keys(NO_QUOTAS) as (keyof Quotas)[]
/** A whole number that a person typed; empty: no limit. */
const quota = z
  .string()
  .trim()
  .max(10)
  .transform((text) => (text === '' ? null : Number(text)))
  .pipe(z.int().min(0).max(1_000_000_000).nullable())
/** The state that the form was made from: who was slower is told, and overwrites nothing. */
export const formEtag = line(100)

export function tenantPages({ tenants }: AdminDeps): Page[] {
  const listView = async (
    texts: Texts,
    request: ListRequest,
    principal: Principal,
    refusal?: Refusal,
  ): Promise<View> => {
    const among = principal.isOperator ? undefined : [...principal.roles.keys()]
    return {
      title: texts.tenants.title,
      area: 'tenants',
      main: (
        <TenantsPage
          list={await pageOfList<Tenant, string>(
            '/tenants',
            request,
            async (part) => (among?.length === 0 ? [] : tenants.list({ ...part, ...(among ? { among } : {}) })),
            ({ name }) => name,
            (after) => after,
          )}
          roles={principal.roles}
          isOperator={principal.isOperator}
          refusal={refusal}
        />
      ),
    }
  }

  const tenantView = async (tenant: Tenant, principal: Principal, refusal?: Refusal): Promise<View> => ({
    title: tenant.name,
    area: 'tenants',
    main: (
      <TenantPage tenant={tenant} principal={principal} counts={await tenants.count(tenant.id)} refusal={refusal} />
    ),
  })

  const told = (tenant: Tenant, text: string) => ({ to: tenantPath(tenant), notice: { text, warnings: [] } })
  const params = one

  return [
    page({ path: '/tenants', access: 'signed-in', query: listQuery }, async ({ query, principal, texts }) => {
      const [only, ...others] = principal.roles.keys()
      const tenant =
        principal.isOperator || others.length > 0 || only === undefined ? undefined : await tenants.find(only)
      return tenant ? { to: tenantPath(tenant) } : listView(texts, query, principal)
    }),
    form(
      { path: '/tenants', access: 'operator', form: z.strictObject({ name: tenantNameField }) },
      async ({ name }, { act, texts }) => {
        const tenant = await tenants.add(name, act)
        return { to: '/tenants', notice: { text: texts.tenants.added(tenant.name), warnings: [] } }
      },
      (refusal, { principal, texts }) =>
        listView(texts, {}, principal, atField(refusal, byCode({ 'already-exists': 'name' }))),
    ),
    page({ path: '/tenants/:tenant', access: 'viewer', params }, async ({ tenant, principal }) =>
      tenantView(tenant, principal),
    ),
    form(
      {
        path: '/tenants/:tenant/quotas',
        standsOn: '/tenants/:tenant',
        access: 'operator',
        params,
        form: z.strictObject({ sourceDomains: quota, delegations: quota, lineages: quota, etag: formEtag }),
      },
      async ({ etag, ...quotas }, { tenant, act, texts }) =>
        told(await tenants.setQuotas(tenant!.id, quotas, { ...act, ifMatch: [etag] }), texts.tenants.quotasSet),
      (refusal, { tenant, principal }) => tenantView(tenant!, principal, refusal),
    ),
    ...confirmed(
      { path: '/tenants/:tenant/suspend', access: 'operator', params },
      async ({ tenant, texts }) => ({
        title: texts.tenants.suspendTitle(tenant!.name),
        lines: [texts.tenants.suspendWhat],
        button: texts.tenants.suspend,
        back: tenantPath(tenant!),
        area: 'tenants',
      }),
      async (_form, { tenant, act, texts }) =>
        told(await tenants.suspend(tenant!.id, act), texts.tenants.suspended(tenant!.name)),
    ),
    form(
      {
        path: '/tenants/:tenant/resume',
        standsOn: '/tenants/:tenant',
        access: 'operator',
        params,
        form: z.strictObject({}),
      },
      async (_form, { tenant, act, texts }) =>
        told(await tenants.resume(tenant!.id, act), texts.tenants.resumed(tenant!.name)),
      (refusal, { tenant, principal }) => tenantView(tenant!, principal, refusal),
    ),
    ...confirmed(
      {
        path: '/tenants/:tenant/remove',
        access: 'operator',
        isGrave: true,
        params,
        form: z.strictObject({ name: line(100).trim() }),
      },
      async ({ tenant, texts }, refusal) => ({
        title: texts.tenants.removeTitle(tenant!.name),
        lines: [texts.tenants.removeWhat],
        button: texts.remove,
        back: tenantPath(tenant!),
        area: 'tenants',
        fields: <TextField name="name" label={texts.tenants.removeName} refusal={refusal} isRequired />,
        labels: { name: texts.tenants.removeName },
      }),
      async ({ name }, { tenant, act, texts }) => {
        if (name !== tenant!.name) throw otherName(texts, tenant!)
        await tenants.remove(tenant!.id, act)
        return { to: '/tenants', notice: { text: texts.tenants.removed(tenant!.name), warnings: [] } }
      },
    ),
  ]
}

function otherName(texts: Texts, { name }: Tenant): ProblemError {
  return refusalIn(texts, 'malformed-request', texts.tenants.removeNameDiffers(name), { fields: ['name'] })
}

interface TenantsProps {
  list: ListView<Tenant>
  roles: ReadonlyMap<string, Role>
  isOperator: boolean
  refusal: Refusal | undefined
}

function TenantsPage({ list, roles, isOperator, refusal }: TenantsProps) {
  const all = useTexts()
  const t = all.tenants
  return (
    <ListPage
      texts={isOperator ? t : { ...t, lead: t.ownLead, empty: t.noOwn }}
      list={list}
      columns={[t.columnName, isOperator ? t.standing : t.role, t.since]}
      row={(tenant) => (
        <tr key={tenant.name}>
          <th scope="row">
            <a href={tenantPath(tenant)}>{tenant.name}</a>
          </th>
          {isOperator ? (
            <td data-label={t.standing}>
              <TenantStanding tenant={tenant} />
            </td>
          ) : (
            <td data-label={t.role}>{all.roles[roles.get(tenant.id) ?? 'viewer']}</td>
          )}
          <td data-label={t.since}>
            <When at={tenant.createdAt} />
          </td>
        </tr>
      )}
      add={
        isOperator ? (
          <form method="post" action="/tenants" class="stack">
            <FormProblem refusal={refusal} fields={{ name: t.columnName }} />
            <TextField name="name" label={t.columnName} hint={t.nameHint} refusal={refusal} isRequired />
            <button type="submit" class="primary">
              {t.addButton}
            </button>
          </form>
        ) : null
      }
    />
  )
}

function TenantStanding({ tenant: { suspendedAt } }: { tenant: Tenant }) {
  const { tenants: t } = useTexts()
  return suspendedAt === null ? (
    <Badge tone="good" icon="check">
      {t.open}
    </Badge>
  ) : (
    <Badge tone="bad" icon="stop">
      {t.isSuspended}
    </Badge>
  )
}

interface TenantProps {
  tenant: Tenant
  principal: Principal
  counts: Record<keyof Quotas, number>
  refusal: Refusal | undefined
}

function TenantPage({ tenant, principal, counts, refusal }: TenantProps) {
  const all = useTexts()
  const { sourceDomains, delegations, lineages } = all.fields
  const t = all.tenants
  const path = tenantPath(tenant)
  const query = `?${new URLSearchParams({ tenant: tenant.name }).toString()}`
  return (
    <>
      <TenantHeading tenant={tenant} principal={principal} part="overview" />
      <section class="card padded" aria-labelledby="counts">
        <h2 id="counts">{t.has}</h2>
        <dl class="facts">
          {(
            [
              ['sourceDomains', '/source-domains', all.domains.title],
              ['delegations', '/delegations', all.delegations.title],
              ['lineages', '/certificates', all.certificates.title],
            ] as const
          ).map(([what, list, title]) => (
            <div key={what}>
              <dt>
                <a href={`${list}${query}`}>{title}</a>
              </dt>
              <dd>{t.ofQuota(counts[what], tenant.quotas[what])}</dd>
            </div>
          ))}
          <div>
            <dt>{t.since}</dt>
            <dd>
              <Day at={tenant.createdAt} />
            </dd>
          </div>
          {principal.isOperator ? null : (
            <div>
              <dt>{t.role}</dt>
              <dd>{all.roles[principal.roles.get(tenant.id) ?? 'viewer']}</dd>
            </div>
          )}
        </dl>
      </section>
      {principal.isOperator ? (
        <>
          <section class="card padded" aria-labelledby="quotas">
            <h2 id="quotas">{t.quotas}</h2>
            <form method="post" action={`${path}/quotas`} class="stack">
              <FormProblem refusal={refusal} fields={{ sourceDomains, delegations, lineages }} />
              <input type="hidden" name="etag" value={entityTag(tenant)} />
              {QUOTAS.map((what) => (
                <TextField
                  key={what}
                  name={what}
                  label={all.fields[what]}
                  hint={t.quotaHint}
                  refusal={refusal}
                  value={tenant.quotas[what] === null ? '' : String(tenant.quotas[what])}
                  inputMode="numeric"
                />
              ))}
              <button type="submit">{all.save}</button>
            </form>
          </section>
          <section class="card padded" aria-labelledby="operator-acts">
            <h2 id="operator-acts">{all.operator}</h2>
            <div class="form-actions">
              <a class="button" href={`${path}/act`}>
                {all.acting.begin}
              </a>
              {tenant.suspendedAt === null ? (
                <a class="button" href={`${path}/suspend`}>
                  {t.suspend}
                </a>
              ) : (
                <form method="post" action={`${path}/resume`}>
                  <button type="submit">{t.resume}</button>
                </form>
              )}
              <a class="button danger" href={`${path}/remove`}>
                {t.remove}
              </a>
            </div>
          </section>
        </>
      ) : null}
    </>
  )
}
