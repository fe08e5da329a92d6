import { readFileSync, statSync } from 'node:fs'
import type { Command } from 'commander'
import type { ImportLine, LineRequest } from '../delegation/import-file.ts'
import { MOST_IMPORT_BYTES, MOST_IMPORT_LINES } from '../delegation/source-domain.ts'
import { ProblemError, type ProblemCode } from '../problem.ts'
import { path, type Api } from './api.ts'
import { withApi } from './connect.ts'
import { tenantOf } from './whose.ts'
import type { CommandDeps } from './command-deps.ts'

const LINE_FEED = 10
const MOST_BODY_BYTES = 900_000 // the route takes a little more
const WITH_ALL_LINES = new Set<ProblemCode>(['unavailable', 'sign-in-required', 'forbidden', 'too-many-requests'])

interface Verdict {
  line: number
  domain: string
  result: 'added' | 'would be added' | 'there already' | 'refused'
  detail: string
}
interface Candidate {
  line: number
  text: string
  domain: LineRequest // as the API takes it
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
target and certificate go together and register delegations. Without titles the columns are domain, mode, target,
certificate, services. Commas, semicolons or tabs, in UTF-8; at most ${MOST_IMPORT_LINES} lines and 10 MB a file.
Lines are written with their delegations in batches of some hundred, a transaction each; a refused line changes
nothing and stops nothing. Of a name that is there already only the delegations that it lacks are added. Exit code 1
where a line was refused.`,
    )
    .action((file: string, options: { tenant?: string; vouch?: true; dryRun?: true; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const bytes = bytesOf(file)
        const bar = io.isTerminal && !options.json ? await progressBar() : undefined
        bar?.start('reading')
        const counts = { added: 0, 'would be added': 0, 'there already': 0, refused: 0 }
        const held: string[] = [] // until the bar is gone: a line of text would break it
        let shown = 0
        try {
          for await (const { verdicts, share } of importDomains(api, bytes, options)) {
            for (const verdict of verdicts) {
              counts[verdict.result]++
              if (options.json) io.write(JSON.stringify(verdict) + '\n')
              else if (verdict.result === 'refused') {
                const line = `line ${verdict.line}: ${verdict.domain}: ${verdict.detail}\n`
                if (bar) held.push(line)
                else io.writeError(line)
              }
            }
            const percent = Math.floor(share * 100)
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
  bytes: Uint8Array,
  options: { tenant?: string; vouch?: true; dryRun?: true },
): AsyncGenerator<{ verdicts: Verdict[]; share: number }> {
  const { isOperator } = await api.session()
  let onlyTenant: string | undefined

  async function tenantOfLine(tenant: string): Promise<string> {
    return tenant || options.tenant || (onlyTenant ??= await tenantOf(api, undefined))
  }

  async function candidate({ line, text, request }: ImportLine): Promise<Candidate | Verdict> {
    try {
      if (request instanceof ProblemError) throw request
      return { line, text, domain: { ...request, tenant: await tenantOfLine(request.tenant) } }
    } catch (error) {
      return refusalOf(problemOfLine(error).message, line, text)
    }
  }

  // Here, because the other commands can do without it
  const { importFile } = await import('../delegation/import-file.ts')
  const { lines } = importFile(bytes, { mayVouch: isOperator, isVouched: options.vouch === true })
  const all = bytes.reduce((count, byte) => count + Number(byte === LINE_FEED), 1)
  for await (const block of lines) {
    const read: (Candidate | Verdict)[] = []
    for (const line of block) read.push(await candidate(line))
    const refused = read.filter((one): one is Verdict => 'result' in one)
    const batch = read.filter((one): one is Candidate => !('result' in one))
    const verdicts = [...refused, ...(await write(api, isOperator, batch, options.dryRun === true))]
    yield {
      verdicts: verdicts.sort((a, b) => a.line - b.line),
      share: Math.min(1, (block.at(-1)?.line ?? 0) / all),
    }
  }
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

/** @throws what is wrong with more than this line */
function problemOfLine(error: unknown): ProblemError {
  if (error instanceof ProblemError && !WITH_ALL_LINES.has(error.code)) return error
  throw error
}

function refusalOf(detail: string, line: number, domain: string): Verdict {
  return { line, domain, result: 'refused', detail }
}

/** @throws ProblemError malformed-request, too-large */
function bytesOf(file: string): Uint8Array {
  try {
    if (statSync(file).size <= MOST_IMPORT_BYTES) return readFileSync(file)
  } catch (cause) {
    throw new ProblemError('malformed-request', `${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
  throw new ProblemError('too-large', `${file} is larger than 10 MB; split it`)
}
