import type { Command } from 'commander'
import { withApi } from './connect.ts'
import { card } from './io.ts'
import type { CommandDeps } from './command-deps.ts'

export function addWhoamiCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  program
    .command('whoami')
    .description('say as whom the commands act, and what they may do')
    .option('--json', 'print it as JSON')
    .action(({ json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const session = await api.session()
        const { name, isOperator, tenants, scopes } = session
        if (json) io.write(JSON.stringify(session) + '\n')
        else
          io.write(
            card([
              ['name', name],
              ['operator', isOperator ? 'yes' : 'no'],
              ['tenants', tenants.map((tenant) => `${tenant.name} (${tenant.role})`).join('\n') || '(none)'],
              ['scopes', scopes?.join('\n') ?? 'all'],
            ]),
          )
      }),
    )
}
