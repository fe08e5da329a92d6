import type { Command } from 'commander'
import { ProblemError } from '../problem.ts'
import { ROLES, type Role } from '../tenant/member.ts'
import { findIn, pages, path, type Api } from './api.ts'
import { withApi } from './connect.ts'
import { report, table, when } from './io.ts'
import { oneOf } from './options.ts'
import type { Invitation, Member, OneTimeLink } from './resources.ts'
import { writeLink } from './user-command.ts'
import { tenantOf } from './whose.ts'
import type { CommandDeps } from './command-deps.ts'

const WHOSE = 'of this tenant; may be left out where there is only one'

export function addMemberCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  const member = program.command('member').description('members of a tenant: people with a role in it')

  member
    .command('list')
    .description('list the members of a tenant')
    .option('--tenant <name>', WHOSE)
    .option('--search <text>', 'only e-mail addresses with this text')
    .option('--json', 'print them as JSON, one a line')
    .action((options: { tenant?: string; search?: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const list = path`/tenants/${await tenantOf(api, options.tenant)}/members`
        const rows: string[][] = []
        for await (const one of pages<Member>(api, list, { search: options.search }))
          if (options.json) io.write(JSON.stringify(one) + '\n')
          else rows.push([one.email, one.role, one.hasSecondFactor ? 'yes' : 'no', when(one.createdAt)])
        if (options.json) return
        if (rows.length > 0) io.write(table(['e-mail address', 'role', 'second factor', 'since'], rows))
        else io.writeError('no members; invite one: waypost member invite EMAIL --role owner\n')
      }),
    )

  member
    .command('invite <email>')
    .description('print a link by which somebody becomes a member')
    .requiredOption('--role <role>', ROLES.join(', '), oneOf<Role>(...ROLES))
    .option('--tenant <name>', WHOSE)
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
A viewer sees everything of the tenant, an admin changes it, an owner also sees to members and API tokens.

Example:
  waypost member invite alice@example.org --role owner --tenant acme`,
    )
    .action((email: string, options: { role: Role; tenant?: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const tenant = await tenantOf(api, options.tenant)
        const { role } = options
        const { body } = await api.post<Invitation & { link: OneTimeLink }>(path`/tenants/${tenant}/invitations`, {
          email,
          role,
        })
        if (options.json) io.write(JSON.stringify(body) + '\n')
        else writeLink(io, `invited ${body.email} to ${tenant} as ${role}`, body.link)
      }),
    )

  member
    .command('role <email>')
    .description('give a member another role')
    .argument('<role>', ROLES.join(', '), oneOf<Role>(...ROLES))
    .option('--tenant <name>', WHOSE)
    .option('--json', 'print it as JSON')
    .action((email: string, role: Role, options: { tenant?: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const tenant = await tenantOf(api, options.tenant)
        const { id, email: address } = await memberOf(api, tenant, email)
        const { body } = await api.put<Member>(path`/tenants/${tenant}/members/${id}`, { role })
        report(io, options.json, `${address} is ${body.role} of ${tenant}`, { email: address, role: body.role, tenant })
      }),
    )

  member
    .command('remove <email>')
    .description('take somebody out of a tenant; their account stays')
    .option('--tenant <name>', WHOSE)
    .option('--json', 'print it as JSON')
    .action((email: string, options: { tenant?: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const tenant = await tenantOf(api, options.tenant)
        const { id, email: address } = await memberOf(api, tenant, email)
        await api.delete(path`/tenants/${tenant}/members/${id}`)
        report(io, options.json, `removed ${address} from ${tenant}`, { removed: 'member', email: address, tenant })
      }),
    )
}

async function memberOf(api: Api, tenant: string, email: string): Promise<Member> {
  const list = path`/tenants/${tenant}/members`
  const found = await findIn<Member>(api, list, email, (member) => member.email === email.toLowerCase())
  if (!found)
    throw new ProblemError(
      'not-found',
      `${email} is no member of ${tenant}; see: waypost member list --tenant ${tenant}`,
    )
  return found
}
