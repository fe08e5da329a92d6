import type { Command } from 'commander'
import { parseHostMeta, type HostMeta } from '../delegation/host-meta.ts'
import { displayName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { pages, path } from './api.ts'
import { withApi } from './connect.ts'
import { delegationJson } from './delegation-command.ts'
import { addDomainControlCommands, lapseOf, ruleLines } from './domain-control-command.ts'
import { addDomainImportCommand } from './domain-import-command.ts'
import { card, report, table, when } from './io.ts'
import { readInput } from './options.ts'
import type { SourceDomain, SourceDomainInDetail } from './resources.ts'
import { claimOf, delegationsOf, everybodysPath, noteMissingFront, tenantOf } from './whose.ts'
import type { CommandDeps } from './command-deps.ts'

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
    .addHelpText(
      'after',
      '\nExample, with a name of your own in place of this one:\n  waypost domain add im.example.com --tenant acme --vouch',
    )
    .action(
      (name: string, options: { tenant?: string; external?: true; vouch?: true; json?: true }, command: Command) =>
        withApi(deps, command, async (api) => {
          const tenant = await tenantOf(api, options.tenant)
          const { body } = await api.post<SourceDomain>(path`/tenants/${tenant}/source-domains`, {
            name,
            mode: options.external ? 'external' : 'hosted',
            ...(options.vouch && { isVouched: true }),
          })
          const ofTenant = `${body.name}${options.tenant === undefined ? '' : ` --tenant ${tenant}`}`
          if (options.json) io.write(JSON.stringify(toJson(body)) + '\n')
          else {
            io.write(`added source domain ${displayName(body.name)} of ${tenant}\n`)
            if (body.proof === null)
              io.writeError(
                `nothing is served for it until control of it is proven, by a record that is shown or by the operator: waypost domain vouch ${ofTenant}\n`,
              )
            io.writeError(`the records to publish: waypost domain show ${ofTenant}\n`)
          }
          if (body.mode === 'hosted') noteMissingFront(io, body)
        }),
    )

  domain
    .command('list')
    .description('list source domains')
    .option('--tenant <name>', "only this tenant's")
    .option('--search <text>', 'only names with this text')
    .option('--json', 'print them as JSON, one a line')
    .action((options: { tenant?: string; search?: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const list = await everybodysPath(api, options.tenant, 'source-domains')
        const rows: string[][] = []
        for await (const one of pages<SourceDomain>(api, list, { search: options.search })) {
          if (options.json) io.write(JSON.stringify(toJson(one)) + '\n')
          else rows.push([displayName(one.name), one.tenant, one.mode, stateOf(one), when(one.createdAt)])
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
      withApi(deps, command, async (api) => {
        const found = await claimOf(api, name, options.tenant)
        const delegations = await delegationsOf(api, found)
        if (options.json) {
          const { hostMeta, dnsRecords: records } = found
          const more = { hostMeta, records }
          io.write(JSON.stringify({ ...toJson(found), ...more, delegations: delegations.map(delegationJson) }) + '\n')
          return
        }
        io.write(`${card(factsOf(found))}\n`)
        if (delegations.length > 0)
          io.write(
            table(
              ['service', 'target host', 'certificate', 'answer', 'posh'],
              delegations.map((one) => [one.service, one.targetHost, one.lineage, one.tlsAnswer, one.poshAnswer]),
            ) + (found.mode === 'external' ? `\n${ruleLines(delegations)}` : ''),
          )
        else
          io.writeError(
            `no delegations; register one: waypost delegation add ${found.name} --target HOST --certificate LINEAGE\n`,
          )
        io.write('\nDNS records to publish:\n')
        for (const { name, type, value, ttl, purpose } of found.dnsRecords)
          io.write(`; ${purpose}\n${name}. ${ttl} IN ${type} ${value}\n`)
      }),
    )

  const acts = [
    ['vouch', 'say as the operator that the tenant controls the name', 'vouched for'],
    ['unvouch', 'take that word back: nothing is served until control is proven by DNS', 'no longer vouched for'],
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
        withApi(deps, command, async (api) => {
          const found = await claimOf(api, name, options.tenant)
          if (act === 'unvouch' && found.proof !== 'vouched')
            throw new ProblemError(
              'malformed-request',
              `${displayName(found.name)} is not vouched for; nothing was changed`,
            )
          if (act === 'unvouch') await api.delete(`${pathOf(found)}/vouch`)
          else await api.post(`${pathOf(found)}/${act}`)
          const text = `${done}: ${displayName(found.name)} of ${found.tenant}`
          report(io, options.json, text, { done: act, sourceDomain: found.name, tenant: found.tenant })
        }),
      )

  domain
    .command('remove <name>')
    .description('remove a source domain with its delegations')
    .option('--tenant <name>', 'whose, where several have claimed it')
    .option('--yes', 'really')
    .option('--json', 'print it as JSON')
    .action((name: string, options: { tenant?: string; yes?: true; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const found = await claimOf(api, name, options.tenant)
        const delegations = await delegationsOf(api, found)
        if (!options.yes)
          throw new ProblemError(
            'malformed-request',
            `this withdraws all delegations of ${displayName(found.name)} (${delegations.length}); say --yes if that is meant`,
          )
        await api.delete(pathOf(found))
        report(io, options.json, `removed source domain ${displayName(found.name)} of ${found.tenant}`, {
          removed: 'source-domain',
          name: found.name,
          tenant: found.tenant,
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
      withApi(deps, command, async (api) => {
        const found = await claimOf(api, name, options.tenant)
        if (options.set === undefined && !options.off) {
          io.write(JSON.stringify(found.hostMeta, null, 2) + '\n')
          return
        }
        let hostMeta: HostMeta | null = null
        if (options.set === undefined) await api.delete(`${pathOf(found)}/host-meta`)
        else {
          hostMeta = parseHostMeta(parseJson(await readInput(options.set, io)))
          await api.put(`${pathOf(found)}/host-meta`, hostMeta)
        }
        io.write(JSON.stringify(hostMeta, null, 2) + '\n')
        io.writeError(`host-meta of ${displayName(found.name)} is ${hostMeta === null ? 'off' : 'set'}\n`)
      }),
    )

  addDomainControlCommands(domain, deps)
  addDomainImportCommand(domain, deps)
}

function pathOf({ tenant, name }: SourceDomain): string {
  return path`/tenants/${tenant}/source-domains/${name}`
}

function factsOf(domain: SourceDomainInDetail): [string, string][] {
  const { name, tenant, mode, hasFrontCertificate, hostMeta } = domain
  const shown = displayName(name)
  return [
    ['source domain', shown + (shown === name ? '' : ` (${name})`)],
    ['tenant', tenant],
    ['mode', mode === 'hosted' ? 'hosted: this server answers for it' : "external: its owner's web server redirects"],
    ['state', stateOf(domain)],
    [
      'proof',
      domain.proof === null ? `none; see: waypost domain explain ${name} --tenant ${tenant}` : PROOFS[domain.proof],
    ],
    ['front certificate', mode === 'external' ? 'not needed' : hasFrontCertificate ? 'yes' : 'none yet'],
    ['host-meta', hostMeta === null ? 'off' : `${hostMeta.links.length} links`],
  ]
}

const PROOFS = { vouched: "the operator's word", txt: 'the TXT record', cname: 'the CNAME record' }

function stateOf({ suspendedAt, state, lapsesAt, lapsedAt }: SourceDomain): string {
  if (suspendedAt !== null) return `suspended since ${when(suspendedAt)}`
  switch (state) {
    case 'unproven':
      return 'unproven, not served'
    case 'lapsed':
      return `lapsed ${when(lapsedAt)}, not served`
    case 'wavering':
      return `served, wavering: lapses ${lapseOf(lapsesAt)}`
    case 'proven':
    case 'vouched':
      return 'served'
  }
}

function toJson(domain: SourceDomain) {
  const { name, tenant, mode, suspendedAt, hasFrontCertificate, createdAt } = domain
  const { state, proof, provenAt, seenAt, waveringSince, lapsesAt, lapsedAt } = domain
  const control = { state, proof, provenAt, seenAt, waveringSince, lapsesAt, lapsedAt }
  return { name, tenant, mode, ...control, suspendedAt, hasFrontCertificate, createdAt }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new ProblemError('malformed-request', `the file is no JSON: ${(cause as Error).message}`, { cause })
  }
}
