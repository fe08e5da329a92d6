import type { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { expect } from 'vitest'
import { dnsWorld, type DnsWorld } from './dns-servers.ts'
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts'
import type { UpdateKey } from './knot.ts'
import { startPebble, type Pebble, type PebbleWish } from './pebble.ts'
import { newWaypost, type Waypost } from './waypost.ts'

/** A built Waypost whose edge a Pebble can reach, with a DNS in which both see the same. */
export interface AcmeSite {
  site: Waypost
  dns: DnsWorld
  pebble: Pebble
  proxy: FaultProxy // between the two
  /** A command that must succeed; what it has printed. */
  done(...command: string[]): Promise<string>
  json<T>(...command: string[]): Promise<T>
  /** Adds the Pebble as an authority, by way of the proxy. */
  addAuthority(...options: string[]): Promise<string>
  explain(name: string, ...options: string[]): Promise<CertificateExplanation>
  /** What one TLS client is shown, which trusts this Pebble alone. Null: the handshake is refused. */
  presented(host: string): Promise<Presented | null>
  close(): Promise<void>
}

export interface CertificateExplanation {
  lineage: string | null
  state: string
  summary: string
  certificate: { id: string; issuer: string; notBefore: string; notAfter: string } | null
  authority: string | null
  next: { at: string | null; what: string }
  order: { status: string; url: string | null } | null
  failure: { whose: string; words: string; nextTryAt: string; failures: number } | null
  sooner: string[]
}

export interface Presented {
  serial: string
  certificate: X509Certificate
  isTrusted: boolean // by chain, name and date
}

export const EDGE_NAME = 'edge.example.net'
export const ADMIN_HOST = 'admin.example.net'

/**
 * @param wish with an update key the name servers take it, and Pebble asks the same DNS as the server
 * @param settings of the server, beside those that it needs here
 */
export async function acmeSite(
  wish: Omit<PebbleWish, 'httpPort' | 'tlsPort'> & { isWithoutPort80?: boolean; updateKey?: UpdateKey } = {},
  settings: Record<string, string> = {},
): Promise<AcmeSite> {
  const { isWithoutPort80 = false, updateKey, ...pebbleWish } = wish
  const dns = await dnsWorld(updateKey ? { updateKey } : {})
  const resolver = `${dns.resolver.address}:${dns.resolver.port}`
  await dns.setZone('example.net', `edge A 127.0.0.1\n*.edge A 127.0.0.1\nadmin A 127.0.0.1`)
  await dns.setZone('example.com', `* A 127.0.0.1`)
  const site = await newWaypost({
    WAYPOST_FRONT_AUTHORITY: 'acme',
    WAYPOST_ADMIN_HOST: ADMIN_HOST,
    WAYPOST_EDGE_NAME: EDGE_NAME,
    WAYPOST_EDGE_ADDRESSES: '127.0.0.1',
    WAYPOST_OUTSIDE_RESOLVERS: resolver,
    WAYPOST_OUTSIDE_NAME_SERVER_PORT: String(dns.nameServerPort),
    WAYPOST_OUTSIDE_ALLOW_NETWORKS: '127.0.0.0/8',
    ...(isWithoutPort80 ? { WAYPOST_EDGE_HTTP: '' } : {}),
    ...(updateKey ? { WAYPOST_ACME_DNS_SERVER: `${dns.addresses['ns1']}:${dns.nameServerPort}` } : {}),
    ...settings,
  })
  const dnsOfPebble = updateKey ? { dnsServer: resolver } : {}
  const pebblePorts = { httpPort: site.ports.http, tlsPort: site.ports.https }
  const pebble = await startPebble({ ...pebbleWish, ...dnsOfPebble, ...pebblePorts })
  const proxy = await startFaultProxy(pebble)
  const caFile = join(site.folder, 'pebble.pem')
  writeFileSync(caFile, proxy.caPem)
  const root = await pebble.root()

  async function done(...command: string[]): Promise<string> {
    const outcome = await site.waypost(...command)
    expect(outcome.code, `${command.join(' ')}\n${outcome.stderr}`).toBe(0)
    return outcome.stdout
  }
  const json = async <T>(...command: string[]) => JSON.parse(await done(...command, '--json')) as T

  return {
    ...{ site, dns, pebble, proxy, done, json },
    addAuthority: (...options) =>
      done(
        ...['authority', 'add', 'pebble', '--directory', proxy.directoryUrl, '--ca-file', caFile],
        ...['--contact', 'hostmaster@example.net', '--agree-to-terms', ...options],
      ),
    explain: (name, ...options) => json('certificate', 'explain', name, ...options),
    presented: (host) => presented(site.ports.https, host, root),
    async close() {
      await site.remove()
      await proxy.stop()
      await pebble.stop()
      await dns.close()
    },
  }
}

async function presented(port: number, host: string, ca: string): Promise<Presented | null> {
  const socket = connect({ host: '127.0.0.1', port, servername: host, rejectUnauthorized: false, ca })
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(5000) })
    const certificate = socket.getPeerX509Certificate()
    if (!certificate) throw new Error('there is no certificate')
    return { certificate, serial: certificate.serialNumber, isTrusted: socket.authorized }
  } catch (error) {
    if (/handshake failure/.test(String(error))) return null
    throw error
  } finally {
    socket.destroy()
  }
}

/** A process and all that it has begun, at one instant as far as that can be: nothing of it runs on. */
export function killTree(pid: number): void {
  const parents = new Map<number, number>()
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // ended meanwhile
    }
  }
  const tree = [pid]
  for (const member of tree) for (const [child, parent] of parents) if (parent === member) tree.push(child)
  // The first is the supervisor, which would begin others
  for (const member of tree) {
    try {
      process.kill(member, 'SIGKILL')
    } catch {
      // ended meanwhile
    }
  }
}

/** Of a second node: its own ports and folder, and all else the same. */
export function settingsOfAnother({ env }: Waypost): Record<string, string> {
  const own = ['WAYPOST_DATA', 'WAYPOST_EDGE_HTTPS', 'WAYPOST_EDGE_HTTP', 'WAYPOST_HEALTH_LISTEN']
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (own.includes(name) || value === undefined ? [] : [[name, value]])),
  )
}
