import type { Command } from 'commander'
import { ProblemError } from '../problem.ts'
import { findIn, pages, path, type Api } from './api.ts'
import { withApi } from './connect.ts'
import { card, report, table, when, type Io } from './io.ts'
import { oneOf, readInput } from './options.ts'
import type { OneTimeLink, User } from './resources.ts'
import type { CommandDeps } from './command-deps.ts'

export function addUserCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  const user = program.command('user').description('accounts of people: operators, and members of tenants')

  user
    .command('create <email>')
    .description('make an account, and print a link by which its owner chooses a password')
    .option('--operator', 'of an operator, who may do everything')
    .option('--password-file <file>', 'take the password from this file, - for standard input, and print no link')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
Whoever has the link can use it, once: give it to the right one. Members of tenants are invited instead, which makes
their account: waypost member invite.

Example:
  waypost user create alice@hosting.example.com --operator`,
    )
    .action((email: string, options: { operator?: true; passwordFile?: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { operator, passwordFile, json } = options
        const { body } = await api.post<{ user: User; passwordLink: OneTimeLink | null }>('/users', {
          email,
          isOperator: operator === true,
          ...(passwordFile !== undefined && { password: await passwordIn(passwordFile, io) }),
        })
        const { user, passwordLink } = body
        if (json) io.write(JSON.stringify({ ...user, passwordLink }) + '\n')
        else if (passwordLink) writeLink(io, `made the account of ${user.email}`, passwordLink)
        else io.write(`made the account of ${user.email}\n`)
      }),
    )

  user
    .command('list')
    .description('list the accounts')
    .option('--operators', 'only those of operators')
    .option('--search <text>', 'only e-mail addresses with this text')
    .option('--json', 'print them as JSON, one a line')
    .action((options: { operators?: true; search?: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const rows: string[][] = []
        for await (const one of pages<User>(api, '/users', { search: options.search, isOperator: options.operators }))
          if (options.json) io.write(JSON.stringify(one) + '\n')
          else rows.push([one.email, one.isOperator ? 'operator' : '', factorsOf(one), when(one.lastSignInAt)])
        if (options.json) return
        if (rows.length > 0) io.write(table(['e-mail address', 'operator', 'signs in with', 'last'], rows))
        else io.writeError('no accounts; make one: waypost user create EMAIL\n')
      }),
    )

  user
    .command('show <email>')
    .description('show an account')
    .option('--json', 'print it as JSON')
    .action((email: string, { json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const found = await userOf(api, email)
        if (json) io.write(JSON.stringify(found) + '\n')
        else
          io.write(
            card([
              ['e-mail address', found.email],
              ['operator', found.isOperator ? 'yes' : 'no'],
              ['signs in with', factorsOf(found)],
              ['last signed in', when(found.lastSignInAt)],
              ['since', when(found.createdAt)],
            ]),
          )
      }),
    )

  user
    .command('operator <email>')
    .description('make somebody an operator, or an operator no longer one')
    .argument('<on|off>', 'whether they are one', oneOf('on', 'off'))
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExample:\n  waypost user operator alice@hosting.example.com on')
    .action((email: string, is: 'on' | 'off', { json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { id } = await userOf(api, email)
        const { body } = await api.put<User>(path`/users/${id}`, { isOperator: is === 'on' })
        const text = `${body.email} is ${body.isOperator ? 'an operator' : 'no operator'}`
        report(io, json, text, { email: body.email, isOperator: body.isOperator })
      }),
    )

  user
    .command('set-email <email> <new>')
    .description('give somebody another e-mail address to sign in with; ends their sessions')
    .option('--json', 'print it as JSON')
    .action((email: string, to: string, { json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { id } = await userOf(api, email)
        const { body } = await api.put<User>(path`/users/${id}/email`, { email: to })
        report(io, json, `the e-mail address is ${body.email}`, { email: body.email })
      }),
    )

  user
    .command('reset-password <email>')
    .description('print a link by which somebody chooses a new password; other factors stay')
    .option('--json', 'print it as JSON')
    .action((email: string, { json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { id, email: address } = await userOf(api, email)
        const { body } = await api.post<OneTimeLink>(path`/users/${id}/password-link`)
        if (json) io.write(JSON.stringify(body) + '\n')
        else writeLink(io, `a new password for ${address}`, body)
      }),
    )

  user
    .command('reset-factors <email>')
    .description('remove the authenticator app, recovery codes and passkeys of somebody who has lost them')
    .option('--yes', 'really')
    .option('--json', 'print it as JSON')
    .action((email: string, { yes, json }: { yes?: true; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { id, email: address } = await userOf(api, email)
        if (!yes)
          throw new ProblemError(
            'malformed-request',
            `from then on a password alone opens the account of ${address}; make sure who asks for it, and say --yes`,
          )
        await api.delete(path`/users/${id}/second-factors`)
        report(io, json, `removed the second factors of ${address}`, { removed: 'second-factors', email: address })
      }),
    )

  user
    .command('remove <email>')
    .description('remove an account with its memberships')
    .option('--yes', 'really')
    .option('--json', 'print it as JSON')
    .action((email: string, { yes, json }: { yes?: true; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const found = await userOf(api, email)
        if (!yes)
          throw new ProblemError(
            'malformed-request',
            `this removes the account of ${found.email} from all tenants; say --yes if that is meant`,
          )
        await api.delete(path`/users/${found.id}`)
        report(io, json, `removed the account of ${found.email}`, { removed: 'user', email: found.email })
      }),
    )
}

/** The link alone goes to standard output, so that a script can pass it on. */
export function writeLink(io: Io, what: string, { url, expiresAt }: OneTimeLink): void {
  io.writeError(`${what}; this link works once, until ${when(expiresAt)}:\n`)
  io.write(`${url}\n`)
}

async function userOf(api: Api, email: string): Promise<User> {
  const found = await findIn<User>(api, '/users', email, (user) => user.email === email.toLowerCase())
  if (!found) throw new ProblemError('not-found', `${email} has no account; see: waypost user list`)
  return found
}

async function passwordIn(file: string, io: Io): Promise<string> {
  return (await readInput(file, io)).toString('utf8').replace(/\r?\n$/, '')
}

function factorsOf({ hasPassword, hasTotp, passkeys }: User): string {
  const factors = [
    ...(hasPassword ? [hasTotp ? 'password and code' : 'password'] : []),
    ...(passkeys > 0 ? ['passkey'] : []),
  ]
  return factors.join(', ') || 'nothing yet'
}
