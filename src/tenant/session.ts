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
  acting: Acting | null // null: its owner acts as themselves
}

/** That an operator sees and does what an owner of a tenant would. */
export interface Acting {
  tenantId: string // it may be gone
  until: Date
  reason: string | null
}

/** From then on the operator is an operator again. */
export const ACTING_MS = 3_600_000

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
    session: Omit<Session, 'id' | 'seenAt' | 'authenticatedAt' | 'acting'>,
    act: Act,
    checked?: CheckedPassword,
  ): Promise<Session>
  /**
   * Undefined where it is unknown, has been silent for IDLE_MS, or is past its end; otherwise notes that it was seen, and
   * that its acting as a tenant has ended.
   */
  find(tokenHash: string, now: Date): Promise<Session | undefined>
  /**
   * Its owner has proven to be there: the session goes on under another token and is complete. One that waited for
   * the second factor lives for SESSION_LIFE_MS from now on. @throws ProblemError not-found: it is not open
   */
  renew(id: string, tokenHash: string, act: Act): Promise<Session>
  /** @throws ProblemError not-found: it is not open; already-exists: it acts as a tenant already */
  beginActing(id: string, tenant: { id: string; name: string }, reason: string | null, act: Act): Promise<void>
  /** Nothing happens where it acts as none. */
  stopActing(id: string, act: Act): Promise<void>
  /** Those that are open, in either stage, the one that was seen last first. */
  list(userId: string | null, now: Date): Promise<Session[]>
  /** @throws ProblemError not-found */
  rename(userId: string | null, id: string, name: string, act: Act): Promise<void>
  /** @throws ProblemError not-found */
  close(userId: string | null, id: string, act: Act): Promise<void>
  /** All of a user's but one: after another role, or as they wish. @returns how many */
  closeAll(userId: string, act: Act, except?: string): Promise<number>
}
