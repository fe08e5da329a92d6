import { createHash } from 'node:crypto'
import { chainPem, readLeaf } from '../certificate/chain.ts'
import type { PublishedCertificate, PublishedLineage } from '../certificate/lineage.ts'
import { nextChangeAt, published } from '../certificate/rollover.ts'
import { hostMetaJson, hostMetaXml, type HostMeta } from './host-meta.ts'

/** A body with all that HTTP says about it. */
export interface Document {
  contentType: string
  body: Buffer
  /** Strong, made from the content alone: equal on every node and after every restart. */
  etag: string
  changedAt: Date | null // when it became what it is; null: not known
  changesAt: Date | null // when it will change by itself; null: no change is planned
}

export interface Documents {
  /** The certificates to expect, RFC 7468: leaves only, the one in use first. Null where none is left. */
  pem(lineage: PublishedLineage, now: Date): Document | null
  /** RFC 7711 §3.1, over all certificates of the lineages. Null where none is left. */
  posh(lineages: PublishedLineage[], now: Date): Document | null
  /** RFC 7711 §3.2. */
  reference(url: string): Document
  /** XEP-0156 §3. */
  hostMeta(hostMeta: HostMeta, format: 'xml' | 'json'): Document
}

// Conversations reads 10,000 bytes of a POSH document; a descriptor takes 160
const MAX_DESCRIPTORS = 60

/**
 * Makes documents, and remembers each as long as the snapshot of the lineage or host-meta lives that it is made from.
 * @param poshExpiresSeconds the largest `expires`; less is given when a certificate runs out before
 */
export function documents(poshExpiresSeconds: number): Documents {
  const pems: Memory = new WeakMap()
  const poshes: Memory = new WeakMap()
  const hostMetas = { xml: new WeakMap<HostMeta, Document>(), json: new WeakMap<HostMeta, Document>() }

  return {
    pem(lineage, now) {
      return remembered(pems, [lineage], now, () => {
        const certificates = published(lineage.certificates, now)
        if (certificates.length === 0) return null
        const pem = chainPem(certificates.map((certificate) => readLeaf(certificate.chainPem).der))
        return document('application/pem-certificate-chain', pem, changedAt([lineage], now), changesAt([lineage], now))
      })
    },

    posh(lineages, now) {
      return remembered(poshes, lineages, now, () => {
        const certificates = mostRelevantFirst(lineages.flatMap(({ certificates }) => published(certificates, now)))
        if (certificates.length === 0) return null
        const { expires, since, until } = expiresFor(certificates, now, poshExpiresSeconds)
        return document(
          'application/json',
          JSON.stringify({ fingerprints: descriptors(certificates), expires }) + '\n',
          latest([changedAt(lineages, now), since]),
          earliest([changesAt(lineages, now), until]),
        )
      })
    },

    reference: (url) => document('application/json', JSON.stringify({ url, expires: poshExpiresSeconds }) + '\n'),

    hostMeta(hostMeta, format) {
      const known = hostMetas[format].get(hostMeta)
      if (known) return known
      const made =
        format === 'xml'
          ? document('application/xrd+xml', hostMetaXml(hostMeta))
          : document('application/json', hostMetaJson(hostMeta))
      hostMetas[format].set(hostMeta, made)
      return made
    },
  }
}

/** For Cache-Control: what is configured, but never beyond the next planned change. */
export function maxAgeSeconds({ changesAt }: Pick<Document, 'changesAt'>, now: Date, configured: number): number {
  if (changesAt === null) return configured
  return Math.max(0, Math.min(configured, Math.floor((changesAt.getTime() - now.getTime()) / 1000)))
}

/** RFC 7711 §3.1: the renewed one, then the soonest to expire. */
function mostRelevantFirst(certificates: PublishedCertificate[]): PublishedCertificate[] {
  const [newest, ...rest] = certificates.toSorted((a, b) => b.stagedAt.getTime() - a.stagedAt.getTime())
  return newest ? [newest, ...rest.sort((a, b) => a.notAfter.getTime() - b.notAfter.getTime())] : []
}

/** Every descriptor has both hashes: Conversations drops a document without sha-256, Prosody looks at sha-512 first. */
function descriptors(certificates: PublishedCertificate[]): Record<string, string>[] {
  const bySha256 = new Map<string, Record<string, string>>()
  for (const certificate of certificates) {
    const { der } = readLeaf(certificate.chainPem)
    const sha256 = createHash('sha256').update(der).digest('base64')
    bySha256.set(sha256, { 'sha-256': sha256, 'sha-512': createHash('sha512').update(der).digest('base64') })
  }
  return [...bySha256.values()].slice(0, MAX_DESCRIPTORS)
}

/**
 * No client may keep a document for longer than all its certificates are valid (RFC 7711 §6). `expires` is halved until
 * it fits, so that the document changes a few times on the way and not every second.
 */
function expiresFor(
  certificates: PublishedCertificate[],
  now: Date,
  configuredSeconds: number,
): { expires: number; since: Date | null; until: Date | null } {
  const endsAt = Math.min(...certificates.map(({ notAfter }) => notAfter.getTime()))
  const longerThan = (seconds: number) => new Date(endsAt - seconds * 1000)
  let expires = configuredSeconds
  let since: Date | null = null
  while (expires > 1 && longerThan(expires) < now) {
    since = longerThan(expires)
    expires = Math.floor(expires / 2)
  }
  const until = new Date(longerThan(expires).getTime() + 1)
  return { expires, since, until: until > now ? until : null }
}

function changedAt(lineages: PublishedLineage[], now: Date): Date | null {
  return latest(
    lineages
      .flatMap(({ certificates }) => certificates)
      .flatMap((one) => [one.stagedAt, one.activatedAt, one.supersededAt, one.retiresAt, one.notBefore, one.notAfter])
      .filter((at) => at !== null && at <= now)
      .concat(lineages.map((lineage) => lineage.changedAt)),
  )
}

function changesAt(lineages: PublishedLineage[], now: Date): Date | null {
  return earliest(lineages.map(({ certificates }) => nextChangeAt(certificates, now)))
}

function earliest(dates: (Date | null)[]): Date | null {
  return dates.reduce((one, other) => (one && other ? (one < other ? one : other) : (one ?? other)), null)
}

function latest(dates: (Date | null)[]): Date | null {
  return dates.reduce((one, other) => (one && other ? (one > other ? one : other) : (one ?? other)), null)
}

function document(
  contentType: string,
  text: string,
  changedAt: Date | null = null,
  changesAt: Date | null = null,
): Document {
  const body = Buffer.from(text)
  const tag = createHash('sha256').update(contentType).update('\n').update(body).digest('base64url').slice(0, 27)
  return { contentType, body, etag: `"${tag}"`, changedAt, changesAt }
}

interface Remembered {
  lineages: PublishedLineage[]
  since: Date
  until: Date | null
  document: Document | null
}
type Memory = WeakMap<PublishedLineage, Remembered>

function remembered(
  memory: Memory,
  lineages: PublishedLineage[],
  now: Date,
  make: () => Document | null,
): Document | null {
  const [key] = lineages
  if (!key) return null
  const known = memory.get(key)
  const isInForce = known && known.since <= now && (known.until === null || now < known.until)
  if (isInForce && known.lineages.length === lineages.length && known.lineages.every((one, i) => one === lineages[i]))
    return known.document
  const made = make()
  memory.set(key, { lineages, since: now, until: made ? made.changesAt : changesAt(lineages, now), document: made })
  return made
}
