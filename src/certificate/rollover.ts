import { ProblemError } from '../problem.ts'
import type { LineageCertificate, PublishedCertificate } from './lineage.ts'

export type CertificateState = 'staged' | 'active' | 'retiring' | 'retired'
type Instants = Pick<LineageCertificate, 'stagedAt' | 'activatedAt' | 'supersededAt' | 'retiresAt'>

/** Derived from instants, so that it changes at the same moment on every node without anyone writing. */
export function stateAt(
  { activatedAt, supersededAt, retiresAt }: Omit<Instants, 'stagedAt'>,
  now: Date,
): CertificateState {
  if (activatedAt === null || activatedAt > now) return 'staged'
  if (supersededAt === null || supersededAt > now) return 'active'
  return retiresAt !== null && retiresAt > now ? 'retiring' : 'retired'
}

/** The certificate in use, even where it has expired; undefined where none was ever activated. */
export function active<C extends Instants>(certificates: C[]): C | undefined {
  return certificates.find(({ activatedAt, supersededAt }) => activatedAt !== null && supersededAt === null)
}

/**
 * What a lineage publishes: the certificate in use first, then staged ones (newest first), then retiring ones. Never an
 * expired one (RFC 7711 §6), and the first is always valid: whoever expects a single certificate takes that.
 */
export function published<C extends PublishedCertificate>(certificates: C[], now: Date): C[] {
  const rank = { active: 0, staged: 1, retiring: 2, retired: 3 }
  const ordered = certificates
    .map((certificate) => ({ certificate, state: stateAt(certificate, now) }))
    .filter(({ certificate, state }) => state !== 'retired' && certificate.notAfter > now)
    .sort((a, b) => rank[a.state] - rank[b.state] || newestFirst(a.certificate, b.certificate))
    .map(({ certificate }) => certificate)
  const first = ordered.find(({ notBefore }) => notBefore <= now)
  return first ? [first, ...ordered.filter((certificate) => certificate !== first)] : []
}

/** The next instant at which `published` gives something else by time alone; null: never. */
export function nextChangeAt(certificates: PublishedCertificate[], now: Date): Date | null {
  const ids = (at: Date) =>
    published(certificates, at)
      .map(({ id }) => id)
      .join()
  const present = ids(now)
  return (
    certificates
      .flatMap((each) => [each.notBefore, each.notAfter, each.activatedAt, each.supersededAt, each.retiresAt])
      .filter((at): at is Date => at !== null && at > now)
      .sort((a, b) => a.getTime() - b.getTime())
      .find((at) => ids(at) !== present) ?? null
  )
}

export interface Activation {
  /** Until when the certificate in use now stays published. */
  retiresAt: Date
  /** Only where it was forced: until then some who fetched earlier refuse the new certificate. Null: nobody does. */
  breaksUntil: Date | null
}

/**
 * Whether a staged certificate may become the active one.
 * @param options.cacheSpanMs for how long a document may be kept by whoever fetched it, skew of clocks included
 * @throws ProblemError not-found
 * @throws ProblemError too-early: it is not valid yet, or caches may hold a document without it and nobody forces it
 * @throws ProblemError certificate-refused: it expired, or is no longer staged
 */
export function activation(
  certificates: PublishedCertificate[],
  id: string,
  { now, cacheSpanMs, isForced }: { now: Date; cacheSpanMs: number; isForced: boolean },
): Activation {
  const certificate = certificates.find((each) => each.id === id)
  if (!certificate) throw new ProblemError('not-found', `the lineage has no certificate ${id}`)
  refuseUnlessStaged(certificate, now)
  if (certificate.notAfter <= now)
    throw new ProblemError(
      'certificate-refused',
      `the certificate expired at ${iso(certificate.notAfter)}; import a new one`,
      {
        rule: 'expired',
      },
    )
  if (certificate.notBefore > now)
    throw new ProblemError(
      'too-early',
      `the certificate is not valid before ${iso(certificate.notBefore)}; activate it then`,
    )
  const knownAt = knownToAllAt(certificates, certificate, { now, cacheSpanMs })
  if (knownAt > now && !isForced)
    throw new ProblemError(
      'too-early',
      `caches may hold a document without this certificate until ${iso(knownAt)}; activate it then. If it cannot wait, force it: ` +
        `those who fetched the document before ${iso(certificate.stagedAt)} will refuse the connection, for at most ${minutes(knownAt, now)} minutes`,
    )
  return { retiresAt: new Date(now.getTime() + cacheSpanMs), breaksUntil: knownAt > now ? knownAt : null }
}

/**
 * The instant from which every document that a cache may still hold has the certificate. At once where none without it
 * was published: the lineage has no other, or the others have expired, and nobody may rely on those any more.
 */
export function knownToAllAt(
  certificates: PublishedCertificate[],
  certificate: Pick<PublishedCertificate, 'id' | 'stagedAt'>,
  { now, cacheSpanMs }: { now: Date; cacheSpanMs: number },
): Date {
  const hasElders = certificates.some(
    (other) =>
      other.id !== certificate.id &&
      other.stagedAt <= certificate.stagedAt &&
      other.notBefore <= now &&
      other.notAfter > now &&
      (other.retiresAt === null || other.retiresAt.getTime() + cacheSpanMs > now.getTime()),
  )
  return hasElders ? new Date(certificate.stagedAt.getTime() + cacheSpanMs) : now
}

function refuseUnlessStaged(certificate: PublishedCertificate, now: Date): void {
  const state = stateAt(certificate, now)
  if (state === 'staged') return
  throw new ProblemError(
    'certificate-refused',
    state === 'active'
      ? 'the certificate is the active one already'
      : 'the certificate was replaced by another and cannot become active again; have a new one issued and import it',
    { rule: 'not-staged' },
  )
}

function newestFirst(a: PublishedCertificate, b: PublishedCertificate): number {
  return b.stagedAt.getTime() - a.stagedAt.getTime() || (a.id < b.id ? 1 : -1)
}

function minutes(until: Date, now: Date): number {
  return Math.ceil((until.getTime() - now.getTime()) / 60_000)
}

function iso(at: Date): string {
  return at.toISOString()
}
