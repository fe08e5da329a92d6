import type { Command } from 'commander'
import type { LineageCertificate } from '../certificate/lineage.ts'
import { published } from '../certificate/rollover.ts'
import { dnsRecords } from '../delegation/dns-records.ts'
import type { Delegation } from '../delegation/delegation.ts'
import { parseHostMeta } from '../delegation/host-meta.ts'
import type { SourceDomain } from '../delegation/source-domain.ts'
import { displayName, domainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { proofToken } from '../tenant/proof-token.ts'
import { addDomainImportCommand } from './domain-import-command.ts'
import { card, report, table, when } from './io.ts'
import { readInput } from './options.ts'
import { pages } from './pages.ts'
import { noteMissingFront, tenantOf, withWorkbench, type CommandDeps, type Workbench } from './workbench.ts'

export function addDomainCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  const domain = program.command('domain').description("source domains: the names of tenants' XMPP services")

  domain
    .command('add <name>')
    .description('register a source domain for a tenant')
    .option('--tenant <name>', 'whose; may be left out where there is only one')
    .option('--external', "its web server stays the owner's and redirects; only the target host answers here")
    .option('--vouch', 'say as the operator that the tenant controls the name, so that it is served at once')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExample:\n  waypost domain add im.example.com --tenant acme --vouch')
    .action(
      (name: string, options: { tenant?: string; external?: true; vouch?: true; json?: true }, command: Command) =>
        withWorkbench(deps, command, async (bench) => {
          const tenant = await tenantOf(bench, options.tenant)
          const added = await bench.registrar.claim(
            tenant.id,
            name,
            { mode: options.external ? 'external' : 'hosted', isVouched: options.vouch === true },
            bench.act(),
          )
          if (options.json) io.write(JSON.stringify(toJson(added)) + '\n')
          else {
            io.write(`added source domain ${displayName(added.name)} of ${tenant.name}\n`)
            if (added.proof === null)
              io.writeError(
                `nothing is served for it until control of it is proven; as the operator: waypost domain vouch ${added.name}\n`,
              )
            io.writeError(`the records to publish: waypost domain show ${added.name}\n`)
          }
          if (added.mode === 'hosted') noteMissingFront(io, bench, added)
        }),
    )

  domain
    .command('list')
    .description('list source domains')
    .option('--tenant <name>', "only this tenant's")
    .option('--search <text>', 'only names with this text')
    .option('--json', 'print them as JSON, one a line')
    .action((options: { tenant?: string; search?: string; json?: true }, command: Command) =>
      withWorkbench(deps, command, async (bench) => {
        const whose = options.tenant === undefined ? 'all' : (await tenantOf(bench, options.tenant)).id
        const rows: string[][] = []
        const list = pages((after: SourceDomain | undefined, limit) =>
          bench.storage.sourceDomains
            .list(whose, {
              limit,
              ...(after === undefined ? {} : { after }),
              ...(options.search === undefined ? {} : { search: options.search }),
            })
            .then((items) => ({ items, next: items.at(-1) })),
        )
        for await (const one of list) {
          if (options.json) io.write(JSON.stringify(toJson(one)) + '\n')
          else rows.push([displayName(one.name), one.tenantName, one.mode, stateOf(one), when(one.createdAt)])
        }
        if (options.json) return
        if (rows.length > 0) io.write(table(['source domain', 'tenant', 'mode', 'state', 'since'], rows))
        else io.writeError('no source domains; add one: waypost domain add NAME\n')
      }),
    )

  domain
    .command('show <name>')
    .description('show a source domain: where it stands, its delegations, and the DNS records to publish')
    .option('--tenant <name>', 'whose, where several have claimed it')
    .option('--json', 'print it as JSON')
    .action((name: string, options: { tenant?: string; json?: true }, command: Command) =>
      withWorkbench(deps, command, async (bench) => {
        const found = await claimOf(bench, name, options.tenant)
        const delegations = await bench.storage.delegations.list(found.tenantId, {
          sourceDomain: found.name,
          limit: 1000,
        })
        const records = await recordsOf(bench, found, delegations)
        if (options.json) {
          io.write(JSON.stringify({ ...toJson(found), delegations, records }) + '\n')
          return
        }
        io.write(
          card([
            [
              'source domain',
              displayName(found.name) + (displayName(found.name) === found.name ? '' : ` (${found.name})`),
            ],
            ['tenant', found.tenantName],
            [
              'mode',
              found.mode === 'hosted'
                ? 'hosted: this server answers for it'
                : "external: its owner's web server redirects",
            ],
            ['state', stateOf(found)],
            [
              'front certificate',
              found.mode === 'external' ? 'not needed' : found.frontLineageId === null ? 'none yet' : 'yes',
            ],
            ['host-meta', found.hostMeta === null ? 'off' : `${found.hostMeta.links.length} links`],
          ]),
        )
        io.write('\n')
        if (delegations.length > 0)
          io.write(
            table(
              ['service', 'target host', 'certificate', 'answer', 'posh'],
              delegations.map((one) => [
                `${one.service}.${one.protocol}`,
                one.targetHost,
                one.lineageName,
                one.tlsAnswer,
                one.poshAnswer,
              ]),
            ),
          )
        else
          io.writeError(
            `no delegations; register one: waypost delegation add ${found.name} --target HOST --certificate LINEAGE\n`,
          )
        io.write('\nDNS records to publish:\n')
        for (const { name, type, value, ttl, purpose } of records)
          io.write(`; ${purpose}\n${name}. ${ttl} IN ${type} ${value}\n`)
      }),
    )

  const acts = [
    ['vouch', 'say as the operator that the tenant controls the name', 'vouched for'],
    ['suspend', 'answer 404 for everything of this name until it is resumed', 'suspended'],
    ['resume', 'serve a suspended name again', 'resumed'],
  ] as const
  for (const [act, description, done] of acts)
    domain
      .command(`${act} <name>`)
      .description(description)
      .option('--tenant <name>', 'whose, where several have claimed it')
      .option('--json', 'print it as JSON')
      .action((name: string, options: { tenant?: string; json?: true }, command: Command) =>
        withWorkbench(deps, command, async (bench) => {
          const found = await claimOf(bench, name, options.tenant)
          await bench.storage.sourceDomains[act](found.tenantId, found.name, bench.act())
          const text = `${done}: ${displayName(found.name)} of ${found.tenantName}`
          report(io, options.json, text, { done: act, sourceDomain: found.name, tenant: found.tenantName })
        }),
      )

  domain
    .command('remove <name>')
    .description('remove a source domain with its delegations')
    .option('--tenant <name>', 'whose, where several have claimed it')
    .option('--yes', 'really')
    .option('--json', 'print it as JSON')
    .action((name: string, options: { tenant?: string; yes?: true; json?: true }, command: Command) =>
      withWorkbench(deps, command, async (bench) => {
        const found = await claimOf(bench, name, options.tenant)
        const delegations = await bench.storage.delegations.list(found.tenantId, {
          sourceDomain: found.name,
          limit: 1000,
        })
        if (!options.yes)
          throw new ProblemError(
            'malformed-request',
            `this withdraws all delegations of ${displayName(found.name)} (${delegations.length}); say --yes if that is meant`,
          )
        await bench.storage.sourceDomains.remove(found.tenantId, found.name, bench.act())
        report(io, options.json, `removed source domain ${displayName(found.name)} of ${found.tenantName}`, {
          removed: 'source-domain',
          name: found.name,
          tenant: found.tenantName,
          delegations: delegations.length,
        })
      }),
    )

  domain
    .command('host-meta <name>')
    .description('alternative connection methods (XEP-0156): what /.well-known/host-meta answers')
    .option('--tenant <name>', 'whose, where several have claimed it')
    .option('--set <file>', 'a JSON file, - for standard input: {"links":[{"rel":…,"href":…}],"hostMeta2":null}')
    .option('--off', 'answer 404 from now on')
    .action((name: string, options: { tenant?: string; set?: string; off?: true }, command: Command) =>
      withWorkbench(deps, command, async (bench) => {
        const found = await claimOf(bench, name, options.tenant)
        if (options.set === undefined && !options.off) {
          io.write(JSON.stringify(found.hostMeta, null, 2) + '\n')
          return
        }
        const hostMeta = options.set === undefined ? null : parseHostMeta(parseJson(await readInput(options.set, io)))
        await bench.storage.sourceDomains.setHostMeta(found.tenantId, found.name, hostMeta, bench.act())
        io.write(JSON.stringify(hostMeta, null, 2) + '\n')
        io.writeError(`host-meta of ${displayName(found.name)} is ${hostMeta === null ? 'off' : 'set'}\n`)
      }),
    )

  addDomainImportCommand(domain, deps)
}

/** One tenant's claim to a name. @throws ProblemError not-found; malformed-request where it is not clear whose */
async function claimOf(bench: Workbench, text: string, tenantName: string | undefined): Promise<SourceDomain> {
  const name = domainName(text)
  const claims = await bench.storage.sourceDomains.claims(name)
  const tenant = tenantName === undefined ? undefined : await tenantOf(bench, tenantName)
  const [first, second] = tenant ? claims.filter(({ tenantId }) => tenantId === tenant.id) : claims
  if (!first)
    throw new ProblemError('not-found', `there is no source domain ${text}; add it: waypost domain add ${text}`)
  if (second)
    throw new ProblemError(
      'malformed-request',
      `several tenants have claimed ${text} (${claims.map((claim) => claim.tenantName).join(', ')}); say whose with --tenant NAME`,
    )
  return first
}

async function recordsOf(bench: Workbench, domain: SourceDomain, delegations: Delegation[]) {
  const { lineages } = bench.storage
  const now = bench.clock.now()
  const certificates = new Map<string, LineageCertificate[]>()
  for (const lineageId of new Set(delegations.map((one) => one.lineageId))) {
    const lineage = (await lineages.find(domain.tenantId, lineageId)) ?? (await lineages.find(null, lineageId))
    certificates.set(lineageId, published(lineage?.certificates ?? [], now))
  }
  return dnsRecords({
    sourceDomain: domain,
    delegations,
    certificates,
    edge: bench.installation.config.edge,
    proofToken: proofToken(bench.sealer.deriveKey('proof-token'), domain.tenantId, domain.name),
  })
}

function stateOf({ suspendedAt, proof }: SourceDomain): string {
  if (suspendedAt !== null) return `suspended since ${when(suspendedAt)}`
  return proof === null ? 'unproven, not served' : 'served'
}

function toJson(domain: SourceDomain) {
  return {
    name: domain.name,
    tenant: domain.tenantName,
    mode: domain.mode,
    proof: domain.proof,
    provenAt: domain.provenAt?.toISOString() ?? null,
    suspendedAt: domain.suspendedAt?.toISOString() ?? null,
    hasFrontCertificate: domain.frontLineageId !== null,
    hostMeta: domain.hostMeta,
    createdAt: domain.createdAt.toISOString(),
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new ProblemError('malformed-request', `the file is no JSON: ${(cause as Error).message}`, { cause })
  }
}
