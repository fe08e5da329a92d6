import type { z } from 'zod'
import type { Place } from '../../certificate/lineage.ts'
import type { SourceDomain } from '../../delegation/source-domain.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { cursorOf, DOMAIN_STANDINGS, filteredDomains, parseCursor } from '../filtered-lists.ts'
import { AddDomainForm } from './add-domain-page.tsx'
import { useTexts } from './context.ts'
import { Standing } from './control-section.tsx'
import { domainPath, MODES, VerbForm, verbsFor } from './domain-page.tsx'
import { exportPath, Filters, savedFilterPages, savedFiltersOf, type ListFilters } from './list-filters.tsx'
import { given, ListPage, pageOfList, type ListView } from './list.tsx'
import { domainListQuery } from './list-query.ts'
import { page, type Page, type Refusal, type Seen, type View } from './page.tsx'
import { Day, Name } from './parts.tsx'
import {
  isToChange,
  tenantChoices,
  TenantChooser,
  titleOf,
  whoseList,
  type TenantChoices,
  type Whose,
} from './whose.tsx'

const PATH = '/source-domains'
type Query = z.output<typeof domainListQuery>
type SeenList = Pick<Seen<unknown, unknown, 'signed-in'>, 'principal' | 'act' | 'texts'>

/** @param refused of what was pressed in the list, or of saving what it is filtered by */
export function domainListView(deps: AdminDeps, find: LookUps) {
  return async (
    request: Query,
    { principal, act, texts }: SeenList,
    refused: { list?: Refusal; filter?: Refusal } = {},
  ): Promise<View> => {
    const whose = await whoseList(deps, find, principal, request.tenant, act.at)
    const choices = await tenantChoices(deps, principal, whose.tenant)
    // Without a form there is no place beside a field to tell it
    if (refused.list && !isToChange(choices, whose.tenant)) throw refused.list.problem
    const filter = { standing: request.standing, mode: request.mode, search: request.search }
    const list = await pageOfList<SourceDomain & { place: Place }, Place>(
      PATH,
      request,
      async (part) => (whose.of === undefined ? [] : filteredDomains(deps, whose.of, filter)(part)),
      cursorOf,
      parseCursor(request.standing),
    )
    const filters: ListFilters = {
      standings: DOMAIN_STANDINGS,
      modes: MODES.map((mode) => [mode, texts.domains.modes[mode]] as const),
      saved: await savedFiltersOf(deps, { principal }, PATH),
      exportAt: exportPath('source-domains', list, whose),
      refusal: refused.filter,
    }
    return {
      title: titleOf(texts.domains.title, whose.tenant),
      area: 'source-domains',
      main: (
        <SourceDomainsPage
          {...{ list, filters, whose, choices, isOperator: principal.isOperator, refusal: refused.list }}
        />
      ),
    }
  }
}

export function domainListPages(deps: AdminDeps, find: LookUps): Page[] {
  const view = domainListView(deps, find)
  const { after: _after, ...query } = domainListQuery.shape
  return [
    page({ path: PATH, access: 'signed-in', query: domainListQuery }, (seen) => view(seen.query, seen)),
    ...savedFilterPages(deps, PATH, query, (asked, seen, filter) => view(asked ?? {}, seen, { filter })),
  ]
}

function SourceDomainsPage(props: {
  list: ListView<SourceDomain>
  filters: ListFilters
  whose: Whose
  choices: TenantChoices
  isOperator: boolean
  refusal: Refusal | undefined
}) {
  const { list, filters, whose, choices, isOperator, refusal } = props
  const all = useTexts()
  const t = all.domains
  return (
    <ListPage
      texts={whose.of === undefined ? { ...t, empty: all.tenants.noOwn } : t}
      list={list}
      above={
        <>
          <TenantChooser action={PATH} whose={whose} />
          {whose.of === undefined ? null : <Filters list={list} filters={filters} />}
        </>
      }
      columns={[t.columnName, t.tenant, t.mode, t.standing, ...(isOperator ? [all.actions] : [])]}
      row={(domain) => (
        <tr key={domain.id}>
          <th scope="row">
            <a href={domainPath(domain.tenantName, domain.name)}>
              <Name name={domain.name} />
            </a>
          </th>
          <td data-label={t.tenant}>{domain.tenantName}</td>
          <td data-label={t.mode}>{t.modes[domain.mode]}</td>
          <td data-label={t.standing}>
            <div>
              <Standing domain={domain} />
              {list.kept['standing'] === 'unproven' ? (
                <small class="block">
                  {all.overview.instants.unproven} <Day at={domain.lapsedAt ?? domain.createdAt} />
                </small>
              ) : null}
            </div>
          </td>
          {isOperator ? (
            <td data-label={all.actions}>
              <span class="row-actions">
                {verbsFor(domain).map((verb) => (
                  <VerbForm
                    key={verb}
                    domain={domain}
                    verb={verb}
                    kept={given({ ...list.kept, search: list.search })}
                    isSmall
                  />
                ))}
              </span>
            </td>
          ) : null}
        </tr>
      )}
      add={
        isToChange(choices, whose.tenant) ? (
          <div class="stack">
            <AddDomainForm choices={choices} refusal={refusal} />
            <p>
              <a class="button" href="/source-domains/import">
                {all.imports.link}
              </a>
            </p>
          </div>
        ) : null
      }
    />
  )
}
