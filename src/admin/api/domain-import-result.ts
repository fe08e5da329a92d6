import { stringify } from 'csv-stringify/sync'
import type { DomainImport, DomainImportStore, ResultLine } from '../../delegation/domain-import.ts'

const PAGE = 1000

/**
 * What became of each line of a file, as CSV (RFC 4180), a part of it at a time. Of one that is not confirmed, what is
 * foreseen.
 */
export async function* importResult(
  imported: Pick<DomainImport, 'id' | 'tenantId' | 'state' | 'doneTo'>,
  store: Pick<DomainImportStore, 'lines'>,
): AsyncGenerator<string> {
  let after = 0
  for (;;) {
    const lines = await store.lines(imported.tenantId, imported.id, { after, limit: PAGE })
    yield csv(
      lines.map((line) => [line.line, seen(line.domain), outcomeOf(imported, line), seen(line.reason ?? '')]),
      after === 0,
    )
    if (lines.length < PAGE) return
    after = lines.at(-1)!.line
  }
}

function outcomeOf({ state, doneTo }: Pick<DomainImport, 'state' | 'doneTo'>, { line, outcome }: ResultLine): string {
  if (state === 'ready') return outcome === 'added' ? 'would be added' : outcome
  return line <= doneTo ? outcome : 'not done'
}

/** A spreadsheet takes a cell that begins with = + - @ or a tab for a formula, so that an apostrophe is set before it. */
function csv(rows: readonly (string | number)[][], hasHeader: boolean): string {
  return stringify([...rows], {
    columns: ['line', 'domain', 'outcome', 'reason'],
    header: hasHeader,
    escape_formulas: true,
    record_delimiter: 'windows',
  })
}

/** No line looks like two, and a terminal obeys none of it. A tab stays: it is a formula's beginning to be seen. */
function seen(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character === '\t' ? character : `\\u{${character.codePointAt(0)!.toString(16)}}`,
  )
}
