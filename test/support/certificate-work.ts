import { randomUUID } from 'node:crypto'
import type { acmeIssuer } from '../../src/acme/issuer.ts'
import { FRONT_CERTIFICATE, frontCertificateJob, LONGEST_SLEEP_MS } from '../../src/certificate/issuance.ts'
import type { Issuer } from '../../src/certificate/issuer.ts'
import { createLocalAuthority, localAuthority } from '../../src/certificate/local-authority.ts'
import { localIssuer } from '../../src/certificate/local-issuer.ts'
import { clockWatch } from '../../src/clock-watch.ts'
import type { Clock } from '../../src/clock.ts'
import { frontCertificates } from '../../src/delegation/front-certificates.ts'
import { createLog } from '../../src/log.ts'
import { domainName } from '../../src/name.ts'
import { isInUse } from '../../src/parts.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { jobRunner } from '../../src/work/runner.ts'

export type IssuerDeps = Parameters<typeof acmeIssuer>[0]

/** Of an issuer whose tests are about other things than these. */
export const unobstructed: Pick<IssuerDeps, 'finishKeyChange' | 'preflight' | 'challengeTypes' | 'log'> = {
  finishKeyChange: async () => false,
  preflight: async () => ({ outcome: 'ok', isMoved: false, findings: [] }),
  challengeTypes: ['http-01', 'tls-alpn-01'],
  log: createLog({ level: 'silent', role: 'test' }),
}

const DAY_MS = 86_400_000
const KEEP_AUDIT_MS = 1095 * DAY_MS // as it is set without the operator's word
const ADMIN_HOST = domainName('admin.example.net')

/** What the main process does for certificates, a round at a time, by the test's clock. */
export async function certificateWork(deps: {
  storage: Storage
  issuer: Issuer
  clock: Clock
  elapsedMs: () => number // of a clock that nobody sets
  random: () => number
}) {
  const { storage, issuer, clock, random } = deps
  const watch = clockWatch(deps)
  const { lineages, jobs } = storage
  const local = localIssuer({
    authority: localAuthority({ ...(await createLocalAuthority(clock.now())), clock }),
    clock,
  })
  const fronts = frontCertificates({ ...storage, adminHost: ADMIN_HOST, authority: 'acme' })
  const front = frontCertificateJob({
    ...{ lineages, issuers: { local, acme: issuer }, authority: 'acme' },
    confirmControl: async () => 'proven',
    isInUse: isInUse({ storage, config: { admin: { host: ADMIN_HOST } } }),
    cacheSpanMs: 60_000,
    clock,
  })
  const runner = jobRunner({
    ...{ jobs, kinds: { [FRONT_CERTIFICATE]: front }, atOnce: 16, clock, log: unobstructed.log, random },
    ...{ worker: randomUUID(), leaseMs: 60_000 },
  })
  return {
    /** @returns how many jobs were run */
    async round(): Promise<number> {
      while ((await fronts.order(clock.now())) > 0);
      const { completed, failed } = await runner.runDue(100)
      return completed + failed
    },
    async sweep(): Promise<void> {
      const now = clock.now()
      while ((await storage.sweep(now)) > 0);
      if (watch.isSteady()) {
        while ((await storage.control.destroyKeys(now)) > 0);
        while ((await storage.audit.forget(new Date(now.getTime() - KEEP_AUDIT_MS), now)) > 0);
      }
      const latest = new Date(clock.now().getTime() + LONGEST_SLEEP_MS + DAY_MS)
      await jobs.wake(FRONT_CERTIFICATE, latest, clock.now())
    },
  }
}
