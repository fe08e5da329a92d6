import type { Command } from 'commander'
import type { PoshAnswer } from '../delegation/delegation.ts'
import { serviceName } from '../delegation/service-name.ts'
import { displayName, domainName, type DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { escapeUnseen } from '../verify/format-report.ts'
import { orHint, pages, path, type Api } from './api.ts'
import { withApi } from './connect.ts'
import { report, table, when } from './io.ts'
import { oneOf, wholeNumber } from './options.ts'
import type {
  Delegation,
  RuleCheck,
  SourceDomain,
  SourceDomainInDetail,
  TargetHost,
  VerificationReport,
} from './resources.ts'
import { everybodysPath, holderOf, noteMissingFront, tenantOf } from './whose.ts'
import type { CommandDeps } from './command-deps.ts'

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
        withApi(deps, command, async (api) => {
          const { body } = await api.post<Delegation & { warnings: string[] }>(
            path`/tenants/${await ownerOf(api, domain, options.tenant)}/delegations`,
            {
              sourceDomain: domainName(domain),
              service: options.service,
              targetHost: domainName(options.target),
              lineage: options.certificate,
              tlsAnswer: options.possession ? 'possession' : 'redirect',
              poshAnswer: options.posh,
              srvPort: options.srvPort ?? null,
            },
          )
          for (const warning of body.warnings) io.writeError(`note: ${warning}\n`)
          report(io, options.json, `registered ${pathOf(body)}`, delegationJson(body))
          const source = await ifAllowed<SourceDomainInDetail>(
            api,
            path`/tenants/${body.tenant}/source-domains/${body.sourceDomain}`,
          )
          if (source?.mode === 'hosted') noteMissingFront(io, source)
          if (body.targetHost === body.sourceDomain) return
          const target = await ifAllowed<TargetHost>(api, path`/target-hosts/${body.targetHost}`)
          if (target) noteMissingFront(io, target)
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
      withApi(deps, command, async (api) => {
        const filter = {
          sourceDomain: options.domain === undefined ? undefined : domainName(options.domain),
          search: options.search,
        }
        const rows: string[][] = []
        for await (const one of pages<Delegation>(
          api,
          await everybodysPath(api, options.tenant, 'delegations'),
          filter,
        )) {
          if (options.json) io.write(JSON.stringify(delegationJson(one)) + '\n')
          else
            rows.push([
              displayName(one.sourceDomain),
              one.service,
              displayName(one.targetHost),
              one.lineage,
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
      withApi(deps, command, async (api) => {
        const found = await delegationOf(api, domain, options)
        if (options.json) {
          io.write(JSON.stringify(delegationJson(found)) + '\n')
          return
        }
        const source = await ifAllowed<SourceDomain>(
          api,
          path`/tenants/${found.tenant}/source-domains/${found.sourceDomain}`,
        )
        const isExternal = source?.mode === 'external'
        const answer =
          found.tlsAnswer === 'redirect' ? `302 to the same path at ${found.targetHost}` : 'the certificate itself'
        const rule = found.ruleCheck === null ? 'nobody has looked yet' : ruleText(found.ruleCheck)
        io.write(
          escapeUnseen(
            `${pathOf(found)}\n  ${isExternal ? `its owner's web server has to answer 302 to the same path at ${found.targetHost}` : answer}\n` +
              (isExternal ? `  the rule there: ${rule}\n` : '') +
              `  certificate: lineage ${found.lineage}; see: waypost certificate show ${found.lineage}\n`,
          ),
        )
        if (source && source.proof === null)
          io.writeError(
            `note: nothing of it is served, since control of ${found.sourceDomain} is not proven; see: waypost domain explain ${found.sourceDomain} --tenant ${found.tenant}\n`,
          )
      }),
    )

  delegation
    .command('verify <domain>')
    .description('let the server ask as an initiating entity, as it sees the names and hosts; see also: waypost verify')
    .option('--service <name>', 'which service', '_xmpp-server')
    .option('--tenant <name>', 'whose, where several have claimed the domain')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExit codes as of waypost verify: 0 proven, 1 disproven, 2 could not ask.')
    .action((domain: string, options: { service: string; tenant?: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const found = await delegationOf(api, domain, options)
        const ofOne = path`/tenants/${found.tenant}/delegations/${found.id}`
        const { body } = await api.post<VerificationReport>(`${ofOne}/verify`)
        io.write(escapeUnseen(options.json ? JSON.stringify(body) + '\n' : verificationText(body)))
        const { conclusion, ruleCheck } = body
        io.setExitCode(ruleCheck?.outcome === 'wrong' ? 1 : { proven: 0, disproven: 1, unknown: 2 }[conclusion])
      }),
    )

  delegation
    .command('withdraw <domain>')
    .description('withdraw a delegation: its paths answer 404 within a second')
    .option('--service <name>', 'which service', '_xmpp-server')
    .option('--tenant <name>', 'whose, where several have claimed the domain')
    .option('--json', 'print it as JSON')
    .action((domain: string, options: { service: string; tenant?: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const found = await delegationOf(api, domain, options)
        await api.delete(path`/tenants/${found.tenant}/delegations/${found.id}`)
        report(io, options.json, `withdrew ${pathOf(found)}`, { withdrawn: delegationJson(found) })
      }),
    )
}

function verificationText(report: VerificationReport): string {
  const { service, sourceDomain, at, conclusion, steps, ruleCheck } = report
  const lines = steps.map(
    ({ outcome, title, status, asked, found, cure }) =>
      `${outcome.padEnd(13)}  ${title}\n${[
        ...(asked === null ? [] : [`asked: ${asked}${status === null ? '' : `, answered ${status}`}`]),
        `found: ${found}`,
        ...(cure === null ? [] : [`to do: ${cure}`]),
      ]
        .map((line) => `               ${line}\n`)
        .join('')}`,
  )
  const ofRule = ruleCheck === null ? '' : `The rule on its web server: ${ruleText(ruleCheck)}\n`
  return `${service} of ${displayName(sourceDomain as DomainName)}, asked at ${when(at)}\n\n${lines.join('')}\n${ofRule}${conclusion.toUpperCase()}\n`
}

const RULE_OUTCOMES = { ok: 'in place', wrong: 'WRONG', 'could-not-ask': 'could not ask' }

export function ruleText({ outcome, found, checkedAt }: RuleCheck): string {
  return `${RULE_OUTCOMES[outcome]}, ${when(checkedAt)}: ${found}`
}

async function ownerOf(api: Api, domain: string, tenant: string | undefined): Promise<string> {
  return tenant ?? (await holderOf(api, domain)) ?? tenantOf(api, undefined)
}

async function delegationOf(
  api: Api,
  domain: string,
  options: { service: string; tenant?: string },
): Promise<Delegation> {
  const { service, protocol } = serviceName(options.service)
  const tenant = await ownerOf(api, domain, options.tenant)
  const { body } = await orHint(
    api.get<Delegation>(
      path`/tenants/${tenant}/source-domains/${domainName(domain)}/delegations/${`${service}.${protocol}`}`,
    ),
    `see: waypost delegation list --domain ${domain}`,
  )
  return body
}

/** For a note beside what is done: a token that may not look gets none. */
async function ifAllowed<Body>(api: Api, path: string): Promise<Body | undefined> {
  try {
    return (await api.get<Body>(path)).body
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'forbidden') return undefined
    throw error
  }
}

function pathOf({ service, sourceDomain }: Delegation): string {
  return `https://${sourceDomain}/.well-known/tls/${service}.${sourceDomain}`
}

export function delegationJson(delegation: Delegation) {
  const { id, tenant, sourceDomain, targetHost, targetPort, lineage, createdAt } = delegation
  const { tlsAnswer, poshAnswer, srvPort, ruleCheck } = delegation
  const { service, protocol } = serviceName(delegation.service)
  return {
    ...{ id, tenant, sourceDomain, service, protocol, targetHost, targetPort },
    ...{ lineageName: lineage, tlsAnswer, poshAnswer, srvPort, ruleCheck, createdAt },
  }
}
