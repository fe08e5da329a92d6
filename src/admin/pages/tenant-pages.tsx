import { z } from 'zod'
import type { Tenant } from '../../tenant/tenant.ts'
import type { AdminDeps } from '../deps.ts'
import { tenantNameField } from '../input.ts'
import { useTexts } from './context.ts'
import { ListPage, pageOfList, type ListView } from './list.tsx'
import { form, page, type Page, type Refusal } from './page.tsx'
import { FormProblem, TextField, When } from './parts.tsx'
import { atField, byCode } from './refusals.ts'
import { texts } from './texts.ts'
import { listQuery, type ListRequest } from './list-query.ts'

export function tenantPages({ tenants }: AdminDeps): Page[] {
  const view = async (request: ListRequest, refusal?: Refusal) => ({
    title: texts.tenants.title,
    area: 'tenants' as const,
    main: (
      <TenantsPage
        list={await pageOfList<Tenant, string>(
          '/tenants',
          request,
          (part) => tenants.list(part),
          ({ name }) => name,
          (after) => after,
        )}
        refusal={refusal}
      />
    ),
  })
  return [
    page({ path: '/tenants', access: 'operator', query: listQuery }, ({ query }) => view(query)),
    form(
      { path: '/tenants', access: 'operator', form: z.strictObject({ name: tenantNameField }) },
      async ({ name }, { act }) => {
        const tenant = await tenants.add(name, act)
        return { to: '/tenants', notice: { text: texts.tenants.added(tenant.name), warnings: [] } }
      },
      (refusal) => view({}, atField(refusal, byCode({ 'already-exists': 'name' }))),
    ),
  ]
}

function TenantsPage({ list, refusal }: { list: ListView<Tenant>; refusal: Refusal | undefined }) {
  const { tenants: t } = useTexts()
  return (
    <ListPage
      texts={t}
      list={list}
      columns={[t.columnName, t.since]}
      row={({ name, createdAt }) => (
        <tr key={name}>
          <th scope="row">{name}</th>
          <td data-label={t.since}>
            <When at={createdAt} />
          </td>
        </tr>
      )}
      add={
        <form method="post" action="/tenants" class="stack">
          <FormProblem refusal={refusal} fields={['name']} />
          <TextField name="name" label={t.columnName} hint={t.nameHint} refusal={refusal} isRequired />
          <button type="submit" class="primary">
            {t.addButton}
          </button>
        </form>
      }
    />
  )
}
