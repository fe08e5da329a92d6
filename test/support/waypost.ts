import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync, openSync, closeSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { SPECIAL_NAMES } from './special-names.ts'
import { until } from './until.ts'

const PROGRAM = fileURLToPath(new URL('../../dist/src/cli/waypost.js', import.meta.url))
const run = promisify(execFile)

export interface Outcome {
  code: number
  stdout: string
  stderr: string
}

/** Nobody listens there. */
export const NOBODY = '127.0.0.1:1'

/** An installation in a folder of its own, with the built program, on free ports of 127.0.0.1. */
export interface Waypost {
  folder: string
  dataFolder: string
  ports: { https: number; http: number; health: number }
  logFile: string
  /** The local authority's root certificate. */
  rootFile: string
  env: NodeJS.ProcessEnv
  waypost(...args: string[]): Promise<Outcome>
  /** The same program with other settings. */
  with(settings: Record<string, string>): (...args: string[]) => Promise<Outcome>
  /** Starts the server; resolves once it is ready. */
  start(): Promise<ChildProcess>
  /** The same without waiting, and whoever calls it ends it. */
  begin(): ChildProcess
  stop(): Promise<void>
  remove(): Promise<void>
}

export async function newWaypost(settings: Record<string, string> = {}): Promise<Waypost> {
  const folder = mkdtempSync(join(tmpdir(), 'waypost-test-'))
  const dataFolder = join(folder, 'data')
  const [https, http, health] = await Promise.all([freePort(), freePort(), freePort()])
  const env: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    WAYPOST_DATA: dataFolder,
    WAYPOST_ADMIN_HOST: 'admin.localhost',
    WAYPOST_EDGE_NAME: 'edge.example.net',
    WAYPOST_EDGE_ADDRESSES: '192.0.2.1',
    WAYPOST_EDGE_HTTPS: `127.0.0.1:${https}`,
    WAYPOST_EDGE_HTTP: `127.0.0.1:${http}`,
    WAYPOST_OUTSIDE_HTTP_PORT: String(http),
    WAYPOST_EDGE_PROCESSES: '1',
    WAYPOST_FRONT_AUTHORITY: 'local',
    WAYPOST_HEALTH_LISTEN: `127.0.0.1:${health}`,
    WAYPOST_NAMES_ALLOW: SPECIAL_NAMES.join(),
    WAYPOST_OUTSIDE_RESOLVERS: NOBODY, // nothing is asked of the world
    ...settings,
  }
  const logFile = join(folder, 'serve.log')
  const rootFile = join(folder, 'root.pem')
  let server: ChildProcess | undefined

  const withSettings =
    (more: Record<string, string>) =>
    async (...args: string[]): Promise<Outcome> => {
      try {
        // A command that should have ended is ended: nothing of a failed test goes on
        const own = { env: { ...env, ...more }, maxBuffer: 2 ** 26, timeout: 100_000 }
        const { stdout, stderr } = await run(process.execPath, [PROGRAM, ...args], own)
        return { code: 0, stdout, stderr }
      } catch (error) {
        const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
        return { code, stdout, stderr }
      }
    }
  const waypost = withSettings({})
  const installation: Waypost = {
    folder,
    dataFolder,
    ports: { https, http, health },
    logFile,
    rootFile,
    env,
    waypost,
    with: withSettings,
    begin() {
      const log = openSync(logFile, 'a')
      const child = spawn(process.execPath, [PROGRAM, 'serve'], { env, stdio: ['ignore', log, log] })
      closeSync(log)
      return child
    },
    async start() {
      const child = installation.begin()
      server = child
      await until(async () => {
        if (child.exitCode !== null) throw new Error(`serve ended:\n${readFileSync(logFile, 'utf8')}`)
        const ready = await fetch(`http://127.0.0.1:${health}/readyz`).catch(() => undefined)
        return ready?.status === 200
      }, 30_000)
      if (!existsSync(rootFile)) writeFileSync(rootFile, (await waypost('authority', 'root')).stdout)
      return child
    },
    async stop() {
      if (!server || server.exitCode !== null || server.signalCode !== null) return
      const ended = new Promise((resolve) => server?.once('exit', resolve))
      server.kill('SIGTERM')
      await ended
    },
    async remove() {
      await installation.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  const { code, stderr } = await waypost('init')
  if (code !== 0) throw new Error(`init failed: ${stderr}`)
  return installation
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })
}
