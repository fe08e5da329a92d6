import type { Act } from '../act.ts'

/** A person who signs in: an operator, a member of tenants, or both. */
export interface User {
  id: string
  email: string // unique, lower case; the name to sign in with
  operatorSince: Date | null // null: no operator
  hasPassword: boolean
  passkeys: number
  hasTotp: boolean // confirmed: codes are asked for
  lastSignInAt: Date | null
  createdAt: Date
  revision: number
}

/** What signing in is checked against. Never leaves the tenant room. */
export interface Credentials {
  user: User
  passwordHash: string | null // PHC string; null: none chosen yet
  totp: { secret: Uint8Array; confirmedAt: Date | null } | null
}

export interface UserPage {
  after?: string // e-mail address of the last of the page before
  limit: number
  search?: string
  isOperator?: boolean
}

export interface UserStore {
  /** @throws ProblemError already-exists: the e-mail address has an account */
  add(user: { email: string; isOperator: boolean; passwordHash: string | null }, act: Act): Promise<User>
  find(id: string): Promise<User | undefined>
  findByEmail(email: string): Promise<User | undefined>
  /** Ordered by e-mail address. */
  list(page: UserPage): Promise<User[]>
  countOperators(): Promise<number>
  credentials(id: string): Promise<Credentials | undefined>
  /** Ends the links for a new password that are still open, and all sessions but one. */
  setPassword(id: string, passwordHash: string, act: Act, exceptSessionId?: string): Promise<void>
  /**
   * A better hash of the same password, of which nobody need know.
   * @param former the hash that it takes the place of: false where that was changed meanwhile, and nothing happens
   */
  rehashPassword(id: string, passwordHash: string, former: string): Promise<boolean>
  /**
   * Who is one no longer loses the tokens of the operator and all open links that they have made.
   * @throws ProblemError last-owner: nobody else is an operator; not-found, precondition-failed
   */
  setOperator(id: string, isOperator: boolean, act: Act): Promise<User>
  /**
   * Another one to sign in with; ends all sessions but one.
   * @throws ProblemError already-exists: it has an account; not-found, precondition-failed
   */
  setEmail(id: string, email: string, act: Act, exceptSessionId?: string): Promise<User>
  noteSignIn(id: string, at: Date): Promise<void>
  /**
   * With all tokens and links that they have made.
   * @throws ProblemError last-owner: the only operator, or the only owner of a tenant; not-found, precondition-failed
   */
  remove(id: string, act: Act): Promise<void>

  /** An unconfirmed secret, sealed by the store; takes the place of another that was never confirmed. @throws ProblemError already-exists: one is in force */
  setTotp(id: string, secret: Uint8Array, act: Act): Promise<void>
  /**
   * The first code was right: from now on codes are asked for, and these recovery codes are taken, each once. Ends all
   * sessions but one. @throws ProblemError not-found: none waits for its first code
   */
  confirmTotp(
    id: string,
    step: number,
    recoveryCodeHashes: readonly string[],
    act: Act,
    exceptSessionId?: string,
  ): Promise<void>
  /** False where this step, or a later one, was taken before: of two at once one gets true. */
  useTotpStep(id: string, step: number): Promise<boolean>
  /** With its recovery codes; ends all sessions but one. @throws ProblemError not-found */
  removeTotp(id: string, act: Act, exceptSessionId?: string): Promise<void>
  /** Authenticator app, recovery codes and passkeys; ends all sessions. @throws ProblemError not-found: no account */
  removeFactors(id: string, act: Act): Promise<void>
  setRecoveryCodes(id: string, codeHashes: readonly string[], act: Act): Promise<void>
  /** How many are left. */
  countRecoveryCodes(id: string): Promise<number>
  /** False where there is no such code or it was used. */
  useRecoveryCode(id: string, codeHash: string, act: Act): Promise<boolean>
}

/** WebAuthn credentials. */
export interface Passkey {
  id: string // credential id, base64url
  userId: string
  name: string
  publicKey: Uint8Array // COSE
  counter: number
  transports: string[]
  createdAt: Date
  lastUsedAt: Date | null
}

export interface PasskeyStore {
  /** @throws ProblemError already-exists */
  add(passkey: Omit<Passkey, 'createdAt' | 'lastUsedAt'>, act: Act): Promise<Passkey>
  find(id: string): Promise<Passkey | undefined>
  /** In the order in which they were registered. */
  list(userId: string): Promise<Passkey[]>
  rename(userId: string, id: string, name: string, act: Act): Promise<void>
  noteUse(id: string, counter: number, at: Date): Promise<void>
  /** @throws ProblemError not-found */
  remove(userId: string, id: string, act: Act): Promise<void>
  /** @param userId null: somebody signs in */
  addChallenge(challengeHash: string, challenge: { userId: string | null; expiresAt: Date }): Promise<void>
  /** Uses it up; false where it is unknown, used, expired or another's. */
  useChallenge(challengeHash: string, userId: string | null, now: Date): Promise<boolean>
}
