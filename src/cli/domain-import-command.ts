import { createReadStream, statSync } from 'node:fs'
import { progress } from '@clack/prompts'
import type { Command } from 'commander'
import { parse } from 'csv-parse'
import type { ImportedDelegation, ImportedDomain } from '../delegation/source-domain.ts'
import { USUAL_ANSWERS } from '../delegation/delegation.ts'
import { serviceName } from '../delegation/service-name.ts'
import { domainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { withWorkbench, tenantOf, type CommandDeps, type Workbench } from './workbench.ts'

const COLUMNS = ['domain', 'tenant', 'mode', 'vouch', 'target', 'certificate', 'services'] as const
const BATCH = 500
const MOST_LINES = 100_000
const MOST_BYTES = 10 * 2 ** 20
const LONGEST_FIELD = 1024

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
      withWorkbench(deps, command, async (bench) => {
        const size = sizeOf(file)
        const bar = io.isTerminal && !options.json ? progress({ max: 100, style: 'heavy' }) : undefined
        bar?.start('reading')
        const counts = { added: 0, 'would be added': 0, 'there already': 0, refused: 0 }
        const held: string[] = [] // until the bar is gone: a line of text would break it
        let shown = 0
        try {
          for await (const { verdicts, bytes } of importDomains(bench, file, options)) {
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

async function* importDomains(
  bench: Workbench,
  file: string,
  options: { tenant?: string; vouch?: true; dryRun?: true },
): AsyncGenerator<{ verdicts: Verdict[]; bytes: number }> {
  const defaultTenant = options.tenant === undefined ? undefined : await tenantOf(bench, options.tenant)
  const tenants = new Map<string, string>()
  const seen = new Set<string>()
  const vouchedFor = new Map<string, string>() // a name, and the tenant
  let batch: Candidate[] = []
  let refused: Verdict[] = []

  async function tenantId(name: string | undefined): Promise<string> {
    if (name === undefined || name === '') return (defaultTenant ?? (await tenantOf(bench, undefined))).id
    const id = tenants.get(name) ?? (await tenantOf(bench, name)).id
    tenants.set(name, id)
    return id
  }

  async function candidate(line: number, fields: Line): Promise<Candidate> {
    const text = fields.domain ?? ''
    const name = bench.registrar.claimableName(text)
    const mode = oneOf(fields.mode, ['hosted', 'external'], 'hosted', 'mode')
    const vouch = oneOf(fields.vouch, ['yes', 'no'], options.vouch ? 'yes' : 'no', 'vouch')
    const id = await tenantId(fields.tenant)
    const delegations = delegationsOf(fields)
    if (seen.has(`${id} ${name}`)) throw new ProblemError('already-exists', 'it stands in the file twice')
    seen.add(`${id} ${name}`)
    if (vouch === 'yes') {
      if ((vouchedFor.get(name) ?? id) !== id)
        throw new ProblemError('source-domain-taken', 'another line of the file vouches for it for another tenant')
      vouchedFor.set(name, id)
    }
    return {
      line,
      text,
      domain: { tenantId: id, name, mode, isVouched: vouch === 'yes', delegations },
    }
  }

  async function* flush(bytes: number): AsyncGenerator<{ verdicts: Verdict[]; bytes: number }> {
    const verdicts = [...refused, ...(await write(bench, batch, options.dryRun === true))]
    batch = []
    refused = []
    yield { verdicts: verdicts.sort((a, b) => a.line - b.line), bytes }
  }

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
        refused.push(verdictOf(error, info.lines, record.domain ?? ''))
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

async function write(bench: Workbench, batch: Candidate[], isDryRun: boolean): Promise<Verdict[]> {
  const { sourceDomains } = bench.storage
  const domains = batch.map(({ domain }) => domain)
  const outcomes = await (isDryRun
    ? sourceDomains.rehearseImport(domains)
    : sourceDomains.importMany(domains, bench.act()))
  return outcomes.map((outcome, index) => {
    const { line, text } = batch[index]!
    if (outcome instanceof ProblemError) return verdictOf(outcome, line, text)
    const result = outcome === 'added' && isDryRun ? 'would be added' : outcome
    return { line, domain: text, result, detail: '' }
  })
}

function delegationsOf({ target, certificate, services }: Line): ImportedDelegation[] {
  if (Boolean(target) !== Boolean(certificate))
    throw new ProblemError('malformed-request', 'target and certificate go together')
  if (!target || !certificate) return []
  const targetHost = domainName(target)
  return (services || '_xmpp-server').split(/\s+/).map((service) => ({
    ...serviceName(service),
    targetHost,
    lineage: certificate,
    ...USUAL_ANSWERS,
  }))
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

function verdictOf(error: unknown, line: number, domain: string): Verdict {
  if (!(error instanceof ProblemError)) throw error
  return { line, domain, result: 'refused', detail: error.message }
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
