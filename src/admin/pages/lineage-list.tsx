import type { z } from 'zod'
import type { LineageWithCertificates, Place } from '../../certificate/lineage.ts'
import { active } from '../../certificate/rollover.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { cursorOf, filteredLineages, LINEAGE_STANDINGS, parseCursor } from '../filtered-lists.ts'
import { lineagePath } from './certificate-pages.tsx'
import { useTexts } from './context.ts'
import { Icon } from './icons.tsx'
import { exportPath, Filters, savedFilterPages, savedFiltersOf, type ListFilters } from './list-filters.tsx'
import { ListTable, pageOfList, type ListView } from './list.tsx'
import { lineageListQuery } from './list-query.ts'
import { page, type Page, type Refusal, type Seen, type View } from './page.tsx'
import { Foreign, Heading, When } from './parts.tsx'
import { isToChange, mayChange, tenantChoices, TenantChooser, titleOf, whoseList, type Whose } from './whose.tsx'

const PATH = '/certificates'

export function lineageListPages(deps: AdminDeps, find: LookUps): Page[] {
  const view = async (
    request: z.output<typeof lineageListQuery>,
    { principal, act, texts }: Pick<Seen<unknown, unknown, 'signed-in'>, 'principal' | 'act' | 'texts'>,
    refusal?: Refusal,
  ): Promise<View> => {
    const whose = await whoseList(deps, find, principal, request.tenant, act.at)
    const filter = { standing: request.standing, search: request.search }
    const list = await pageOfList<LineageWithCertificates & { place: Place }, Place>(
      PATH,
      request,
      async (part) => (whose.of === undefined ? [] : filteredLineages(deps, whose.of, filter)(part)),
      cursorOf,
      parseCursor(request.standing),
    )
    const filters: ListFilters = {
      standings: LINEAGE_STANDINGS,
      saved: await savedFiltersOf(deps, { principal }, PATH),
      exportAt: exportPath('lineages', list, whose),
      refusal,
    }
    return {
      title: titleOf(texts.certificates.title, whose.tenant),
      area: 'certificates',
      main: (
        <LineagesPage
          {...{ list, filters, whose }}
          mayImport={isToChange(await tenantChoices(deps, principal, whose.tenant), whose.tenant)}
          isOperator={mayChange(principal, 'operator', null, act.at)}
        />
      ),
    }
  }

  const { after: _after, ...query } = lineageListQuery.shape
  return [
    page({ path: PATH, access: 'signed-in', query: lineageListQuery }, (seen) => view(seen.query, seen)),
    ...savedFilterPages(deps, PATH, query, (asked, seen, refusal) => view(asked ?? {}, seen, refusal)),
  ]
}

function LineagesPage(props: {
  list: ListView<LineageWithCertificates>
  filters: ListFilters
  whose: Whose
  mayImport: boolean
  isOperator: boolean
}) {
  const { list, filters, whose, mayImport, isOperator } = props
  const all = useTexts()
  const t = all.certificates
  return (
    <>
      <Heading title={t.title} lead={t.lead}>
        {isOperator ? (
          <a class="button" href="/certificates/new">
            {all.serviceLineages.title}
          </a>
        ) : null}
        {mayImport ? (
          <a class="button primary" href="/certificates/import">
            <Icon name="plus" />
            {t.import}
          </a>
        ) : null}
      </Heading>
      <TenantChooser action={PATH} whose={whose} />
      {whose.of === undefined ? null : <Filters list={list} filters={filters} />}
      <section class="card" aria-label={t.title}>
        <ListTable
          texts={{ ...t, empty: whose.of === undefined ? all.tenants.noOwn : mayImport ? t.empty : t.emptyToViewers }}
          list={list}
          columns={[t.lineage, t.owner, t.current, t.count]}
          row={({ id, name, tenantName, certificates }) => {
            const present = active(certificates)
            return (
              <tr key={id}>
                <th scope="row">
                  <a href={lineagePath(tenantName, name)}>
                    <Foreign text={name} />
                  </a>
                </th>
                <td data-label={t.owner}>{tenantName ?? all.operator}</td>
                <td data-label={t.current}>
                  {present ? (
                    <span>
                      {all.delegations.expires('')}
                      <When at={present.notAfter} />
                    </span>
                  ) : (
                    <span class="quiet-text">{t.none}</span>
                  )}
                </td>
                <td data-label={t.count}>{certificates.length}</td>
              </tr>
            )
          }}
        />
      </section>
    </>
  )
}
