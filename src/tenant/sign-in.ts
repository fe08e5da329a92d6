import { createHash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { SessionStore } from './session.ts'

const LINK_LIFE_MS = 60 * 60 * 1000
/** From then on the operator signs in anew, however active the session is. */
export const SESSION_LIFE_MS = 7 * 24 * 60 * 60 * 1000

/** 256 random bits, base64url. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/

type RandomBytes = (size: number) => Uint8Array

/**
 * A link that signs the operator in once, within an hour.
 * @param deps.adminOrigin "https://admin.example.net", with its port where that is not 443
 * @returns the only copy of the token: stored is its SHA-256
 */
export async function issueSignInLink(deps: {
  sessions: Pick<SessionStore, 'addSignInLink'>
  randomBytes: RandomBytes
  clock: Clock
  adminOrigin: string
}): Promise<{ url: string; expiresAt: Date }> {
  const token = newToken(deps.randomBytes)
  const createdAt = deps.clock.now()
  const expiresAt = new Date(createdAt.getTime() + LINK_LIFE_MS)
  await deps.sessions.addSignInLink(hashOf(token), { createdAt, expiresAt })
  return { url: `${deps.adminOrigin}/sign-in?token=${token}`, expiresAt }
}

export interface SignIn {
  /** Uses a link up and opens a session; undefined where the link is unknown, used or expired. */
  open(linkToken: string): Promise<string | undefined>
  isOpen(sessionToken: string): Promise<boolean>
  close(sessionToken: string): Promise<void>
}

export function signIn(deps: { sessions: SessionStore; randomBytes: RandomBytes; clock: Clock }): SignIn {
  const { sessions, randomBytes, clock } = deps
  return {
    async open(linkToken) {
      const createdAt = clock.now()
      if (!TOKEN.test(linkToken) || !(await sessions.useSignInLink(hashOf(linkToken), createdAt))) return undefined
      const token = newToken(randomBytes)
      await sessions.open(hashOf(token), { createdAt, expiresAt: new Date(createdAt.getTime() + SESSION_LIFE_MS) })
      return token
    },

    async isOpen(sessionToken) {
      return TOKEN.test(sessionToken) && (await sessions.find(hashOf(sessionToken), clock.now())) !== undefined
    },

    async close(sessionToken) {
      await sessions.close(hashOf(sessionToken))
    },
  }
}

/** A fast hash is enough: there is nothing to guess in 256 random bits. */
function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

function newToken(randomBytes: RandomBytes): string {
  return Buffer.from(randomBytes(32)).toString('base64url')
}
