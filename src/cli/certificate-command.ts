import { createPrivateKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { activation, stateAt } from '../certificate/rollover.ts'
import { frontLineageName, type LineageCertificate, type LineageWithCertificates } from '../certificate/lineage.ts'
import { cacheSpanMs } from '../config.ts'
import { covers } from '../delegation/naming-warnings.ts'
import { domainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { card, report, table, when } from './io.ts'
import { readInput } from './options.ts'
import { pages } from './pages.ts'
import { tenantOf, withWorkbench, type CommandDeps, type Workbench } from './workbench.ts'

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
        withWorkbench(deps, command, async (bench) => {
          const tenantId = options.tenant === undefined ? null : (await tenantOf(bench, options.tenant)).id
          const front = options.frontOf === undefined ? undefined : await frontOf(bench, options.frontOf)
          if (front && options.tenant !== undefined && front.tenantId !== tenantId)
            throw new ProblemError(
              'malformed-request',
              `${options.frontOf} is not ${options.tenant}'s; leave out --tenant`,
            )
          if (front && options.lineage !== undefined && front.isByName)
            throw new ProblemError(
              'malformed-request',
              `the admin host presents lineage ${frontLineageName(front.host)} and no other; leave out --lineage`,
            )
          const password = options.passwordFile && (await readInput(options.passwordFile, io)).toString().trimEnd()
          const lineageName = options.lineage ?? (front && frontLineageName(front.host))
          const { lineage, certificate, warnings } = await bench.imports.importCertificate(
            front ? front.tenantId : tenantId,
            {
              certificate: await readInput(file, io),
              ...(options.key === undefined ? {} : { privateKey: await readInput(options.key, io) }),
              ...(password === undefined ? {} : { password }),
              ...(lineageName === undefined ? {} : { lineage: lineageName }),
              isFront: front !== undefined,
              cacheSpanMs: cacheSpanMs(bench.installation.config),
            },
            bench.act(),
          )
          await front?.use(lineage.id)
          if (front && !certificate.dnsNames.some((dnsName) => covers(dnsName, front.host)))
            warnings.push(`the certificate does not name ${front.host}: whoever asks over HTTPS will refuse it`)
          for (const warning of warnings) io.writeError(`note: ${warning}\n`)
          const state = stateAt(certificate, bench.clock.now())
          io.write(
            options.json
              ? JSON.stringify(toJson(certificate, bench.clock.now())) + '\n'
              : `imported into lineage ${lineage.name}, ${state}: ${certificate.subject || certificate.dnsNames.join(', ')}\n`,
          )
          if (state === 'staged')
            io.writeError(
              `published beside the active one; once caches know it: waypost certificate activate ${lineage.name}\n`,
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
      withWorkbench(deps, command, async (bench) => {
        const now = bench.clock.now()
        const whose = options.tenant === undefined ? 'all' : (await tenantOf(bench, options.tenant)).id
        const rows: string[][] = []
        const list = pages((after: LineageWithCertificates | undefined, limit) =>
          bench.storage.lineages
            .list(whose, {
              limit,
              ...(after === undefined ? {} : { after }),
              ...(options.search === undefined ? {} : { search: options.search }),
            })
            .then((items) => ({ items, next: items.at(-1) })),
        )
        for await (const lineage of list) {
          if (options.json) io.write(JSON.stringify(lineageJson(lineage, now)) + '\n')
          else {
            const active = lineage.certificates.find((one) => stateAt(one, now) === 'active')
            const staged = lineage.certificates.filter((one) => stateAt(one, now) === 'staged').length
            rows.push([
              lineage.name,
              lineage.tenantName ?? '(operator)',
              lineage.source,
              active ? `${active.notAfter <= now ? 'EXPIRED' : 'until'} ${when(active.notAfter)}` : 'none active',
              String(staged),
            ])
          }
        }
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
      withWorkbench(deps, command, async (bench) => {
        const now = bench.clock.now()
        const lineage = await lineageOf(bench, name, options.tenant)
        if (options.json) {
          io.write(JSON.stringify(lineageJson(lineage, now)) + '\n')
          return
        }
        io.write(
          card([
            ['lineage', lineage.name],
            ['source', lineage.source],
            ['since', when(lineage.createdAt)],
          ]),
        )
        for (const one of lineage.certificates)
          io.write(
            '\n' +
              card([
                ['certificate', one.id],
                [
                  'state',
                  stateAt(one, now) + (one.retiresAt === null ? '' : `, published until ${when(one.retiresAt)}`),
                ],
                ['subject', one.subject || '(empty)'],
                ['issuer', one.issuer],
                ['names', one.dnsNames.join('\n') || '(none)'],
                ['key', `${one.keyType}${one.privateKeyId === null ? ', not held here' : ', held here, sealed'}`],
                ['valid', `${when(one.notBefore)} to ${when(one.notAfter)}`],
                ['sha-256', one.sha256],
                ['spki sha-256', one.spkiSha256],
              ]),
          )
      }),
    )

  certificate
    .command('activate <lineage>')
    .description('make the newest staged certificate the active one; do it when the XMPP server has been given it')
    .option('--certificate <id>', 'this one instead of the newest staged')
    .option('--force', 'now, although caches may not know it yet')
    .option('--tenant <name>', "whose; the operator's own where left out")
    .option('--json', 'print it as JSON')
    .action(
      (name: string, options: { certificate?: string; force?: true; tenant?: string; json?: true }, command: Command) =>
        withWorkbench(deps, command, async (bench) => {
          const now = bench.clock.now()
          const lineage = await lineageOf(bench, name, options.tenant)
          const staged = lineage.certificates.filter((one) => stateAt(one, now) === 'staged')
          const newest = staged.toSorted((a, b) => b.stagedAt.getTime() - a.stagedAt.getTime())[0]
          const id = options.certificate ?? newest?.id
          if (id === undefined)
            throw new ProblemError('not-found', `lineage ${name} has no staged certificate; import one first`)
          const { retiresAt, breaksUntil } = activation(lineage.certificates, id, {
            now,
            cacheSpanMs: cacheSpanMs(bench.installation.config),
            isForced: options.force === true,
          })
          await bench.storage.lineages.activate(lineage.tenantId, id, retiresAt, bench.act())
          if (breaksUntil)
            io.writeError(
              `note: until ${when(breaksUntil)} those who fetched the document before this certificate was staged will refuse the connection\n`,
            )
          report(io, options.json, `active: ${id}; its predecessor stays published until ${when(retiresAt)}`, {
            active: id,
            formerRetiresAt: retiresAt.toISOString(),
            breaksUntil: breaksUntil?.toISOString() ?? null,
          })
        }),
    )

  certificate
    .command('export <lineage>')
    .description('write the active certificate and its issuers as PEM')
    .option('--key', 'the private key too, in clear')
    .option('--out <file>', 'to a file (0600) instead of standard output')
    .option('--tenant <name>', "whose; the operator's own where left out")
    .option('--json', 'print it as JSON')
    .action((name: string, options: { key?: true; out?: string; tenant?: string; json?: true }, command: Command) =>
      withWorkbench(deps, command, async (bench) => {
        const lineage = await lineageOf(bench, name, options.tenant)
        const active = lineage.certificates.find((one) => stateAt(one, bench.clock.now()) === 'active')
        if (!active) throw new ProblemError('not-found', `lineage ${name} has no active certificate`)
        const privateKeyPem = options.key ? await keyPem(bench, lineage, active) : null
        const text = options.json
          ? JSON.stringify({ chainPem: active.chainPem, privateKeyPem }) + '\n'
          : active.chainPem + (privateKeyPem ?? '')
        if (options.out === undefined) io.write(text)
        else {
          writeNewFile(options.out, text)
          io.writeError(`wrote ${options.out}\n`)
        }
      }),
    )

  certificate
    .command('remove <lineage>')
    .description('remove a lineage that nothing uses any more, or one certificate of it, with its key')
    .option('--certificate <id>', 'only this certificate')
    .option('--tenant <name>', "whose; the operator's own where left out")
    .option('--yes', 'really')
    .option('--json', 'print it as JSON')
    .action(
      (name: string, options: { certificate?: string; tenant?: string; yes?: true; json?: true }, command: Command) =>
        withWorkbench(deps, command, async (bench) => {
          const lineage = await lineageOf(bench, name, options.tenant)
          const isAdmins = lineage.tenantId === null && name === frontLineageName(bench.installation.config.admin.host)
          const isActive = lineage.certificates.some(
            (one) => one.id === options.certificate && stateAt(one, bench.clock.now()) === 'active',
          )
          if (isAdmins && (options.certificate === undefined || isActive))
            throw new ProblemError(
              'still-in-use',
              `the admin host presents lineage ${name}; import another certificate instead`,
            )
          const what = options.certificate === undefined ? `lineage ${name}` : `certificate ${options.certificate}`
          if (!options.yes)
            throw new ProblemError(
              'malformed-request',
              `this destroys ${what} with its private key; say --yes if that is meant`,
            )
          if (options.certificate === undefined)
            await bench.storage.lineages.remove(lineage.tenantId, lineage.id, bench.act())
          else await bench.storage.lineages.removeCertificate(lineage.tenantId, options.certificate, bench.act())
          report(io, options.json, `removed ${what}`, {
            removed: options.certificate === undefined ? 'lineage' : 'certificate',
            lineage: name,
            certificate: options.certificate ?? null,
          })
        }),
    )
}

async function lineageOf(bench: Workbench, name: string, tenant: string | undefined): Promise<LineageWithCertificates> {
  const tenantId = tenant === undefined ? null : (await tenantOf(bench, tenant)).id
  const found = await bench.storage.lineages.findByName(tenantId, name)
  if (!found)
    throw new ProblemError(
      'not-found',
      `there is no lineage ${name} of ${tenant ?? 'the operator'}; see: waypost certificate list`,
    )
  return found
}

/** Whose front certificate is meant: the held source domain, the target host or the admin host of that name. */
async function frontOf(bench: Workbench, text: string) {
  const host = domainName(text)
  const { sourceDomains, targetHosts } = bench.storage
  if (host === bench.installation.config.admin.host)
    return { host, isByName: true, tenantId: null, use: async () => undefined }
  if (await targetHosts.find(host))
    return {
      host,
      isByName: false,
      tenantId: null,
      use: (id: string) => targetHosts.setFrontLineage(host, id, bench.act()),
    }
  const holder = (await sourceDomains.claims(host)).find((claim) => claim.proof !== null)
  if (!holder)
    throw new ProblemError(
      'not-found',
      `${text} is neither a target host, nor the admin host, nor a source domain whose control is proven`,
    )
  if (holder.mode === 'external')
    throw new ProblemError(
      'malformed-request',
      `${text} is external: its owner's web server presents the certificate, and none is needed here`,
    )
  const { tenantId } = holder
  return {
    host,
    isByName: false,
    tenantId,
    use: (id: string) => sourceDomains.setFrontLineage(tenantId, host, id, bench.act()),
  }
}

function writeNewFile(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'EEXIST' ? 'it is there already' : (cause as Error).message
    throw new ProblemError('malformed-request', `${file} cannot be written: ${why}; choose another`, { cause })
  }
}

async function keyPem(
  bench: Workbench,
  lineage: LineageWithCertificates,
  certificate: LineageCertificate,
): Promise<string> {
  if (certificate.privateKeyId === null)
    throw new ProblemError('not-found', `the private key of lineage ${lineage.name} is not held here`)
  await bench.storage.lineages.noteKeyExport(lineage.tenantId, certificate.id, bench.act())
  const der = await bench.storage.privateKeys.open(certificate.privateKeyId)
  return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString()
}

function lineageJson(lineage: LineageWithCertificates, now: Date) {
  return {
    id: lineage.id,
    name: lineage.name,
    source: lineage.source,
    createdAt: lineage.createdAt.toISOString(),
    certificates: lineage.certificates.map((one) => toJson(one, now)),
  }
}

function toJson(certificate: LineageCertificate, now: Date) {
  const { id, subject, issuer, serial, keyType, dnsNames, sha256, spkiSha256, chainPem } = certificate
  return {
    id,
    state: stateAt(certificate, now),
    subject,
    issuer,
    serial,
    keyType,
    dnsNames,
    sha256,
    spkiSha256,
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    hasPrivateKey: certificate.privateKeyId !== null,
    chainPem,
  }
}
