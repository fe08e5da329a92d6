import type { Act } from '../act.ts'
import type { DomainName } from '../name.ts'
import type { Chain } from './chain.ts'

/** Who sees to the certificates of a lineage: people, the local authority, or authorities that speak ACME. */
export type Source = 'import' | 'local' | 'acme'

/**
 * One certificate in a lineage. Its state is derived from the instants and never stored, so that it
 * changes at the same moment on every node without anyone writing (see `rollover.ts`).
 */
export interface LineageCertificate {
  id: string
  lineageId: string
  /** PEM, leaf first, then its issuers; LF line ends. */
  chainPem: string
  sha256: string // of the leaf's DER, lower-case hex
  spkiSha256: string // of its SubjectPublicKeyInfo, lower-case hex
  subject: string
  issuer: string
  serial: string // lower-case hex
  keyType: string // "EC P-256", "RSA 2048", "Ed25519"
  dnsNames: string[]
  notBefore: Date
  notAfter: Date
  /** Null where only the certificate is known, as with a service certificate whose key never leaves the XMPP server. */
  privateKeyId: string | null
  stagedAt: Date
  activatedAt: Date | null
  supersededAt: Date | null
  retiresAt: Date | null // published until then; null while it has no successor
}

/** A named succession of certificates for a set of identifiers. */
export interface Lineage {
  id: string
  tenantId: string | null // null: the operator's own
  tenantName: string | null
  name: string // unique within the tenant; by default the leaf's first DNS name
  source: Source
  identifiers: DomainName[] | null // that somebody wants it for; null: its host's, or whatever is imported
  createdAt: Date
  revision: number // grows also with each change of its certificates
}

export const FRONT_LINEAGE_PREFIX = 'front:'

/** The lineage that is made for a host's front certificate where none is chosen; also how the admin host's is found. */
export function frontLineageName(host: DomainName): string {
  return `${FRONT_LINEAGE_PREFIX}${host}`
}

export function isFrontLineage({ name }: Pick<Lineage, 'name'>): boolean {
  return name.startsWith(FRONT_LINEAGE_PREFIX)
}

export interface LineageWithCertificates extends Lineage {
  certificates: LineageCertificate[]
}

export interface LineagePage {
  after?: Pick<Lineage, 'name' | 'id'> | undefined // the last of the page before
  limit: number
  search?: string | undefined
  isDescending?: boolean | undefined
  source?: Source | undefined
}

/**
 * What may be wrong with a lineage: its certificate in use has ended, or ends and a tenth of its lifetime is left at most;
 * none can be had, and whose affair that is.
 */
export const CERTIFICATE_TROUBLES = [
  'expired',
  'ending',
  'failing-owner',
  'failing-authority',
  'failing-operator',
] as const
export type CertificateTrouble = (typeof CERTIFICATE_TROUBLES)[number]

/** Where an item of a list stands in its order: by an instant, or by name. */
export interface Place {
  key: number | string
  id: string
}

export interface TroublePage<Trouble extends string> {
  trouble: Trouble
  after?: Place | undefined // the last of the page before
  limit: number
  search?: string | undefined
}

/** What a lineage publishes and serves, as the edge holds it in memory. */
export interface PublishedLineage {
  id: string
  name: string
  changedAt: Date // the last act on it, or retirement before it was read
  certificates: PublishedCertificate[]
}

export type PublishedCertificate = Pick<
  LineageCertificate,
  | 'id'
  | 'chainPem'
  | 'notBefore'
  | 'notAfter'
  | 'privateKeyId'
  | 'stagedAt'
  | 'activatedAt'
  | 'supersededAt'
  | 'retiresAt'
>

export interface NewCertificate {
  chain: Chain
  /** PKCS#8 DER, in clear; the store seals it before it is written. Null: the key stays where it is. */
  privateKey: Uint8Array | null
  orderId?: string | null // of the order that it came by, which is over with it
}

/** Lineages and their certificates. Every method takes the tenant first: another tenant's row is *not found*. */
export interface LineageStore {
  /**
   * Of one that is wanted for names the job that sees to its certificates is due at once.
   * @throws ProblemError already-exists: the tenant has a lineage of that name
   * @throws ProblemError quota-reached: front lineages of the tenant's own source domains are made for it, and do not count
   */
  create(
    tenantId: string | null,
    lineage: { name: string; source: Source; identifiers?: DomainName[] },
    act: Act,
  ): Promise<Lineage>
  find(tenantId: string | null, id: string): Promise<LineageWithCertificates | undefined>
  findByName(tenantId: string | null, name: string): Promise<LineageWithCertificates | undefined>
  /** Ordered by name and then id. */
  list(tenantId: string | null | 'all', page: LineagePage): Promise<LineageWithCertificates[]>
  /** Those that something is wrong with, what has ended first at the top, or by name. */
  listTroubled(
    tenantId: string | null | 'all',
    page: TroublePage<CertificateTrouble>,
    now: Date,
  ): Promise<(LineageWithCertificates & { place: Place })[]>
  /**
   * Adds a staged certificate, and ends the order that it came by. Where another worker has done that already, its
   * certificate is returned and nothing added.
   * @throws ProblemError already-exists: the lineage has this very certificate; not-found: the order was ended without one
   * @throws ProblemError control-unproven: it is the front of a name that the tenant does not hold
   */
  stage(tenantId: string | null, lineageId: string, certificate: NewCertificate, act: Act): Promise<LineageCertificate>
  /**
   * Makes a certificate the active one; the one before it is published until `retiresAt`.
   * @param issuedBy who saw to it, and sees to the next: by hand unless an authority does
   * @throws ProblemError still-in-use: a host presents the lineage, and the key of this certificate is not here
   */
  activate(
    tenantId: string | null,
    certificateId: string,
    retiresAt: Date,
    act: Act,
    issuedBy?: Source,
  ): Promise<LineageCertificate>
  /** Writes down that the private key left the house in clear. @throws ProblemError not-found */
  noteKeyExport(tenantId: string | null, certificateId: string, act: Act): Promise<void>
  /** Writes down that its authority revoked it. @throws ProblemError not-found */
  noteRevocation(tenantId: string | null, certificateId: string, reason: number, act: Act): Promise<void>
  /** Whether a delegation publishes it: then a cache may hold what it had before. */
  isPublished(id: string): Promise<boolean>
  /** Whether a source domain or a target host presents it; the admin host does so by name and does not count. */
  isPresented(id: string): Promise<boolean>
  /** Gives a certificate that is only published so far its private key. @throws ProblemError not-found */
  addPrivateKey(
    tenantId: string | null,
    certificateId: string,
    privateKey: Uint8Array,
    act: Act,
  ): Promise<LineageCertificate>
  /**
   * Takes a certificate out of its lineage, with its private key.
   * @throws ProblemError still-in-use: it is the active one, and a delegation publishes it or a host presents it
   */
  removeCertificate(tenantId: string | null, certificateId: string, act: Act): Promise<void>
  /** @throws ProblemError still-in-use: something is served from it; not-found, precondition-failed */
  remove(tenantId: string | null, id: string, act: Act): Promise<void>
}

/** Private keys, sealed at rest (see `sealing.ts`). */
export interface PrivateKeyStore {
  /** PKCS#8 DER in clear. @throws Error where the row was tampered with, swapped, or sealed under another master key */
  open(privateKeyId: string): Promise<Uint8Array>
}
