import { z } from 'zod'
import type { SavedFilter } from '../../tenant/saved-filter.ts'
import type { AdminDeps } from '../deps.ts'
import { line } from '../input.ts'
import { useTexts } from './context.ts'
import { given, withQuery, type ListView } from './list.tsx'
import { form, type Page, type Refusal, type Seen, type View } from './page.tsx'
import { Choice, FormProblem, TextField } from './parts.tsx'
import { atField, byCode, refusalIn } from './refusals.ts'
import type { Texts } from './texts.ts'
import { visible } from './visible.ts'
import type { Whose } from './whose.tsx'

const NAME = 'filterName' // a list may have a form for another name

type Standing = keyof Texts['filters']['standings']

export interface ListFilters {
  standings: readonly Standing[]
  modes?: readonly (readonly [string, string])[] // value and words; left out: the list has none
  saved: readonly SavedFilter[] | null // null: who has no account can save none
  exportAt: string | null // of the API; null: it is not exported
  refusal?: Refusal | undefined // of saving it
}

/** What a list is filtered by: a choice, the filters that somebody saved, and the list as a file. */
export function Filters<T>({ list, filters }: { list: ListView<T>; filters: ListFilters }) {
  const { standings, modes, saved, exportAt, refusal } = filters
  const all = useTexts()
  const t = all.filters
  const { standing, mode, tenant } = list.kept
  const asked = given({ ...list.kept, search: list.search })
  const isFiltered = Object.keys(asked).some((name) => name !== 'tenant')
  return (
    <div class="card padded">
      <form method="get" action={list.path} class="filters">
        {Object.entries(given({ tenant, search: list.search })).map(([name, value]) => (
          <input type="hidden" key={name} name={name} value={value} />
        ))}
        <Choice
          {...{ name: 'standing', label: t.standing, refusal: undefined, value: standing ?? '' }}
          options={[['', t.any], ...standings.map((one) => [one, t.standings[one]] as const)]}
        />
        {modes ? (
          <Choice
            {...{ name: 'mode', label: all.domains.mode, refusal: undefined, value: mode ?? '' }}
            options={[['', t.anyMode], ...modes]}
          />
        ) : null}
        <div class="form-actions">
          <button type="submit">{all.show}</button>
          {isFiltered ? (
            <a class="button" href={withQuery(list.path, given({ tenant }))}>
              {all.showAll}
            </a>
          ) : null}
          {exportAt === null ? null : (
            <a class="button" href={exportAt} download hx-boost="false">
              {t.csv}
            </a>
          )}
        </div>
      </form>
      {saved && saved.length > 0 ? <Saved path={list.path} saved={saved} /> : null}
      {saved && (isFiltered || refusal) ? (
        <details open={refusal !== undefined}>
          <summary>{t.save}</summary>
          <form method="post" action={`${list.path}/filters`} class="stack">
            <FormProblem refusal={refusal} fields={{ [NAME]: t.name }} />
            {Object.entries(asked).map(([name, value]) => (
              <input type="hidden" key={name} name={name} value={value} />
            ))}
            <TextField {...{ name: NAME, label: t.name, hint: t.nameHint, refusal, isRequired: true }} />
            <button type="submit">{all.save}</button>
          </form>
        </details>
      ) : null}
    </div>
  )
}

function Saved({ path, saved }: { path: string; saved: readonly SavedFilter[] }) {
  const { filters: t, remove } = useTexts()
  return (
    <nav aria-label={t.saved}>
      <ul class="key">
        {saved.map(({ id, name, query }) => (
          <li key={id} class="row">
            <a href={`${path}?${query}`}>
              <bdi>{visible(name, 100)}</bdi>
            </a>
            <form method="post" action={`${path}/filters/${id}/remove`}>
              <button type="submit" class="small quiet" aria-label={t.forget(name)}>
                {remove}
              </button>
            </form>
          </li>
        ))}
      </ul>
    </nav>
  )
}

/** Where the API gives the whole list, as it is filtered, as a file. @returns null: there is nobody whose list it is */
export function exportPath<T>(
  kind: 'source-domains' | 'lineages',
  { kept, search }: Pick<ListView<T>, 'kept' | 'search'>,
  { of, tenant }: Pick<Whose, 'of' | 'tenant'>,
): string | null {
  if (of === undefined) return null
  const { tenant: _tenant, ...asked } = kept
  return withQuery(`/api/v1${tenant ? `/tenants/${tenant.name}` : ''}/overview/${kind}`, given({ ...asked, search }))
}

type SeenList = Pick<Seen<unknown, unknown, 'signed-in'>, 'principal' | 'act' | 'texts'>

/** Of the list's reader; null: they have no account that it could hang on. */
export async function savedFiltersOf(
  { savedFilters }: Pick<AdminDeps, 'savedFilters'>,
  { principal }: Pick<SeenList, 'principal'>,
  path: string,
): Promise<SavedFilter[] | null> {
  return principal.userId === null ? null : savedFilters.list(principal.userId, path)
}

/**
 * Saving what a list is filtered by, and forgetting it again.
 * @param query of the list, without the place in it
 * @param again the list as it was, with what is wrong
 */
export function savedFilterPages<Query extends z.ZodRawShape>(
  { savedFilters }: Pick<AdminDeps, 'savedFilters'>,
  path: `/${string}`,
  query: Query,
  again: (query: z.output<z.ZodObject<Query>> | undefined, seen: SeenList, refusal: Refusal) => Promise<View>,
): Page[] {
  const userOf = ({ principal, texts }: Pick<SeenList, 'principal' | 'texts'>) => {
    if (principal.userId === null) throw refusalIn(texts, 'forbidden', texts.filters.withoutAccount)
    return principal.userId
  }
  return [
    form(
      {
        path: `${path}/filters`,
        standsOn: path,
        access: 'signed-in',
        form: z.strictObject({ ...query, [NAME]: line(60).trim().min(1) }),
      },
      async (typed, seen) => {
        const { [NAME]: name, ...asked } = typed as Record<string, string | undefined> & Record<typeof NAME, string>
        const filter = given(asked)
        const kept = new URLSearchParams(filter).toString()
        if (kept === '') throw refusalIn(seen.texts, 'malformed-request', seen.texts.filters.nothing)
        await savedFilters.add(userOf(seen), path, { name, query: kept }, seen.act.at)
        return {
          to: withQuery(path, filter),
          notice: { text: seen.texts.filters.savedAs(name), warnings: [] },
        }
      },
      (refusal, seen) => {
        const { [NAME]: _name, ...asked } = refusal.typed
        const { data } = z.strictObject(query).safeParse(asked)
        return again(data, seen, atField(refusal, byCode({ 'already-exists': NAME, 'quota-reached': NAME })))
      },
    ),
    form(
      {
        path: `${path}/filters/:id/remove`,
        standsOn: path,
        access: 'signed-in',
        params: z.strictObject({ id: z.uuid() }),
        form: z.strictObject({}),
      },
      async (_form, { params: { id }, ...seen }) => {
        await savedFilters.remove(userOf(seen), path, id)
        return { to: path, notice: { text: seen.texts.filters.forgotten, warnings: [] } }
      },
      (refusal, seen) => again(undefined, seen, refusal),
    ),
  ]
}
