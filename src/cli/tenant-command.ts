import type { Command } from 'commander'
import { ProblemError } from '../problem.ts'
import type { Tenant } from '../tenant/tenant.ts'
import { card, report, table, when } from './io.ts'
import { pages } from './pages.ts'
import { tenantOf, withWorkbench, type CommandDeps } from './workbench.ts'

export function addTenantCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  const tenant = program.command('tenant').description('customers, each the owner of source domains')

  tenant
    .command('add <name>')
    .description('add a tenant; the name is made of lower-case letters, digits and hyphens')
    .option('--json', 'print the tenant as JSON')
    .action((name: string, { json }: { json?: true }, command: Command) =>
      withWorkbench(deps, command, async ({ storage, act }) => {
        if (!/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/.test(name))
          throw new ProblemError(
            'malformed-request',
            `${JSON.stringify(name)} is no name for a tenant: use lower-case letters, digits and inner hyphens, such as acme-hosting`,
          )
        const added = await storage.tenants.add(name, act())
        io.write(json ? JSON.stringify(toJson(added)) + '\n' : `added tenant ${added.name}\n`)
      }),
    )

  tenant
    .command('list')
    .description('list the tenants')
    .option('--search <text>', 'only names with this text')
    .option('--json', 'print them as JSON, one a line')
    .action(({ search, json }: { search?: string; json?: true }, command: Command) =>
      withWorkbench(deps, command, async ({ storage }) => {
        const list = pages((after: string | undefined, limit) =>
          storage.tenants
            .list({ limit, ...(after === undefined ? {} : { after }), ...(search === undefined ? {} : { search }) })
            .then((tenants) => ({ items: tenants, next: tenants.at(-1)?.name })),
        )
        if (json) for await (const one of list) io.write(JSON.stringify(toJson(one)) + '\n')
        else {
          const rows: string[][] = []
          for await (const one of list) rows.push([one.name, when(one.createdAt)])
          io.write(rows.length > 0 ? table(['tenant', 'since'], rows) : '')
          if (rows.length === 0) io.writeError('no tenants; add one: waypost tenant add NAME\n')
        }
      }),
    )

  tenant
    .command('show <name>')
    .description('show a tenant')
    .option('--json', 'print it as JSON')
    .action((name: string, { json }: { json?: true }, command: Command) =>
      withWorkbench(deps, command, async (bench) => {
        const found = await tenantOf(bench, name)
        const domains = await bench.storage.sourceDomains.list(found.id, { limit: 1000 })
        const count = domains.length === 1000 ? '1000 or more' : String(domains.length)
        if (json) io.write(JSON.stringify(toJson(found)) + '\n')
        else
          io.write(
            card([
              ['tenant', found.name],
              ['id', found.id],
              ['since', when(found.createdAt)],
              ['source domains', count],
            ]),
          )
      }),
    )

  tenant
    .command('remove <name>')
    .description('remove a tenant that has no source domains and no certificates any more')
    .option('--json', 'print it as JSON')
    .action((name: string, { json }: { json?: true }, command: Command) =>
      withWorkbench(deps, command, async (bench) => {
        const { id } = await tenantOf(bench, name)
        await bench.storage.tenants.remove(id, bench.act())
        report(io, json, `removed tenant ${name}`, { removed: 'tenant', name })
      }),
    )
}

function toJson({ id, name, createdAt }: Tenant) {
  return { id, name, createdAt: createdAt.toISOString() }
}
