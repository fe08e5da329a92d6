import type { ComponentChildren, VNode } from 'preact'
import { nextUrl, readPage } from '../api/paging.ts'
import { useTexts } from './context.ts'
import type { ListRequest } from './list-query.ts'
import { ColumnHeads, Empty, Heading, Paging, Search } from './parts.tsx'
import { visible } from './visible.ts'

const ROWS = 50

export interface ListView<T> {
  path: string
  kept: Readonly<Record<string, string>> // what else the list was asked for
  items: T[]
  search: string | undefined
  first: string | null // null: this is the first page
  next: string | null
}

/** One page of a list, read as the API's lists are. */
export async function pageOfList<T, Cursor>(
  path: string,
  { after, search, ...others }: ListRequest & Readonly<Record<string, string | undefined>>,
  list: (part: { limit: number; after?: Cursor; search?: string }) => Promise<T[]>,
  cursorOf: (item: T) => string,
  parseCursor: (after: string) => Cursor,
): Promise<ListView<T>> {
  const from = after ? parseCursor(after) : undefined
  const page = await readPage(
    ROWS,
    (limit) => list({ limit, ...(from === undefined ? {} : { after: from }), ...(search ? { search } : {}) }),
    cursorOf,
  )
  const kept = given(others)
  const here = withQuery(path, given({ ...kept, search }))
  return {
    path,
    kept,
    items: page.items,
    search: search || undefined,
    first: after ? here : null,
    next: nextUrl(here, page.after),
  }
}

export function withQuery(path: string, query: Readonly<Record<string, string>>): string {
  const parameters = new URLSearchParams(query).toString()
  return parameters === '' ? path : `${path}?${parameters}`
}

export function given(query: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1])))
}

export interface ListTexts {
  title: string
  lead: string
  search: string
  emptyTitle: string
  empty: string
  add: string
  noneFound: (search: string) => string
}

/** A heading, a search, a table or what to do where it is empty, and the form that adds one. */
export function ListPage<T>(props: {
  texts: ListTexts
  list: ListView<T>
  columns: readonly string[]
  row: (item: T) => VNode
  above?: ComponentChildren
  below?: ComponentChildren
  add: ComponentChildren // null: nothing may be added
}) {
  const { texts: t } = props
  return (
    <>
      <Heading title={t.title} lead={t.lead} />
      {props.above}
      <section class="card" aria-label={t.title}>
        <ListTable {...props} />
      </section>
      {props.below}
      {props.add === null ? null : (
        <section class="card padded" aria-labelledby="add">
          <h2 id="add">{t.add}</h2>
          {props.add}
        </section>
      )}
    </>
  )
}

export function ListTable<T>({
  texts: t,
  list,
  columns,
  row,
}: {
  texts: Pick<ListTexts, 'title' | 'search' | 'emptyTitle' | 'empty' | 'noneFound'>
  list: ListView<T>
  columns: readonly string[]
  row: (item: T) => VNode
}) {
  const { showAll, filters } = useTexts()
  const { tenant, ...filtered } = list.kept
  const isFiltered = list.search !== undefined || Object.keys(filtered).length > 0
  const isEmpty = list.items.length === 0 && !isFiltered && list.first === null
  if (isEmpty)
    return (
      <Empty title={t.emptyTitle}>
        <p>{t.empty}</p>
      </Empty>
    )
  return (
    <>
      <div class="card-head">
        <Search action={list.path} search={list.search} label={t.search} kept={list.kept} />
      </div>
      <div id="list">
        {list.items.length === 0 ? (
          <div class="empty" role="status">
            <p>{list.search === undefined ? filters.noneOfThose : t.noneFound(visible(list.search, 100))}</p>
            <p>
              <a href={withQuery(list.path, list.search === undefined ? given({ tenant }) : list.kept)}>{showAll}</a>
            </p>
          </div>
        ) : (
          <table class="list">
            <caption class="visually-hidden">{t.title}</caption>
            <ColumnHeads columns={columns} />
            <tbody>{list.items.map(row)}</tbody>
          </table>
        )}
        <Paging first={list.first} next={list.next} />
      </div>
    </>
  )
}
