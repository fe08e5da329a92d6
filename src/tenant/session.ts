/**
 * Signing in of the operator: a one-time link gives a session. Both are 256 random bits of which only the
 * SHA-256 is stored.
 */
export interface SessionStore {
  /** @returns nothing; the caller shows the token once */
  addSignInLink(tokenHash: string, link: { createdAt: Date; expiresAt: Date }): Promise<void>
  /** Uses the link up. False where it is unknown, used or expired; of two at once one gets true. */
  useSignInLink(tokenHash: string, now: Date): Promise<boolean>
  open(tokenHash: string, session: { createdAt: Date; expiresAt: Date }): Promise<void>
  /** Undefined where it is unknown, idle for too long, or past its end; otherwise notes that it was seen. */
  find(tokenHash: string, now: Date): Promise<{ createdAt: Date } | undefined>
  close(tokenHash: string): Promise<void>
}
