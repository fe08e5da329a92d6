import { derChildren, oidText } from './der.ts'
import type { ParsedCertificate } from './parsed-certificate.ts'
import { refusal } from './refusal.ts'

const LEAST_RSA_BITS = 2048
const MOST_RSA_BITS = 8192
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1']

const PSS = '1.2.840.113549.1.1.10'
const SIGNATURES = new Map([
  ['1.2.840.113549.1.1.11', 'SHA-256'],
  ['1.2.840.113549.1.1.12', 'SHA-384'],
  ['1.2.840.113549.1.1.13', 'SHA-512'],
  ['1.2.840.10045.4.3.2', 'SHA-256'],
  ['1.2.840.10045.4.3.3', 'SHA-384'],
  ['1.2.840.10045.4.3.4', 'SHA-512'],
  ['1.3.101.112', 'Ed25519'],
  ['1.3.101.113', 'Ed448'],
])
const BROKEN_SIGNATURES = new Map([
  ['1.2.840.113549.1.1.2', 'MD2'],
  ['1.2.840.113549.1.1.3', 'MD4'],
  ['1.2.840.113549.1.1.4', 'MD5'],
  ['1.2.840.113549.1.1.5', 'SHA-1'],
  ['1.3.14.3.2.29', 'SHA-1'],
  ['1.2.840.10045.4.1', 'SHA-1'],
  ['1.2.840.10040.4.3', 'SHA-1'],
])
const HASHES = ['2.16.840.1.101.3.4.2.1', '2.16.840.1.101.3.4.2.2', '2.16.840.1.101.3.4.2.3']

/**
 * That signatures can be checked with the key in a bounded time; asked before a chain is looked for.
 * @throws ProblemError certificate-refused: key-size
 */
export function checkKeyIsNotHuge(certificate: ParsedCertificate, who: string): void {
  const bits = certificate.publicKey.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits > MOST_RSA_BITS)
    throw refusal('key-size', `${who} has an RSA key of ${bits} bits, ${MOST_RSA_BITS} are the most; ${ADVICE}`)
}

/** @throws ProblemError certificate-refused: key-size, key-type */
export function checkKey({ publicKey, facts }: ParsedCertificate, who: string): void {
  const { modulusLength, namedCurve } = publicKey.asymmetricKeyDetails ?? {}
  const type = publicKey.asymmetricKeyType
  if (type === 'ed25519' || type === 'ed448') return
  if (type === 'rsa' || type === 'rsa-pss') {
    if ((modulusLength ?? 0) >= LEAST_RSA_BITS) return
    throw refusal('key-size', `${who} has a key of ${facts.keyType} bits, ${LEAST_RSA_BITS} are the least; ${ADVICE}`)
  }
  if (type === 'ec' && CURVES.includes(namedCurve ?? '')) return
  throw refusal('key-type', `${who} has a key that TLS clients do not know, ${facts.keyType}; ${ADVICE}`)
}

/** @throws ProblemError certificate-refused: signature-algorithm */
export function checkSignatureAlgorithm({ signature }: ParsedCertificate, who: string): void {
  if (SIGNATURES.has(signature.oid)) return
  if (signature.oid === PSS && hasPssHash(signature.parameters)) return
  const broken = BROKEN_SIGNATURES.get(signature.oid)
  throw refusal(
    'signature-algorithm',
    broken
      ? `${who} is signed with ${broken}, which can be forged; have it issued again with SHA-256`
      : `${who} is signed with an algorithm that clients do not accept (${signature.oid}); have it issued again with SHA-256`,
  )
}

const ADVICE = 'have it issued again with a key of EC P-256, or of RSA 2048 to 4096 bits'

/** RFC 4055 §3.1: where PSS names no hash it is SHA-1. */
function hasPssHash(parameters: ParsedCertificate['signature']['parameters']): boolean {
  try {
    const explicit = parameters && derChildren(parameters).find(({ tag }) => tag === 0xa0)
    const [algorithm] = explicit ? derChildren(explicit) : []
    const [hash] = algorithm ? derChildren(algorithm) : []
    return hash !== undefined && HASHES.includes(oidText(hash))
  } catch {
    return false
  }
}
