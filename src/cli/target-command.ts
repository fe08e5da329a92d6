import type { Command } from 'commander'
import { displayName, domainName } from '../name.ts'
import { pages, path } from './api.ts'
import { withApi } from './connect.ts'
import { report, table, when } from './io.ts'
import { wholeNumber } from './options.ts'
import type { TargetHost } from './resources.ts'
import { noteMissingFront } from './whose.ts'
import type { CommandDeps } from './command-deps.ts'

export function addTargetCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  const target = program.command('target').description('target hosts: where the certificate to expect is answered')

  target
    .command('add <host>')
    .description('add a target host; its DNS points to this server')
    .option('--port <port>', 'of HTTPS, as others reach it', wholeNumber(1, 65535), 443)
    .option('--json', 'print it as JSON')
    .action((host: string, { port, json }: { port: number; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { body } = await api.post<TargetHost>('/target-hosts', { name: domainName(host), port })
        report(io, json, `added target host ${displayName(body.name)}`, toJson(body))
        noteMissingFront(io, body)
      }),
    )

  target
    .command('list')
    .description('list the target hosts')
    .option('--search <text>', 'only names with this text')
    .option('--json', 'print them as JSON, one a line')
    .action(({ search, json }: { search?: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const rows: string[][] = []
        for await (const one of pages<TargetHost>(api, '/target-hosts', { search })) {
          if (json) io.write(JSON.stringify(toJson(one)) + '\n')
          else
            rows.push([
              displayName(one.name),
              String(one.port),
              one.hasFrontCertificate ? 'yes' : 'none',
              when(one.createdAt),
            ])
        }
        if (json) return
        if (rows.length > 0) io.write(table(['target host', 'port', 'front certificate', 'since'], rows))
        else io.writeError('no target hosts; add one: waypost target add HOST\n')
      }),
    )

  target
    .command('remove <host>')
    .description('remove a target host that no delegation leads to')
    .option('--json', 'print it as JSON')
    .action((host: string, { json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const name = domainName(host)
        await api.delete(path`/target-hosts/${name}`)
        report(io, json, `removed target host ${host}`, { removed: 'target-host', name })
      }),
    )
}

function toJson({ name, port, hasFrontCertificate, createdAt }: TargetHost) {
  return { name, port, hasFrontCertificate, createdAt }
}
