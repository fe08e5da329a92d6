import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { TestProject } from 'vitest/node'
import { isLeftOut } from './left-out.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** postgres://… of a server that belongs to this run; null: left out by WAYPOST_TEST_WITHOUT. */
    postgres: string | null
  }
}

/** vitest's globalSetup: one PostgreSQL for the whole run. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (isLeftOut('postgresql')) {
    project.provide('postgres', null)
    return undefined
  }
  const server = await startPostgres()
  project.provide('postgres', server.url)
  return server.stop
}

/** A PostgreSQL of one's own: temporary folder, free port, ICU collation, so that a key without `collate "C"` shows. */
export async function startPostgres(): Promise<{ url: string; stop: () => Promise<void> }> {
  const bin = binaries()
  const folder = mkdtempSync(join(tmpdir(), 'waypost-postgres-'))
  const data = join(folder, 'data')
  const asRoot = process.getuid?.() === 0
  const owner = asRoot ? { uid: id('-u'), gid: id('-g') } : {} // initdb and postgres refuse to run as root
  mkdirSync(data, { mode: 0o700 })
  if (owner.uid !== undefined) for (const path of [folder, data]) chownSync(path, owner.uid, owner.gid)

  const settings = ['--auth=trust', '--username=postgres', '--encoding=UTF8', '--no-sync', '--no-instructions']
  execFileSync(
    join(bin, 'initdb'),
    [...settings, '--locale=C.UTF-8', '--locale-provider=icu', '--icu-locale=en-US', '-D', data],
    { ...owner, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const port = await freePort()
  const command = [join(bin, 'postgres'), '-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', folder, '-F']
  const identity = asRoot ? [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'] : []
  // It ends with this process, however that ends
  const server = spawn('setpriv', [...identity, '--pdeathsig=INT', '--', ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log: string[] = []
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk: Buffer) => log.push(chunk.toString()))

  for (let tries = 0; !isReady(data); tries++) {
    if (server.exitCode !== null || tries > 300) throw new Error(`PostgreSQL does not start:\n${log.join('')}`)
    await delay(50)
  }
  return {
    url: `postgres://postgres@127.0.0.1:${port}`,
    async stop() {
      if (server.exitCode === null) {
        const exited = once(server, 'exit')
        server.kill('SIGINT') // "fast shutdown": cuts off whoever is still connected
        await exited
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function binaries(): string {
  const root = '/usr/lib/postgresql'
  const version = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a))[0] : undefined
  if (version === undefined)
    throw new Error(
      'PostgreSQL is missing: apt-get install postgresql-15, or leave its tests out with WAYPOST_TEST_WITHOUT=postgresql',
    )
  return join(root, version, 'bin')
}

function id(which: '-u' | '-g'): number {
  return Number(execFileSync('id', [which, 'postgres'], { encoding: 'utf8' }))
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** Its port is open before it takes connections; the eighth line of its pid file tells when it does. */
function isReady(data: string): boolean {
  const file = join(data, 'postmaster.pid')
  return existsSync(file) && readFileSync(file, 'utf8').split('\n')[7]?.trim() === 'ready'
}
