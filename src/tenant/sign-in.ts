import type { Act } from '../act.ts'
import type { Clock } from '../clock.ts'
import { ProblemError } from '../problem.ts'
import { attemptLimits, type AttemptStore } from './attempts.ts'
import { canonicalEmail } from './email.ts'
import type { LinkStore } from './link.ts'
import { passkeyCeremonies, type PasskeyRequest } from './passkeys.ts'
import { passwordHashes, type PasswordHashes } from './password-hash.ts'
import { newToken, tokenHash, type RandomBytes } from './random-token.ts'
import { recoveryCodeHash } from './recovery-code.ts'
import {
  SECOND_FACTOR_WITHIN_MS,
  SESSION_LIFE_MS,
  type CheckedPassword,
  type Session,
  type SessionStore,
} from './session.ts'
import { totpCode, totpStep } from './totp.ts'
import type { Credentials, Passkey, PasskeyStore, User, UserStore } from './user.ts'
import type { Visitor } from './visitor.ts'

const SIGN_IN_LINK_LIFE_MS = 3_600_000

/** A session that was just opened or renewed, with the only copy of its token. */
export interface OpenedSession {
  token: string
  session: Session
}

/** Each step gives the session another token: one that somebody planted before is worth nothing (session fixation). */
export interface SignIn {
  /** The operator of the machine, by a link of the command line. @throws ProblemError link-spent */
  withLink(linkToken: string, visitor: Visitor): Promise<OpenedSession>
  /**
   * The stage is 'second-factor' where the account has an authenticator app or a passkey; without an app, a passkey
   * completes it. @throws ProblemError sign-in-refused, too-many-requests
   */
  withPassword(given: { email: string; password: string }, visitor: Visitor): Promise<OpenedSession>
  /**
   * The second step: a code of the authenticator app, or a recovery code. Too many wrong ones end the session.
   * @throws ProblemError sign-in-refused, too-many-requests
   */
  withCode(pendingToken: string, code: string, visitor: Visitor): Promise<OpenedSession>
  /** What `navigator.credentials.get` takes. @param userId null: whoever has a passkey */
  passkeyRequest(userId: string | null): Promise<PasskeyRequest>
  /**
   * A passkey is both factors at once. Nobody guesses a signature: the limits of passwords and codes do not hold here,
   * so that it is a way in while strangers use those up. @throws ProblemError sign-in-refused
   */
  withPasskey(response: unknown, visitor: Visitor): Promise<OpenedSession>
  /**
   * Who is signed in proves anew to be there: the password and, where the account has a second factor, a code.
   * @throws ProblemError sign-in-refused, too-many-requests
   */
  confirm(
    session: Session,
    given: { password: string; code?: string | undefined },
    visitor: Visitor,
  ): Promise<OpenedSession>
  /** The same by a passkey, also for a session in the stage 'second-factor'. @throws ProblemError sign-in-refused */
  confirmWithPasskey(session: Session, response: unknown, visitor: Visitor): Promise<OpenedSession>
  /** Undefined where it is unknown or has ended. */
  find(sessionToken: string): Promise<Session | undefined>
  close(session: Session): Promise<void>
}

export interface SignInDeps {
  users: UserStore
  passkeys: PasskeyStore
  sessions: SessionStore
  links: LinkStore
  attempts: AttemptStore
  clock: Clock
  randomBytes: RandomBytes
  origin: string // of the admin host, which passkeys are bound to: "https://admin.example.net"
  passwordHashes?: PasswordHashes // left out: those of this process
}

export function signIn(deps: SignInDeps): SignIn {
  const { users, sessions, links, clock, randomBytes } = deps
  const hashes = deps.passwordHashes ?? passwordHashes
  const limits = attemptLimits(deps)
  const ceremonies = passkeyCeremonies(deps)

  async function open(
    user: User | null,
    stage: Session['stage'],
    { address, device }: Visitor,
    at: Date,
    checked?: CheckedPassword,
  ) {
    const { token, hash } = newToken(randomBytes)
    const lifeMs = stage === 'complete' ? SESSION_LIFE_MS : SECOND_FACTOR_WITHIN_MS
    const expiresAt = new Date(at.getTime() + lifeMs)
    const session = await sessions.open(
      hash,
      { userId: user?.id ?? null, stage, name: device, address, createdAt: at, expiresAt },
      { at, actor: user?.email ?? 'operator', address },
      checked,
    )
    if (user && stage === 'complete') await users.noteSignIn(user.id, at)
    return { token, session }
  }

  async function renew(session: Session, user: User, { address }: Visitor, at: Date): Promise<OpenedSession> {
    const { token, hash } = newToken(randomBytes)
    const renewed = await sessions.renew(session.id, hash, { at, actor: user.email, address })
    if (session.stage === 'second-factor') await users.noteSignIn(user.id, at)
    return { token, session: renewed }
  }

  /**
   * What the password of an account is checked against, where it is right. The same is done for an account that does not
   * exist. @throws ProblemError too-many-requests
   */
  async function checkPassword(
    email: string,
    password: string,
    { address }: Visitor,
  ): Promise<(Credentials & { passwordHash: string }) | undefined> {
    hashes.requireRoom() // before it is counted: that too many come is no failure of this one
    const attempt = await limits.password(email, address, clock.now())
    const user = await users.findByEmail(email)
    const credentials = user && (await users.credentials(user.id))
    const phc = credentials?.passwordHash ?? null
    if (!(await hashes.verify(phc, password)) || phc === null || !credentials) return undefined
    await attempt.succeeded()
    if (!hashes.isDated(phc)) return { ...credentials, passwordHash: phc }
    const better = await hashes.hash(password)
    if (await users.rehashPassword(credentials.user.id, better, phc)) return { ...credentials, passwordHash: better }
    // Somebody else was faster: with a better hash of the same password, or with another password
    const present = (await users.credentials(credentials.user.id))?.passwordHash ?? null
    const isSame = present !== null && (await hashes.verify(present, password))
    return isSame ? { ...credentials, passwordHash: present } : undefined
  }

  /** @throws ProblemError too-many-requests */
  async function isCodeRight({ user, totp }: Credentials, text: string, { address }: Visitor): Promise<boolean> {
    const at = clock.now()
    const code = totpCode(text)
    if (code === null) {
      // 80 random bits need no limit: they are the way in while somebody who knows the password uses up the other
      const hash = recoveryCodeHash(text)
      return hash !== null && users.useRecoveryCode(user.id, hash, { at, actor: user.email, address })
    }
    const attempt = await limits.code(user.id, at)
    const step = totp?.confirmedAt ? totpStep(totp.secret, code, at) : null
    if (step === null || !(await users.useTotpStep(user.id, step))) return false
    await attempt.succeeded()
    return true
  }

  /** @throws ProblemError sign-in-refused */
  async function ownerOf(session: Session): Promise<Credentials> {
    if (session.userId === null)
      throw refused('you came by a link of the command line; take a new one by `waypost sign-in` and follow it')
    const credentials = await users.credentials(session.userId)
    if (!credentials) throw refused('the account is gone')
    return credentials
  }

  return {
    async withLink(linkToken, visitor) {
      const at = clock.now()
      const hash = tokenHash(linkToken)
      const link = hash === null ? undefined : await links.use(hash, 'sign-in', at)
      if (!link)
        throw new ProblemError(
          'link-spent',
          'the link is unknown, used or older than an hour; make a new one: waypost sign-in',
        )
      return open(null, 'complete', visitor, at)
    },

    async withPassword({ email, password }, visitor) {
      const credentials = await checkPassword(canonicalEmail(email) ?? email, password, visitor)
      if (!credentials) throw refused('the e-mail address or the password is wrong')
      const { user, passwordHash } = credentials
      const stage = user.hasTotp || user.passkeys > 0 ? 'second-factor' : 'complete'
      return open(user, stage, visitor, clock.now(), { userId: user.id, passwordHash })
    },

    async withCode(pendingToken, code, visitor) {
      const hash = tokenHash(pendingToken)
      const session = hash === null ? undefined : await sessions.find(hash, clock.now())
      if (session?.stage !== 'second-factor')
        throw refused('the sign-in was not begun, or too long ago; begin with the password again')
      const credentials = await ownerOf(session)
      if (await isCodeRight(credentials, code, visitor)) return renew(session, credentials.user, visitor, clock.now())
      if (await limits.noteWrongCode(session.id, clock.now())) throw refused(WRONG_CODE)
      await sessions.close(session.userId, session.id, {
        at: clock.now(),
        actor: credentials.user.email,
        address: visitor.address,
      })
      throw refused('too many codes were wrong; begin with the password again')
    },

    passkeyRequest: ceremonies.request,

    async withPasskey(response, visitor) {
      const passkey = await ceremonies.verify(response, null)
      const user = passkey && (await users.find(passkey.userId))
      if (!user) throw refused(WRONG_PASSKEY)
      return open(user, 'complete', visitor, clock.now())
    },

    async confirm(session, { password, code }, visitor) {
      const { user } = await ownerOf(session)
      if (session.stage !== 'complete') throw refused('sign in first')
      if (user.hasTotp && code === undefined) throw refused('this account asks for a code beside the password')
      if (!user.hasTotp && user.passkeys > 0) throw refused('this account has a passkey; confirm with that')
      const credentials = await checkPassword(user.email, password, visitor)
      if (!credentials) throw refused('the password is wrong')
      if (user.hasTotp && !(await isCodeRight(credentials, code ?? '', visitor))) throw refused(WRONG_CODE)
      return renew(session, user, visitor, clock.now())
    },

    async confirmWithPasskey(session, response, visitor) {
      const { user } = await ownerOf(session)
      const passkey: Passkey | undefined = await ceremonies.verify(response, user.id)
      if (!passkey) throw refused(WRONG_PASSKEY)
      return renew(session, user, visitor, clock.now())
    },

    async find(sessionToken) {
      const hash = tokenHash(sessionToken)
      return hash === null ? undefined : sessions.find(hash, clock.now())
    },

    async close({ id, userId, address }) {
      const user = userId === null ? undefined : await users.find(userId)
      await sessions.close(userId, id, { at: clock.now(), actor: user?.email ?? 'operator', address })
    },
  }
}

/**
 * A link that signs the operator of the machine in once, within an hour.
 * @param deps.adminOrigin "https://admin.example.net", with its port where that is not 443
 * @returns the only copy of the token: stored is its SHA-256
 */
export async function issueSignInLink(
  deps: { links: Pick<LinkStore, 'add'>; randomBytes: RandomBytes; adminOrigin: string },
  act: Act,
): Promise<{ url: string; expiresAt: Date }> {
  const { token, hash } = newToken(deps.randomBytes)
  const expiresAt = new Date(act.at.getTime() + SIGN_IN_LINK_LIFE_MS)
  await deps.links.add(hash, { purpose: 'sign-in', expiresAt, createdById: null }, act)
  return { url: `${deps.adminOrigin}/sign-in?token=${token}`, expiresAt }
}

const WRONG_CODE = 'the code is wrong, or was used already; wait for the next one'
const WRONG_PASSKEY = 'the passkey is unknown here, or its answer came too late; try again'

function refused(detail: string): ProblemError {
  return new ProblemError('sign-in-refused', detail)
}
