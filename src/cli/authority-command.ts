import type { Command } from 'commander'
import type { CommandDeps } from './command-deps.ts'
import { withApi } from './connect.ts'

export function addAuthorityCommand(program: Command, deps: CommandDeps): void {
  const authority = program.command('authority').description('who issues front certificates')

  authority
    .command('root')
    .description("print the local authority's root certificate as PEM, for those who are to trust it")
    .option('--json', 'print it as JSON')
    .action(({ json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { body } = await api.get<{ rootPem: string }>('/authority')
        deps.io.write(json ? JSON.stringify(body) + '\n' : body.rootPem)
      }),
    )
}
