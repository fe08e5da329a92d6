import type { Command } from 'commander'
import type { Delegation, PoshAnswer } from '../delegation/delegation.ts'
import { serviceName } from '../delegation/service-name.ts'
import { displayName, domainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { report, table, when } from './io.ts'
import { oneOf, wholeNumber } from './options.ts'
import { pages } from './pages.ts'
import { noteMissingFront, tenantOf, withWorkbench, type CommandDeps, type Workbench } from './workbench.ts'

export function addDelegationCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  const delegation = program
    .command('delegation')
    .description('delegations: which certificate a service of a source domain presents, and at which target host')

  delegation
    .command('add <domain>')
    .description('register a delegation')
    .requiredOption('--target <host>', 'the target host')
    .requiredOption(
      '--certificate <lineage>',
      "the lineage of the service certificate: the tenant's own, else the operator's",
    )
    .option('--service <name>', 'such as _xmpp-server or _xmpp-client._tcp', '_xmpp-server')
    .option('--possession', 'answer with the certificate at the source domain itself, without the redirect')
    .option(
      '--posh <answer>',
      'what RFC 7711 clients get: fingerprints, redirect, reference or off',
      oneOf<PoshAnswer>('fingerprints', 'redirect', 'reference', 'off'),
      'fingerprints' as const,
    )
    .option(
      '--srv-port <port>',
      "of the service, for its SRV record; the service's usual one where left out",
      wholeNumber(1, 65535),
    )
    .option('--tenant <name>', 'whose, where several have claimed the domain')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
Prosody follows neither redirects nor references of RFC 7711: leave --posh as it is unless you know who asks.

Example:
  waypost delegation add im.example.com --target hosting.example.com --certificate hosting.example.com`,
    )
    .action(
      (
        domain: string,
        options: {
          target: string
          certificate: string
          service: string
          possession?: true
          posh: PoshAnswer
          srvPort?: number
          tenant?: string
          json?: true
        },
        command: Command,
      ) =>
        withWorkbench(deps, command, async (bench) => {
          const tenantId = await ownerOf(bench, domain, options.tenant)
          const { delegation: added, warnings } = await bench.registrar.register(
            tenantId,
            {
              sourceDomain: domain,
              service: options.service,
              targetHost: options.target,
              lineage: options.certificate,
              tlsAnswer: options.possession ? 'possession' : 'redirect',
              poshAnswer: options.posh,
              srvPort: options.srvPort,
            },
            bench.act(),
          )
          for (const warning of warnings) io.writeError(`note: ${warning}\n`)
          report(io, options.json, `registered ${pathOf(added)}`, toJson(added))
          const { sourceDomains, targetHosts } = bench.storage
          const source = await sourceDomains.find(tenantId, added.sourceDomain)
          if (source?.mode === 'hosted') noteMissingFront(io, bench, source)
          const target = await targetHosts.find(added.targetHost)
          if (target && target.name !== source?.name) noteMissingFront(io, bench, target)
        }),
    )

  delegation
    .command('list')
    .description('list delegations, newest first')
    .option('--tenant <name>', "only this tenant's")
    .option('--domain <name>', "only this source domain's")
    .option('--search <text>', 'only source domains with this text')
    .option('--json', 'print them as JSON, one a line')
    .action((options: { tenant?: string; domain?: string; search?: string; json?: true }, command: Command) =>
      withWorkbench(deps, command, async (bench) => {
        const whose = options.tenant === undefined ? 'all' : (await tenantOf(bench, options.tenant)).id
        const filter = {
          ...(options.domain === undefined ? {} : { sourceDomain: domainName(options.domain) }),
          ...(options.search === undefined ? {} : { search: options.search }),
        }
        const rows: string[][] = []
        const list = pages((after: string | undefined, limit) =>
          bench.storage.delegations
            .list(whose, { ...filter, limit, ...(after === undefined ? {} : { after }) })
            .then((items) => ({ items, next: items.at(-1)?.id })),
        )
        for await (const one of list) {
          if (options.json) io.write(JSON.stringify(toJson(one)) + '\n')
          else
            rows.push([
              displayName(one.sourceDomain),
              `${one.service}.${one.protocol}`,
              displayName(one.targetHost),
              one.lineageName,
              one.tlsAnswer,
              one.poshAnswer,
              when(one.createdAt),
            ])
        }
        if (options.json) return
        if (rows.length > 0)
          io.write(table(['source domain', 'service', 'target host', 'certificate', 'answer', 'posh', 'since'], rows))
        else
          io.writeError(
            'no delegations; register one: waypost delegation add DOMAIN --target HOST --certificate LINEAGE\n',
          )
      }),
    )

  delegation
    .command('show <domain>')
    .description('show one delegation with the paths it is published under')
    .option('--service <name>', 'which service', '_xmpp-server')
    .option('--tenant <name>', 'whose, where several have claimed the domain')
    .option('--json', 'print it as JSON')
    .action((domain: string, options: { service: string; tenant?: string; json?: true }, command: Command) =>
      withWorkbench(deps, command, async (bench) => {
        const found = await delegationOf(bench, domain, options)
        if (options.json) io.write(JSON.stringify(toJson(found)) + '\n')
        else
          io.write(
            `${pathOf(found)}\n  ${found.tlsAnswer === 'redirect' ? `302 to the same path at ${found.targetHost}` : 'the certificate itself'}\n` +
              `  certificate: lineage ${found.lineageName}; see: waypost certificate show ${found.lineageName}\n`,
          )
      }),
    )

  delegation
    .command('withdraw <domain>')
    .description('withdraw a delegation: its paths answer 404 within a second')
    .option('--service <name>', 'which service', '_xmpp-server')
    .option('--tenant <name>', 'whose, where several have claimed the domain')
    .option('--json', 'print it as JSON')
    .action((domain: string, options: { service: string; tenant?: string; json?: true }, command: Command) =>
      withWorkbench(deps, command, async (bench) => {
        const found = await delegationOf(bench, domain, options)
        await bench.storage.delegations.withdraw(found.tenantId, found.id, bench.act())
        report(io, options.json, `withdrew ${pathOf(found)}`, { withdrawn: toJson(found) })
      }),
    )
}

async function ownerOf(bench: Workbench, domain: string, tenant: string | undefined): Promise<string> {
  if (tenant !== undefined) return (await tenantOf(bench, tenant)).id
  const claims = await bench.storage.sourceDomains.claims(domainName(domain))
  if (claims.length > 1)
    throw new ProblemError('malformed-request', `several tenants have claimed ${domain}; say whose with --tenant NAME`)
  return claims[0]?.tenantId ?? (await tenantOf(bench, undefined)).id
}

async function delegationOf(
  bench: Workbench,
  domain: string,
  options: { service: string; tenant?: string },
): Promise<Delegation> {
  const { service, protocol } = serviceName(options.service)
  const tenantId = await ownerOf(bench, domain, options.tenant)
  const list = await bench.storage.delegations.list(tenantId, { sourceDomain: domainName(domain), limit: 1000 })
  const found = list.find((one) => one.service === service && one.protocol === protocol)
  if (!found)
    throw new ProblemError(
      'not-found',
      `${service}.${protocol} of ${domain} is not delegated; see: waypost delegation list --domain ${domain}`,
    )
  return found
}

function pathOf({ service, protocol, sourceDomain }: Delegation): string {
  return `https://${sourceDomain}/.well-known/tls/${service}.${protocol}.${sourceDomain}`
}

function toJson({ createdAt, ...rest }: Delegation) {
  return { ...rest, createdAt: createdAt.toISOString() }
}
