import { encodePem } from './pem.ts'
import { parseCertificate } from './parsed-certificate.ts'
import { refusal } from './refusal.ts'

/** What a certificate says, for people and for rules. */
export interface CertificateFacts {
  sha256: string // of the DER, lower-case hex
  spkiSha256: string // of the SubjectPublicKeyInfo, lower-case hex
  subject: string // RFC 4514
  issuer: string // RFC 4514
  serial: string // lower-case hex
  keyType: string // "EC P-256", "RSA 2048", "Ed25519"
  dnsNames: string[] // dNSName entries, lower case
  /** All names that XMPP clients look at: DNS-ID, SRV-ID and XmppAddr (RFC 6120 §13.7.1.2), and CN where it is self-signed. */
  xmppNames: { dnsIds: string[]; srvIds: string[]; xmppAddrs: string[]; commonNames: string[] }
  isSelfSigned: boolean
  notBefore: Date
  notAfter: Date
}

/** A leaf and its issuers, each signed by the next; normalised. */
export interface Chain {
  pem: string // leaf first, LF line ends, 64 columns, no text around (RFC 7468)
  leaf: CertificateFacts
}

const LABEL = 'CERTIFICATE'
const BEGIN = `-----BEGIN ${LABEL}-----`
const END = `-----END ${LABEL}-----`

/** The PEM of certificates that were read and ordered before. */
export function chainPem(certificates: Uint8Array[]): string {
  return certificates.map((der) => encodePem(LABEL, der)).join('')
}

/** The leaf of a chain as it is stored. Checks nothing: only what `readUpload` normalised may be given. */
export function readLeaf(storedPem: string): { der: Uint8Array } {
  const base64 = storedPem.slice(storedPem.indexOf(BEGIN) + BEGIN.length, storedPem.indexOf(END))
  return { der: Buffer.from(base64, 'base64') }
}

/** @throws ProblemError certificate-refused: unreadable */
export function describeCertificate(der: Uint8Array): CertificateFacts {
  try {
    return parseCertificate(der).facts
  } catch (cause) {
    throw refusal('unreadable', 'the certificate cannot be read', cause)
  }
}
