import { createHash, X509Certificate, type KeyObject } from 'node:crypto'
import { booleanOf, derChildren, derElement, oidText, TAG, type DerElement } from './der.ts'
import type { CertificateFacts } from './chain.ts'

const OID = {
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
  commonName: '2.5.4.3',
  xmppAddr: '1.3.6.1.5.5.7.8.5', // RFC 6120 §13.7.1.4
  srvId: '1.3.6.1.5.5.7.8.7', // RFC 4985
}

/**
 * A certificate with all that the rules look at. OpenSSL reads it too, by way of node:crypto, which has no
 * accessor for the signature's algorithm or the extensions; @peculiar/x509 has, but throws at an SRV-ID.
 */
export interface ParsedCertificate {
  der: Uint8Array
  x509: X509Certificate
  publicKey: KeyObject
  facts: CertificateFacts
  issuer: Uint8Array // DER of the name: names compare byte by byte (RFC 5280 §7.1 would allow more, CAs do not use it)
  subject: Uint8Array
  /** Null where it has no parameters. */
  signature: { oid: string; parameters: DerElement | null }
  isCa: boolean
  extendedKeyUsage: string[] | null // null: every use
  criticalExtensions: string[]
}

/** @throws Error where either OpenSSL or the strict reader here refuses it */
export function parseCertificate(der: Uint8Array): ParsedCertificate {
  const [tbs, outerSignature, ...rest] = derChildren(sequence(derElement(der)))
  if (!tbs || !outerSignature || rest.length !== 1) throw new Error('no certificate')
  const fields = derChildren(sequence(tbs))
  if (fields[0]?.tag === 0xa0) fields.shift() // the version
  const [, innerSignature, issuer, , subject, spki, ...optional] = fields
  if (!innerSignature || !issuer || !subject || !spki) throw new Error('no certificate')
  // RFC 5280 §4.1.1.2: what is signed must say how it is signed
  if (Buffer.compare(innerSignature.raw, outerSignature.raw) !== 0) throw new Error('two signature algorithms')
  const [algorithm, parameters] = derChildren(sequence(outerSignature))
  if (!algorithm) throw new Error('no signature algorithm')
  const extensions = extensionsOf(optional)
  const x509 = new X509Certificate(der)
  // Node looks for PEM before it looks at DER: bytes with a PEM block in some string would be that other certificate
  if (Buffer.compare(x509.raw, der) !== 0) throw new Error('two readings of one certificate')
  const isSelfSigned = Buffer.compare(issuer.raw, subject.raw) === 0 && isSignedBy(x509, x509.publicKey)
  const names = namesOf(extensions.get(OID.subjectAltName)?.value)
  const notBefore = new Date(Date.parse(x509.validFrom))
  const notAfter = new Date(Date.parse(x509.validTo))
  if (Number.isNaN(notBefore.getTime()) || Number.isNaN(notAfter.getTime())) throw new Error('no dates')
  return {
    der,
    x509,
    publicKey: x509.publicKey,
    issuer: issuer.raw,
    subject: subject.raw,
    signature: { oid: oidText(algorithm), parameters: parameters ?? null },
    isCa: isCa(extensions.get(OID.basicConstraints)?.value),
    extendedKeyUsage: usagesOf(extensions.get(OID.extendedKeyUsage)?.value),
    criticalExtensions: [...extensions].filter(([, { isCritical }]) => isCritical).map(([oid]) => oid),
    facts: {
      sha256: createHash('sha256').update(der).digest('hex'),
      spkiSha256: createHash('sha256').update(spki.raw).digest('hex'),
      subject: rfc4514(x509.subject),
      issuer: rfc4514(x509.issuer),
      serial: x509.serialNumber.toLowerCase(),
      keyType: keyType(x509.publicKey),
      dnsNames: names.dnsIds,
      xmppNames: { ...names, commonNames: isSelfSigned ? commonNames(subject) : [] },
      isSelfSigned,
      notBefore,
      notAfter,
    },
  }
}

/** Whether the certificate names the other as its issuer and carries its signature. */
export function isIssuedBy(certificate: ParsedCertificate, issuer: ParsedCertificate): boolean {
  return isNamedIssuer(certificate, issuer) && isSignedBy(certificate.x509, issuer.publicKey)
}

export function isNamedIssuer(certificate: ParsedCertificate, issuer: ParsedCertificate): boolean {
  return Buffer.compare(certificate.issuer, issuer.subject) === 0
}

function isSignedBy(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.verify(key)
  } catch {
    return false // a key of another kind than the signature
  }
}

function keyType({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string {
  if (type === 'ec')
    return `EC ${CURVES.get(details?.namedCurve ?? '') ?? details?.namedCurve ?? 'of explicit parameters'}`
  if (details?.modulusLength !== undefined) return `${type?.toUpperCase() ?? ''} ${details.modulusLength}`
  if (type === 'ed25519' || type === 'ed448') return `Ed${type.slice(2)}`
  return type ?? 'unknown'
}

const CURVES = new Map([
  ['prime256v1', 'P-256'],
  ['secp384r1', 'P-384'],
  ['secp521r1', 'P-521'],
])

/** Node gives one RDN a line, in the order of the certificate and escaped; RFC 4514 §2.1 wants them reversed. */
function rfc4514(lines: string | undefined): string {
  return (lines ?? '').split('\n').reverse().join(',').replaceAll(' + ', '+')
}

function extensionsOf(optional: DerElement[]): Map<string, { isCritical: boolean; value: Uint8Array }> {
  const extensions = new Map<string, { isCritical: boolean; value: Uint8Array }>()
  const explicit = optional.find(({ tag }) => tag === 0xa3)
  if (!explicit) return extensions
  for (const extension of derChildren(sequence(derElement(explicit.value)))) {
    const [id, ...rest] = derChildren(sequence(extension))
    const value = rest.pop()
    const [critical] = rest
    if (!id || value?.tag !== TAG.octetString || rest.length > 1) throw new Error('no extension')
    const oid = oidText(id)
    if (extensions.has(oid)) throw new Error('an extension twice') // RFC 5280 §4.2
    extensions.set(oid, { isCritical: critical !== undefined && booleanOf(critical), value: value.value })
  }
  return extensions
}

function isCa(value: Uint8Array | undefined): boolean {
  if (!value) return false
  const [first] = derChildren(sequence(derElement(value)))
  return first?.tag === TAG.boolean && booleanOf(first)
}

function usagesOf(value: Uint8Array | undefined): string[] | null {
  return value ? derChildren(sequence(derElement(value))).map(oidText) : null
}

function namesOf(value: Uint8Array | undefined): { dnsIds: string[]; srvIds: string[]; xmppAddrs: string[] } {
  const names = { dnsIds: [] as string[], srvIds: [] as string[], xmppAddrs: [] as string[] }
  for (const name of value ? derChildren(sequence(derElement(value))) : []) {
    if (name.tag === 0x82) names.dnsIds.push(...visible(name.value).map((dnsId) => dnsId.toLowerCase()))
    if (name.tag !== 0xa0) continue
    const [type, explicit] = derChildren(name)
    if (!type || explicit?.tag !== 0xa0) throw new Error('no otherName')
    const oid = oidText(type)
    if (oid !== OID.srvId && oid !== OID.xmppAddr) continue
    const text = visible(derElement(explicit.value).value)
    if (oid === OID.srvId) names.srvIds.push(...text)
    else names.xmppAddrs.push(...text)
  }
  return names
}

function commonNames(subject: DerElement): string[] {
  return derChildren(subject)
    .flatMap(derChildren)
    .map(derChildren)
    .flatMap(([type, value]) => (type && value && oidText(type) === OID.commonName ? visible(value.value) : []))
}

/** A name with a NUL, a blank or a control character matches nothing and is left out: it was made to deceive somebody. */
function visible(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes).toString('utf8')
  return /^[^\x00-\x20\x7f-\x9f\ufffd]+$/.test(text) ? [text] : []
}

function sequence(element: DerElement): DerElement {
  if (element.tag !== TAG.sequence) throw new Error('no sequence')
  return element
}
