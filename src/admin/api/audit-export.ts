import { stringify } from 'csv-stringify/sync'
import type { AuditEvent } from '../../tenant/audit.ts'

const PAGE = 500

export interface ExportedEvent {
  sequence: number
  at: string
  tenant: string | null
  actor: string
  address: string | null
  action: string
  subject: string
  detail: Record<string, unknown>
  hash: string
}

export const EXPORTS = {
  csv: { type: 'text/csv', of: csv },
  json: { type: 'application/x-ndjson', of: jsonLines },
} as const

/**
 * The text of an export, oldest event first, a page of the trail at a time: however long the trail is, no more than that
 * is in memory.
 * @param list events after that sequence, oldest first
 */
export async function* exported(
  format: keyof typeof EXPORTS,
  list: (page: { after: number | undefined; limit: number }) => Promise<AuditEvent[]>,
  show: (events: AuditEvent[]) => Promise<ExportedEvent[]>,
): AsyncGenerator<string> {
  let after: number | undefined
  for (;;) {
    const events = await list({ after, limit: PAGE })
    const isFirst = after === undefined
    after = events.at(-1)?.sequence
    yield EXPORTS[format].of(await show(events), isFirst)
    if (events.length < PAGE) return
  }
}

const COLUMNS = ['sequence', 'at', 'tenant', 'actor', 'address', 'action', 'subject', 'detail', 'hash'] as const

/** RFC 4180. A spreadsheet takes a cell that begins with = + - @ for a formula, so that an apostrophe is set before it. */
function csv(events: readonly ExportedEvent[], hasHeader: boolean): string {
  const rows = events.map(({ detail, ...facts }) =>
    Object.entries({ ...facts, detail: JSON.stringify(detail) }).map(([key, value]) => [
      key,
      typeof value === 'string' ? escaped(value) : value,
    ]),
  )
  return stringify(
    rows.map((row) => Object.fromEntries(row) as Record<string, unknown>),
    { columns: [...COLUMNS], header: hasHeader, escape_formulas: true, record_delimiter: 'windows' },
  )
}

/** One JSON object a line. */
function jsonLines(events: readonly ExportedEvent[]): string {
  return events.map((event) => `${escaped(JSON.stringify(event))}\n`).join('')
}

// Outside the strings of a JSON text there are none of these
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Whoever shows an export on a terminal runs none of what a stranger wrote, and no line looks like two. */
export function escaped(text: string): string {
  return text.replace(UNSEEN, (character) =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}
