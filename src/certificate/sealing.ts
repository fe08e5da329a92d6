import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { ProblemError } from '../problem.ts'

const VERSION = 1
const CIPHER = 'aes-256-gcm'
const KEY_ID_BYTES = 8
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEADER_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES

/** Where a sealed value stands; it opens nowhere else. */
export interface SealedPlace {
  table: string
  row: string
  domain: string
}

export type SealFault = 'other-master-key' | 'tampered' | 'malformed'

/** A sealed value that does not open; its message names the place and holds no secret. */
export class SealError extends Error {
  override readonly name = 'SealError'
  readonly fault: SealFault

  constructor(fault: SealFault, message: string) {
    super(message)
    this.fault = fault
  }
}

export interface Sealer {
  /** Of the master key, lower-case hex: tells under which one something was sealed, and nothing about it. */
  keyId: string
  /** Layout: version (1 byte), key id (8), nonce (12), ciphertext, tag (16). */
  seal(plain: Uint8Array, where: SealedPlace): Uint8Array
  /** @throws SealError */
  open(sealed: Uint8Array, where: SealedPlace): Uint8Array
  /** 32 bytes for another purpose than sealing; the same for the same purpose. */
  deriveKey(purpose: string): Uint8Array
}

/**
 * Seals private keys at rest: AES-256-GCM under a key derived from the master key, with the place as associated data, so
 * that a row moved to another place, or to another tenant's, does not open.
 * @param masterKey 32 bytes
 * @throws ProblemError configuration
 */
export function sealer(masterKey: Uint8Array, randomBytes: (size: number) => Uint8Array): Sealer {
  if (masterKey.length !== 32)
    throw new ProblemError('configuration', `the master key has ${masterKey.length} bytes instead of 32; restore it`)
  const derive = (info: string, bytes: number) =>
    Buffer.from(hkdfSync('sha256', masterKey, new Uint8Array(), `waypost ${info}`, bytes))
  const key = derive('sealing', 32)
  const keyId = derive('key id', KEY_ID_BYTES)

  return {
    keyId: keyId.toString('hex'),

    seal(plain, where) {
      const header = Buffer.concat([Buffer.of(VERSION), keyId, randomBytes(NONCE_BYTES)])
      const cipher = createCipheriv(CIPHER, key, header.subarray(1 + KEY_ID_BYTES), { authTagLength: TAG_BYTES })
      cipher.setAAD(associatedData(header, where))
      return Buffer.concat([header, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    },

    open(sealed, where) {
      const place = `${where.table} ${where.row} (${where.domain})`
      const bytes = Buffer.from(sealed)
      if (bytes.length < HEADER_BYTES + TAG_BYTES || bytes[0] !== VERSION)
        throw new SealError('malformed', `${place} is not sealed in a layout that is known here`)
      const header = bytes.subarray(0, HEADER_BYTES)
      const sealedUnder = header.subarray(1, 1 + KEY_ID_BYTES)
      if (!sealedUnder.equals(keyId))
        throw new SealError(
          'other-master-key',
          `${place} was sealed under the master key ${sealedUnder.toString('hex')}, this one is ${keyId.toString('hex')}`,
        )
      const decipher = createDecipheriv(CIPHER, key, header.subarray(1 + KEY_ID_BYTES), { authTagLength: TAG_BYTES })
      decipher.setAAD(associatedData(header, where))
      decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
      try {
        return Buffer.concat([
          decipher.update(bytes.subarray(HEADER_BYTES, bytes.length - TAG_BYTES)),
          decipher.final(),
        ])
      } catch {
        throw new SealError('tampered', `${place} was changed or moved since it was sealed`)
      }
    },

    deriveKey: (purpose) => derive(`derived ${purpose}`, 32),
  }
}

/** JSON says where each of the three ends, whatever characters they hold. */
function associatedData(header: Buffer, { table, row, domain }: SealedPlace): Buffer {
  return Buffer.concat([header, Buffer.from(JSON.stringify([table, row, domain]))])
}
