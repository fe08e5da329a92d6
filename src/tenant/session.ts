import type { Act } from '../act.ts'

/** 'second-factor': only the password was right so far, and the session opens nothing but the second step. */
export type SessionStage = 'second-factor' | 'complete'

/** Of a session's token, 256 random bits, only the SHA-256 is stored. */
export interface Session {
  id: string
  userId: string | null // null: the operator of the machine, by a link of the command line
  stage: SessionStage
  name: string // the device
  address: string | null
  createdAt: Date
  seenAt: Date // within 5 minutes
  authenticatedAt: Date // when its owner last proved to be there
  expiresAt: Date
}

export const IDLE_MS = 12 * 3_600_000
/** From then on its owner signs in anew, however active the session is. */
export const SESSION_LIFE_MS = 7 * 24 * 3_600_000
export const SECOND_FACTOR_WITHIN_MS = 10 * 60_000

/** What a password was compared with, which takes a while. */
export interface CheckedPassword {
  userId: string
  passwordHash: string
}

export interface SessionStore {
  /** @param checked left out: no password was asked for. @throws ProblemError sign-in-refused: it is another one by now */
  open(
    tokenHash: string,
    session: Omit<Session, 'id' | 'seenAt' | 'authenticatedAt'>,
    act: Act,
    checked?: CheckedPassword,
  ): Promise<Session>
  /** Undefined where it is unknown, has been silent for IDLE_MS, or is past its end; otherwise notes that it was seen. */
  find(tokenHash: string, now: Date): Promise<Session | undefined>
  /**
   * Its owner has proven to be there: the session goes on under another token and is complete. One that waited for
   * the second factor lives for SESSION_LIFE_MS from now on. @throws ProblemError not-found: it is not open
   */
  renew(id: string, tokenHash: string, act: Act): Promise<Session>
  /** Those that are open, in either stage, the one that was seen last first. */
  list(userId: string | null, now: Date): Promise<Session[]>
  /** @throws ProblemError not-found */
  rename(userId: string | null, id: string, name: string, act: Act): Promise<void>
  /** @throws ProblemError not-found */
  close(userId: string | null, id: string, act: Act): Promise<void>
  /** All of a user's but one: after another role, or as they wish. @returns how many */
  closeAll(userId: string, act: Act, except?: string): Promise<number>
}
