import { createPrivateKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { active } from '../certificate/rollover.ts'
import { domainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { orHint, pages, path, type Api } from './api.ts'
import { withApi } from './connect.ts'
import { serverOf } from './place.ts'
import { card, report, table, when, WrongUse } from './io.ts'
import { addIssuanceCommands } from './issuance-commands.ts'
import { oneOf, readInput } from './options.ts'
import type { Certificate, Lineage, TargetHost } from './resources.ts'
import { claimsTo, everybodysPath, ownerPath } from './whose.ts'
import type { Workbench } from './workbench.ts'
import type { CommandDeps } from './command-deps.ts'

export function addCertificateCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  const certificate = program
    .command('certificate')
    .description('lineages of certificates: those that are published, and those that the edge presents')

  certificate
    .command('import <file>')
    .description('import a certificate: PEM or DER, with its issuers in any order and, if it is there, its key')
    .option('--key <file>', 'its private key; needed where the edge is to present it')
    .option('--password-file <file>', 'the password of the private key')
    .option('--lineage <name>', "by default the certificate's first DNS name")
    .option('--front-of <host>', 'let the edge present it for this source domain, target host or the admin host')
    .option('--tenant <name>', "whose; the operator's own where left out")
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
The first certificate of a lineage is active at once. Later ones are staged: published beside the active one until
every cache has had time to learn of them; then: waypost certificate activate LINEAGE.

Examples:
  waypost certificate import xmpp.pem --lineage hosting.example.com
  waypost certificate import fullchain.pem --key privkey.pem --front-of im.example.com --tenant acme`,
    )
    .action(
      (
        file: string,
        options: {
          key?: string
          passwordFile?: string
          lineage?: string
          frontOf?: string
          tenant?: string
          json?: true
        },
        command: Command,
      ) =>
        withApi(deps, command, async (api) => {
          const { key, passwordFile, lineage, frontOf } = options
          const { body } = await api.post<{ lineage: string; certificate: Certificate; warnings: string[] }>(
            `${await importPath(api, options)}/certificates`,
            {
              certificate: textOf(await readInput(file, io)),
              ...(key !== undefined && { privateKey: textOf(await readInput(key, io)) }),
              ...(passwordFile !== undefined && { password: (await readInput(passwordFile, io)).toString().trimEnd() }),
              ...(lineage !== undefined && { lineage }),
              ...(frontOf !== undefined && { frontOf: domainName(frontOf) }),
            },
          )
          for (const warning of body.warnings) io.writeError(`note: ${warning}\n`)
          const { state, subject, dnsNames } = body.certificate
          io.write(
            options.json
              ? JSON.stringify(toJson(body.certificate)) + '\n'
              : `imported into lineage ${body.lineage}, ${state}: ${subject || dnsNames.join(', ')}\n`,
          )
          if (state === 'staged')
            io.writeError(
              `published beside the active one; once caches know it: waypost certificate activate ${body.lineage}\n`,
            )
        }),
    )

  certificate
    .command('create <name...>')
    .description('have a certificate issued and renewed for names of yours, for an XMPP server to present')
    .option('--lineage <name>', 'how it is called; by default as the first name')
    .option('--source <source>', 'who issues: acme or local (the local authority)', oneOf('acme', 'local'), 'acme')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
The names are the operator's own, and lead to this server or can be proven by DNS. What a source domain or a target host
presents needs none of this: it is issued by itself, and delegations can publish it as well (lineage front:HOST).

Example:
  waypost certificate create xmpp.example.net
  waypost certificate explain xmpp.example.net
  waypost certificate export xmpp.example.net --key --out /etc/prosody/certs/xmpp.pem`,
    )
    .action((names: string[], options: { lineage?: string; source: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { lineage, source } = options
        const body = { names: names.map((name) => domainName(name)), source, ...(lineage !== undefined && { lineage }) }
        const made = (await api.post<Lineage>('/operator/lineages', body)).body
        if (options.json) io.write(JSON.stringify(lineageJson(made)) + '\n')
        else
          io.write(
            `created lineage ${made.name}; the running server has it issued, see: waypost certificate explain ${made.name}\n`,
          )
      }),
    )

  certificate
    .command('list')
    .description('list lineages')
    .option('--tenant <name>', "only this tenant's")
    .option('--search <text>', 'only names with this text')
    .option('--json', 'print them as JSON, one a line')
    .action((options: { tenant?: string; search?: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const list = await everybodysPath(api, options.tenant, 'lineages')
        const now = deps.clock.now()
        const rows: string[][] = []
        for await (const lineage of pages<Lineage>(api, list, { search: options.search }))
          if (options.json) io.write(JSON.stringify(lineageJson(lineage)) + '\n')
          else rows.push(rowOf(lineage, now))
        if (options.json) return
        if (rows.length > 0) io.write(table(['lineage', 'tenant', 'source', 'active certificate', 'staged'], rows))
        else io.writeError('no certificates; import one: waypost certificate import FILE\n')
      }),
    )

  certificate
    .command('show <lineage>')
    .description('show the certificates of a lineage with their states')
    .option('--tenant <name>', "whose; the operator's own where left out")
    .option('--json', 'print it as JSON')
    .action((name: string, options: { tenant?: string; json?: true }, command: Command) =>
      withApi(deps, command, async (api) => {
        const { lineage } = await lineageOf(api, name, options.tenant)
        if (options.json) {
          io.write(JSON.stringify(lineageJson(lineage)) + '\n')
          return
        }
        io.write(
          card([
            ['lineage', lineage.name],
            ['source', lineage.source],
            ...(lineage.identifiers === null
              ? []
              : [['wanted for', lineage.identifiers.join('\n')] as [string, string]]),
            ['since', when(lineage.createdAt)],
          ]),
        )
        for (const one of lineage.certificates) io.write('\n' + card(factsOf(one)))
      }),
    )

  addIssuanceCommands(certificate, deps)

  certificate
    .command('activate <lineage>')
    .description('make the newest staged certificate the active one; do it when the XMPP server has been given it')
    .option('--certificate <id>', 'this one instead of the newest staged')
    .option('--force', 'now, although caches may not know it yet')
    .option('--tenant <name>', "whose; the operator's own where left out")
    .option('--json', 'print it as JSON')
    .action(
      (name: string, options: { certificate?: string; force?: true; tenant?: string; json?: true }, command: Command) =>
        withApi(deps, command, async (api) => {
          const { lineage, at } = await lineageOf(api, name, options.tenant)
          const staged = lineage.certificates.filter(({ state }) => state === 'staged')
          const newest = staged.toSorted((a, b) => b.stagedAt.localeCompare(a.stagedAt))[0]
          const id = options.certificate ?? newest?.id
          if (id === undefined)
            throw new ProblemError('not-found', `lineage ${name} has no staged certificate; import one first`)
          const { body } = await api.post<{ certificate: Certificate; breaksUntil: string | null }>(
            `${at}${path`/certificates/${id}/activate`}`,
            { isForced: options.force === true },
          )
          const { certificates } = (await api.get<Lineage>(at)).body
          const former = certificates.find(({ supersededAt }) => supersededAt === body.certificate.activatedAt)
          const formerRetiresAt = former?.retiresAt ?? null
          if (body.breaksUntil !== null)
            io.writeError(
              `note: until ${when(body.breaksUntil)} those who fetched the document before this certificate was staged will refuse the connection\n`,
            )
          const publishedStill = formerRetiresAt && `; its predecessor stays published until ${when(formerRetiresAt)}`
          report(io, options.json, `active: ${id}${publishedStill ?? ''}`, {
            active: id,
            formerRetiresAt,
            breaksUntil: body.breaksUntil,
          })
        }),
    )

  certificate
    .command('export <lineage>')
    .description('write the active certificate and its issuers as PEM')
    .option('--key', 'the private key too, in clear; on the data folder only')
    .option('--out <file>', 'to a file (0600) instead of standard output')
    .option('--tenant <name>', "whose; the operator's own where left out")
    .option('--json', 'print it as JSON')
    .action(async (name: string, options: ExportOptions, command: Command) => {
      const exported = options.key
        ? await withKey(deps, name, options, command)
        : await chainOnly(deps, name, options, command)
      const text = options.json ? JSON.stringify(exported) + '\n' : exported.chainPem + (exported.privateKeyPem ?? '')
      if (options.out === undefined) io.write(text)
      else {
        writeNewFile(options.out, text)
        io.writeError(`wrote ${options.out}\n`)
      }
    })

  certificate
    .command('remove <lineage>')
    .description('remove a lineage that nothing uses any more, or one certificate of it, with its key')
    .option('--certificate <id>', 'only this certificate')
    .option('--tenant <name>', "whose; the operator's own where left out")
    .option('--yes', 'really')
    .option('--json', 'print it as JSON')
    .action(
      (name: string, options: { certificate?: string; tenant?: string; yes?: true; json?: true }, command: Command) =>
        withApi(deps, command, async (api) => {
          const { at } = await lineageOf(api, name, options.tenant)
          const what = options.certificate === undefined ? `lineage ${name}` : `certificate ${options.certificate}`
          if (!options.yes)
            throw new ProblemError(
              'malformed-request',
              `this destroys ${what} with its private key; say --yes if that is meant`,
            )
          await api.delete(
            options.certificate === undefined ? at : `${at}${path`/certificates/${options.certificate}`}`,
          )
          report(io, options.json, `removed ${what}`, {
            removed: options.certificate === undefined ? 'lineage' : 'certificate',
            lineage: name,
            certificate: options.certificate ?? null,
          })
        }),
    )
}

/** @returns the lineage and its path */
async function lineageOf(
  api: Api,
  name: string,
  tenant: string | undefined,
): Promise<{ lineage: Lineage; at: string }> {
  const at = `${await ownerPath(api, tenant)}${path`/lineages/${name}`}`
  const { body } = await orHint(api.get<Lineage>(at), 'see: waypost certificate list')
  return { lineage: body, at }
}

/** Whose the certificate becomes: what a source domain presents is its holder's, what a target host does the operator's. */
async function importPath(api: Api, { tenant, frontOf }: { tenant?: string; frontOf?: string }): Promise<string> {
  if (frontOf === undefined || tenant !== undefined || !(await api.session()).isOperator) return ownerPath(api, tenant)
  const host = domainName(frontOf)
  const isTarget = await isThere(api.get<TargetHost>(path`/target-hosts/${host}`))
  const holder = isTarget ? undefined : (await claimsTo(api, host)).find(({ proof }) => proof !== null)
  return ownerPath(api, holder?.tenant)
}

async function isThere(answer: Promise<unknown>): Promise<boolean> {
  try {
    await answer
    return true
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'not-found') return false
    throw error
  }
}

/** PEM as it is, everything else in base64: the API takes text. */
function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  return text.includes('-----BEGIN ') && Buffer.from(text).equals(bytes) ? text : bytes.toString('base64')
}

interface ExportOptions {
  key?: true
  out?: string
  tenant?: string
  json?: true
}
interface Exported {
  chainPem: string
  privateKeyPem: string | null
}

function chainOnly(deps: CommandDeps, name: string, options: ExportOptions, command: Command): Promise<Exported> {
  return withApi(deps, command, async (api) => {
    const { lineage } = await lineageOf(api, name, options.tenant)
    const active = lineage.certificates.find(({ state }) => state === 'active')
    if (!active) throw new ProblemError('not-found', `lineage ${name} has no active certificate`)
    return { chainPem: active.chain, privateKeyPem: null }
  })
}

/** Keys leave by no route of the API: who may read the data folder and the master key has them anyway. */
async function withKey(deps: CommandDeps, name: string, options: ExportOptions, command: Command): Promise<Exported> {
  if (serverOf(command.optsWithGlobals(), deps.env) !== undefined)
    throw new WrongUse(
      "no server gives away private keys: leave out --key, or export on the server's own machine, from its data folder",
    )
  const { withWorkbench } = await import('./workbench.ts')
  return withWorkbench(deps, command, async (bench) => {
    const { tenants, lineages } = bench.storage
    const tenant = options.tenant === undefined ? null : await tenants.findByName(options.tenant)
    const lineage = tenant === undefined ? undefined : await lineages.findByName(tenant?.id ?? null, name)
    if (!lineage)
      throw new ProblemError(
        'not-found',
        `there is no lineage ${name} of ${options.tenant ?? 'the operator'}; see: waypost certificate list`,
      )
    const present = active(lineage.certificates)
    if (!present) throw new ProblemError('not-found', `lineage ${name} has no active certificate`)
    if (present.privateKeyId === null)
      throw new ProblemError('not-found', `the private key of lineage ${name} is not held here`)
    await lineages.noteKeyExport(lineage.tenantId, present.id, bench.act())
    return { chainPem: present.chainPem, privateKeyPem: await keyPem(bench, present.privateKeyId) }
  })
}

async function keyPem({ storage }: Workbench, id: string): Promise<string> {
  const der = await storage.privateKeys.open(id)
  return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString()
}

function writeNewFile(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'EEXIST' ? 'it is there already' : (cause as Error).message
    throw new ProblemError('malformed-request', `${file} cannot be written: ${why}; choose another`, { cause })
  }
}

function rowOf({ name, tenant, source, certificates }: Lineage, now: Date): string[] {
  const active = certificates.find(({ state }) => state === 'active')
  const staged = certificates.filter(({ state }) => state === 'staged').length
  const standing = active
    ? `${Date.parse(active.notAfter) <= now.getTime() ? 'EXPIRED' : 'until'} ${when(active.notAfter)}`
    : 'none active'
  return [name, tenant ?? '(operator)', source, standing, String(staged)]
}

function factsOf(one: Certificate): [string, string][] {
  return [
    ['certificate', one.id],
    ['state', one.state + (one.retiresAt === null ? '' : `, published until ${when(one.retiresAt)}`)],
    ['subject', one.subject || '(empty)'],
    ['issuer', one.issuer],
    ['names', one.dnsNames.join('\n') || '(none)'],
    ['key', `${one.keyType}${one.hasPrivateKey ? ', held here, sealed' : ', not held here'}`],
    ['valid', `${when(one.notBefore)} to ${when(one.notAfter)}`],
    ['sha-256', one.sha256],
    ['spki sha-256', one.spkiSha256],
  ]
}

function lineageJson({ name, source, identifiers, createdAt, tenant, certificates }: Lineage) {
  return { name, tenant, source, identifiers, createdAt, certificates: certificates.map(toJson) }
}

function toJson(certificate: Certificate) {
  const { id, state, subject, issuer, serial, keyType, dnsNames, sha256, spkiSha256 } = certificate
  const { notBefore, notAfter, hasPrivateKey, chain } = certificate
  return {
    ...{ id, state, subject, issuer, serial, keyType, dnsNames, sha256, spkiSha256 },
    ...{ notBefore, notAfter, hasPrivateKey, chainPem: chain },
  }
}
