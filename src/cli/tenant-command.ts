import type { Command } from 'commander'
import type { Quotas } from '../tenant/tenant.ts'
import { orHint, pages, path } from './api.ts'
import { withApi } from './connect.ts'
import { card, report, table, when } from './io.ts'
import { limitOrNone } from './options.ts'
import type { Tenant, TenantInDetail } from './resources.ts'
import type { CommandDeps } from './command-deps.ts'

const SEE_LIST = 'see: waypost tenant list'

export function addTenantCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  const tenant = program.command('tenant').description('customers, each the owner of source domains')

  tenant
    .command('add <name>')
    .description('add a tenant; the name is made of lower-case letters, digits and hyphens')
    .option('--json', 'print the tenant as JSON')
    .action((name: string, { json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { body } = await api.post<TenantInDetail>('/tenants', { name })
        io.write(json ? JSON.stringify(toJson(body)) + '\n' : `added tenant ${body.name}\n`)
      }),
    )

  tenant
    .command('list')
    .description('list the tenants')
    .option('--search <text>', 'only names with this text')
    .option('--json', 'print them as JSON, one a line')
    .action(({ search, json }: { search?: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const rows: string[][] = []
        for await (const one of pages<Tenant>(api, '/tenants', { search })) {
          if (json) io.write(JSON.stringify(toJson(one)) + '\n')
          else rows.push([one.name, one.suspendedAt === null ? 'active' : 'suspended', when(one.createdAt)])
        }
        if (json) return
        if (rows.length > 0) io.write(table(['tenant', 'state', 'since'], rows))
        else io.writeError('no tenants; add one: waypost tenant add NAME\n')
      }),
    )

  tenant
    .command('show <name>')
    .description('show a tenant: what it has, and how much it may have')
    .option('--json', 'print it as JSON')
    .action((name: string, { json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { body } = await orHint(api.get<TenantInDetail>(path`/tenants/${name}`), SEE_LIST)
        if (json) io.write(JSON.stringify(toJson(body)) + '\n')
        else io.write(card([['tenant', body.name], ...standing(body), ...usage(body)]))
      }),
    )

  tenant
    .command('quota <name>')
    .description('say how many a tenant may have; what is there already stays')
    .option('--source-domains <number>', 'none: as many as it likes', limitOrNone)
    .option('--delegations <number>', 'none: as many as it likes', limitOrNone)
    .option('--lineages <number>', 'of certificates; none: as many as it likes', limitOrNone)
    .option('--json', 'print the tenant as JSON')
    .addHelpText(
      'after',
      `
What is not named stays as it is.

Example:
  waypost tenant quota acme --source-domains 100 --delegations none`,
    )
    .action(async (name: string, { json, ...wanted }: Partial<Quotas> & { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { body, etag } = await orHint(api.get<TenantInDetail>(path`/tenants/${name}`), SEE_LIST)
        const quotas = { ...body.quotas, ...wanted }
        const isAsked = Object.keys(wanted).length > 0
        const changed = isAsked ? (await api.put<TenantInDetail>(path`/tenants/${name}`, { quotas }, etag)).body : body
        if (json) io.write(JSON.stringify(toJson(changed)) + '\n')
        else io.write(card([['tenant', changed.name], ...usage(changed)]))
      }),
    )

  const acts = [
    ['suspend', 'answer 404 for everything of a tenant, and let its members change nothing', 'suspended'],
    ['resume', 'serve a suspended tenant again', 'resumed'],
  ] as const
  for (const [act, description, done] of acts)
    tenant
      .command(`${act} <name>`)
      .description(description)
      .option('--json', 'print it as JSON')
      .action((name: string, { json }: { json?: true }, command: Command) =>
        withApi(deps, command, async (api) => {
          await orHint(api.post(`${path`/tenants/${name}`}/${act}`), SEE_LIST)
          report(io, json, `${done}: tenant ${name}`, { done: act, tenant: name })
        }),
      )

  tenant
    .command('remove <name>')
    .description('remove a tenant that has no source domains and no certificates any more')
    .option('--json', 'print it as JSON')
    .action((name: string, { json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        await orHint(api.delete(path`/tenants/${name}`), SEE_LIST)
        report(io, json, `removed tenant ${name}`, { removed: 'tenant', name })
      }),
    )
}

function standing({ suspendedAt, createdAt }: Tenant): [string, string][] {
  return [
    ['since', when(createdAt)],
    ['state', suspendedAt === null ? 'active' : `suspended since ${when(suspendedAt)}`],
  ]
}

function usage({ counts, quotas }: TenantInDetail): [string, string][] {
  const of = (fact: keyof Quotas) => `${counts[fact]}${quotas[fact] === null ? '' : ` of at most ${quotas[fact]}`}`
  return [
    ['source domains', of('sourceDomains')],
    ['delegations', of('delegations')],
    ['lineages', of('lineages')],
  ]
}

function toJson({ name, createdAt, suspendedAt, quotas, counts }: Tenant & Partial<TenantInDetail>) {
  return { name, createdAt, suspendedAt, quotas, counts }
}
