import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decode, encode } from 'dns-packet'
import { exchange, freePort } from './dns-wire.ts'
import { until } from './until.ts'

export interface Knot {
  address: string
  port: number
  /** Serves these zones and no others; resolves once it does. @param zones by name the records, without SOA, in master format */
  setZones(zones: ReadonlyMap<string, string>): Promise<void>
  stop(): Promise<void>
}

/** Who has it may change TXT records, and no others, in all zones (RFC 2136). */
export interface UpdateKey {
  name: string
  algorithm: string // "hmac-sha256"
  secret: string // base64
}

/** A knotd of one's own: temporary folder, loopback address, free port. It ends with this process, however that ends. */
export async function startKnot({
  address = '127.0.0.1',
  updateKey,
}: { address?: string; updateKey?: UpdateKey | undefined } = {}): Promise<Knot> {
  const folder = mkdtempSync(join(tmpdir(), 'waypost-knot-'))
  const config = join(folder, 'knot.conf')
  mkdirSync(join(folder, 'run'))
  const port = await freePort(address)
  const served = new Map<string, { records: string; serial: number }>()
  let serial = 0
  const configure = (zones: readonly string[]) =>
    writeFileSync(config, configuration(folder, address, port, zones, updateKey))
  configure([])

  const server = spawn('setpriv', ['--pdeathsig=INT', '--', 'knotd', '-c', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
  })
  const log: string[] = []
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk: Buffer) => log.push(chunk.toString()))

  /** Null while there is no answer. */
  async function serialOf(zone: string): Promise<number | null | undefined> {
    const query = encode({ type: 'query', id: 1, questions: [{ name: zone, type: 'SOA' }] })
    const bytes = await exchange({ address, port }, query, 'udp', 500)
    if (bytes === null) return null
    const soa = decode(bytes).answers?.find(({ type, name }) => type === 'SOA' && name.toLowerCase() === zone)
    return soa?.type === 'SOA' ? soa.data.serial : undefined
  }

  async function settled(condition: () => Promise<boolean>): Promise<void> {
    await until(async () => {
      if (server.exitCode !== null) throw new Error(`knotd has ended:\n${log.join('')}`)
      return condition()
    }).catch((cause: unknown) => {
      throw new Error(`knotd does not serve what it was given:\n${log.join('')}`, { cause })
    })
  }

  await settled(async () => (await serialOf('nothing.invalid')) !== null)
  return {
    address,
    port,
    async setZones(zones) {
      const removed = [...served.keys()].filter((zone) => !zones.has(zone))
      const changed = [...zones].filter(([zone, records]) => served.get(zone)?.records !== records)
      if (removed.length + changed.length === 0) return
      for (const zone of removed) served.delete(zone)
      for (const [zone, records] of changed) {
        served.set(zone, { records, serial: ++serial })
        const file = join(folder, `${zone}.zone`)
        writeFileSync(file, zoneFile(zone, records, serial))
        utimesSync(file, serial, serial) // knotd reloads a file whose time has changed: not by chance the same
      }
      configure([...served.keys()])
      server.kill('SIGHUP')
      for (const [zone] of changed) await settled(async () => (await serialOf(zone)) === served.get(zone)?.serial)
      for (const zone of removed) await settled(async () => (await serialOf(zone)) === undefined)
    },
    async stop() {
      if (server.exitCode === null && server.signalCode === null) {
        const exited = once(server, 'exit')
        server.kill('SIGINT')
        await exited
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function zoneFile(zone: string, records: string, serial: number): string {
  const soa = `@ SOA hostmaster.invalid. hostmaster.invalid. ${serial} 3600 600 86400 1`
  return `$ORIGIN ${zone}.\n$TTL 1\n${soa}\n${records}\n`
}

function configuration(
  folder: string,
  address: string,
  port: number,
  zones: readonly string[],
  updateKey: UpdateKey | undefined,
): string {
  return `server:
    rundir: "${join(folder, 'run')}"
    listen: ${address}@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: "${folder}"
${updateKey ? updateAcl(updateKey) : ''}template:
  - id: default
    storage: "${folder}"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
${updateKey ? '    acl: update\n' : ''}${zones.length > 0 ? 'zone:\n' : ''}${zones.map((zone) => `  - domain: ${zone}\n    file: "${zone}.zone"\n`).join('')}`
}

function updateAcl({ name, algorithm, secret }: UpdateKey): string {
  return `key:
  - id: ${name}
    algorithm: ${algorithm}
    secret: ${secret}
acl:
  - id: update
    key: ${name}
    action: update
    update-type: TXT
`
}
