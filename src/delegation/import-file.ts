import { Readable } from 'node:stream'
import { parse } from 'csv-parse'
import { parse as parseSync } from 'csv-parse/sync'
import { domainName, type DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { serviceName } from './service-name.ts'
import { MOST_IMPORT_BYTES, MOST_IMPORT_LINES, type SourceDomainMode } from './source-domain.ts'

export const IMPORT_COLUMNS = ['domain', 'tenant', 'mode', 'vouch', 'target', 'certificate', 'services'] as const
export type ImportColumn = (typeof IMPORT_COLUMNS)[number]

/** Without a line of titles; nobody is vouched for, and nobody else's, by where a word stands. */
const UNTITLED: readonly ImportColumn[] = ['domain', 'mode', 'target', 'certificate', 'services']
const BLOCK = 500
const LONGEST_FIELD = 1024
const LONGEST_LINEAGE = 255
const MOST_SERVICES = 20
const PIECE = 65_536 // bytes that are handed to the parser at a time

/** One line of a file: what it asks for, or why that cannot be. */
export interface ImportLine {
  line: number // from 1, as an editor counts
  text: string // the domain as it stands there, cut off where it is too long
  request: LineRequest | ProblemError
}

/** As the API takes it. */
export interface LineRequest {
  tenant: string // its name; '': the line does not say
  name: DomainName
  mode: SourceDomainMode
  isVouched: boolean
  delegations: { service: string; targetHost: DomainName; lineage: string }[]
}

export interface ImportFileOptions {
  mayVouch: boolean
  isVouched: boolean // for lines that do not say
}

export interface ImportFile {
  columns: readonly ImportColumn[] // as they follow each other
  isTitled: boolean
  /** In blocks of a few hundred. @throws ProblemError malformed-request: it is no CSV from some line on; too-large */
  lines: AsyncGenerator<ImportLine[]>
}

type Cells = Partial<Record<ImportColumn, string>>

/**
 * A list of source domains as spreadsheets write it: CSV with commas, semicolons or tabs, in UTF-8, with or without a
 * line of titles.
 * @throws ProblemError malformed-request: its encoding or its titles; too-large
 */
export function importFile(bytes: Uint8Array, options: ImportFileOptions): ImportFile {
  if (bytes.length > MOST_IMPORT_BYTES) throw new ProblemError('too-large', 'the file is larger than 10 MB; split it')
  const isUtf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
  const firstLine = /^\s*(.*)/.exec(new TextDecoder().decode(bytes.subarray(0, PIECE)))?.[1] ?? ''
  if (isUtf16 || firstLine.includes('\0'))
    throw new ProblemError('malformed-request', 'the file is no UTF-8 text; save it as "CSV UTF-8" and bring it again')
  const delimiter = delimiterOf(firstLine)
  const { columns, isTitled } = columnsOf(firstCells(firstLine, delimiter))
  return { columns, isTitled, lines: blocks(bytes, { delimiter, columns, isTitled }, options) }
}

async function* blocks(
  bytes: Uint8Array,
  { delimiter, columns, isTitled }: { delimiter: string; columns: readonly ImportColumn[]; isTitled: boolean },
  options: ImportFileOptions,
): AsyncGenerator<ImportLine[]> {
  const requestOf = lineReader(options)
  const parser = Readable.from(pieces(bytes)).pipe(
    parse({
      bom: true,
      delimiter,
      info: true,
      record_delimiter: ['\r\n', '\n', '\r'],
      relax_column_count: true,
      skip_records_with_empty_values: true,
      skip_empty_lines: true,
      trim: true,
      max_record_size: LONGEST_FIELD * IMPORT_COLUMNS.length,
    }),
  )
  let block: ImportLine[] = []
  let count = isTitled ? -1 : 0
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (++count === 0) continue
      if (count > MOST_IMPORT_LINES)
        throw new ProblemError('too-large', `the file has more than ${MOST_IMPORT_LINES} lines; split it`)
      const cells = Object.fromEntries(columns.map((column, at) => [column, record[at]?.trim() ?? ''])) as Cells
      const isTooWide = record.slice(columns.length).some((cell) => cell.trim() !== '')
      block.push({
        line: info.lines,
        text: (cells.domain ?? '').slice(0, LONGEST_FIELD),
        request: isTooWide ? tooWide(columns, isTitled) : requestOf(cells),
      })
      if (block.length < BLOCK) continue
      yield block
      block = []
    }
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    if (!(cause instanceof Error && code.startsWith('CSV_'))) throw cause
    if (block.length > 0) yield block
    throw noCsv(cause)
  }
  if (block.length > 0) yield block
}

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE)
}

/** What most often stands between the words of the first line. */
function delimiterOf(line: string): string {
  const counts = [',', ';', '\t'].map((delimiter) => ({ delimiter, count: line.split(delimiter).length }))
  return counts.reduce((most, one) => (one.count > most.count ? one : most)).delimiter
}

function firstCells(line: string, delimiter: string): string[] {
  try {
    const [cells = []] = parseSync(line.slice(0, LONGEST_FIELD * IMPORT_COLUMNS.length), {
      delimiter,
      relax_column_count: true,
      skip_records_with_empty_values: true,
      trim: true,
    })
    return cells.map((cell) => cell.trim())
  } catch {
    return [line] // what is wrong with it is told of its line
  }
}

/** Titles have no dot, and every domain has one. @throws ProblemError malformed-request */
function columnsOf(cells: readonly string[]): { columns: readonly ImportColumn[]; isTitled: boolean } {
  const titles = cells.map((cell) => cell.toLowerCase())
  if (!titles.includes('domain') && /[.\u3002\uff0e\uff61\ufffd]|^$|^"/.test(titles[0] ?? ''))
    return { columns: UNTITLED, isTitled: false }
  // A spreadsheet may write empty columns behind the others
  const last = titles.findLastIndex((title) => title !== '')
  const columns = titles.slice(0, last + 1).map((title, at) => columnOf(title, cells[at]!))
  const twice = columns.find((column, at) => columns.indexOf(column) !== at)
  if (twice !== undefined) throw badTitles(`the first line has two columns ${twice}; leave one of them out`)
  if (!columns.includes('domain')) throw badTitles('the first line has no column "domain"')
  return { columns, isTitled: true }
}

function columnOf(title: string, asWritten: string): ImportColumn {
  const column = IMPORT_COLUMNS.find((known) => known === title)
  if (column === undefined) throw badTitles(`the first line has a column ${JSON.stringify(asWritten.slice(0, 100))}`)
  return column
}

function badTitles(what: string): ProblemError {
  return new ProblemError('malformed-request', `${what}; known are ${IMPORT_COLUMNS.join(', ')}`)
}

function tooWide(columns: readonly ImportColumn[], isTitled: boolean): ProblemError {
  const where = isTitled ? 'than the first line has titles' : `than are known without titles (${columns.join(', ')})`
  return new ProblemError('malformed-request', `it has more columns ${where}; look for a comma too many`)
}

/** Reads the lines of one file, in which each name may stand once. */
function lineReader({ mayVouch, isVouched }: ImportFileOptions): (cells: Cells) => LineRequest | ProblemError {
  const seen = new Set<string>()
  const vouchedFor = new Map<string, string>() // a name, and the tenant

  function read(cells: Cells): LineRequest {
    requireReadable(cells)
    const name = domainName(cells.domain ?? '')
    const mode = oneOf(cells.mode, ['hosted', 'external'], 'hosted', 'mode')
    const vouch = oneOf(cells.vouch, ['yes', 'no'], isVouched ? 'yes' : 'no', 'vouch')
    const tenant = cells.tenant ?? ''
    const delegations = delegationsOf(cells)
    if (vouch === 'yes' && !mayVouch)
      throw new ProblemError('malformed-request', 'only the operator may vouch for a name')
    if (seen.has(`${tenant} ${name}`))
      throw new ProblemError('already-exists', 'it stands in the file twice; leave one of the lines out')
    seen.add(`${tenant} ${name}`)
    if (vouch === 'yes') {
      if ((vouchedFor.get(name) ?? tenant) !== tenant)
        throw new ProblemError('source-domain-taken', 'another line of the file vouches for it for another tenant')
      vouchedFor.set(name, tenant)
    }
    return { tenant, name, mode, isVouched: vouch === 'yes', delegations }
  }

  return (cells) => {
    try {
      return read(cells)
    } catch (refusal) {
      if (refusal instanceof ProblemError) return refusal
      throw refusal
    }
  }
}

/** PostgreSQL cannot store a NUL, and a name in another encoding than UTF-8 would be another name. */
function requireReadable(cells: Cells): void {
  for (const [column, cell] of Object.entries(cells)) {
    if (cell.length > LONGEST_FIELD)
      throw new ProblemError('malformed-request', `${column} is longer than ${LONGEST_FIELD} characters`)
    if (cell.includes('\ufffd'))
      throw new ProblemError('malformed-request', `${column} is no UTF-8; save the file as "CSV UTF-8"`)
    if (/[\x00-\x1f\x7f]/.test(cell))
      throw new ProblemError('malformed-request', `${column} has a control character or a line break in it`)
  }
}

function delegationsOf({ target, certificate, services }: Cells): LineRequest['delegations'] {
  if (!target && !certificate) {
    if (services)
      throw new ProblemError(
        'malformed-request',
        'services are delegated to something: give target and certificate too',
      )
    return []
  }
  if (!target || !certificate) throw new ProblemError('malformed-request', 'target and certificate go together')
  if (certificate.length > LONGEST_LINEAGE)
    throw new ProblemError('malformed-request', `certificate is longer than ${LONGEST_LINEAGE} characters`)
  const targetHost = domainName(target)
  const names = (services || '_xmpp-server').split(/\s+/)
  if (names.length > MOST_SERVICES)
    throw new ProblemError('malformed-request', `a line may have ${MOST_SERVICES} services and no more`)
  return names.map((text) => {
    const { service, protocol } = serviceName(text)
    return { service: `${service}.${protocol}`, targetHost, lineage: certificate }
  })
}

function oneOf<T extends string>(text: string | undefined, choices: T[], fallback: T, column: string): T {
  if (text === undefined || text === '') return fallback
  const choice = choices.find((one) => one === text.toLowerCase())
  if (choice === undefined)
    throw new ProblemError(
      'malformed-request',
      `${column} should be ${choices.join(' or ')}, not ${JSON.stringify(text)}`,
    )
  return choice
}

function noCsv(cause: Error & { lines?: unknown }): ProblemError {
  const line = typeof cause.lines === 'number' ? ` (line ${cause.lines})` : ''
  return new ProblemError('malformed-request', `the file is no CSV from here on${line}: ${cause.message}`, { cause })
}
