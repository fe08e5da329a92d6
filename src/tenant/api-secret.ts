import { crc32 } from 'node:zlib'
import { sha256, type RandomBytes } from './random-token.ts'

const PREFIX = 'wp_'
const RANDOM_BYTES = 32 // 43 characters of base64url
const CHECKSUM_CHARACTERS = 6 // 62^6 > 2^32
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const SECRET = /^(wp_[A-Za-z0-9_-]{43})([0-9A-Za-z]{6})$/

/**
 * The secret of an API token: `wp_`, 256 random bits and a checksum. Whoever searches code or logs for leaked secrets
 * knows one by its beginning, and by the checksum tells it from chance.
 */
export function newApiSecret(randomBytes: RandomBytes): { secret: string; hash: string } {
  const body = PREFIX + Buffer.from(randomBytes(RANDOM_BYTES)).toString('base64url')
  const secret = body + checksum(body)
  return { secret, hash: sha256(secret) }
}

/** What is stored of a secret; null where the text is none, so that the database is not asked for it. */
export function apiSecretHash(text: string): string | null {
  const [, body, sum] = SECRET.exec(text) ?? []
  return body !== undefined && checksum(body) === sum ? sha256(text) : null
}

function checksum(body: string): string {
  let rest = crc32(body)
  let text = ''
  for (let place = 0; place < CHECKSUM_CHARACTERS; place++) {
    text = DIGITS.charAt(rest % DIGITS.length) + text
    rest = Math.floor(rest / DIGITS.length)
  }
  return text
}
