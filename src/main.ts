import { randomBytes, randomUUID } from 'node:crypto'
import { chmodSync, rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { firstMigration } from '../migrations/index.ts'
import { AUTHORIZATION_DEACTIVATION } from './acme/order.ts'
import { CERTIFICATE_REVOCATION } from './acme/revocation.ts'
import { adminApp } from './admin/app.ts'
import { CENSUS, censusJob } from './census.ts'
import { FRONT_CERTIFICATE, frontCertificateJob, LONGEST_SLEEP_MS } from './certificate/issuance.ts'
import { createLocalAuthority } from './certificate/local-authority.ts'
import { sealer } from './certificate/sealing.ts'
import { clockWatch } from './clock-watch.ts'
import { systemClock } from './clock.ts'
import { cacheSpanMs } from './config.ts'
import { DOMAIN_IMPORT } from './delegation/domain-import.ts'
import { frontCertificates } from './delegation/front-certificates.ts'
import { healthServer } from './health.ts'
import { listenOn } from './listen.ts'
import { createLog } from './log.ts'
import {
  adminParts,
  certificateIssuers,
  counted,
  edgeWatch,
  isInUse,
  metricsText,
  random,
  trustedRoots,
} from './parts.ts'
import { metrics as createMetrics } from './metrics.ts'
import { ProblemError } from './problem.ts'
import { openStorage } from './storage/storage.ts'
import type { StartMessage } from './supervisor.ts'
import { PROOF_CHECK } from './tenant/proof-checks.ts'
import { REDIRECT_RULE } from './verify/rule-checks.ts'
import { rounds } from './work/rounds.ts'
import { jobRunner, type JobKind } from './work/runner.ts'

const SWEEP_EVERY_MS = 60_000
const AUDIT_HEAD_EVERY_MS = 3_600_000
const DAY_MS = 86_400_000
const KEEP_CHANGES_MS = 3_600_000
const LEASE_MS = 60_000
const LONGEST_SOCKET_PATH = 107 // bytes, of sun_path; Linux cuts a longer one without a word
const CERTIFICATES_AT_ONCE = 16
const AUTHORITY_ERRANDS_AT_ONCE = 4
const PROOFS_AT_ONCE = 16
const RULES_AT_ONCE = 8
const IMPORTS_AT_ONCE = 2

export interface MainProcess {
  /** Whether the database was empty before: then nobody has ever signed in. */
  isNew: boolean
  setListeningEdges(count: number): void
  stop(): Promise<void>
}

/** The parts list of the main process: storage, nouns, admin plane, jobs. Migrates before anything is served. */
export async function startMain({ config, masterKey, databaseFile, adminSocket }: StartMessage): Promise<MainProcess> {
  const clock = systemClock
  const log = createLog({ level: config.log.level, role: 'main' })
  await refuseIfRunning(adminSocket) // before the database of the other is migrated
  const keys = sealer(Buffer.from(masterKey, 'base64'), randomBytes)
  const storage = await openStorage({ url: config.storage.url, file: databaseFile, sealer: keys, clock })
  const applied = await storage.migrate()

  const metrics = createMetrics(log)
  const { sourceDomains, targetHosts } = storage
  const issuing = counted(storage, metrics)
  const { lineages } = issuing
  const fronts = frontCertificates({
    sourceDomains,
    targetHosts,
    lineages,
    jobs: storage.jobs,
    adminHost: config.admin.host,
    authority: config.front.authority,
  })
  const local = await storage.localAuthority.loadOrCreate(() => createLocalAuthority(clock.now()), clock.now())
  const roots = await trustedRoots({ storage, config, clock })
  const watch = clockWatch({ clock, elapsedMs: () => performance.now() })
  const isClockSteady = () => watch.isSteady()
  const parts = adminParts({ storage, sealer: keys, config, clock, log, roots: async () => roots, isClockSteady })
  const { budget } = parts
  const { issuers, deactivation, clearChallengeRecords } = certificateIssuers({
    ...{ storage: issuing, sealer: keys, config, local, budget, metrics, clock, log },
  })
  const runner = (kinds: Readonly<Record<string, JobKind>>, atOnce: number) =>
    jobRunner({ jobs: storage.jobs, kinds, atOnce, clock, log, worker: randomUUID(), leaseMs: LEASE_MS, random })
  const certificateJobs = runner(
    {
      [FRONT_CERTIFICATE]: frontCertificateJob({
        ...{ lineages, issuers, authority: config.front.authority },
        confirmControl: parts.proofs.confirm,
        isInUse: isInUse({ storage, config }),
        cacheSpanMs: cacheSpanMs(config),
        clock,
      }),
    },
    CERTIFICATES_AT_ONCE,
  )
  // Apart, and many at once, since they wait for others: who is silent holds nobody else up
  const authorityErrands = runner(
    { [AUTHORIZATION_DEACTIVATION]: deactivation, [CERTIFICATE_REVOCATION]: parts.revocations.job },
    AUTHORITY_ERRANDS_AT_ONCE,
  )
  const proofJobs = runner({ [PROOF_CHECK]: parts.proofs.job }, PROOFS_AT_ONCE)
  const ruleJobs = runner({ [REDIRECT_RULE]: parts.rules.job }, RULES_AT_ONCE)
  const importJobs = runner({ [DOMAIN_IMPORT]: parts.fileImports.job }, IMPORTS_AT_ONCE)
  const countJobs = runner({ [CENSUS]: censusJob({ census: storage.census, now: () => clock.now() }) }, 1)
  await storage.jobs.enqueue({ kind: CENSUS, key: 'all', payload: {}, runAt: clock.now() })

  const app = adminApp(parts)
  const admin = http.createServer(app)
  const served = edgeWatch({ storage, config, clock, log })
  const kinds = [
    FRONT_CERTIFICATE,
    AUTHORIZATION_DEACTIVATION,
    CERTIFICATE_REVOCATION,
    PROOF_CHECK,
    REDIRECT_RULE,
    DOMAIN_IMPORT,
    CENSUS,
  ]
  const text = metricsText({ storage, budget, served, kinds, metrics, clock })
  const health = healthServer({
    check: () => storage.check(),
    metrics: { contentType: metrics.contentType, text },
    log,
  })
  if (config.admin.listen) await listenOn(admin, config.admin.listen, { isShared: false })
  // Where nobody asks there, it says that the data folder is taken
  const mark = config.admin.listen ? net.createServer((socket) => socket.destroy()) : admin
  await listenPrivately(mark, adminSocket)
  await listenOn(health.server, config.health.listen, { isShared: false })

  let isStopping = false
  const certifying = async () => {
    const ordered = await fronts.order(clock.now())
    await certificateJobs.fill()
    return ordered
  }
  const works = [
    rounds('certificates', certifying, log),
    rounds('errands at authorities', () => authorityErrands.fill(), log),
    rounds('proofs', () => proofJobs.fill(), log),
    rounds('rules', () => ruleJobs.fill(), log),
    rounds('imports', () => importJobs.fill(), log),
    rounds('served certificates', () => served.round(), log),
    rounds('counts', () => countJobs.fill(), log),
  ]
  let sweeping: Promise<void> | undefined
  const sweeper = setInterval(() => {
    const olderThan = new Date(clock.now().getTime() - KEEP_CHANGES_MS)
    sweeping ??= sweep(olderThan).finally(() => (sweeping = undefined))
  }, SWEEP_EVERY_MS)

  /** In bounded steps, until nothing is left: strangers may leave more in a minute than one step takes. */
  async function sweep(olderThan: Date): Promise<void> {
    try {
      await storage.changes.trim(olderThan)
      const isClockSteady = watch.isSteady()
      while (!isStopping && (await storage.sweep(clock.now(), { isClockSteady })) > 0);
      while (!isStopping && (await clearChallengeRecords()) > 0);
      if (isClockSteady) await destroyForAge()
      const latest = new Date(clock.now().getTime() + LONGEST_SLEEP_MS + DAY_MS)
      while (!isStopping && (await storage.jobs.wake(FRONT_CERTIFICATE, latest, clock.now())) > 0);
    } catch (err) {
      log.warn({ err }, 'what has ended was not swept away; it is tried again')
    }
  }

  /** Whoever keeps the log notices when the end of the audit trail is cut off: `waypost audit verify --log`. */
  async function logAuditHead(): Promise<void> {
    try {
      log.info(await storage.audit.head(), 'audit head')
    } catch (err) {
      log.warn({ err }, 'the head of the audit trail could not be read; it is tried again')
    }
  }

  /** What no later moment brings back. */
  async function destroyForAge(): Promise<void> {
    const { keep_days } = config.audit
    const now = clock.now()
    while (!isStopping && (await storage.control.destroyKeys(now)) > 0);
    const olderThan = new Date(now.getTime() - keep_days * DAY_MS)
    if (keep_days > 0) while (!isStopping && (await storage.audit.forget(olderThan, now)) > 0);
  }
  // Nobody waits for it: authorities may be silent
  const keyChanges = parts.accountKeeping
    .finishKeyChanges({ at: clock.now(), actor: 'acme', address: null })
    .catch((err: unknown) =>
      log.warn({ err }, 'a change of an account key was not finished; it is once an order fails'),
    )
  await logAuditHead()
  const auditTicker = setInterval(() => void logAuditHead(), AUDIT_HEAD_EVERY_MS)

  log.info({ adminHost: config.admin.host }, 'the main process is ready')
  return {
    isNew: applied.includes(firstMigration),
    setListeningEdges: health.setListeningEdges,
    async stop() {
      isStopping = true
      clearInterval(sweeper)
      clearInterval(auditTicker)
      const drained = [certificateJobs, authorityErrands, proofJobs, ruleJobs, importJobs, countJobs].map((jobs) =>
        jobs.drain(),
      )
      await Promise.all([...works.map((work) => work.stop()), ...drained, sweeping, keyChanges])
      if (mark !== admin) mark.close()
      await Promise.all([closed(admin), closed(health.server)])
      await logAuditHead()
      await storage.close()
    },
  }
}

/** @throws ProblemError unavailable: another Waypost has this data folder, or its name is too long */
async function refuseIfRunning(path: string): Promise<void> {
  if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH)
    throw new ProblemError(
      'unavailable',
      `the path ${path} is longer than the ${LONGEST_SOCKET_PATH} bytes that a socket's may have; choose a data folder with a shorter name`,
    )
  if (await isAnswered(path))
    throw new ProblemError('unavailable', `another Waypost is running on this data folder (${path} is answered)`)
}

async function listenPrivately(server: net.Server, path: string): Promise<void> {
  rmSync(path, { force: true }) // a leaving of a process that was killed
  const mask = process.umask(0o177) // never open to others, not even between listen and chmod
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      // exclusive: the socket is this process's own and not the supervisor's
      server.listen({ path, exclusive: true }, resolve)
    })
  } finally {
    process.umask(mask)
  }
  chmodSync(path, 0o600)
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path)
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

function closed(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
    setTimeout(() => server.closeAllConnections(), 5000).unref()
  })
}
