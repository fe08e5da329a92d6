import type { Command } from 'commander'
import { ProblemError } from '../problem.ts'
import { escapeUnseen } from '../verify/format-report.ts'
import { orHint, pages, path } from './api.ts'
import { withApi } from './connect.ts'
import { report, table, when, WrongUse } from './io.ts'
import type { Job } from './resources.ts'
import type { CommandDeps } from './command-deps.ts'

export function addJobsCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  const jobs = program.command('jobs').description('what the server has still to do')

  jobs
    .command('list')
    .description('list what is still to be done, by kind and when it is due')
    .option('--kind <kind>', 'only of this kind, such as front-certificate or proof-check')
    .option('--failed', 'only those whose last run failed; they are tried again by themselves')
    .option('--json', 'print them as JSON, one a line')
    .action(({ kind, failed, json }: { kind?: string; failed?: true; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const rows: string[][] = []
        for await (const job of pages<Job>(api, '/jobs', { kind, isFailed: failed }))
          if (json) io.write(escapeUnseen(JSON.stringify(job) + '\n'))
          else rows.push(rowOf(job))
        if (json) return
        if (rows.length > 0)
          io.write(escapeUnseen(table(['id', 'kind', 'about', 'due', 'begun', 'last failure'], rows)))
        else io.writeError(failed ? 'no job has failed\n' : 'nothing is to be done\n')
      }),
    )

  jobs
    .command('retry [id]')
    .description('make a job due now, or all of a kind whose last run failed')
    .option('--kind <kind>', 'all of this kind whose last run failed')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
A certificate that an authority has refused waits on its own account, however often its job is run:
  waypost certificate issue HOST`,
    )
    .action((id: string | undefined, { kind, json }: { kind?: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        if ((id === undefined) === (kind === undefined))
          throw new WrongUse('say which: the id of a job, or all failed ones of a kind with --kind')
        const ids: string[] = id === undefined ? [] : [id]
        // All before the first is asked for: what is due at once moves to the front of the list
        if (kind !== undefined)
          for await (const job of pages<Job>(api, '/jobs', { kind, isFailed: true })) ids.push(job.id)
        let count = 0
        for (const one of ids) {
          const asked = api.post(path`/jobs/${one}/retry`)
          try {
            await orHint(asked, 'see: waypost jobs list')
            count++
          } catch (error) {
            const isDoneMeanwhile = kind !== undefined && error instanceof ProblemError && error.code === 'not-found'
            if (!isDoneMeanwhile) throw error
          }
        }
        report(io, json, count === 1 ? 'one job is due now' : `${count} jobs are due now`, { retried: count })
      }),
    )
}

function rowOf({ id, kind, about, runAt, isRunning, attempts, lastError }: Job): string[] {
  return [id, kind, about, isRunning ? 'running' : when(runAt), String(attempts), lastError?.split('\n')[0] ?? '']
}
