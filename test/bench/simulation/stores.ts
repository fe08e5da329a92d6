import type { Authority, AuthorityStore } from '../../../src/acme/authority.ts'
import { idleAt, untouched, type Bucket } from '../../../src/acme/bucket.ts'
import type { BudgetStore } from '../../../src/acme/budget.ts'
import type {
  IssuanceMemory,
  IssuanceStore,
  Order,
  OrderChanges,
  OrderStore,
  RenewalInfoStore,
} from '../../../src/acme/order.ts'
import { FRONT_CERTIFICATE, type FrontCertificatePayload } from '../../../src/certificate/issuance.ts'
import type { LineageCertificate, LineageStore, LineageWithCertificates } from '../../../src/certificate/lineage.ts'
import type { DomainName } from '../../../src/name.ts'
import { ProblemError } from '../../../src/problem.ts'
import { openStorage } from '../../../src/storage/storage.ts'
import type { JobStore } from '../../../src/work/job.ts'
import { testSealer } from '../../support/sealer.ts'
import { DIRECTORY_URL, HOUR_MS } from './authority.ts'
import { jobQueue } from './job-queue.ts'
import type { SimulatedTime } from './simulated-time.ts'
import { nameOf, readDownload, stubCertId, stubFacts, stubPem, type Dates, type Serial } from './stub-certificate.ts'

/** What the product keeps, as far as the simulation reaches. */
export interface Stores {
  lineages: Pick<LineageStore, 'find' | 'stage' | 'activate' | 'isPublished'>
  orders: Pick<OrderStore, 'underWay' | 'begin' | 'save' | 'privateKey' | 'end' | 'list' | 'ofCertificate'>
  issuance: IssuanceStore
  renewalInfo: RenewalInfoStore
  authorities: Pick<AuthorityStore, 'list' | 'pause'>
  budgets: BudgetStore
  jobs: Pick<JobStore, 'enqueue' | 'claim' | 'beat' | 'complete' | 'postpone'>
  /** When the next job is due that nobody has; Infinity: never. */
  nextAt(): Promise<number>
  domainOfLineage(lineageId: string): number
  lineageOf(domain: number): string
  /** Lets go of what says nothing any more. */
  sweep(now: Date): void
  close(): Promise<void>
}

const NO_KEY = Buffer.alloc(1)
const EPOCH = new Date(0)
const AUTHORITY: Authority = {
  ...{ id: 'authority', name: 'letsencrypt', rank: 0, directoryUrl: DIRECTORY_URL, caPem: null, contact: [] },
  ...{
    eabKeyId: null,
    profile: null,
    keyType: 'ec-p256',
    preferredChain: null,
    termsOfService: null,
    accountUrl: 'https://ca/account',
  },
  ...{ pausedUntil: null, pauseReason: null, createdAt: new Date(0), revision: 1 },
}

function payloadOf(tenants: number) {
  return (lineageId: string, domain: number): FrontCertificatePayload => ({
    // One tenant has a fifth of all
    tenantId: tenants === 0 ? null : `tenant ${domain % 5 === 0 ? 0 : domain % tenants}`,
    ...{ lineageId, identifiers: [nameOf(domain) as DomainName] },
  })
}

/**
 * Columns of numbers, and nothing else for what rests; rows are made when they are asked for. A lineage's id is its
 * domain's number, a certificate's and an order's that with the generation.
 */
export function memoryStores({ domains, tenants }: { domains: number; tenants: number }): Stores & {
  /** Puts a certificate to use that was not ordered here. */
  adopt(serial: Serial, dates: Dates): void
} {
  const generation = new Int32Array(domains) // of the certificate in use; 0: none
  const notBefore = new Float64Array(domains)
  const notAfter = new Float64Array(domains)
  const replacedByLast = new Int32Array(domains) // which generation the last order named as replaced; 0: none
  const info = { start: column(domains), end: column(domains), renewAt: column(domains) }
  const polled = { at: column(domains), next: column(domains), generation: new Int32Array(domains) }
  const faults = new Map<number, string>()
  const staged = new Map<number, { serial: Serial; dates: Dates }>()
  const underWay = new Map<number, Order>()
  const memories = new Map<number, IssuanceMemory>()
  const buckets = new Map<string, Bucket>()
  let authority = AUTHORITY

  const payload = payloadOf(tenants)
  const jobs = jobQueue({
    ...{ size: domains, kind: FRONT_CERTIFICATE, keyOf: String, indexOf: Number },
    payloadOf: (index) => payload(String(index), index),
  })

  function certificate(serial: Serial, dates: Dates, activatedAt: Date | null): LineageCertificate {
    const { sha256, spkiSha256, subject, issuer, keyType, dnsNames, notBefore, notAfter } = stubFacts(serial, dates)
    return {
      id: `${serial.domain}.${serial.generation}`,
      lineageId: String(serial.domain),
      get chainPem() {
        return stubPem(serial)
      },
      sha256,
      spkiSha256,
      subject,
      issuer,
      serial: '01',
      keyType,
      dnsNames,
      notBefore,
      notAfter,
      privateKeyId: 'key',
      stagedAt: notBefore,
      activatedAt,
      supersededAt: null,
      retiresAt: null,
    }
  }

  const serialOfId = (id: string): Serial => {
    const dot = id.indexOf('.')
    return { domain: Number(id.slice(0, dot)), generation: Number(id.slice(dot + 1)) }
  }

  /** As much of an order that is over as is asked about. */
  function issuedOrder(domain: number, generation: number): Order {
    const replaces = replacedByLast[domain]!
    return {
      id: `${domain}.${generation}`,
      tenantId: null,
      lineageId: String(domain),
      authorityId: AUTHORITY.id,
      identifiers: [nameOf(domain) as DomainName],
      profile: null,
      replaces: replaces === 0 ? null : stubCertId({ domain, generation: replaces }),
      csrDer: NO_KEY,
      status: 'valid',
      newOrders: 1,
      url: '',
      finalizeUrl: '',
      certificateUrl: '',
      expiresAt: null,
      authorizations: [],
      createdAt: EPOCH,
      finishedAt: EPOCH,
      outcome: 'issued',
      problem: null,
      certificateId: `${domain}.${generation}`,
    }
  }

  return {
    jobs,
    nextAt: () => jobs.nextAt(),
    domainOfLineage: Number,
    lineageOf: String,
    close: async () => undefined,

    sweep(now) {
      for (const [key, bucket] of buckets) if (idleAt(bucket) <= now) buckets.delete(key)
    },

    adopt(serial, dates) {
      generation[serial.domain] = serial.generation
      notBefore[serial.domain] = dates.notBefore
      notAfter[serial.domain] = dates.notAfter
    },

    lineages: {
      async find(_tenantId, id): Promise<LineageWithCertificates> {
        const domain = Number(id)
        const [present, next] = [generation[domain]!, staged.get(domain)]
        const dates = { notBefore: notBefore[domain]!, notAfter: notAfter[domain]! }
        const certificates = [
          ...(present === 0 ? [] : [certificate({ domain, generation: present }, dates, new Date(dates.notBefore))]),
          ...(next ? [certificate(next.serial, next.dates, null)] : []),
        ]
        const facts = { id, tenantId: null, tenantName: null, name: `front:${nameOf(domain)}`, source: 'acme' as const }
        return { ...facts, identifiers: null, createdAt: new Date(0), revision: 1, certificates }
      },

      async stage(_tenantId, lineageId, { chain }) {
        const domain = Number(lineageId)
        const order = underWay.get(domain)
        if (!order) throw new ProblemError('not-found', 'the order was ended without a certificate')
        const { serial, dates } = readDownload(chain.pem)
        underWay.delete(domain)
        replacedByLast[domain] = order.replaces === null ? 0 : generation[domain]!
        staged.set(domain, { serial, dates })
        return certificate(serial, dates, null)
      },

      async activate(_tenantId, certificateId, _retiresAt, { at }) {
        const { domain } = serialOfId(certificateId)
        const next = staged.get(domain)
        if (!next) throw new ProblemError('not-found', `there is no certificate ${certificateId}`)
        staged.delete(domain)
        generation[domain] = next.serial.generation
        notBefore[domain] = next.dates.notBefore
        notAfter[domain] = next.dates.notAfter
        return certificate(next.serial, next.dates, at)
      },

      isPublished: async () => false,
    },

    orders: {
      underWay: async (lineageId) => underWay.get(Number(lineageId)),

      async begin(order, _privateKey, { at }) {
        const domain = Number(order.lineageId)
        if (underWay.has(domain)) throw new ProblemError('already-exists', 'an order of this lineage is under way')
        const row: Order = {
          id: `${domain}.${generation[domain]! + 1}`,
          tenantId: order.tenantId,
          lineageId: order.lineageId,
          authorityId: order.authorityId,
          identifiers: order.identifiers,
          profile: order.profile,
          replaces: order.replaces,
          csrDer: order.csrDer,
          status: 'new',
          newOrders: 0,
          url: null,
          finalizeUrl: null,
          certificateUrl: null,
          expiresAt: null,
          authorizations: [],
          createdAt: at,
          finishedAt: null,
          outcome: null,
          problem: null,
          certificateId: null,
        }
        underWay.set(domain, row)
        return row
      },

      async save(id, changes) {
        const { domain } = serialOfId(id)
        const order = underWay.get(domain)
        if (!order) throw new ProblemError('not-found', `order ${id} is not under way`)
        const row = changed(order, changes)
        underWay.set(domain, row)
        return row
      },

      privateKey: async () => NO_KEY,
      end: async (id) => void underWay.delete(serialOfId(id).domain),

      async list(lineageId) {
        const domain = Number(lineageId)
        return generation[domain] === 0 ? [] : [issuedOrder(domain, generation[domain]!)]
      },

      async ofCertificate(certificateId) {
        const { domain, generation } = serialOfId(certificateId)
        return issuedOrder(domain, generation)
      },
    },

    issuance: {
      memory: async (lineageId) => memories.get(Number(lineageId)),
      failed: async (memory) => void memories.set(Number(memory.lineageId), memory),
      forget: async (lineageId) => void memories.delete(Number(lineageId)),
    },

    renewalInfo: {
      async find(certificateId) {
        const { domain, generation } = serialOfId(certificateId)
        if (polled.generation[domain] !== generation) return undefined
        return {
          certificateId,
          start: dateOrNull(info.start[domain]!),
          end: dateOrNull(info.end[domain]!),
          explanationUrl: null,
          renewAt: dateOrNull(info.renewAt[domain]!),
          polledAt: new Date(polled.at[domain]!),
          pollAt: new Date(polled.next[domain]!),
          fault: faults.get(domain) ?? null,
        }
      },

      async save({ certificateId, start, end, renewAt, polledAt, pollAt, fault }) {
        const { domain, generation } = serialOfId(certificateId)
        polled.generation[domain] = generation
        info.start[domain] = start?.getTime() ?? NaN
        info.end[domain] = end?.getTime() ?? NaN
        info.renewAt[domain] = renewAt?.getTime() ?? NaN
        polled.at[domain] = polledAt.getTime()
        polled.next[domain] = pollAt.getTime()
        if (fault === null) faults.delete(domain)
        else faults.set(domain, fault)
      },
    },

    authorities: {
      list: async () => [authority],
      async pause(_id, until, reason) {
        if (until && authority.pausedUntil && until <= authority.pausedUntil) return
        authority = { ...authority, pausedUntil: until, pauseReason: until && reason }
      },
    },

    budgets: {
      async settle(_authorityId, keys, decide) {
        const { changed, result } = decide(new Map(keys.map((key) => [key, buckets.get(key) ?? untouched(key)])))
        for (const bucket of changed) buckets.set(bucket.key, bucket)
        return result
      },
    },
  }
}

/** The product's own, on a database in memory: slow, and without tenants, whose proofs are another matter. */
export async function realStores({ domains, time }: { domains: number; time: SimulatedTime }): Promise<Stores> {
  const storage = await openStorage({ url: undefined, file: ':memory:', sealer: testSealer, clock: time })
  await storage.migrate()
  const act = { at: time.now(), actor: 'simulation', address: null }
  const { authority } = await storage.authorities.reserve(AUTHORITY, NO_KEY, act)
  await storage.authorities.confirm(authority.id, { url: 'https://ca/account', termsOfService: null }, act)
  const lineageIds: string[] = []
  for (let domain = 0; domain < domains; domain++) {
    const lineage = { name: `front:${nameOf(domain)}`, source: 'acme' as const }
    lineageIds.push((await storage.lineages.create(null, lineage, act)).id)
  }
  const indexes = new Map(lineageIds.map((id, domain) => [id, domain]))
  const payload = payloadOf(0)
  return {
    ...storage,
    domainOfLineage: (id) => indexes.get(id)!,
    lineageOf: (domain) => lineageIds[domain]!,
    jobs: {
      ...storage.jobs,
      enqueue: (job) => storage.jobs.enqueue({ ...job, payload: payload(job.key, indexes.get(job.key)!) }),
    },
    async nextAt() {
      const open = await storage.jobs.listOpen({ kind: FRONT_CERTIFICATE, limit: 1000 }, time.now())
      return open.find(({ isRunning }) => !isRunning)?.runAt.getTime() ?? Infinity
    },
    sweep: () => undefined,
    close: () => storage.close(),
  }
}

/** Field by field: in this place a spread costs more than all the rest. */
function changed(order: Order, changes: OrderChanges): Order {
  const { status, newOrders, url, finalizeUrl, certificateUrl, expiresAt, authorizations, replaces, profile } = changes
  return {
    id: order.id,
    tenantId: order.tenantId,
    lineageId: order.lineageId,
    authorityId: order.authorityId,
    identifiers: order.identifiers,
    profile: profile === undefined ? order.profile : profile,
    replaces: replaces === undefined ? order.replaces : replaces,
    csrDer: order.csrDer,
    status: status ?? order.status,
    newOrders: newOrders ?? order.newOrders,
    url: url === undefined ? order.url : url,
    finalizeUrl: finalizeUrl === undefined ? order.finalizeUrl : finalizeUrl,
    certificateUrl: certificateUrl === undefined ? order.certificateUrl : certificateUrl,
    expiresAt: expiresAt === undefined ? order.expiresAt : expiresAt,
    authorizations: authorizations ?? order.authorizations,
    createdAt: order.createdAt,
    finishedAt: null,
    outcome: null,
    problem: null,
    certificateId: null,
  }
}

function column(length: number): Float64Array {
  return new Float64Array(length).fill(NaN)
}

function dateOrNull(ms: number): Date | null {
  return Number.isNaN(ms) ? null : new Date(ms)
}

export const SWEEP_EVERY_MS = 6 * HOUR_MS
