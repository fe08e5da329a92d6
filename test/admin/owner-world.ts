import { randomBytes } from 'node:crypto'
import { parseConfig } from '../../src/config.ts'
import { furtherRecords } from '../../src/delegation/further-records.ts'
import { addressPolicy } from '../../src/outside/address-policy.ts'
import { certificateDns } from '../../src/outside/certificate-dns.ts'
import { nameServers } from '../../src/outside/name-servers.ts'
import { nameSight } from '../../src/outside/name-sight.ts'
import { resolver } from '../../src/outside/resolver.ts'
import { proofChecks, type ProofChecks } from '../../src/tenant/proof-checks.ts'
import { dnsWorld, type DnsWorld } from '../support/dns-servers.ts'
import { adminServer, type AdminServer } from './admin-server.ts'

/** The admin plane, whose looks at DNS go to name servers of one's own on loopback. */
export interface OwnerWorld {
  server: AdminServer
  dns: DnsWorld
  close: () => Promise<void>
}

/** @param httpsPort where a web server of somebody else's is looked for */
export async function ownerWorld({ httpsPort = 443 }: { httpsPort?: number } = {}): Promise<OwnerWorld> {
  const dns = await dnsWorld()
  const server = await adminServer({
    proofs: {
      check: (...args) => proofs.check(...args),
      explain: (...args) => proofs.explain(...args),
      attend: (...args) => proofs.attend(...args),
      confirm: (...args) => proofs.confirm(...args),
      job: (job) => proofs.job(job),
    },
    lookAtName: (_tenantId, name) => look(name),
  })
  const { storage, deps, clock } = server
  const resolve = resolver({ servers: [dns.resolver], randomBytes })
  const policy = addressPolicy(['127.0.0.0/8'])
  const edge = parseConfig(
    `[admin]\nhost = "admin.example.net"\n[edge]\nname = "edge.example.net"\naddresses = ["192.0.2.1"]\n`,
  ).edge
  const proofs: ProofChecks = proofChecks({
    ...{ control: storage.control, jobs: storage.jobs, clock, log: deps.log, proofKey: deps.proofKey, randomBytes },
    edgeName: edge.name,
    furtherRecords: furtherRecords({ ...storage, edge: deps.config.edge, challengeAlias: undefined }),
    nameServers: nameServers({ resolver: resolve, policy, port: dns.nameServerPort, randomBytes }),
    random: () => 0.5,
  })
  const look = nameSight({
    dns: certificateDns({ resolver: resolve, policy, edge }),
    resolver: resolve,
    port: httpsPort,
  })
  await server.signIn()
  return {
    server,
    dns,
    async close() {
      await server.close()
      await dns.close()
    },
  }
}
