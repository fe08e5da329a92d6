import { createReadStream, statSync } from 'node:fs'
import type { Command } from 'commander'
import { serviceName } from '../delegation/service-name.ts'
import type { SourceDomainMode } from '../delegation/source-domain.ts'
import { domainName, type DomainName } from '../name.ts'
import { ProblemError, type ProblemCode } from '../problem.ts'
import { path, type Api } from './api.ts'
import { withApi } from './connect.ts'
import { tenantOf } from './whose.ts'
import type { CommandDeps } from './command-deps.ts'

const COLUMNS = ['domain', 'tenant', 'mode', 'vouch', 'target', 'certificate', 'services'] as const
const BATCH = 500
const MOST_LINES = 100_000
const MOST_BYTES = 10 * 2 ** 20
const LONGEST_FIELD = 1024
const MOST_BODY_BYTES = 900_000 // the route takes a little more
const WITH_ALL_LINES = new Set<ProblemCode>(['unavailable', 'sign-in-required', 'forbidden', 'too-many-requests'])

type Line = Partial<Record<(typeof COLUMNS)[number], string>>
interface Verdict {
  line: number
  domain: string
  result: 'added' | 'would be added' | 'there already' | 'refused'
  detail: string
}
interface Candidate {
  line: number
  text: string
  domain: ImportedDomain
}
/** As the API takes it. */
interface ImportedDomain {
  tenant: string
  name: DomainName
  mode: SourceDomainMode
  isVouched: boolean
  delegations: { service: string; targetHost: DomainName; lineage: string }[]
}
interface Outcome {
  outcome: 'added' | 'there already' | 'refused'
  problem?: { code: string; detail: string }
}

export function addDomainImportCommand(domain: Command, deps: CommandDeps): void {
  const { io } = deps
  domain
    .command('import <file>')
    .description('register many source domains from a CSV file')
    .option('--tenant <name>', 'whose, for lines that do not say')
    .option('--vouch', 'vouch for lines that do not say')
    .option('--dry-run', 'change nothing, only say what would happen')
    .option('--json', 'print a result per line as JSON instead of the refused lines')
    .addHelpText(
      'after',
      `
The first line names the columns: domain, and any of tenant, mode (hosted or external), vouch (yes or no),
target, certificate (a lineage) and services (separated by spaces, _xmpp-server where it is left out);
target and certificate go together and register delegations. At most ${MOST_LINES} lines and 10 MB a file.
Lines are written with their delegations in batches of ${BATCH}, a transaction each; a refused line changes nothing
and stops nothing. Of a name that is there already only the delegations that it lacks are added. Exit code 1
where a line was refused.`,
    )
    .action((file: string, options: { tenant?: string; vouch?: true; dryRun?: true; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const size = sizeOf(file)
        const bar = io.isTerminal && !options.json ? await progressBar() : undefined
        bar?.start('reading')
        const counts = { added: 0, 'would be added': 0, 'there already': 0, refused: 0 }
        const held: string[] = [] // until the bar is gone: a line of text would break it
        let shown = 0
        try {
          for await (const { verdicts, bytes } of importDomains(api, file, options)) {
            for (const verdict of verdicts) {
              counts[verdict.result]++
              if (options.json) io.write(JSON.stringify(verdict) + '\n')
              else if (verdict.result === 'refused') {
                const line = `line ${verdict.line}: ${verdict.domain}: ${verdict.detail}\n`
                if (bar) held.push(line)
                else io.writeError(line)
              }
            }
            const percent = Math.min(100, Math.floor((bytes / size) * 100))
            bar?.advance(percent - shown, `${counts.added + counts['would be added']} domains`)
            shown = percent
          }
        } finally {
          bar?.stop('read')
          for (const line of held) io.writeError(line)
        }
        const done = options.dryRun ? `would be added: ${counts['would be added']}` : `added: ${counts.added}`
        const summary = `${done}, there already: ${counts['there already']}, refused: ${counts.refused}\n`
        if (options.json) io.writeError(summary)
        else io.write(summary)
        if (counts.refused > 0) io.setExitCode(1)
      }),
    )
}

async function progressBar() {
  const { progress } = await import('@clack/prompts')
  return progress({ max: 100, style: 'heavy' })
}

async function* importDomains(
  api: Api,
  file: string,
  options: { tenant?: string; vouch?: true; dryRun?: true },
): AsyncGenerator<{ verdicts: Verdict[]; bytes: number }> {
  const { isOperator } = await api.session()
  let onlyTenant: string | undefined
  const seen = new Set<string>()
  const vouchedFor = new Map<string, string>() // a name, and the tenant
  let batch: Candidate[] = []
  let refused: Verdict[] = []

  async function tenantOfLine({ tenant }: Line): Promise<string> {
    return tenant || options.tenant || (onlyTenant ??= await tenantOf(api, undefined))
  }

  async function candidate(line: number, fields: Line): Promise<Candidate> {
    const text = fields.domain ?? ''
    const name = domainName(text)
    const mode = oneOf(fields.mode, ['hosted', 'external'], 'hosted', 'mode')
    const vouch = oneOf(fields.vouch, ['yes', 'no'], options.vouch ? 'yes' : 'no', 'vouch')
    const tenant = await tenantOfLine(fields)
    const delegations = delegationsOf(fields)
    if (seen.has(`${tenant} ${name}`)) throw new ProblemError('already-exists', 'it stands in the file twice')
    seen.add(`${tenant} ${name}`)
    if (vouch === 'yes') {
      if (!isOperator) throw new ProblemError('malformed-request', 'only the operator may vouch for a name')
      if ((vouchedFor.get(name) ?? tenant) !== tenant)
        throw new ProblemError('source-domain-taken', 'another line of the file vouches for it for another tenant')
      vouchedFor.set(name, tenant)
    }
    return {
      line,
      text,
      domain: { tenant, name, mode, isVouched: vouch === 'yes', delegations },
    }
  }

  async function* flush(bytes: number): AsyncGenerator<{ verdicts: Verdict[]; bytes: number }> {
    const verdicts = [...refused, ...(await write(api, isOperator, batch, options.dryRun === true))]
    batch = []
    refused = []
    yield { verdicts: verdicts.sort((a, b) => a.line - b.line), bytes }
  }

  const { parse } = await import('csv-parse')
  const source = createReadStream(file)
  const parser = source.pipe(
    parse({
      bom: true,
      info: true,
      columns: (header: string[]) => header.map(columnName),
      relax_column_count_less: true,
      skip_empty_lines: true,
      trim: true,
      max_record_size: LONGEST_FIELD * COLUMNS.length,
    }),
  )
  source.on('error', (fault) => parser.destroy(fault))
  let lines = 0
  let bytes = 0
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: Line
      info: { lines: number; bytes: number }
    }>) {
      bytes = info.bytes
      if (++lines > MOST_LINES)
        throw new ProblemError('too-large', `the file has more than ${MOST_LINES} lines; split it`)
      try {
        batch.push(await candidate(info.lines, record))
      } catch (error) {
        refused.push(refusalOf(problemOfLine(error).message, info.lines, record.domain ?? ''))
      }
      if (batch.length + refused.length >= BATCH) yield* flush(bytes)
    }
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    if (/^E[A-Z]+$/.test(code)) throw unreadable(file, cause as Error)
    if (!(cause instanceof Error && code.startsWith('CSV_'))) throw cause
    yield* flush(bytes)
    throw new ProblemError('malformed-request', `the file is no CSV from here on: ${cause.message}`, { cause })
  }
  yield* flush(Infinity)
}

async function write(api: Api, isOperator: boolean, batch: Candidate[], isRehearsal: boolean): Promise<Verdict[]> {
  if (isOperator) return send(batch, '/source-domain-imports', ({ domain }) => domain)
  const verdicts: Verdict[] = []
  for (const [tenant, some] of ofEachTenant(batch))
    verdicts.push(
      ...(await send(
        some,
        path`/tenants/${tenant}/source-domain-imports`,
        ({ domain: { tenant: _, ...domain } }) => domain,
      )),
    )
  return verdicts

  async function send(some: Candidate[], path: string, toDomain: (one: Candidate) => unknown): Promise<Verdict[]> {
    if (some.length === 0) return []
    const body = { isRehearsal, domains: some.map(toDomain) }
    if (some.length > 1 && Buffer.byteLength(JSON.stringify(body)) > MOST_BODY_BYTES) {
      const half = some.length >> 1
      return [...(await send(some.slice(0, half), path, toDomain)), ...(await send(some.slice(half), path, toDomain))]
    }
    try {
      const { outcomes } = (await api.post<{ outcomes: Outcome[] }>(path, body)).body
      return some.map((one, index) => verdictOn(one, outcomes[index]!, isRehearsal))
    } catch (error) {
      const refused = refusedLines(error, some)
      const others = some.filter((one) => !refused.has(one))
      return [
        ...[...refused].map(([{ line, text }, why]) => refusalOf(why, line, text)),
        ...(await send(others, path, toDomain)),
      ]
    }
  }
}

function verdictOn({ line, text }: Candidate, { outcome, problem }: Outcome, isRehearsal: boolean): Verdict {
  const result = outcome === 'added' && isRehearsal ? 'would be added' : outcome
  return { line, domain: text, result, detail: problem?.detail ?? '' }
}

/**
 * The lines because of which the whole list was refused: their fields are malformed, or their tenant is not there.
 * @throws what was refused for another reason
 */
function refusedLines(error: unknown, some: Candidate[]): Map<Candidate, string> {
  if (!(error instanceof ProblemError)) throw error
  if (error.code === 'not-found') return new Map(some.map((one) => [one, error.message]))
  const refused = new Map<Candidate, string>()
  for (const { pointer, detail } of error.fields) {
    const { index, field } = /^\/domains\/(?<index>\d+)\/(?<field>.*)$/.exec(pointer)?.groups ?? {}
    const one = some[Number(index)]
    if (one) refused.set(one, `${field}: ${detail}`)
  }
  if (refused.size === 0) throw error
  return refused
}

/** Who is no operator may import into one tenant at a time. */
function ofEachTenant(batch: Candidate[]): Map<string, Candidate[]> {
  const tenants = new Map<string, Candidate[]>()
  for (const one of batch) {
    const some = tenants.get(one.domain.tenant) ?? []
    some.push(one)
    tenants.set(one.domain.tenant, some)
  }
  return tenants
}

function delegationsOf({ target, certificate, services }: Line): ImportedDomain['delegations'] {
  if (Boolean(target) !== Boolean(certificate))
    throw new ProblemError('malformed-request', 'target and certificate go together')
  if (!target || !certificate) return []
  const targetHost = domainName(target)
  return (services || '_xmpp-server').split(/\s+/).map((text) => {
    const { service, protocol } = serviceName(text)
    return { service: `${service}.${protocol}`, targetHost, lineage: certificate }
  })
}

function columnName(title: string): string {
  const column = COLUMNS.find((known) => known === title.trim().toLowerCase())
  if (column === undefined)
    throw new ProblemError(
      'malformed-request',
      `the first line has a column ${JSON.stringify(title)}; known are ${COLUMNS.join(', ')}`,
    )
  return column
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

/** @throws what is wrong with more than this line */
function problemOfLine(error: unknown): ProblemError {
  if (error instanceof ProblemError && !WITH_ALL_LINES.has(error.code)) return error
  throw error
}

function refusalOf(detail: string, line: number, domain: string): Verdict {
  return { line, domain, result: 'refused', detail }
}

function sizeOf(file: string): number {
  let size: number
  try {
    size = statSync(file).size
  } catch (cause) {
    throw unreadable(file, cause as Error)
  }
  if (size > MOST_BYTES) throw new ProblemError('too-large', `${file} is larger than 10 MB; split it`)
  return size
}

function unreadable(file: string, cause: Error): ProblemError {
  return new ProblemError('malformed-request', `${file} cannot be read: ${cause.message}`, { cause })
}
