import type { Command } from 'commander'
import { escapeUnseen } from '../verify/format-report.ts'
import { path } from './api.ts'
import type { CommandDeps } from './command-deps.ts'
import { withApi } from './connect.ts'
import { table } from './io.ts'
import type { Overview } from './resources.ts'

/** In the words of the pages. */
const WORDS: Record<Overview['troubles'][number]['trouble'], string> = {
  expired: 'certificates in use have expired',
  ending: 'certificates in use with a tenth of the lifetime left or less',
  'failing-operator': "certificates cannot be had: the operator's affair",
  'failing-owner': "certificates cannot be had: the domain owner's affair",
  'failing-authority': "certificates cannot be had: the authority's affair",
  wavering: 'names whose record is gone, and which lapse',
  unproven: 'names unproven for more than a week',
  'rule-wrong': 'redirect rules are wrong',
  'failed-jobs': 'jobs have failed',
}

export function addOverviewCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  program
    .command('overview')
    .description('what needs a hand')
    .option('--tenant <name>', 'only what is of this tenant')
    .option('--json', 'print it as JSON, with how many there are of everything')
    .action(({ tenant, json }: { tenant?: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { body } = await api.get<Overview>(tenant === undefined ? '/overview' : path`/tenants/${tenant}/overview`)
        if (json) return io.write(escapeUnseen(JSON.stringify(body) + '\n'))
        if (body.troubles.length === 0) return io.writeError('nothing needs a hand\n')
        const rows = body.troubles.map(({ trouble, count, isMore, examples }) => [
          isMore ? `over ${count}` : String(count),
          WORDS[trouble],
          examples.map(({ name }) => name).join(' '),
        ])
        io.write(escapeUnseen(table(['how many', 'what', 'such as'], rows)))
      }),
    )
}
