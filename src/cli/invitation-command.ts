import type { Command } from 'commander'
import { ProblemError } from '../problem.ts'
import { pages, path } from './api.ts'
import { withApi } from './connect.ts'
import { report, table, when } from './io.ts'
import type { Invitation } from './resources.ts'
import { saidOwnerPath } from './whose.ts'
import type { CommandDeps } from './command-deps.ts'

export function addInvitationCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  const invitation = program
    .command('invitation')
    .description('invitations that nobody has accepted yet; they are made by: waypost member invite')

  invitation
    .command('list')
    .description('list the open invitations, newest first')
    .option('--tenant <name>', 'to this tenant')
    .option('--operator', 'to be an operator')
    .option('--json', 'print them as JSON, one a line')
    .action((options: { tenant?: string; operator?: true; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const rows: string[][] = []
        for await (const one of pages<Invitation>(api, `${await saidOwnerPath(api, options)}/invitations`))
          if (options.json) io.write(JSON.stringify(one) + '\n')
          else rows.push([one.email, one.role ?? 'operator', one.createdBy, when(one.expiresAt)])
        if (options.json) return
        if (rows.length > 0) io.write(table(['e-mail address', 'role', 'invited by', 'until'], rows))
        else io.writeError('no open invitations; make one: waypost member invite EMAIL --role ROLE\n')
      }),
    )

  invitation
    .command('withdraw <email>')
    .description('withdraw all open invitations of somebody: their links work no more')
    .option('--tenant <name>', 'to this tenant')
    .option('--operator', 'to be an operator')
    .option('--json', 'print it as JSON')
    .action((email: string, options: { tenant?: string; operator?: true; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const list = `${await saidOwnerPath(api, options)}/invitations`
        const theirs: Invitation[] = []
        for await (const one of pages<Invitation>(api, list)) if (one.email === email.toLowerCase()) theirs.push(one)
        if (theirs.length === 0)
          throw new ProblemError('not-found', `${email} has no open invitation; see: waypost invitation list`)
        for (const { id } of theirs) await api.delete(`${list}${path`/${id}`}`)
        report(io, options.json, `withdrew the invitation of ${email}`, {
          withdrawn: theirs.map(({ id }) => id),
          email,
        })
      }),
    )
}
