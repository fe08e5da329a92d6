import { Secret } from 'otpauth'

/** RFC 4648 §6, in capitals and without padding. */
export function base32(bytes: Uint8Array): string {
  return new Secret({ buffer: Uint8Array.from(bytes).buffer }).base32
}
