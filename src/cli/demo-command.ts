import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { createRequest } from '../certificate/certificate-request.ts'
import { createLocalAuthority, localAuthority } from '../certificate/local-authority.ts'
import { domainName } from '../name.ts'
import { httpsGet } from '../outside/https-get.ts'
import { headerValues, type Ask } from '../verify/ask.ts'
import { apiOver } from './api.ts'
import { initialise, openInstallation, type Installation } from './installation.ts'
import { placeOf, type Place } from './place.ts'
import { EXIT, type Io } from './io.ts'
import { signInLink } from './sign-in-command.ts'
import { openWorkbench, type Workbench } from './workbench.ts'
import type { CommandDeps } from './command-deps.ts'

const SOURCE_DOMAIN = 'im.example.com'
const TARGET_HOST = 'hosting.example.com'
const PATH = `/.well-known/tls/_xmpp-server._tcp.${SOURCE_DOMAIN}`
const SHOWN_HEADERS = ['location', 'content-type', 'cache-control', 'etag']
const READY_WITHIN_MS = 30_000

export function addDemoCommand(program: Command, { io, env }: CommandDeps): void {
  program
    .command('demo')
    .description(`show the two hops for ${SOURCE_DOMAIN} on loopback ports, with a data folder that goes away`)
    .action((_options: unknown, command: Command) => {
      placeOf(command.optsWithGlobals(), env)
      return demo(io, env)
    })
}

async function demo(io: Io, env: CommandDeps['env']): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'waypost-demo-'))
  const place = { dataFolder: join(folder, 'data'), configFile: join(folder, 'waypost.toml') }
  const rootFile = join(folder, 'root.pem')
  const logFile = join(folder, 'serve.log')
  const [https, http, health] = await Promise.all([freePort(), freePort(), freePort()])
  let server: ChildProcess | undefined
  const interrupted = signalled()
  const clear = async () => {
    if (server) await ended(server)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    writeFileSync(place.configFile, configOf({ https, http, health }))
    const own = withoutSettings(env)
    initialise(place, own, {}, () => randomBytes(32))
    const installation = openInstallation(place, own)
    await publish(installation, https, rootFile)
    server = start(place, env, logFile)
    const ask = httpsGet({
      ca: readFileSync(rootFile, 'utf8'),
      resolve: [SOURCE_DOMAIN, TARGET_HOST].map((host) => ({ host, port: https, address: '127.0.0.1' })),
      timeoutMs: 5000,
      maxBytes: 65_536,
    })
    if (await Promise.race([interrupted, untilServed(server, ask, https, logFile)])) return await clear()
    await showHops(io, ask, https)
    const { url, expiresAt } = await signInLink(installation)
    io.write(`The same by hand:\n\n`)
    for (const host of [SOURCE_DOMAIN, TARGET_HOST])
      io.write(
        `curl --include --cacert ${rootFile} --resolve ${host}:${https}:127.0.0.1 https://${host}:${https}${PATH}\n`,
      )
    io.write(`\nThe admin page (your browser will warn of the demo's own authority, ${rootFile}),\n`)
    io.write(`by a link that works once, until ${expiresAt.toISOString()}:\n\n${url}\n\n`)
    io.write(`It keeps serving until Ctrl-C; the log is ${logFile}.\n`)
    await Promise.race([ended(server, 'wait'), interrupted])
  } catch (error) {
    await clear()
    throw error
  }
  await clear()
  io.setExitCode(EXIT.done)
}

/** A tenant, its source domain, and the certificate that the XMPP server at the target host would present. */
async function publish(installation: Installation, port: number, rootFile: string): Promise<void> {
  const bench = await openWorkbench(installation)
  try {
    const api = apiOver(await bench.api())
    await api.post('/tenants', { name: 'acme' })
    await api.post('/target-hosts', { name: TARGET_HOST, port })
    await api.post('/tenants/acme/source-domains', { name: SOURCE_DOMAIN, isVouched: true })
    const certificate = await serviceCertificate(bench, rootFile)
    await api.post('/operator/certificates', { certificate, lineage: TARGET_HOST })
    for (const service of ['_xmpp-server', '_xmpp-client'])
      await api.post('/tenants/acme/delegations', {
        sourceDomain: SOURCE_DOMAIN,
        service,
        targetHost: TARGET_HOST,
        lineage: TARGET_HOST,
      })
  } finally {
    await bench.close()
  }
}

/** Its key stays with the XMPP server: here there is none, so nobody keeps it. */
async function serviceCertificate({ storage, clock }: Workbench, rootFile: string): Promise<string> {
  const now = clock.now()
  const authority = await storage.localAuthority.loadOrCreate(() => createLocalAuthority(now), now)
  writeFileSync(rootFile, authority.rootPem)
  const identifiers = [domainName(TARGET_HOST)]
  const { csrDer } = await createRequest(identifiers)
  const { chainPem } = await localAuthority({ ...authority, clock }).issue({ identifiers, csrDer })
  return chainPem
}

function start({ dataFolder, configFile }: Place, env: CommandDeps['env'], logFile: string): ChildProcess {
  const log = openSync(logFile, 'w')
  return spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', 'serve'], {
    stdio: ['ignore', log, log],
    env: { ...withoutSettings(env), WAYPOST_DATA: dataFolder, WAYPOST_CONFIG: configFile },
  })
}

async function untilServed(server: ChildProcess, ask: Ask, port: number, logFile: string): Promise<void> {
  const deadline = AbortSignal.timeout(READY_WITHIN_MS)
  for (;;) {
    const replies = await Promise.all([SOURCE_DOMAIN, TARGET_HOST].map((host) => ask(`https://${host}:${port}${PATH}`)))
    if (replies.every((reply) => reply.outcome === 'ok')) return
    if (server.exitCode !== null || deadline.aborted)
      throw new Error(`the server did not come up; its log:\n${readFileSync(logFile, 'utf8')}`)
    await delay(100)
  }
}

async function showHops(io: Io, ask: Ask, port: number): Promise<void> {
  let url = `https://${SOURCE_DOMAIN}:${port}${PATH}`
  for (const title of ['1. the source domain', '2. the target host']) {
    const reply = await ask(url)
    if (reply.outcome !== 'ok') throw new Error(`${url} was not answered: ${reply.why}`)
    io.write(`${title}\nGET ${url}\n    ${reply.status}\n`)
    for (const header of SHOWN_HEADERS)
      for (const value of headerValues(reply.headers, header)) io.write(`    ${header}: ${value}\n`)
    io.write(`\n${Buffer.from(reply.body).toString()}\n`)
    url = headerValues(reply.headers, 'location')[0] ?? url
  }
}

function configOf({ https, http, health }: { https: number; http: number; health: number }): string {
  return `[admin]
host = "admin.localhost"
[edge]
name = "edge.example.com"
addresses = ["127.0.0.1"]
https = ["127.0.0.1:${https}"]
http = ["127.0.0.1:${http}"]
processes = 1
[front]
authority = "local"
[health]
listen = "127.0.0.1:${health}"
[names]
allow = ["example.com"]
`
}

/** The demo is its own world: settings meant for a real installation must not reach it. */
function withoutSettings(env: CommandDeps['env']): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('WAYPOST_')))
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })
}

/** Listened for to the end: an impatient second Ctrl-C must not leave the folder behind. */
function signalled(): Promise<'interrupted'> {
  return new Promise((resolve) => {
    process.on('SIGINT', () => resolve('interrupted'))
    process.on('SIGTERM', () => resolve('interrupted'))
  })
}

function ended(server: ChildProcess, how: 'wait' | 'stop' = 'stop'): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    server.once('exit', () => resolve())
    if (how === 'stop') server.kill('SIGTERM')
  })
}
