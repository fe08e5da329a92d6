import { createReadStream, statSync } from 'node:fs'
import { progress } from '@clack/prompts'
import type { Command } from 'commander'
import { parse } from 'csv-parse'
import type { NewSourceDomain } from '../delegation/source-domain.ts'
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
  tenantId: string
  domain: NewSourceDomain
  delegations: { service: string; targetHost: string; lineage: string }[]
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
Lines are written in batches, a transaction each; a refused line changes nothing and stops nothing.
Exit code 1 where a line was refused.`,
    )
    .action((file: string, options: { tenant?: string; vouch?: true; dryRun?: true; json?: true }, command: Command) =>
      withWorkbench(deps, command, async (bench) => {
        const size = sizeOf(file)
        const bar = io.isTerminal && !options.json ? progress({ max: 100, style: 'heavy' }) : undefined
        bar?.start('reading')
        const counts = { added: 0, 'would be added': 0, 'there already': 0, refused: 0 }
        let shown = 0
        for await (const { verdicts, bytes } of importDomains(bench, file, options)) {
          for (const verdict of verdicts) {
            counts[verdict.result]++
            if (options.json) io.write(JSON.stringify(verdict) + '\n')
            else if (verdict.result === 'refused')
              io.writeError(`line ${verdict.line}: ${verdict.domain}: ${verdict.detail}\n`)
          }
          const percent = Math.min(100, Math.floor((bytes / size) * 100))
          bar?.advance(percent - shown, `${counts.added + counts['would be added']} domains`)
          shown = percent
        }
        bar?.stop('read')
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
  const known = new Set<string>() // target hosts and lineages that were looked up
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
    if (Boolean(fields.target) !== Boolean(fields.certificate))
      throw new ProblemError('malformed-request', 'target and certificate go together')
    if (seen.has(`${id} ${name}`)) throw new ProblemError('already-exists', 'it stands in the file twice')
    seen.add(`${id} ${name}`)
    return {
      line,
      text,
      tenantId: id,
      domain: { name, mode, isVouched: vouch === 'yes' },
      delegations: await delegationsOf(id, fields),
    }
  }

  /** Looked up before anything is written, so that a refused line has changed nothing. */
  async function delegationsOf(tenantId: string, { target, certificate, services }: Line) {
    if (!target || !certificate) return []
    if (!known.has(target)) {
      if (!(await bench.storage.targetHosts.find(domainName(target))))
        throw new ProblemError('not-found', `there is no target host ${target}`)
      known.add(target)
    }
    if (!known.has(`${tenantId} ${certificate}`)) {
      const { lineages } = bench.storage
      if (!(await lineages.findByName(tenantId, certificate)) && !(await lineages.findByName(null, certificate)))
        throw new ProblemError('not-found', `there is no certificate lineage ${certificate}`)
      known.add(`${tenantId} ${certificate}`)
    }
    return (services || '_xmpp-server').split(/\s+/).map((service) => {
      serviceName(service)
      return { service, targetHost: target, lineage: certificate }
    })
  }

  async function* flush(bytes: number): AsyncGenerator<{ verdicts: Verdict[]; bytes: number }> {
    const verdicts = [...refused, ...(await write(bench, batch, options.dryRun === true))]
    batch = []
    refused = []
    yield { verdicts: verdicts.sort((a, b) => a.line - b.line), bytes }
  }

  const parser = createReadStream(file).pipe(
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
  let lines = 0
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: Line
      info: { lines: number; bytes: number }
    }>) {
      if (++lines > MOST_LINES)
        throw new ProblemError('too-large', `the file has more than ${MOST_LINES} lines; split it`)
      try {
        batch.push(await candidate(info.lines, record))
      } catch (error) {
        refused.push(verdictOf(error, info.lines, record.domain ?? ''))
      }
      if (batch.length + refused.length >= BATCH) yield* flush(info.bytes)
    }
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && String(cause.code).startsWith('CSV_'))) throw cause
    yield* flush(0)
    throw new ProblemError('malformed-request', `the file is no CSV from here on: ${cause.message}`, { cause })
  }
  yield* flush(Infinity)
}

/** The names of one tenant in one transaction; where another tenant holds one of them, that one alone is refused. */
async function write(bench: Workbench, batch: Candidate[], isDryRun: boolean): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  for (const tenantId of new Set(batch.map((one) => one.tenantId))) {
    const candidates = batch.filter((one) => one.tenantId === tenantId)
    const added = isDryRun ? undefined : await addAll(bench, tenantId, candidates)
    for (const candidate of candidates) {
      try {
        const isNew = added ? added.has(candidate.domain.name) : await wouldBeNew(bench, candidate)
        if (!isNew && added) await refuseIfTaken(bench, candidate)
        if (!isDryRun) await delegate(bench, candidate)
        const result = !isNew ? 'there already' : isDryRun ? 'would be added' : 'added'
        verdicts.push({ line: candidate.line, domain: candidate.text, result, detail: '' })
      } catch (error) {
        verdicts.push(verdictOf(error, candidate.line, candidate.text))
      }
    }
  }
  return verdicts
}

async function addAll(bench: Workbench, tenantId: string, candidates: Candidate[]): Promise<Set<string>> {
  const add = (some: Candidate[]) =>
    bench.storage.sourceDomains.addMany(
      tenantId,
      some.map(({ domain }) => domain),
      bench.act(),
    )
  try {
    return await add(candidates)
  } catch (error) {
    if (!isTaken(error)) throw error
    const added = new Set<string>()
    for (const candidate of candidates)
      try {
        for (const name of await add([candidate])) added.add(name)
      } catch (one) {
        if (!isTaken(one)) throw one
      }
    return added
  }
}

async function wouldBeNew(bench: Workbench, candidate: Candidate): Promise<boolean> {
  await refuseIfTaken(bench, candidate)
  return (await bench.storage.sourceDomains.find(candidate.tenantId, candidate.domain.name)) === undefined
}

async function refuseIfTaken(bench: Workbench, { tenantId, domain }: Candidate): Promise<void> {
  const holder = (await bench.storage.sourceDomains.claims(domain.name)).find((claim) => claim.proof !== null)
  if (domain.isVouched && holder && holder.tenantId !== tenantId)
    throw new ProblemError('source-domain-taken', 'another tenant holds this name')
}

async function delegate(bench: Workbench, { tenantId, domain, delegations }: Candidate): Promise<void> {
  for (const delegation of delegations)
    try {
      await bench.registrar.register(tenantId, { sourceDomain: domain.name, ...delegation }, bench.act())
    } catch (error) {
      if (!(error instanceof ProblemError && error.code === 'already-exists')) throw error
    }
}

function isTaken(error: unknown): boolean {
  return error instanceof ProblemError && error.code === 'source-domain-taken'
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
    throw new ProblemError('malformed-request', `${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
  if (size > MOST_BYTES) throw new ProblemError('too-large', `${file} is larger than 10 MB; split it`)
  return size
}
