import type { Command } from 'commander'
import { escapeUnseen } from '../verify/format-report.ts'
import { withApi } from './connect.ts'
import { card, report, when } from './io.ts'
import type { Maintenance } from './resources.ts'
import type { CommandDeps } from './command-deps.ts'

export function addMaintenanceCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  const maintenance = program
    .command('maintenance')
    .description('a time in which only operators change anything; what is published stays so, and is renewed')

  const show = (body: Maintenance, isJson: true | undefined) =>
    io.write(escapeUnseen(isJson ? JSON.stringify(body) + '\n' : screenOf(body)))

  maintenance
    .command('on')
    .description('begin it, or change its reason')
    .requiredOption('--reason <text>', 'shown to everybody, on every page and with every refusal')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExample:\n  waypost maintenance on --reason "we move to another machine, until 14:00 UTC"')
    .action(({ reason, json }: { reason: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => show((await api.put<Maintenance>('/maintenance', { reason })).body, json)),
    )

  maintenance
    .command('off')
    .description('end it')
    .option('--json', 'print it as JSON')
    .action(({ json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        await api.delete('/maintenance')
        report(io, json, 'maintenance is off', { isOn: false })
      }),
    )

  maintenance
    .command('status')
    .description('show whether it is on')
    .option('--json', 'print it as JSON')
    .action(({ json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => show((await api.get<Maintenance>('/maintenance')).body, json)),
    )
}

function screenOf({ isOn, reason, since, by }: Maintenance): string {
  if (!isOn) return 'maintenance is off\n'
  return card([
    ['maintenance', 'on'],
    ['reason', reason ?? ''],
    ['since', when(since)],
    ['by', by ?? ''],
  ])
}
