import { base32 } from './base32.ts'
import { sha256, type RandomBytes } from './random-token.ts'

const CODES = 10
const CODE_BYTES = 10
const CODE = /^[a-z2-7]{16}$/

/** For whoever has lost the authenticator app: ten codes of 80 random bits, "abcd-efgh-ijkl-mnop", each taken once. */
export function newRecoveryCodes(randomBytes: RandomBytes): { codes: string[]; hashes: string[] } {
  const codes = Array.from({ length: CODES }, () => base32(randomBytes(CODE_BYTES)).toLowerCase())
  return { codes: codes.map((code) => code.replace(/(.{4})(?=.)/g, '$1-')), hashes: codes.map(sha256) }
}

/** What is stored of a code, in whatever case and groups it was typed; null where the text is none. */
export function recoveryCodeHash(text: string): string | null {
  const code = text.length > 64 ? '' : text.replace(/[\s-]/g, '').toLowerCase()
  return CODE.test(code) ? sha256(code) : null
}
