import { z } from 'zod'
import type { DomainName } from '../../name.ts'
import { ProblemError } from '../../problem.ts'
import { line } from '../input.ts'

const MOST = 200

/** What every list takes; `after` comes from the `next` of the page before. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(MOST).default(50),
  after: line(300).optional().meta({ description: 'From the `next` of the page before' }),
  search: line(253).trim().optional().meta({ description: 'A part of the name' }),
}

export const pageOf = <S extends z.ZodType>(item: S) =>
  z.object({
    items: z.array(item),
    next: z.string().nullable().meta({ description: 'Path of the next page; null: this was the last' }),
  })

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

export interface ListQuery {
  limit: number
  after?: string | undefined
  search?: string | undefined
}
