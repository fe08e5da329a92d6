import type { Command } from 'commander'
import { createLocalAuthority } from '../certificate/local-authority.ts'
import { withWorkbench, type CommandDeps } from './workbench.ts'

export function addAuthorityCommand(program: Command, deps: CommandDeps): void {
  const authority = program.command('authority').description('who issues front certificates')

  authority
    .command('root')
    .description("print the local authority's root certificate as PEM, for those who are to trust it")
    .option('--json', 'print it as JSON')
    .action(({ json }: { json?: true }, command: Command) =>
      withWorkbench(deps, command, async ({ storage, clock }) => {
        const now = clock.now()
        const { rootPem } = await storage.localAuthority.loadOrCreate(() => createLocalAuthority(now), now)
        deps.io.write(json ? JSON.stringify({ rootPem }) + '\n' : rootPem)
      }),
    )
}
