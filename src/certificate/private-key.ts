import { createPrivateKey, type KeyObject } from 'node:crypto'
import { derChildren, derElement, integerOf, oidText, TAG, type DerElement } from './der.ts'
import { encodePem, type PemBlock } from './pem.ts'
import { refusal } from './refusal.ts'

const SCRYPT = '1.3.6.1.4.1.11591.4.11'
/** PBKDF2 rounds; about half a second. OpenSSL writes 2048, cautious people up to some 600,000. */
const MOST_ROUNDS = 1_000_000
/** scrypt N times r times p; OpenSSL writes 2^17. */
const MOST_SCRYPT_WORK = 2 ** 20

/** What a piece of DER is, by its shape and not by the label that somebody gave it. */
export type PrivateKeyForm = 'pkcs8' | 'encrypted-pkcs8' | 'pkcs1' | 'sec1'

/**
 * A private key, opened.
 * @param password null: none was given
 * @throws ProblemError certificate-refused: private-key-unreadable, -encrypted, -password, -derivation
 */
export function openPrivateKey(form: PrivateKeyForm, block: PemBlock, password: string | null): KeyObject {
  const isTraditional = block.headers.length > 0
  const isEncrypted = isTraditional || form === 'encrypted-pkcs8'
  if (isEncrypted && password === null)
    throw refusal('private-key-encrypted', 'the private key is encrypted; give its password too')
  if (form === 'encrypted-pkcs8') checkDerivation(block.bytes)
  const passphrase = isEncrypted && password !== null ? { passphrase: password } : {}
  try {
    if (isTraditional) return createPrivateKey({ key: traditionalPem(block), format: 'pem', ...passphrase })
    const type = form === 'encrypted-pkcs8' ? 'pkcs8' : form
    return createPrivateKey({ key: Buffer.from(block.bytes), format: 'der', type, ...passphrase })
  } catch (cause) {
    // The cause stays out of it: what OpenSSL says of a key is nothing that its owner can use
    if (isUnsupported(cause))
      throw refusal(
        'private-key-unreadable',
        'the private key is encrypted by a cipher that is no longer in use; rewrite it: openssl pkcs8 -topk8 -provider legacy -provider default -in key.pem -out new-key.pem',
      )
    if (isEncrypted)
      throw refusal('private-key-password', 'the password does not open the private key, or the key is damaged')
    throw refusal('private-key-unreadable', 'the private key is damaged or of a kind that TLS cannot use')
  }
}

/** As an encrypted PKCS#8 PEM (RFC 5958 §3), which every TLS server reads. @param der PKCS#8, in clear */
export function encryptedPrivateKeyPem(der: Uint8Array, passphrase: string): string {
  const key = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' })
  return key.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase }).toString()
}

/** Null where the element has not the shape of a private key. */
export function privateKeyForm(children: DerElement[]): PrivateKeyForm | null {
  const shape = children.map(({ tag }) => tag)
  // RFC 5958 §2, RFC 5915 §3, RFC 8017 §A.1.2, RFC 5958 §3
  if (shape[0] === TAG.integer && shape[1] === TAG.sequence && shape[2] === TAG.octetString) return 'pkcs8'
  if (shape[0] === TAG.integer && shape[1] === TAG.octetString) return 'sec1'
  if (shape.length >= 9 && shape.every((tag) => tag === TAG.integer || tag === TAG.sequence)) return 'pkcs1'
  if (shape.length === 2 && shape[0] === TAG.sequence && shape[1] === TAG.octetString) return 'encrypted-pkcs8'
  return null
}

/** The rounds stand in the key: whoever sends it decides how long this process is busy. */
function checkDerivation(der: Uint8Array): void {
  let work: number
  try {
    const [algorithm] = derChildren(derElement(der))
    const { oids, integers } = flatten(algorithm)
    const [first = Infinity, r = Infinity, p = Infinity] = integers
    work = oids.includes(SCRYPT) ? (first * r * p) / MOST_SCRYPT_WORK : first / MOST_ROUNDS
  } catch (cause) {
    throw refusal('private-key-unreadable', 'the encrypted private key is damaged', cause)
  }
  if (work > 1)
    throw refusal(
      'private-key-derivation',
      `the private key is encrypted with more rounds than are tried here; write it anew: openssl pkcs8 -topk8 -in key.pem -out new-key.pem`,
    )
}

/** In the order in which they are written: PBKDF2 begins with its rounds, scrypt with N, r and p. */
function flatten(element: DerElement | undefined, depth = 0): { oids: string[]; integers: number[] } {
  if (!element || depth > 8) return { oids: [], integers: [] }
  if (element.tag === TAG.oid) return { oids: [oidText(element)], integers: [] }
  if (element.tag === TAG.integer) return { oids: [], integers: [integerOf(element)] }
  if (element.tag !== TAG.sequence) return { oids: [], integers: [] }
  const parts = derChildren(element).map((child) => flatten(child, depth + 1))
  return { oids: parts.flatMap(({ oids }) => oids), integers: parts.flatMap(({ integers }) => integers) }
}

/** Written anew from its parts, so that OpenSSL's reader gets nothing but one well-formed block. */
function traditionalPem({ label, headers, bytes }: PemBlock): string {
  const [begin = '', ...rest] = encodePem(label, bytes).split('\n')
  return [begin, ...headers, '', ...rest].join('\n')
}

function isUnsupported(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).includes('UNSUPPORTED')
}
