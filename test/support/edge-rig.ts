import { randomBytes } from 'node:crypto'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Act } from '../../src/act.ts'
import { describeCertificate } from '../../src/certificate/chain.ts'
import { frontLineageName, type LineageCertificate, type PrivateKeyStore } from '../../src/certificate/lineage.ts'
import { sealer } from '../../src/certificate/sealing.ts'
import { parseConfig, type Config } from '../../src/config.ts'
import type { NewDelegation } from '../../src/delegation/delegation.ts'
import type { HostMeta } from '../../src/delegation/host-meta.ts'
import type { HostDirectory } from '../../src/delegation/host.ts'
import type { SourceDomainMode } from '../../src/delegation/source-domain.ts'
import { edge, type Edge } from '../../src/edge/edge.ts'
import type { Challenges } from '../../src/edge/plain-handler.ts'
import { createLog } from '../../src/log.ts'
import { domainName } from '../../src/name.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import { makeCertificate, makeKeys, type MadeCertificate } from './certificates.ts'
import { rawRequest, type RawAnswer, type RawOptions, type RawOutcome } from './raw-client.ts'
import { stoppedClock } from './stopped-clock.ts'

export const HOUR = 3_600_000

/** An edge on free ports of 127.0.0.1, over a database of its own. */
export interface EdgeRig {
  clock: ReturnType<typeof stoppedClock>
  storage: Storage
  config: Config
  edge: Edge
  tlsPort: number
  plainPort: number
  ca: string // what front certificates are verified with
  logged: string[]
  act(): Act
  /** What was committed before is served after it. */
  settle(): Promise<void>
  addTarget(name: string, port?: number): Promise<void>
  addDomain(name: string, wish?: DomainWish): Promise<void>
  addLineage(name: string, certificate: MadeCertificate): Promise<LineageCertificate>
  addFront(name: string): Promise<MadeCertificate>
  delegate(name: string, wish: DelegationWish): Promise<string>
  /** GET, by default of the host that SNI names, over a connection of its own. */
  get(host: string, path: string, headers?: Record<string, string>, method?: string): Promise<RawAnswer>
  raw(bytes: string, options?: Partial<RawOptions>): Promise<RawOutcome>
  plain(bytes: string): Promise<RawOutcome>
  close(): Promise<void>
}

export interface DomainWish {
  tenant?: string
  mode?: SourceDomainMode
  isVouched?: boolean
  hasFront?: boolean
  hostMeta?: HostMeta
}

export interface DelegationWish extends Partial<Omit<NewDelegation, 'sourceDomainId' | 'targetHostId' | 'lineageId'>> {
  tenant?: string
  target: string
  lineage: string
}

export interface RigOptions {
  toml?: string
  adminHandler?: http.RequestListener
  /** Stands between the edge and the stored directory, to make it fail. */
  directory?: (directory: HostDirectory) => HostDirectory
  privateKeys?: (keys: Pick<PrivateKeyStore, 'open'>) => Pick<PrivateKeyStore, 'open'>
  challenges?: (challenges: Challenges) => Challenges
}

export async function edgeRig({
  toml = '',
  adminHandler,
  directory: wrap,
  privateKeys: wrapKeys,
  challenges: wrapChallenges,
}: RigOptions = {}): Promise<EdgeRig> {
  const clock = stoppedClock('2026-06-01T00:00:00Z')
  const config = parseConfig(toml)
  const seal = sealer(Buffer.alloc(32, 7), randomBytes)
  const storage = await openStorage({ url: undefined, file: ':memory:', sealer: seal, clock })
  await storage.migrate()
  const logged: string[] = []
  const log = createLog({ level: 'debug', role: 'edge' }, { write: (line) => void logged.push(line) })
  const directory = storage.directory({ adminHost: config.admin.host, maxEntries: 1000, maxBytes: 2 ** 24, log })
  const folder = mkdtempSync(join(tmpdir(), 'waypost-edge-'))
  const adminSocket = join(folder, 'admin.sock')
  const admin = adminHandler && http.createServer(adminHandler)
  if (admin) await listening(admin, adminSocket)
  const front = edge({
    directory: wrap ? wrap(directory) : directory,
    privateKeys: wrapKeys ? wrapKeys(storage.privateKeys) : storage.privateKeys,
    challenges: wrapChallenges ? wrapChallenges(storage.challenges) : storage.challenges,
    adminSocket,
    config,
    clock,
    log,
  })
  const tls = net.createServer((socket) => front.acceptTls(socket))
  const plain = net.createServer((socket) => front.acceptPlain(socket))
  const [tlsPort, plainPort] = [await listening(tls), await listening(plain)]

  const frontIssuer = await makeCertificate({ isCa: true, subject: 'CN=Front', ...LONG })
  const frontKeys = await makeKeys() // one for all: making keys is what takes time
  const act = (): Act => ({ at: clock.now(), actor: 'test', address: null })

  async function tenantId(name = 'alice'): Promise<string> {
    return ((await storage.tenants.findByName(name)) ?? (await storage.tenants.add(name, act()))).id
  }

  async function addLineage(name: string, { pem, der, keyDer }: MadeCertificate): Promise<LineageCertificate> {
    const lineage =
      (await storage.lineages.findByName(null, name)) ??
      (await storage.lineages.create(null, { name, source: 'import' }, act()))
    const chain = { pem, leaf: describeCertificate(der) }
    const staged = await storage.lineages.stage(null, lineage.id, { chain, privateKey: Buffer.from(keyDer) }, act())
    const hasActive =
      lineage && (await storage.lineages.find(null, lineage.id))?.certificates.some((each) => each.activatedAt)
    return hasActive ? staged : storage.lineages.activate(null, staged.id, clock.now(), act())
  }

  async function addFront(name: string): Promise<MadeCertificate> {
    const made = await makeCertificate({ names: [name], issuer: frontIssuer, keys: frontKeys, ...LONG })
    await addLineage(frontLineageName(domainName(name)), made)
    return made
  }

  const rig: EdgeRig = {
    ...{
      clock,
      storage,
      config,
      edge: front,
      tlsPort,
      plainPort,
      ca: frontIssuer.pem,
      logged,
      act,
      addLineage,
      addFront,
    },
    settle: () => directory.poll(),

    async addTarget(name, port = 443) {
      await addFront(name)
      await storage.targetHosts.add({ name: domainName(name), port }, act())
      const lineage = await storage.lineages.findByName(null, frontLineageName(domainName(name)))
      await storage.targetHosts.setFrontLineage(domainName(name), lineage!.id, act())
    },

    async addDomain(text, { tenant, mode = 'hosted', isVouched = true, hasFront = true, hostMeta } = {}) {
      const [id, name] = [await tenantId(tenant), domainName(text)]
      await storage.sourceDomains.add(id, { name, mode, isVouched }, act())
      if (hostMeta) await storage.sourceDomains.setHostMeta(id, name, hostMeta, act())
      if (!hasFront) return
      await addFront(name)
      const lineage = await storage.lineages.findByName(null, frontLineageName(name))
      await storage.sourceDomains.setFrontLineage(id, name, lineage!.id, act())
    },

    async delegate(name, { tenant, target, lineage, ...wish }) {
      const id = await tenantId(tenant)
      const registered = await storage.delegations.register(
        id,
        {
          service: '_xmpp-server',
          protocol: '_tcp',
          tlsAnswer: 'redirect',
          poshAnswer: 'fingerprints',
          srvPort: null,
          ...wish,
          sourceDomainId: (await storage.sourceDomains.find(id, domainName(name)))!.id,
          targetHostId: (await storage.targetHosts.find(domainName(target)))!.id,
          lineageId: (await storage.lineages.findByName(null, lineage))!.id,
        },
        act(),
      )
      return registered.id
    },

    async get(host, path, headers = {}, method = 'GET') {
      const lines = Object.entries({ Host: host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
      const { answers } = await rig.raw(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, {
        serverName: host.replace(/\.?(:\d+)?$/, ''),
        isHead: method === 'HEAD',
      })
      const [answer] = answers
      if (!answer) throw new Error('there was no answer')
      return answer
    },

    raw: (bytes, options) =>
      rawRequest(bytes, { port: tlsPort, serverName: 'im.example.com', ca: rig.ca, answers: 1, ...options }),
    plain: (bytes) => rawRequest(bytes, { port: plainPort, answers: 1 }),

    async close() {
      tls.close()
      plain.close()
      await front.close(0)
      admin?.close()
      admin?.closeAllConnections()
      await directory.close()
      await storage.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return rig
}

const LONG = { notBefore: '2020-01-01T00:00:00Z', notAfter: '2090-01-01T00:00:00Z' }

async function listening(server: net.Server, path?: string): Promise<number> {
  await new Promise<void>((resolve) => (path ? server.listen(path, resolve) : server.listen(0, '127.0.0.1', resolve)))
  return path ? 0 : (server.address() as AddressInfo).port
}
