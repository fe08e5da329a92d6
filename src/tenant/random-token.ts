import { createHash } from 'node:crypto'

export type RandomBytes = (size: number) => Uint8Array

const TOKEN = /^[A-Za-z0-9_-]{43}$/

/** 256 random bits, base64url: what a session, a one-time link or a challenge is known by. */
export function newToken(randomBytes: RandomBytes): { token: string; hash: string } {
  const token = Buffer.from(randomBytes(32)).toString('base64url')
  return { token, hash: sha256(token) }
}

/** What is stored of a token; null where the text is none. */
export function tokenHash(text: string): string | null {
  return TOKEN.test(text) ? sha256(text) : null
}

/** Hex. Enough for what is random: there is nothing to guess in it, so nothing has to make guessing slow. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
