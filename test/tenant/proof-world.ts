import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import type { SourceDomainMode } from '../../src/delegation/source-domain.ts'
import type { Log } from '../../src/log.ts'
import { domainName, type DomainName } from '../../src/name.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import { stateOf, type ControlStore } from '../../src/tenant/control.ts'
import type { NameServers } from '../../src/tenant/findings.ts'
import { PROOF_CHECK, proofChecks, type ProofChecks } from '../../src/tenant/proof-checks.ts'
import { challengeName, edgeNameOf, proofToken } from '../../src/tenant/proof-token.ts'
import type { Tenant } from '../../src/tenant/tenant.ts'
import { jobRunner, type JobRunner } from '../../src/work/runner.ts'
import { dice } from '../support/dice.ts'
import { testSealer } from '../support/sealer.ts'
import { stoppedClock } from '../support/stopped-clock.ts'
import { scriptedDns, type ScriptedDns } from './scripted-dns.ts'

export const SHARED_EDGE = domainName('edge.example.net')
const PROOF_KEY = testSealer.deriveKey('proof-token')

export interface ProofWorld {
  storage: Storage
  clock: ReturnType<typeof stoppedClock>
  dns: ScriptedDns
  checks: ProofChecks
  /** As they are in another process; one that cannot take in what it finds, if that is given. */
  another(takeIn?: ControlStore['takeIn']): ProofChecks
  runner: JobRunner
  log: Log
  lines: { level: string; msg: string }[] // of the log
  act: () => { at: Date; actor: string; address: null }
  claim(tenant: Tenant, name: DomainName, options?: { mode?: SourceDomainMode; isVouched?: boolean }): Promise<void>
  /** The tenant's own records for the name. */
  txt(tenant: Tenant, name: DomainName): Parameters<ScriptedDns['publish']>
  cname(tenant: Tenant, name: DomainName): Parameters<ScriptedDns['publish']>
  /** How it stands with all claims to the name, by the names of the tenants: "acme proven, zebra lapsed". */
  standing(name: DomainName): Promise<string>
  /** Lets time pass, with all jobs that are due on the way. */
  pass(ms: number): Promise<void>
  close(): Promise<void>
}

/**
 * Proof of control over a real database in memory; the clock stands, and the network is scripted.
 * @param nameServers in place of the scripted ones
 */
export async function proofWorld({
  servers = 2,
  nameServers,
  furtherRecords = async () => [],
}: {
  servers?: number
  nameServers?: NameServers
  furtherRecords?: Parameters<typeof proofChecks>[0]['furtherRecords']
} = {}): Promise<ProofWorld> {
  const clock = stoppedClock('2026-11-23T12:00:00Z')
  const storage = await openStorage({ url: undefined, file: ':memory:', sealer: testSealer, clock })
  await storage.migrate()
  const dns = scriptedDns({ servers })
  const lines: ProofWorld['lines'] = []
  const log = pino(
    { level: 'info', formatters: { level: (level) => ({ level }) } },
    { write: (line: string) => void lines.push(JSON.parse(line) as ProofWorld['lines'][number]) },
  )
  const roll = dice(7)
  const random = () => roll(2 ** 32) / 2 ** 32
  const deps = {
    control: storage.control,
    nameServers: nameServers ?? dns,
    jobs: storage.jobs,
    proofKey: PROOF_KEY,
    edgeName: SHARED_EDGE,
    furtherRecords,
    clock,
    random,
    randomBytes,
    log,
  }
  const checks = proofChecks(deps)
  const kinds = { [PROOF_CHECK]: checks.job }
  const runner = jobRunner({ jobs: storage.jobs, kinds, clock, log, worker: 'w', leaseMs: 60_000, random })
  const act = () => ({ at: clock.now(), actor: 'test', address: null })
  return {
    storage,
    clock,
    dns,
    checks,
    another: (takeIn = storage.control.takeIn) => proofChecks({ ...deps, control: { ...storage.control, takeIn } }),
    runner,
    log,
    lines,
    act,
    async claim(tenant, name, { mode = 'hosted', isVouched = false } = {}) {
      await storage.sourceDomains.add(tenant.id, { name, mode, isVouched }, act())
      clock.advance(1) // so that the next look begins later
    },
    txt: (tenant, name) => ['TXT', challengeName(name), proofToken(PROOF_KEY, tenant.id, name)],
    cname: (tenant, name) => ['CNAME', name, edgeNameOf(tenant, SHARED_EDGE)],
    async standing(name) {
      const claims = await storage.sourceDomains.claims(name)
      return claims.map((claim) => `${claim.tenantName} ${stateOf(claim)}`).join(', ')
    },
    async pass(ms) {
      const end = clock.now().getTime() + ms
      for (;;) {
        await runner.runDue(1000)
        const due = (await storage.jobs.list({ limit: 1000 })).filter(({ finishedAt }) => finishedAt === null)
        const next = Math.min(...due.map(({ runAt }) => runAt.getTime()), end)
        if (next >= end) break
        clock.advance(Math.max(next - clock.now().getTime(), 1))
      }
      clock.advance(end - clock.now().getTime())
      await runner.runDue(1000)
    },
    close: () => storage.close(),
  }
}
