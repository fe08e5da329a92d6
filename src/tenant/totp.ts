import { Secret, TOTP } from 'otpauth'
import { base32 } from './base32.ts'
import type { RandomBytes } from './random-token.ts'

// What every authenticator app takes (RFC 6238); some ignore any other parameters that a URI gives
const PERIOD_SECONDS = 30
const DIGITS = 6
const SECRET_BYTES = 20 // RFC 4226 §4 R6
/** Steps that a telephone's clock may be off by, either way. */
const WINDOW = 1

export function newTotpSecret(randomBytes: RandomBytes): Uint8Array {
  return randomBytes(SECRET_BYTES)
}

/** What an authenticator app is given, as text and as the URI of a QR code. */
export function totpSetup(secret: Uint8Array, email: string, issuer: string): { secret: string; uri: string } {
  const uri = new TOTP({ ...codes(secret), issuer, label: email }).toString()
  return { secret: base32(secret), uri }
}

/** Six digits, perhaps in two groups as the apps show them; null where the text is no such code. */
export function totpCode(text: string): string | null {
  const code = text.length > 20 ? '' : text.replace(/\s/g, '')
  return /^[0-9]{6}$/.test(code) ? code : null
}

/** The 30-second step since the epoch that a code belongs to; null where it belongs to none near now. */
export function totpStep(secret: Uint8Array, code: string, now: Date): number | null {
  const totp = new TOTP(codes(secret))
  const timestamp = now.getTime()
  const delta = totp.validate({ token: code, timestamp, window: WINDOW })
  return delta === null ? null : totp.counter({ timestamp }) + delta
}

function codes(secret: Uint8Array) {
  return {
    secret: new Secret({ buffer: Uint8Array.from(secret).buffer }),
    algorithm: 'SHA1',
    digits: DIGITS,
    period: PERIOD_SECONDS,
  }
}
