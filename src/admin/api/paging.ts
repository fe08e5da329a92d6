import { z } from 'zod'
import type { DomainName } from '../../name.ts'
import { ProblemError } from '../../problem.ts'
import { line } from '../input.ts'

const MOST = 200
/** The longest name of a lineage in escaped UTF-16, in base64. */
const LONGEST_CURSOR = 4000

/** What every list takes; `after` comes from the `next` of the page before. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(MOST).default(50),
  after: line(LONGEST_CURSOR).optional().meta({ description: 'From the `next` of the page before' }),
  search: line(253).trim().optional().meta({ description: 'A part of the name' }),
}

/** The orders that a list can have, the usual one first. */
export const sortQuery = <const Sorts extends readonly [string, ...string[]]>(...sorts: Sorts) =>
  z
    .enum(sorts)
    .default(sorts[0] as z.output<z.ZodEnum<z.core.util.ToEnum<Sorts[number]>>>)
    .meta({ description: 'With "-" the other way round' })

export const pageOf = <S extends z.ZodType>(item: S) =>
  z.object({
    items: z.array(item),
    next: z.string().nullable().meta({ description: 'Path of the next page; null: this was the last' }),
  })

/** What of an item says where it stands in a list. */
export interface Place<Item, After> {
  of: (item: Item) => After
  schema: z.ZodType<After>
}

const storedName = line(255).min(1) as unknown as z.ZodType<DomainName> // it is compared only

export const BY_NAME: Place<{ name: string }, DomainName> = {
  of: ({ name }) => name as DomainName,
  schema: storedName,
}

/** Where several may have one name. */
export const BY_NAME_AND_ID: Place<{ name: string; id: string }, { name: DomainName; id: string }> = {
  of: ({ name, id }) => ({ name: name as DomainName, id }),
  schema: z.strictObject({ name: storedName, id: z.uuid() }),
}

export const BY_ID: Place<{ id: string }, string> = { of: ({ id }) => id, schema: z.uuid() }

/**
 * One page of a list in one of its orders. A cursor holds for the list and the order that it was given in.
 * @param url what was asked: its path names the list, and `next` keeps its parameters
 * @throws ProblemError malformed-request: `after` is no cursor of this list in this order
 */
export async function listPage<Item, After>(
  url: string,
  { limit, after, sort }: { limit: number; after?: string | undefined; sort: string },
  place: Place<Item, After>,
  list: (page: { limit: number; after: After | undefined }) => Promise<Item[]>,
): Promise<{ items: Item[]; next: string | null }> {
  const order = `${url.split('?')[0]} ${sort}`
  const from = after === undefined ? undefined : parseCursor(after, order, place.schema)
  const page = await readPage(
    limit,
    (limit) => list({ limit, after: from }),
    (last) => Buffer.from(JSON.stringify([order, place.of(last)])).toString('base64url'),
  )
  return { items: page.items, next: nextUrl(url, page.after) }
}

function parseCursor<After>(after: string, order: string, schema: z.ZodType<After>): After {
  const parsed = z.tuple([z.literal(order), schema]).safeParse(jsonOf(Buffer.from(after, 'base64url').toString()))
  if (!parsed.success)
    throw new ProblemError('malformed-request', 'after should come from the `next` of another page of the same list')
  return parsed.data[1]
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/**
 * One page, and how to ask for the next. One more than fits is asked for: that tells whether there is more.
 * @param cursorOf what `after` must be for the page that begins behind this item
 */
export async function readPage<T>(
  limit: number,
  list: (limit: number) => Promise<T[]>,
  cursorOf: (last: T) => string,
): Promise<{ items: T[]; after: string | null }> {
  const found = await list(limit + 1)
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return { items, after: found.length > limit && last !== undefined ? cursorOf(last) : null }
}

/** The same request with another `after`. */
export function nextUrl(url: string, after: string | null): string | null {
  if (after === null) return null
  const [path = '', query] = url.split('?')
  const parameters = new URLSearchParams(query)
  parameters.set('after', after)
  return `${path}?${parameters.toString()}`
}

/** The cursor of a list by name, where several may have one name. */
export function namedCursor({ name, id }: { name: string; id: string }): string {
  return `${id}.${name}`
}

/** @throws ProblemError malformed-request */
export function parseNamedCursor<Name extends string = DomainName>(after: string): { id: string; name: Name } {
  const { id, name } = /^(?<id>[0-9a-f-]{36})\.(?<name>.+)$/.exec(after)?.groups ?? {}
  if (id === undefined || name === undefined)
    throw new ProblemError('malformed-request', 'after should come from the `next` of another page')
  return { id, name: name as Name } // it is compared only
}
