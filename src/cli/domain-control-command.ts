import type { Command } from 'commander'
import type { DnsRecord } from '../delegation/dns-records.ts'
import type { RedirectRule } from '../delegation/redirect-rules.ts'
import { ZONE_FORMS, type ZoneForm } from '../delegation/zone-text.ts'
import { displayName } from '../name.ts'
import { FAULT_WORDS, isToPublish, REPLY_WORDS } from '../tenant/explanation.ts'
import type { Look } from '../tenant/findings.ts'
import { challengeName } from '../tenant/proof-token.ts'
import { escapeUnseen } from '../verify/format-report.ts'
import { path } from './api.ts'
import { withApi } from './connect.ts'
import { ruleText } from './delegation-command.ts'
import { card, EXIT, when } from './io.ts'
import { oneOf } from './options.ts'
import type { ControlOfSourceDomain, Delegation, SourceDomain, SourceDomainInDetail } from './resources.ts'
import { claimOf, delegationsOf } from './whose.ts'
import type { CommandDeps } from './command-deps.ts'

const CHECK_HELP = `
Exit codes:
  0  control is proven
  1  it is not: the record is not there, or another tenant holds the name
  2  could not ask, or the command was used wrongly; this says nothing against the domain, and nothing is lost by it`

interface Options {
  tenant?: string
  json?: true
}

/** Who may speak for a name, and what its owner's web server has to say. */
export function addDomainControlCommands(domain: Command, deps: CommandDeps): void {
  const { io } = deps

  domain
    .command('check <name>')
    .description('look for the proof of control now, at the name servers of the zone')
    .option('--tenant <name>', 'whose, where several have claimed it')
    .option('--json', 'print it as JSON')
    .addHelpText('after', CHECK_HELP)
    .action((name: string, options: Options, command: Command) =>
      withApi(deps, command, async (api) => {
        const found = await claimOf(api, name, options.tenant)
        const { body } = await api.post<ControlOfSourceDomain>(`${pathOf(found)}/check`)
        io.write(options.json ? escapeUnseen(JSON.stringify(body) + '\n') : screenOf(body))
        io.setExitCode(exitCodeOf(body))
      }),
    )

  domain
    .command('explain <name>')
    .description('how it stands with the proof of control: what was asked of whom, what came back, what to do')
    .option('--tenant <name>', 'whose, where several have claimed it')
    .option('--json', 'print it as JSON')
    .action((name: string, options: Options, command: Command) =>
      withApi(deps, command, async (api) => {
        const found = await claimOf(api, name, options.tenant)
        const { body } = await api.get<ControlOfSourceDomain>(`${pathOf(found)}/control`)
        io.write(options.json ? escapeUnseen(JSON.stringify(body) + '\n') : screenOf(body))
      }),
    )

  domain
    .command('records <name>')
    .description('the DNS records to publish, as text for whoever edits zones or has programs do it')
    .option('--for <form>', 'zone, bind (with $ORIGIN), nsupdate', oneOf(...ZONE_FORMS), 'zone')
    .option('--tenant <name>', 'whose, where several have claimed it')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExample:\n  waypost domain records im.example.com --for nsupdate | nsupdate -k key.conf')
    .action((name: string, options: Options & { for: ZoneForm }, command: Command) =>
      withApi(deps, command, async (api) => {
        const found = await claimOf(api, name, options.tenant)
        if (options.json) {
          const { body } = await api.get<SourceDomainInDetail>(pathOf(found))
          return io.write(escapeUnseen(JSON.stringify(body.dnsRecords) + '\n'))
        }
        for await (const chunk of api.text(`${pathOf(found)}/zone-file`, { format: options.for })) io.write(chunk)
      }),
    )

  domain
    .command('rule <name>')
    .description('what the owner of an external source domain puts on their own web server, and how it was found there')
    .option(
      '--for <server>',
      'only this web server: nginx, apache, caddy, haproxy, cloudflare, static',
      oneOf('nginx', 'apache', 'caddy', 'haproxy', 'cloudflare', 'static'),
    )
    .option('--tenant <name>', 'whose, where several have claimed it')
    .option('--json', 'print it as JSON')
    .action((name: string, options: Options & { for?: string }, command: Command) =>
      withApi(deps, command, async (api) => {
        const found = await claimOf(api, name, options.tenant)
        const { items } = (await api.get<{ items: RedirectRule[] }>(`${pathOf(found)}/redirect-rules`)).body
        if (items.length === 0) {
          if (options.json) io.write('[]\n')
          io.writeError(
            `nothing of ${displayName(found.name)} is delegated yet, so that there is nothing to redirect; register a delegation: waypost delegation add ${found.name} --target HOST --certificate LINEAGE\n`,
          )
          return
        }
        const wanted = items.filter(({ server }) => options.for === undefined || server === options.for)
        if (options.json) io.write(JSON.stringify(wanted) + '\n')
        else io.write(wanted.map(({ title, where, text }) => `# ${title}: ${where}\n\n${text.trimEnd()}\n`).join('\n'))
        if (found.mode === 'external') io.writeError(ruleLines(await delegationsOf(api, found)))
        else
          io.writeError(
            `note: ${found.name} is hosted: this server answers for it, and the rules are only for a web server of the owner's own\n`,
          )
      }),
    )
}

export function exitCodeOf({ proof, isHeldByAnother, lastLook }: ControlOfSourceDomain): number {
  if (proof === 'vouched') return EXIT.done // whatever DNS says
  if (lastLook?.outcome === 'could-not-ask') return EXIT.couldNot
  return proof !== null && !isHeldByAnother && lastLook?.outcome !== 'wrong' ? EXIT.done : EXIT.refused
}

export function screenOf(control: ControlOfSourceDomain): string {
  const { name, tenant, summary, advice, lastLook, nextCheckAt, dnsRecords } = control
  const shown = displayName(name)
  const facts: [string, string][] = [
    ['source domain', shown + (shown === name ? '' : ` (${name})`)],
    ['tenant', tenant],
    ['control', `${control.state}${sinceOf(control)}`],
    ['that is', summary],
    [
      'last look',
      lastLook === null
        ? 'none yet'
        : `${when(lastLook.at)}: ${OUTCOMES[lastLook.outcome ?? 'none']}${control.proof === 'vouched' ? '; not needed while the operator vouches' : ''}`,
    ],
    ['next look', nextCheckAt === null ? 'none is due' : when(nextCheckAt)],
  ]
  const looks = (lastLook?.looks ?? []).map((look) => `\n${lookText(look, control)}`)
  const [first, ...others] = advice
  const isRecordShown = first !== undefined && isToPublish(control.state, lastLook?.outcome ?? null)
  const todo = isRecordShown
    ? `\nWhat to do: ${first}\n\n${dnsRecords.map(recordText).join('\n')}\n${lines(others)}`
    : advice.length > 0
      ? `\nWhat to do:\n${lines(advice)}`
      : ''
  return escapeUnseen(card(facts) + looks.join('') + historyText(control) + todo)
}

/** Only where something has changed: otherwise the last look has said it. */
function historyText({ history }: ControlOfSourceDomain): string {
  if (history.length < 2) return ''
  const spans = history.map(({ firstAt, lastAt, looks, outcome, proof }) => {
    const [from, to] = [when(firstAt), when(lastAt)]
    const what = proof === null ? OUTCOMES[outcome] : `${OUTCOMES[outcome]}, ${proof.toUpperCase()} record`
    return `  ${from === to ? from : `${from} to ${to}`}, ${looks} look${looks === 1 ? '' : 's'}: ${what}\n`
  })
  return `\nEarlier looks, the newest first:\n${spans.join('')}`
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `- ${text}\n`).join('')
}

/** As a zone file has it, one that is included anywhere. */
function recordText({ name, type, value, ttl, purpose }: DnsRecord): string {
  return `; ${purpose}\n${name}. ${ttl} IN ${type} ${value}\n`
}

function lookText(look: Look, { name }: ControlOfSourceDomain): string {
  const { type, aliases, zone, fault, replies } = look
  const isMadeUp = look.name !== name && look.name !== challengeName(name)
  return [
    `${type} ${look.name}${aliases.map((alias) => ` -> ${alias}`).join('')}${zone === null ? '' : `, of the name servers of ${zone}`}`,
    ...(isMadeUp
      ? ['  (a name made up for this look: had it the record too, a wildcard would give it to every name)']
      : []),
    ...(fault === null ? [] : [`  ${FAULT_WORDS[fault]}`]),
    ...replies.map(
      ({ server, address, reply, values }) =>
        `  ${server}${address === '' ? '' : ` (${address})`} ${REPLY_WORDS[reply]}${values.length === 0 ? '' : `: ${values.map((value) => JSON.stringify(value)).join(', ')}`}`,
    ),
    '',
  ].join('\n')
}

/** Not before that instant, and at any look after it. */
export function lapseOf(lapsesAt: string | null): string {
  return lapsesAt === null ? 'never' : `at the first look after ${when(lapsesAt)}`
}

/** What was found on the web server of an external source domain, a line for each delegation. */
export function ruleLines(delegations: readonly Delegation[]): string {
  return escapeUnseen(
    delegations
      .map(({ service, ruleCheck }) => {
        const found = ruleCheck === null ? 'nobody has looked yet' : ruleText(ruleCheck)
        return `the rule for ${service}: ${found}\n`
      })
      .join(''),
  )
}

function sinceOf({ state, provenAt, waveringSince, lapsesAt, lapsedAt, seenAt }: ControlOfSourceDomain): string {
  switch (state) {
    case 'unproven':
      return ''
    case 'vouched':
      return ` for since ${when(provenAt)}`
    case 'proven':
      return ` since ${when(provenAt)}, last seen ${when(seenAt)}`
    case 'wavering':
      return ` since ${when(waveringSince)}, lapses ${lapseOf(lapsesAt)}`
    case 'lapsed':
      return ` since ${when(lapsedAt)}`
  }
}

const OUTCOMES = {
  ok: 'found',
  wrong: 'not found',
  'could-not-ask': 'could not ask; by that nobody loses or gains a name',
  none: 'made before this claim',
}

function pathOf({ tenant, name }: SourceDomain): string {
  return path`/tenants/${tenant}/source-domains/${name}`
}
