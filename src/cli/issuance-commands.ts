import type { Command } from 'commander'
import { frontLineageName } from '../certificate/lineage.ts'
import { parseDomainName, type DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { escapeUnseen } from '../verify/format-report.ts'
import { path, type Api } from './api.ts'
import { withApi } from './connect.ts'
import { card, when } from './io.ts'
import { oneOf } from './options.ts'
import type { CertificateExplanation } from './resources.ts'
import { holderOf, ownerPath } from './whose.ts'
import type { CommandDeps } from './command-deps.ts'

interface Options {
  tenant?: string
  lineage?: true
  json?: true
}

const NAMES = '<host-or-lineage>'
const BY_ANOTHER = 'The running server does it; nothing is ordered by this command itself.'

/** Certificates that authorities issue: why they are as they are, and what people ask for. */
export function addIssuanceCommands(certificate: Command, deps: CommandDeps): void {
  const { io } = deps

  const named = (name: string, description: string) =>
    certificate
      .command(`${name} ${NAMES}`)
      .description(description)
      .option('--tenant <name>', 'whose, where it is not clear')
      .option('--lineage', 'the name is that of a lineage, though a host is called so too')
      .option('--json', 'print it as JSON')

  const show = (explanation: CertificateExplanation, isJson: true | undefined) =>
    io.write(escapeUnseen(isJson ? JSON.stringify(explanation) + '\n' : screenOf(explanation)))

  named('explain', 'why a certificate is in its state, when the next step is due, what would make it sooner').action(
    (name: string, options: Options, command: Command) =>
      withApi(deps, command, async (api) => show((await explanationOf(api, name, options)).explanation, options.json)),
  )

  named('issue', 'have the first certificate ordered now, or what has failed tried again now')
    .addHelpText('after', `\n${BY_ANOTHER}`)
    .action((name: string, options: Options, command: Command) =>
      withApi(deps, command, async (api) => {
        const { at, explanation } = await explanationOf(api, name, options)
        const { body } = await api.post<CertificateExplanation>(`${lineageAt(at, explanation)}/issue`)
        show(body, options.json)
        if (body.state === 'valid')
          io.writeError(
            `note: ${body.name} has a certificate that is not due; for another: waypost certificate renew\n`,
          )
      }),
    )

  named('renew', 'have the active certificate replaced now, though it is not due')
    .addHelpText('after', `\n${BY_ANOTHER} It counts against the limits of the authority.`)
    .action((name: string, options: Options, command: Command) =>
      withApi(deps, command, async (api) => {
        const { at, explanation } = await explanationOf(api, name, options)
        const { body } = await api.post<CertificateExplanation>(`${lineageAt(at, explanation)}/renew`)
        show(body, options.json)
      }),
    )

  named('revoke', 'have the authority revoke a certificate; one that is in use is replaced first')
    .option('--certificate <id>', 'this one instead of the active one; see: waypost certificate show')
    .option(
      '--reason <reason>',
      'unspecified, key-compromise, superseded or cessation-of-operation',
      oneOf('unspecified', 'key-compromise', 'superseded', 'cessation-of-operation'),
      'unspecified',
    )
    .option('--yes', 'really')
    .action((name: string, options: Options & { certificate?: string; reason: string; yes?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { at, explanation } = await explanationOf(api, name, options)
        const lineage = lineageAt(at, explanation)
        const id = options.certificate ?? explanation.certificate?.id
        if (id === undefined)
          throw new ProblemError('not-found', `${name} has no active certificate; say which one with --certificate ID`)
        if (!options.yes)
          throw new ProblemError(
            'malformed-request',
            'whoever looks it up refuses a revoked certificate, and nothing brings it back; say --yes if that is meant',
          )
        const { body } = await api.post<{ isRevoked: boolean; explanation: CertificateExplanation }>(
          `${lineage}${path`/certificates/${id}/revoke`}`,
          { reason: options.reason },
        )
        if (options.json) io.write(JSON.stringify({ certificate: id, isRevoked: body.isRevoked }) + '\n')
        else if (body.isRevoked) io.write(`revoked: ${id}\n`)
        else {
          io.write(`it is being replaced, and is revoked as soon as its successor is in use: ${id}\n\n`)
          show(body.explanation, undefined)
        }
      }),
    )
}

interface Explained {
  at: string // the path of whose it is
  explanation: CertificateExplanation
}

/** A host is meant before a lineage, which is often called as one. */
async function explanationOf(api: Api, name: string, options: Options): Promise<Explained> {
  const ofLineage = async (lineage: string) =>
    orNothing(
      api.get<CertificateExplanation>(
        `${await ownerPath(api, options.tenant)}${path`/lineages/${lineage}/explanation`}`,
      ),
    )
  const found =
    (options.lineage ? undefined : await ofHost(api, name, options.tenant)) ??
    (await ofLineage(name)) ??
    (await ofLineage(frontLineageName(name as DomainName))) // the admin host is neither source domain nor target host
  if (!found)
    throw new ProblemError(
      'not-found',
      `there is no source domain, target host or lineage ${name}; see: waypost domain list, target list, certificate list`,
    )
  const { tenant } = found
  return { at: tenant === null ? '/operator' : path`/tenants/${tenant}`, explanation: found }
}

async function ofHost(api: Api, text: string, tenant: string | undefined): Promise<CertificateExplanation | undefined> {
  const name = parseDomainName(text)
  if (name === null) return undefined
  const isOperator = (await api.session()).isOperator
  const target =
    tenant === undefined && isOperator
      ? await orNothing(api.get<CertificateExplanation>(path`/target-hosts/${name}/certificate`))
      : undefined
  if (target) return target
  const whose = tenant ?? (await holderOf(api, text))
  if (whose === undefined) return undefined
  return orNothing(api.get<CertificateExplanation>(path`/tenants/${whose}/source-domains/${name}/certificate`))
}

async function orNothing<T>(answer: Promise<{ body: T }>): Promise<T | undefined> {
  try {
    return (await answer).body
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'not-found') return undefined
    throw error
  }
}

/** @throws ProblemError where there is no lineage yet: it says what it waits for */
function lineageAt(at: string, { lineage, summary, next }: CertificateExplanation): string {
  if (lineage === null) throw new ProblemError('not-found', `${summary} ${next.what}`)
  return `${at}${path`/lineages/${lineage}`}`
}

const AFFAIRS = {
  owner: 'the owner of the domain has to do something',
  operator: 'the operator has to do something',
  authority: 'it is the authority’s affair, and passes by itself',
} as const

export function screenOf(explanation: CertificateExplanation): string {
  const { name, tenant, lineage, state, summary, certificate, authority, next, order, failure, sooner } = explanation
  const facts: [string, string][] = [
    ['certificate of', name],
    ['tenant', tenant ?? "the operator's own"],
    ['lineage', lineage ?? 'none yet'],
    ['state', state],
    ['that is', summary],
    ...(certificate === null
      ? []
      : ([
          ['issued by', authority ?? certificate.issuer],
          ['valid', `${when(certificate.notBefore)} to ${when(certificate.notAfter)}`],
        ] as [string, string][])),
    ['next step', next.at === null ? next.what : `${when(next.at)}: ${next.what}`],
  ]
  return [card(facts), orderText(order), failureText(failure), listText('What would make it sooner', sooner)].join('')
}

function orderText(order: CertificateExplanation['order']): string {
  if (order === null) return ''
  const { authority, status, startedAt, url, authorizations } = order
  const lines = authorizations.map(
    ({ identifier, status, challenge, isAnswered }) =>
      `  ${identifier || 'a name that was not read yet'}: ${status}${challenge === null ? '' : `, by ${challenge}${isAnswered ? ', which the authority was told to look at' : ''}`}\n`,
  )
  return `\nOrder at ${authority} since ${when(startedAt)}, ${status}${url === null ? '' : `\n  ${url}`}\n${lines.join('')}`
}

function failureText(failure: CertificateExplanation['failure']): string {
  if (failure === null) return ''
  const { at, failures, whose, words, findings, nextTryAt } = failure
  const count = failures === 1 ? '' : `, ${failures} in a row`
  return `\nLast failure, ${when(at)}${count}: ${AFFAIRS[whose]}; the next try is due ${when(nextTryAt)}\n  ${words}\n${findings.map(findingText).join('')}`
}

const OUTCOMES = { ok: 'ok', wrong: 'wrong', 'could-not-ask': 'could not ask' } as const

function findingText({ outcome, words }: NonNullable<CertificateExplanation['failure']>['findings'][number]): string {
  return `  ${OUTCOMES[outcome]}: ${words}\n`
}

function listText(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `\n${title}:\n${lines.map((line) => `  ${line}\n`).join('')}`
}
