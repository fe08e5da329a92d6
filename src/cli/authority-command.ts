import type { Command } from 'commander'
import { KNOWN_DIRECTORIES } from '../acme/known-directories.ts'
import { ProblemError } from '../problem.ts'
import { orHint, path, type Api } from './api.ts'
import { withApi } from './connect.ts'
import { card, EXIT, report, table, when, WrongUse } from './io.ts'
import { each, oneOf, readInput, wholeNumber } from './options.ts'
import type { AcmeAuthority, AcmeAuthorityReport } from './resources.ts'
import type { CommandDeps } from './command-deps.ts'

const keyTypes = oneOf('ec-p256', 'ec-p384', 'rsa-2048')

interface Terms {
  rank?: number
  contact?: string[]
  profile?: string
  requireProfile?: true
  keyType?: string
  preferredChain?: string
  json?: true
}

interface AddOptions extends Terms {
  directory?: string
  eabKeyId?: string
  eabKeyFile?: string
  caFile?: string
  agreeToTerms?: true
}

export function addAuthorityCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  const authority = program.command('authority').description('who issues certificates')

  authority
    .command('add <name>')
    .description('make an account at an authority that speaks ACME, and order certificates from it')
    .option(
      '--directory <url>',
      `of its ACME directory; not needed for ${Object.keys(KNOWN_DIRECTORIES).join(' and ')}`,
    )
    .option('--contact <mail>', 'whom it may write to; may be given several times', each)
    .option('--eab-key-id <id>', 'of the external account that it wants, as it shows it')
    .option('--eab-key-file <file>', 'with the key of the external account; - is standard input')
    .option('--ca-file <file>', "PEM roots to trust for the authority's own HTTPS, instead of the usual ones")
    .option('--profile <name>', 'how certificates are made, of those that it offers')
    .option('--require-profile', 'order nothing where it does not offer that profile')
    .option('--key-type <type>', 'of certificates: ec-p256, ec-p384 or rsa-2048', keyTypes)
    .option('--preferred-chain <root>', 'common name of the root, where it offers chains to several')
    .option(
      '--rank <number>',
      'the lowest is asked first; behind those that are there where left out',
      wholeNumber(0, 1000),
    )
    .option('--agree-to-terms', 'you have read its terms of service, and agree')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
Nothing is kept where the authority refuses. Front certificates are ordered from authorities where waypost.toml says
[front] authority = "acme".

Examples:
  waypost authority add letsencrypt --contact hostmaster@example.net --agree-to-terms
  waypost authority add ours --directory https://ca.example.net/acme/directory --ca-file root.pem`,
    )
    .action((name: string, options: AddOptions, command: Command) =>
      withApi(deps, command, async (api) => {
        const { eabKeyId, eabKeyFile, caFile } = options
        const directoryUrl = options.directory ?? KNOWN_DIRECTORIES[name]
        if (directoryUrl === undefined)
          throw new WrongUse(`the directory of ${name} is not known here: give its URL with --directory`)
        const { body } = await orAgreement(
          api.post<AcmeAuthority & { warnings: string[] }>('/authorities', {
            ...{ name, directoryUrl, ...terms(options) },
            ...(eabKeyId !== undefined && { eabKeyId }),
            ...(eabKeyFile !== undefined && { eabKey: (await readInput(eabKeyFile, io)).toString().trim() }),
            ...(caFile !== undefined && { caPem: (await readInput(caFile, io)).toString() }),
            agreesToTerms: options.agreeToTerms === true,
          }),
        )
        const { warnings, ...added } = body
        if (options.json) io.write(JSON.stringify(added) + '\n')
        else io.write(`added authority ${name}\n${card(facts(added))}`)
        for (const warning of warnings) io.writeError(`note: ${warning}\n`)
      }),
    )

  authority
    .command('list')
    .description('list the authorities, the one that is asked first before the others')
    .option('--json', 'print them as JSON, one a line')
    .action(({ json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { items } = (await api.get<{ items: AcmeAuthority[] }>('/authorities')).body
        if (json) io.write(items.map((one) => JSON.stringify(one) + '\n').join(''))
        else if (items.length > 0)
          io.write(
            table(
              ['authority', 'rank', 'state', 'directory'],
              items.map((one) => [one.name, String(one.rank), stateOf(one), one.directoryUrl]),
            ),
          )
        else io.writeError('no authorities; add one: waypost authority add letsencrypt --agree-to-terms\n')
      }),
    )

  authority
    .command('show <name>')
    .description('show an authority and our account there')
    .option('--json', 'print it as JSON')
    .action((name: string, { json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const found = await authorityOf(api, name)
        io.write(json ? JSON.stringify(found) + '\n' : card(facts(found)))
      }),
    )

  authority
    .command('test <name>')
    .description('ask an authority for its directory and the account')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExit codes: 0 it answers as it should; 1 it does not, and the answer says what to do.')
    .action((name: string, { json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const asked = api.post<AcmeAuthorityReport>(path`/authorities/${name}/test`)
        const { body } = await orHint(asked, 'see: waypost authority list')
        io.write(json ? JSON.stringify(body) + '\n' : card(findings(body)))
        io.setExitCode(body.fault === null ? EXIT.done : EXIT.refused)
      }),
    )

  authority
    .command('update <name>')
    .description('change what is ordered from an authority and whom it writes to; what is left out stays')
    .option('--contact <mail>', 'whom it may write to, in place of those before; may be given several times', each)
    .option('--profile <name>', 'how certificates are made; none: as the authority likes')
    .option('--require-profile', 'order nothing where it does not offer that profile')
    .option('--key-type <type>', 'of certificates: ec-p256, ec-p384 or rsa-2048', keyTypes)
    .option('--preferred-chain <root>', 'common name of the root; none: the chain that it offers first')
    .option('--rank <number>', 'the lowest is asked first', wholeNumber(0, 1000))
    .option('--json', 'print it as JSON')
    .action((name: string, options: Terms, command: Command) =>
      withApi(deps, command, async (api) => {
        const asked = api.patch<AcmeAuthority>(path`/authorities/${name}`, terms(options))
        const { body } = await orHint(asked, 'see: waypost authority list')
        io.write(options.json ? JSON.stringify(body) + '\n' : `changed authority ${name}\n${card(facts(body))}`)
      }),
    )

  authority
    .command('resume <name>')
    .description('ask a paused authority again at once, and what waits for it')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nWhere it still refuses it is paused again.')
    .action((name: string, { json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const asked = api.post<AcmeAuthority>(path`/authorities/${name}/resume`)
        const { body } = await orHint(asked, 'see: waypost authority list')
        io.write(json ? JSON.stringify(body) + '\n' : `authority ${name} is asked again\n${card(facts(body))}`)
      }),
    )

  authority
    .command('change-key <name>')
    .description('give the account at an authority another key; may be asked again after it failed')
    .option('--json', 'print it as JSON')
    .action((name: string, { json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const asked = api.post<AcmeAuthority>(path`/authorities/${name}/change-key`)
        const { body } = await orHint(asked, 'see: waypost authority list')
        report(io, json, `the account at ${name} has another key`, { changed: 'account-key', authority: body.name })
      }),
    )

  authority
    .command('remove <name>')
    .description('order nothing more from an authority; its certificates stay, and are renewed elsewhere')
    .option('--yes', 'really')
    .option('--json', 'print it as JSON')
    .action((name: string, { yes, json }: { yes?: true; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        await authorityOf(api, name)
        if (!yes)
          throw new ProblemError(
            'malformed-request',
            `this destroys the key of the account at ${name}, whose certificates cannot be revoked from here any more; say --yes if that is meant`,
          )
        await api.delete(path`/authorities/${name}`)
        report(io, json, `removed authority ${name}`, { removed: 'authority', name })
      }),
    )

  authority
    .command('root')
    .description("print the local authority's root certificate as PEM, for those who are to trust it")
    .option('--json', 'print it as JSON')
    .action(({ json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { body } = await api.get<{ rootPem: string }>('/authority')
        io.write(json ? JSON.stringify(body) + '\n' : body.rootPem)
      }),
    )
}

/** What the request says of orders; what the command line leaves out is left out. */
function terms({ rank, contact, profile, requireProfile, keyType, preferredChain }: Terms) {
  const isNone = profile === 'none'
  if (requireProfile && (profile === undefined || isNone))
    throw new WrongUse('--require-profile is said of a profile: name it with --profile')
  return {
    ...(rank !== undefined && { rank }),
    ...(contact !== undefined && { contact: contact.map((one) => (one.includes(':') ? one : `mailto:${one}`)) }),
    ...(profile !== undefined && { profile: isNone ? null : { name: profile, isRequired: requireProfile === true } }),
    ...(keyType !== undefined && { keyType }),
    ...(preferredChain !== undefined && { preferredChain: preferredChain === 'none' ? null : preferredChain }),
  }
}

async function authorityOf(api: Api, name: string): Promise<AcmeAuthority> {
  const asked = api.get<AcmeAuthority>(path`/authorities/${name}`)
  return (await orHint(asked, 'see: waypost authority list')).body
}

/** How one agrees is another thing on each way to the API. */
async function orAgreement<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    const isUnagreed = error instanceof ProblemError && error.fields.some(({ pointer }) => pointer === '/agreesToTerms')
    throw isUnagreed ? new ProblemError(error.code, `${error.message}: --agree-to-terms`, { cause: error }) : error
  }
}

function facts(authority: AcmeAuthority): [string, string][] {
  const {
    name,
    rank,
    directoryUrl,
    caPem,
    contact,
    eabKeyId,
    profile,
    keyType,
    termsOfService,
    accountUrl,
    preferredChain,
  } = authority
  return [
    ['authority', name],
    ['state', stateOf(authority)],
    ...(authority.pauseReason === null ? [] : [['because', authority.pauseReason] as [string, string]]),
    ['rank', String(rank)],
    ['directory', directoryUrl],
    ['its HTTPS', caPem === null ? 'trusted by the usual roots' : 'trusted by roots of its own'],
    ['account', accountUrl],
    ['contact', contact.map((url) => url.replace(/^mailto:/, '')).join(', ') || '(none)'],
    ...(eabKeyId === null ? [] : [['external account', eabKeyId] as [string, string]]),
    ['terms', termsOfService === null ? '(it has none)' : `agreed to ${termsOfService}`],
    ['profile', profile === null ? 'as it likes' : `${profile.name}${profile.isRequired ? ', required' : ''}`],
    ['keys', keyType],
    ...(preferredChain === null ? [] : [['chain', `to ${preferredChain}`] as [string, string]]),
    ['since', when(authority.createdAt)],
  ]
}

function stateOf({ pausedUntil }: Pick<AcmeAuthority, 'pausedUntil'>): string {
  return pausedUntil === null ? 'in use' : `paused until ${when(pausedUntil)}`
}

function findings({ fault, directory, accountUrl, pausedUntil, pauseReason }: AcmeAuthorityReport): [string, string][] {
  const profiles = Object.entries(directory?.profiles ?? {}).map(([name, text]) => `${name}: ${text}`)
  return [
    ['directory', directory === null ? 'could not be read' : 'answers'],
    ['account', accountUrl ?? 'not found well'],
    ...(directory === null
      ? []
      : ([
          ['terms', directory.termsOfService ?? '(it has none)'],
          ['renewal times', directory.hasRenewalInfo ? 'it suggests them (RFC 9773)' : 'it suggests none'],
          ['profiles', profiles.join('\n') || '(none)'],
        ] as [string, string][])),
    ...(pausedUntil === null ? [] : [['paused', `until ${when(pausedUntil)}: ${pauseReason}`] as [string, string]]),
    ['so', fault ?? 'all is well'],
  ]
}
