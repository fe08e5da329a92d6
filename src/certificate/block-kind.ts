import { derChildren, derElement, integerOf, oidText, TAG } from './der.ts'
import type { PemBlock } from './pem.ts'
import { privateKeyForm, type PrivateKeyForm } from './private-key.ts'
import { refusal, type CertificateRule } from './refusal.ts'

/** Things that people paste in place of a certificate, or beside one. */
export type BlockKind =
  'certificate' | 'certificate-request' | 'public-key' | 'pkcs7' | 'pkcs12' | PrivateKeyForm | 'other'

/** What a block is by its shape: labels are wrong now and then, and DER has none. */
export function kindOf({ label, headers, bytes }: PemBlock): BlockKind {
  if (headers.length > 0) return label === 'EC PRIVATE KEY' ? 'sec1' : label.endsWith('PRIVATE KEY') ? 'pkcs1' : 'other'
  if (label.endsWith('CRL')) return 'other'
  try {
    const children = derChildren(derElement(bytes))
    const [first, second, third] = children
    const form = privateKeyForm(children)
    if (first?.tag === TAG.integer && integerOf(first) === 3 && second?.tag === TAG.sequence) return 'pkcs12'
    if (form) return form
    if (first?.tag === TAG.oid) return oidText(first).startsWith('1.2.840.113549.1.7.') ? 'pkcs7' : 'other'
    if (first?.tag !== TAG.sequence) return 'other'
    if (second?.tag === TAG.bitString) return 'public-key'
    if (third?.tag !== TAG.bitString) return 'other'
    // RFC 2986 §4.1: version, subject, key and attributes; a certificate has six fields at least
    const fields = derChildren(first)
    return fields[0]?.tag === TAG.integer && fields.length <= 4 ? 'certificate-request' : 'certificate'
  } catch {
    // What calls itself a certificate is refused as an unreadable one, and not passed over
    return label.endsWith('CERTIFICATE') ? 'certificate' : label.endsWith('PRIVATE KEY') ? 'pkcs8' : 'other'
  }
}

export function isPrivateKey(kind: BlockKind): kind is PrivateKeyForm {
  return kind === 'pkcs8' || kind === 'encrypted-pkcs8' || kind === 'pkcs1' || kind === 'sec1'
}

/** @throws ProblemError certificate-refused: pkcs12, pkcs7 */
export function refuseContainers(kinds: BlockKind[]): void {
  if (kinds.includes('pkcs12')) throw refusal('pkcs12', PKCS12_TEXT)
  if (kinds.includes('pkcs7')) throw refusal('pkcs7', PKCS7_TEXT)
}

/** Why there is no certificate to be found. */
export function nothingToRead(kinds: BlockKind[]): Error {
  const texts: [BlockKind, CertificateRule, string][] = [
    ['pkcs12', 'pkcs12', PKCS12_TEXT],
    ['pkcs7', 'pkcs7', PKCS7_TEXT],
    [
      'certificate-request',
      'certificate-request',
      'this is a certificate request; give the certificate that the authority made of it',
    ],
    ['public-key', 'public-key', 'this is a bare public key; give the certificate that holds it'],
  ]
  const [, rule, text] = texts.find(([kind]) => kinds.includes(kind)) ?? []
  if (rule && text) return refusal(rule, text)
  const isKey = kinds.some((kind) => kind !== 'other')
  return refusal(
    'no-certificate',
    isKey
      ? 'there is a private key but no certificate; add the "-----BEGIN CERTIFICATE-----" block to it'
      : 'there is no certificate; give the PEM text with its "-----BEGIN CERTIFICATE-----" line, or the DER file',
  )
}

const PKCS12_TEXT =
  'this is a PKCS#12 file (.p12, .pfx); convert it to PEM: openssl pkcs12 -in file.p12 -out file.pem -noenc'
const PKCS7_TEXT =
  'this is a PKCS#7 file (.p7b, .p7c); convert it to PEM: openssl pkcs7 -print_certs -in file.p7b -out file.pem (add -inform DER where it is binary)'
