import type { Command } from 'commander'
import { path } from './api.ts'
import { withApi } from './connect.ts'
import { table } from './io.ts'
import type { AcmeAuthority, AcmeBudget } from './resources.ts'
import type { CommandDeps } from './command-deps.ts'

const LIMITS: Record<AcmeBudget['items'][number]['limit'], string> = {
  pace: 'orders at once',
  orders: 'new orders of the account',
  registeredDomain: 'certificates of a registered domain',
  identifierSet: 'certificates for the same names',
  failures: 'failed validations of a name',
}

export function addAcmeCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  const acme = program.command('acme').description('what passes between this server and its authorities')

  acme
    .command('budget')
    .description('what is left of the limits of each authority that all orders share')
    .option('--json', 'print it as JSON, an authority a line')
    .addHelpText(
      'after',
      `
The limits of Let's Encrypt are known; what another has, or one that was raised, is said in waypost.toml:
  [acme]
  limits = ["letsencrypt orders 3000/3h"]`,
    )
    .action(({ json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const authorities = (await api.get<{ items: AcmeAuthority[] }>('/authorities')).body.items
        const rows: string[][] = []
        for (const { name } of authorities) {
          const { items } = (await api.get<AcmeBudget>(path`/authorities/${name}/budget`)).body
          if (json) io.write(JSON.stringify({ authority: name, limits: items }) + '\n')
          else
            for (const { limit, count, periodSeconds, left } of items)
              rows.push([name, LIMITS[limit], `${left} of ${count}`, inWords(periodSeconds)])
        }
        if (json) return
        if (rows.length > 0) io.write(table(['authority', 'limit', 'left', 'in'], rows))
        else io.writeError('no authorities; add one: waypost authority add letsencrypt --agree-to-terms\n')
      }),
    )
}

const UNITS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
] as const

function inWords(seconds: number): string {
  const [size, unit] = UNITS.find(([size]) => seconds >= size && seconds % size === 0) ?? [1, 's']
  return `${seconds / size} ${unit}`
}
