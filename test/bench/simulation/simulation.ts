import { budget } from '../../../src/acme/budget.ts'
import { acmeIssuer } from '../../../src/acme/issuer.ts'
import { limitsOf } from '../../../src/acme/limits.ts'
import { renewals } from '../../../src/acme/renewals.ts'
import { FRONT_CERTIFICATE, frontCertificateJob, LONGEST_SLEEP_MS } from '../../../src/certificate/issuance.ts'
import type { Issuer } from '../../../src/certificate/issuer.ts'
import { createLog } from '../../../src/log.ts'
import { jobRunner } from '../../../src/work/runner.ts'
import { dice } from '../../support/dice.ts'
import { DAY_MS, DIRECTORY_URL, HOUR_MS, POLL_EVERY_MS, simulatedAuthority, type ProfileName } from './authority.ts'
import { figures, type Figures } from './figures.ts'
import { simulatedTime } from './simulated-time.ts'
import { memoryStores, realStores, SWEEP_EVERY_MS } from './stores.ts'
import { domainOf, readDownload, stubFacts } from './stub-certificate.ts'

export interface Options {
  domains: number
  seed: number
  profile: ProfileName
  from: Date
  until: Date
  start: 'registered' | 'certified'
  rampMs: number // they are registered, each day's at once, or have got their certificate before, evenly over so long
  ordersPer3h: number // first certificates, as the authority lets this account
  tenants: number
  outage: { from: number; until: number }
  revocation: { at: number; share: number }
  hasRenewalInfo: boolean
  polls: 'each' | 'batched'
  stores: 'memory' | 'real'
  onDay?: ((day: number) => void) | undefined
}

const MINUTE_MS = 60_000
const FACES = 2 ** 32
// As in src/main.ts
const LEASE_MS = MINUTE_MS
const AT_ONCE = 16
const MOST_RUNS_AT_ONCE = 10 // of a job at one instant

/**
 * The product's own runner, job, issuer, renewal rules and budget, on a clock that jumps to the next event and with an
 * authority that is simulated, as are keys and signatures. Preflight finds nothing and proofs are in force.
 */
export async function simulate(options: Options): Promise<Figures> {
  const { domains, seed, from, until, rampMs, ordersPer3h, tenants, outage, revocation } = options
  const time = simulatedTime(from)
  const roll = dice(seed)
  const random = () => roll(FACES) / FACES
  const isReal = options.stores === 'real'
  const memory = isReal ? undefined : memoryStores({ domains, tenants })
  const stores = memory ?? (await realStores({ domains, time }))
  const log = createLog({ level: 'silent', role: 'simulation' })

  const authority = simulatedAuthority({
    ...{ domains, profile: options.profile, ordersPer3h, outage, hasRenewalInfo: options.hasRenewalInfo, time, random },
    revocation: { ...revocation, seed },
  })
  const figure = figures({
    domains,
    time,
    outage,
    revocation,
    authority,
    hours: (until.getTime() - from.getTime()) / HOUR_MS,
  })
  authority.onOrder(figure.ordered)

  const limits = limitsOf(DIRECTORY_URL, { orders: { count: ordersPer3h, periodMs: 3 * HOUR_MS } })
  const real = budget({
    buckets: stores.budgets,
    limitsOf: async () => limits,
    registeredDomain: (name) => name.slice(name.indexOf('.') + 1),
    random,
  })
  const issuance = { ...stores.issuance, failed: figure.onFailure(stores.issuance.failed, stores.domainOfLineage) }
  const sessionOf = async () => authority.session
  const renewal = renewalBy()
  const issuer = acmeIssuer({
    ...stores,
    issuance,
    budget: { ...real, take: figure.onPayment(real.take) },
    challenges: { put: async () => undefined, remove: async () => undefined },
    preflight: async () => ({ outcome: 'ok', isMoved: false, findings: [] }),
    challengeTypes: ['http-01', 'tls-alpn-01'],
    makeRequest: async () => ({ csrDer: NOTHING, privateKey: NOTHING }),
    verify({ chainPem }) {
      const { serial, dates } = readDownload(chainPem)
      return { pem: chainPem, leaf: stubFacts(serial, dates) }
    },
    finishKeyChange: async () => false,
    ...{ sessionOf, renewal, clock: time, log, random },
  })

  function renewalBy(): Issuer['renewal'] {
    const ask = renewals({ ...stores, sessionOf, clock: time, random })
    return async (certificate) => {
      const answer = await ask(certificate)
      figure.dueAt(domainOf(certificate.dnsNames[0]!), answer.renewAt)
      return options.polls === 'each' ? answer : { ...answer, askAgainAt: await skipped(certificate, answer) }
    }
  }

  /**
   * A poll that brings the window which is known changes nothing but when to poll again: of those only the first one is made
   * after the authority has changed its mind. Of a poll that failed, and of an authority that is paused, all are made.
   */
  async function skipped(
    { id }: { id: string },
    { renewAt, askAgainAt }: { renewAt: Date; askAgainAt: Date },
  ): Promise<Date> {
    const isPoll = askAgainAt > time.now() && askAgainAt < renewAt
    const known = isPoll ? await stores.renewalInfo.find(id) : undefined
    if (!known || known.fault !== null || known.pollAt.getTime() !== askAgainAt.getTime()) return askAgainAt
    const next = askAgainAt.getTime()
    const changeAt = time.ms() < revocation.at ? revocation.at : Infinity
    const end = Math.min(changeAt, renewAt.getTime(), time.ms() + LONGEST_SLEEP_MS)
    const pollsUntil = (at: number) => Math.max(Math.ceil((at - next) / POLL_EVERY_MS), 0)
    const polls = pollsUntil(end)
    figure.skippedPolls(pollsUntil(Math.min(end, until.getTime())))
    return new Date(Math.min(next + polls * POLL_EVERY_MS, renewAt.getTime()))
  }

  // A tick comes when all promises that could go on have done so; a database needs turns of the event loop
  const settled = () => new Promise<void>((go) => (isReal ? setImmediate(go) : process.nextTick(go)))
  let busy = 0
  let claiming = 0
  let runsNow = 0 // at the present instant
  const isSpinning = () => runsNow > MOST_RUNS_AT_ONCE * domains
  const kept = stores.jobs
  const ended =
    <Args extends unknown[]>(end: (...args: Args) => Promise<boolean>) =>
    async (...args: Args) => {
      const isOurs = await end(...args)
      busy--
      return isOurs
    }
  const jobs: typeof kept = {
    enqueue: kept.enqueue,
    beat: kept.beat,
    complete: ended(kept.complete),
    postpone: ended(kept.postpone),
    async claim(...args) {
      if (isSpinning()) return undefined
      claiming++
      const job = await kept.claim(...args).finally(() => claiming--)
      if (job) {
        busy++
        figure.began(job.runAt)
        runsNow++
      }
      return job
    },
  }
  const runner = jobRunner({
    jobs,
    kinds: {
      [FRONT_CERTIFICATE]: frontCertificateJob({
        lineages: { ...stores.lineages, activate: figure.onActivation(stores.lineages.activate) },
        issuers: { acme: issuer, local: issuer },
        authority: 'acme',
        confirmControl: async () => 'proven',
        isInUse: async () => true,
        cacheSpanMs: MINUTE_MS,
        clock: time,
      }),
    },
    ...{ atOnce: AT_ONCE, clock: time, log, worker: 'simulation', leaseMs: LEASE_MS, random },
  })

  for (let domain = 0; domain < domains; domain++) {
    const runAt = options.start === 'registered' ? registeredAt(domain) : adopted(domain)
    const key = stores.lineageOf(domain)
    await kept.enqueue({ kind: FRONT_CERTIFICATE, key, payload: null, runAt: new Date(runAt) })
  }

  /** Those of a day within its first minute, as by an import of a list. */
  function registeredAt(domain: number): number {
    const day = (rampMs * domain) / domains / DAY_MS
    return from.getTime() + Math.floor(day) * DAY_MS + Math.floor((day % 1) * MINUTE_MS)
  }

  /** @returns when the job looks at it for the first time */
  function adopted(domain: number): number {
    if (!memory) throw new Error('only those who are kept in memory can have certificates from the beginning')
    const { serial, dates } = authority.issuedAt(domain, from.getTime() - Math.floor((rampMs * domain) / domains))
    memory.adopt(serial, dates)
    figure.adopted(domain, dates)
    return from.getTime() + Math.floor(POLL_EVERY_MS * random())
  }

  let sweepAt = from.getTime() + SWEEP_EVERY_MS
  let dayAt = from.getTime() + DAY_MS
  for (;;) {
    if (busy < AT_ONCE && (await stores.nextAt()) <= time.ms()) await runner.fill()
    // Until all that are under way wait for the authority
    do await settled()
    while (claiming > 0 || busy !== time.waiting())
    if (isSpinning()) throw new Error(`at ${time.now().toISOString()} jobs are run again at once for ever`)
    const next = Math.min(time.nextAt(), busy < AT_ONCE ? await stores.nextAt() : Infinity)
    if (next >= until.getTime()) break
    const at = Math.max(next, time.ms())
    figure.busyFor(busy / AT_ONCE, at)
    if (at > time.ms()) runsNow = 0
    time.moveTo(at)
    if (at >= sweepAt) {
      stores.sweep(time.now())
      sweepAt = at + SWEEP_EVERY_MS
    }
    if (at >= dayAt) {
      options.onDay?.(Math.round((dayAt - from.getTime()) / DAY_MS))
      dayAt += DAY_MS
    }
  }
  time.moveTo(until.getTime())
  const report = figure.report()
  await stores.close()
  return report
}

const NOTHING = Buffer.alloc(1)
