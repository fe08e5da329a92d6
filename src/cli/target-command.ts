import type { Command } from 'commander'
import type { TargetHost } from '../delegation/target-host.ts'
import { displayName, domainName, type DomainName } from '../name.ts'
import { report, table, when } from './io.ts'
import { wholeNumber } from './options.ts'
import { pages } from './pages.ts'
import { noteMissingFront, withWorkbench, type CommandDeps } from './workbench.ts'

export function addTargetCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  const target = program.command('target').description('target hosts: where the certificate to expect is answered')

  target
    .command('add <host>')
    .description('add a target host; its DNS points to this server')
    .option('--port <port>', 'of HTTPS, as others reach it', wholeNumber(1, 65535), 443)
    .option('--json', 'print it as JSON')
    .action((host: string, { port, json }: { port: number; json?: true }, command: Command) =>
      withWorkbench(deps, command, async (bench) => {
        const added = await bench.registrar.addTargetHost(host, port, bench.act())
        report(io, json, `added target host ${displayName(added.name)}`, toJson(added))
        noteMissingFront(io, bench, added)
      }),
    )

  target
    .command('list')
    .description('list the target hosts')
    .option('--search <text>', 'only names with this text')
    .option('--json', 'print them as JSON, one a line')
    .action(({ search, json }: { search?: string; json?: true }, command: Command) =>
      withWorkbench(deps, command, async ({ storage }) => {
        const rows: string[][] = []
        const list = pages((after: DomainName | undefined, limit) =>
          storage.targetHosts
            .list({ limit, ...(after === undefined ? {} : { after }), ...(search === undefined ? {} : { search }) })
            .then((items) => ({ items, next: items.at(-1)?.name })),
        )
        for await (const one of list) {
          if (json) io.write(JSON.stringify(toJson(one)) + '\n')
          else
            rows.push([
              displayName(one.name),
              String(one.port),
              one.frontLineageId === null ? 'none' : 'yes',
              when(one.createdAt),
            ])
        }
        if (!json && rows.length > 0) io.write(table(['target host', 'port', 'front certificate', 'since'], rows))
        if (!json && rows.length === 0) io.writeError('no target hosts; add one: waypost target add HOST\n')
      }),
    )

  target
    .command('remove <host>')
    .description('remove a target host that no delegation leads to')
    .option('--json', 'print it as JSON')
    .action((host: string, { json }: { json?: true }, command: Command) =>
      withWorkbench(deps, command, async ({ storage, act }) => {
        await storage.targetHosts.remove(domainName(host), act())
        report(io, json, `removed target host ${host}`, { removed: 'target-host', name: domainName(host) })
      }),
    )
}

function toJson({ id, name, port, frontLineageId, createdAt }: TargetHost) {
  return { id, name, port, hasFrontCertificate: frontLineageId !== null, createdAt: createdAt.toISOString() }
}
