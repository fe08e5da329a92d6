import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import type { ExportedEvent } from '../admin/api/audit-export.ts'
import { ProblemError } from '../problem.ts'
import type { AuditHead, AuditVerdict } from '../tenant/audit.ts'
import { pages, type Api, type Query } from './api.ts'
import { withApi } from './connect.ts'
import { EXIT, table, tell, when, WrongUse } from './io.ts'
import { instant, oneOf, wholeNumber } from './options.ts'
import { everybodysPath } from './whose.ts'
import type { CommandDeps } from './command-deps.ts'

interface Filter {
  tenant?: string
  action?: string
  actor?: string
  subject?: string
  since?: string
  until?: string
}

export function addAuditCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  const audit = program.command('audit').description('who did what, from where and when')

  filtered(audit.command('list').description('list what was done, newest first'))
    .option('--limit <number>', 'this many at most', wholeNumber(1, 1_000_000), 100)
    .option('--json', 'print them as JSON, one a line, with what was before and after')
    .addHelpText('after', '\nExample:\n  waypost audit list --tenant acme --action delegation --since 2026-03-01')
    .action((options: Filter & { limit: number; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { limit, json } = options
        const rows: string[][] = []
        let shown = 0
        for await (const one of pages<ExportedEvent>(api, await trail(api, options), queryOf(options))) {
          if (++shown > limit) {
            io.writeError(`the newest ${limit} are shown; older ones by --until or a greater --limit\n`)
            break
          }
          if (json) io.write(JSON.stringify(one) + '\n')
          else
            rows.push([
              String(one.sequence),
              when(one.at),
              one.tenant ?? '(operator)',
              whoOf(one),
              one.action,
              one.subject,
            ])
        }
        if (json) return
        if (rows.length > 0) io.write(table(['#', 'at', 'tenant', 'who', 'action', 'subject'], rows))
        else io.writeError('nothing of that was done\n')
      }),
    )

  filtered(audit.command('export').description('write all that was done, oldest first, to standard output'))
    .option('--format <format>', 'csv, or json: one object a line', oneOf('csv', 'json'), 'json')
    .addHelpText('after', '\nExample:\n  waypost audit export --format csv --since 2026-01-01 > audit.csv')
    .action((options: Filter & { format: string }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { format } = options
        for await (const chunk of api.text(`${await trail(api, options)}/export`, { format, ...queryOf(options) }))
          io.write(chunk)
      }),
    )

  audit
    .command('verify')
    .description('say whether the audit trail is as it was written: nothing changed, taken out, reordered or cut off')
    .option(
      '--head <sequence:hash>',
      'that was written down elsewhere and has to be in it, repeatable',
      collectHead,
      [],
    )
    .option('--log <file>', 'take such heads from the log of the server, in which they stand every hour')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
Whoever has the master key could write the whole trail anew. A head that is kept where they cannot change it, as the
log may be, shows that, and also where the end was cut off.

Exit codes: 0 whole; 1 tampered with; 2 could not ask.

Example:
  waypost audit verify --log /var/log/waypost.log`,
    )
    .action(async (options: { head: AuditHead[]; log?: string; json?: true }, command: Command) => {
      try {
        const heads = [...options.head, ...(options.log === undefined ? [] : await headsIn(options.log))]
        await withApi(deps, command, async (api) => {
          const verdict = await verdictOn(api, distinct(heads))
          io.write(options.json ? JSON.stringify(verdict) + '\n' : textOf(verdict, heads))
          io.setExitCode(verdict.isWhole ? EXIT.done : EXIT.refused)
        })
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error
        tell(io, error) // not with 1, which a script would read as "tampered with"
        io.setExitCode(EXIT.couldNot)
      }
    })
}

function filtered(command: Command): Command {
  return command
    .option('--tenant <name>', "only this tenant's")
    .option('--action <name>', 'only such as delegation.register; delegation for all that begin with it')
    .option('--actor <name>', 'only by them, such as alice@example.org or "token deploy"')
    .option('--subject <name>', 'only on what has this name')
    .option('--since <instant>', 'ISO 8601, such as 2026-03-01', instant)
    .option('--until <instant>', 'ISO 8601, not included', instant)
}

function trail(api: Api, { tenant }: Filter): Promise<string> {
  return everybodysPath(api, tenant, 'audit')
}

function queryOf({ action, actor, subject, since, until }: Filter): Query {
  return { action, actor, subject, from: since, until }
}

function whoOf({ actor, address }: ExportedEvent): string {
  return address === null ? actor : `${actor} (${address})`
}

/** The whole chain and where it has to reach, then each head for itself. @param heads in the order of their sequences */
async function verdictOn(api: Api, heads: readonly AuditHead[]): Promise<AuditVerdict> {
  const furthest = heads.at(-1)
  const head = furthest && `${furthest.sequence}:${furthest.hash}`
  const { body } = await api.get<AuditVerdict>('/audit/verification', { head })
  if (!body.isWhole) return body
  for (const head of heads) {
    const hash = head === furthest ? head.hash : await hashOf(api, head.sequence)
    if (hash !== undefined && hash !== head.hash) {
      const { sequence } = head
      return { isWhole: false, sequence, why: `event ${sequence} is not the one whose hash was written down elsewhere` }
    }
  }
  return body
}

/** Undefined where retention has cut it off since: in a chain that is whole nothing else is missing. */
async function hashOf(api: Api, sequence: number): Promise<string | undefined> {
  const { body } = await api.get<{ items: ExportedEvent[] }>('/audit', { after: sequence + 1, limit: 1 })
  const [event] = body.items
  return event?.sequence === sequence ? event.hash : undefined
}

function textOf(verdict: AuditVerdict, heads: readonly AuditHead[]): string {
  if (!verdict.isWhole) return `tampered with: ${verdict.why}\n`
  const { events, head } = verdict
  return (
    `whole: ${events} events${heads.length === 0 ? '' : `, with ${distinct(heads).length} heads that were written down`}\n` +
    `its head, to be written down elsewhere: ${head.sequence}:${head.hash}\n`
  )
}

/** In the order of their sequences. The same head is logged every hour in which nothing is done. */
function distinct(heads: readonly AuditHead[]): AuditHead[] {
  const byText = new Map(heads.map((head) => [`${head.sequence}:${head.hash}`, head]))
  return [...byText.values()].sort((a, b) => a.sequence - b.sequence)
}

function collectHead(text: string, others: AuditHead[]): AuditHead[] {
  const { sequence, hash } = /^(?<sequence>\d{1,15}):(?<hash>[0-9a-f]{64})$/.exec(text)?.groups ?? {}
  if (sequence === undefined || hash === undefined)
    throw new WrongUse(
      `--head should be SEQUENCE:HASH, as the log or an earlier answer has it, not ${JSON.stringify(text)}`,
    )
  return [...others, { sequence: Number(sequence), hash }]
}

async function headsIn(file: string): Promise<AuditHead[]> {
  const heads: AuditHead[] = []
  try {
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      const head = headIn(line)
      if (head) heads.push(head)
    }
  } catch (cause) {
    throw new WrongUse(`${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
  if (heads.length === 0) throw new WrongUse(`${file} has no line with "msg":"audit head": is it the server's log?`)
  return heads
}

/** A log may hold lines of others between ours, and something before the JSON of each. */
function headIn(line: string): AuditHead | undefined {
  if (!line.includes('"audit head"')) return undefined
  try {
    const { msg, sequence, hash } = JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>
    return msg === 'audit head' && typeof sequence === 'number' && typeof hash === 'string'
      ? { sequence, hash }
      : undefined
  } catch {
    return undefined
  }
}
