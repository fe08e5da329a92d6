import type { Command } from 'commander'
import { ProblemError } from '../problem.ts'
import { SCOPES } from '../tenant/scope.ts'
import { findIn, pages, path, type Api } from './api.ts'
import { withApi } from './connect.ts'
import { report, table, when, type Io } from './io.ts'
import { duration, each } from './options.ts'
import type { ApiToken } from './resources.ts'
import { saidOwnerPath } from './whose.ts'
import type { CommandDeps } from './command-deps.ts'

const DAY_MS = 86_400_000

interface Owner {
  tenant?: string
  operator?: true
}
interface Issued {
  token: ApiToken
  secret: string
}

export function addTokenCommand(program: Command, deps: CommandDeps): void {
  const { io, clock } = deps
  const token = program.command('token').description('API tokens: what programs sign in with')

  token
    .command('create <name>')
    .description('issue an API token; its secret alone goes to standard output, once')
    .option('--tenant <name>', 'that may act in this tenant')
    .option('--operator', "the operator's own, for everything")
    .requiredOption('--scope <scopes>', 'what it may do, repeatable or separated by commas', each)
    .option('--expires-in <duration>', 'such as 90d or 12h; never where left out', duration)
    .option(
      '--from <addresses>',
      'taken from these addresses and prefixes only, repeatable or separated by commas',
      each,
    )
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
Scopes: ${SCOPES.join(', ')}.
Writing includes reading. grave is for what people have to confirm: removing a tenant, or an account.

Example:
  waypost token create deploy --tenant acme --scope delegations:write,certificates:write --expires-in 90d \\
    --from 192.0.2.0/24 > token`,
    )
    .action(
      (
        name: string,
        options: Owner & { scope: string[]; expiresIn?: number; from?: string[]; json?: true },
        command: Command,
      ) =>
        withApi(deps, command, async (api) => {
          const { expiresIn, from } = options
          const { body } = await api.post<Issued>(`${await saidOwnerPath(api, options)}/tokens`, {
            name,
            scopes: options.scope,
            ...(expiresIn !== undefined && {
              expiresAt: new Date(clock.now().getTime() + expiresIn).toISOString(),
            }),
            ...(from !== undefined && { addresses: from }),
          })
          writeSecret(io, options.json, body, 'issued')
        }),
    )

  token
    .command('list')
    .description('list API tokens')
    .option('--tenant <name>', "this tenant's")
    .option('--operator', "the operator's own")
    .option('--search <text>', 'only names with this text')
    .option('--json', 'print them as JSON, one a line')
    .action((options: Owner & { search?: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const list = `${await saidOwnerPath(api, options)}/tokens`
        const rows: string[][] = []
        for await (const one of pages<ApiToken>(api, list, { search: options.search }))
          if (options.json) io.write(JSON.stringify(one) + '\n')
          else
            rows.push([
              one.name,
              one.scopes.join(' '),
              one.addresses?.join(' ') ?? 'anywhere',
              one.expiresAt === null ? 'never' : when(one.expiresAt),
              one.lastUsedAt === null
                ? 'never'
                : `${when(one.lastUsedAt)}${one.lastUsedBy ? ` ${one.lastUsedBy}` : ''}`,
            ])
        if (options.json) return
        if (rows.length > 0) io.write(table(['token', 'scopes', 'from', 'expires', 'last used'], rows))
        else io.writeError('no tokens; issue one: waypost token create NAME --scope SCOPES\n')
      }),
    )

  token
    .command('rotate <name>')
    .description(
      'give a token another secret, which alone goes to standard output; the former is taken for a while yet',
    )
    .option(
      '--overlap <duration>',
      'for how long the former secret is taken, such as 12h; at most 7d',
      duration,
      DAY_MS,
    )
    .option('--now', 'not at all: the former secret is known to somebody')
    .option('--tenant <name>', "this tenant's")
    .option('--operator', "the operator's own")
    .option('--json', 'print it as JSON')
    .action((name: string, options: Owner & { overlap: number; now?: true; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { at } = await tokenOf(api, name, options)
        const overlapSeconds = options.now ? 0 : options.overlap / 1000
        writeSecret(io, options.json, (await api.post<Issued>(`${at}/rotate`, { overlapSeconds })).body, 'rotated')
      }),
    )

  token
    .command('remove <name>')
    .description('remove a token: its secrets are not taken any more')
    .option('--tenant <name>', "this tenant's")
    .option('--operator', "the operator's own")
    .option('--json', 'print it as JSON')
    .action((name: string, options: Owner & { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { at } = await tokenOf(api, name, options)
        await api.delete(at)
        report(io, options.json, `removed token ${name}`, { removed: 'token', name })
      }),
    )
}

/** @returns its path */
async function tokenOf(api: Api, name: string, owner: Owner): Promise<{ at: string }> {
  const list = `${await saidOwnerPath(api, owner)}/tokens`
  const found = await findIn<ApiToken>(api, list, name, (token) => token.name === name)
  if (!found) throw new ProblemError('not-found', `there is no token ${name}; see: waypost token list`)
  return { at: `${list}${path`/${found.id}`}` }
}

function writeSecret(io: Io, isJson: true | undefined, { token, secret }: Issued, done: string): void {
  if (isJson) {
    io.write(JSON.stringify({ ...token, secret }) + '\n')
    return
  }
  const { name, scopes, addresses, expiresAt, rotatesUntil } = token
  io.writeError(
    `${done}: token ${name}, for ${scopes.join(', ')}, from ${addresses?.join(', ') ?? 'anywhere'}, ` +
      `${expiresAt === null ? 'without an end' : `until ${when(expiresAt)}`}\n`,
  )
  if (rotatesUntil !== null) io.writeError(`its former secret is taken until ${when(rotatesUntil)}\n`)
  io.writeError('its secret, which is shown this once:\n')
  io.write(`${secret}\n`)
}
