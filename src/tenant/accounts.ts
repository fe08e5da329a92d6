import type { Act } from '../act.ts'
import type { Clock } from '../clock.ts'
import { ProblemError } from '../problem.ts'
import { attemptLimits, type AttemptStore } from './attempts.ts'
import { base32 } from './base32.ts'
import { serviceName } from './branding.ts'
import { parseEmail } from './email.ts'
import type { Invitation, Link, LinkFor, LinkStore } from './link.ts'
import type { MemberStore, Role } from './member.ts'
import { passwordHashes, type PasswordHashes } from './password-hash.ts'
import { checkPassword } from './password.ts'
import { newToken, tokenHash, type RandomBytes } from './random-token.ts'
import { newRecoveryCodes } from './recovery-code.ts'
import { creatorId, type Creator } from './principal.ts'
import type { SettingsStore } from './settings.ts'
import { TENANT_NAME, type Quotas, type Tenant, type TenantStore } from './tenant.ts'
import { newTotpSecret, totpCode, totpSetup, totpStep } from './totp.ts'
import type { Credentials, User, UserStore } from './user.ts'

const DAY_MS = 86_400_000
const INVITATION_LIFE_MS = 7 * DAY_MS
const PASSWORD_LINK_LIFE_MS = DAY_MS
const MOST_BEFORE_ENDING = 58 // of the 63 characters of a tenant's name

/** The only copy of a one-time link. */
export interface IssuedLink {
  url: string
  expiresAt: Date
}

/** How people come to an account, and what they do with it. Sessions that a change makes doubtful are ended by it. */
export interface Accounts {
  /**
   * An account by the operator. Without a password its owner chooses one by the link.
   * @param by with whose rights the link ends
   * @throws ProblemError malformed-request: no e-mail address; already-exists, password-refused
   */
  create(
    by: Creator,
    account: { email: string; isOperator: boolean; password?: string | undefined },
    act: Act,
  ): Promise<{ user: User; link: IssuedLink | null }>

  /**
   * @param by with whose rights the link ends
   * @param invited.tenant null: to be an operator
   * @throws ProblemError malformed-request, already-exists: they are a member
   */
  invite(
    by: Creator,
    invited: { tenant: Tenant | null; role: Role | null; email: string },
    act: Act,
  ): Promise<{ invitation: Invitation; link: IssuedLink }>
  /** What a link invites to, and whether its e-mail address has an account. @throws ProblemError link-spent */
  invitation(token: string): Promise<{ invitation: Invitation; tenant: Tenant | null; hasAccount: boolean }>
  /**
   * Makes the account of the invitation's e-mail address, or joins that of the one who is signed in.
   * @throws ProblemError link-spent, password-refused
   * @throws ProblemError sign-in-required: the address has an account, and nobody is signed in
   * @throws ProblemError forbidden: somebody else is signed in
   * @throws ProblemError already-exists: they have become a member in another way; tenant-suspended
   */
  accept(token: string, given: { password?: string | undefined; userId: string | null }, act: Act): Promise<User>

  /**
   * A stranger's own tenant, under the name given and a random ending, where the operator allows it. Nothing that is
   * answered tells whether the e-mail address had an account (then nothing is left) or the name a tenant.
   * @throws ProblemError registration-closed, malformed-request, password-refused, too-many-requests
   */
  register(given: { tenant: string; email: string; password: string }, act: Act): Promise<void>

  /**
   * A link by which a user chooses a new password; other factors stay.
   * @param by with whose rights the link ends
   * @throws ProblemError not-found
   */
  issuePasswordLink(by: Creator, userId: string, act: Act): Promise<IssuedLink>
  /** The account that a link is for. @throws ProblemError link-spent */
  passwordLink(token: string): Promise<User>
  /** Ends all sessions. @throws ProblemError link-spent, password-refused */
  usePasswordLink(token: string, password: string, act: Act): Promise<User>
  /**
   * Ends all sessions but this one.
   * @throws ProblemError sign-in-refused: the present password is another; password-refused, too-many-requests
   */
  changePassword(
    userId: string,
    given: { present: string; password: string; sessionId: string },
    act: Act,
  ): Promise<void>

  /**
   * Another e-mail address to sign in with. Nothing is sent to it, as nothing is when an account is made. Ends all sessions
   * but the one that is named.
   * @throws ProblemError malformed-request; already-exists: it has an account; not-found
   * @throws ProblemError too-many-requests: its owner has tried so many that they seem to look for who has an account
   */
  changeEmail(
    userId: string,
    given: { email: string; by: 'owner' | 'operator'; sessionId?: string | undefined },
    act: Act,
  ): Promise<User>

  /** A new secret, not in force before its first code. @throws ProblemError already-exists */
  beginTotp(userId: string, act: Act): Promise<{ secret: string; uri: string }> // base32, otpauth://
  /** The same once more, of a secret that still waits for its first code. */
  showTotp(email: string, secret: Uint8Array): Promise<{ secret: string; uri: string }>
  /**
   * Asked for from now on; the only copy of the recovery codes. Ends all sessions but this one.
   * @throws ProblemError sign-in-refused: the code is another; not-found: no secret waits for its first code
   * @throws ProblemError too-many-requests
   */
  confirmTotp(userId: string, given: { code: string; sessionId: string }, act: Act): Promise<string[]>
  /** Ends all sessions but this one. @throws ProblemError not-found */
  removeTotp(userId: string, given: { sessionId: string }, act: Act): Promise<void>
  /** Those of before are spent. @throws ProblemError not-found: there is no authenticator app */
  renewRecoveryCodes(userId: string, act: Act): Promise<string[]>
  /**
   * By the operator, for whoever has lost theirs, or to free an address that a stranger has registered: authenticator
   * app, recovery codes and passkeys. The password stays; ends all sessions. @throws ProblemError not-found
   */
  removeFactors(userId: string, act: Act): Promise<void>
}

export interface AccountsDeps {
  users: UserStore
  members: MemberStore
  tenants: TenantStore
  settings: Pick<SettingsStore, 'standing'>
  links: LinkStore
  attempts: AttemptStore
  clock: Clock
  randomBytes: RandomBytes
  origin: string // of the admin host, with its port where that is not 443
  isRegistrationOpen: boolean
  quotasOfRegistered: Quotas // of tenants that strangers register
  passwordHashes?: PasswordHashes // left out: those of this process
}

export function accounts(deps: AccountsDeps): Accounts {
  const { users, members, tenants, settings, links, clock, randomBytes, origin } = deps
  const hashes = deps.passwordHashes ?? passwordHashes
  const limits = attemptLimits(deps)

  /** What an authenticator app lists the account under. */
  async function issuer(): Promise<string> {
    return `${serviceName((await settings.standing()).settings)} ${new URL(origin).hostname}`
  }

  /** @throws ProblemError password-refused, too-many-requests */
  async function newHash(password: string, context: readonly string[]): Promise<string> {
    checkPassword(password, context)
    return hashes.hash(password)
  }

  async function issueLink(page: string, by: Creator, link: LinkFor, lifeMs: number, act: Act) {
    const { token, hash } = newToken(randomBytes)
    const expiresAt = new Date(act.at.getTime() + lifeMs)
    const stored = await links.add(hash, { ...link, expiresAt, createdById: creatorId(by) }, act)
    return { stored, link: { url: `${origin}/${page}?token=${token}`, expiresAt } }
  }

  /** @throws ProblemError link-spent */
  async function openLink<Purpose extends Link['purpose']>(token: string, purpose: Purpose) {
    const hash = tokenHash(token)
    const link = hash === null ? undefined : await links.find(hash, clock.now())
    if (hash === null || link?.purpose !== purpose) throw spent()
    return { ...(link as Extract<Link, { purpose: Purpose }>), hash }
  }

  /** @throws ProblemError link-spent */
  async function useUp(hash: string, purpose: Link['purpose']): Promise<void> {
    if (!(await links.use(hash, purpose, clock.now()))) throw spent()
  }

  /** @throws ProblemError not-found */
  async function present(userId: string): Promise<Credentials> {
    const credentials = await users.credentials(userId)
    if (!credentials) throw new ProblemError('not-found', 'there is no such account')
    return credentials
  }

  /** @throws ProblemError already-exists */
  async function requireStranger(user: User, tenantId: string | null): Promise<void> {
    const isIn = tenantId === null ? user.operatorSince !== null : await members.find(tenantId, user.id)
    if (!isIn) return
    const what = tenantId === null ? 'an operator' : 'a member of the tenant'
    throw new ProblemError('already-exists', `${user.email} is ${what} already`)
  }

  /** @throws ProblemError tenant-suspended */
  async function requireActive(tenantId: string | null): Promise<void> {
    const tenant = tenantId === null ? undefined : await tenants.find(tenantId)
    if (tenant?.suspendedAt)
      throw new ProblemError('tenant-suspended', `the tenant ${tenant.name} is suspended; follow the link again later`)
  }

  async function issuePasswordLink(by: Creator, userId: string, act: Act): Promise<IssuedLink> {
    return (await issueLink('password', by, { purpose: 'password', userId }, PASSWORD_LINK_LIFE_MS, act)).link
  }

  return {
    async create(by, { email: given, isOperator, password }, act) {
      const email = parseEmail(given)
      const passwordHash = password === undefined ? null : await newHash(password, [email])
      const user = await users.add({ email, isOperator, passwordHash }, act)
      return { user, link: passwordHash === null ? await issuePasswordLink(by, user.id, act) : null }
    },

    async invite(by, { tenant, role, email: given }, act) {
      const email = parseEmail(given)
      const to = invitedTo(tenant, role)
      const user = await users.findByEmail(email)
      if (user) await requireStranger(user, to.tenantId)
      const { stored, link } = await issueLink(
        'invitation',
        by,
        { purpose: 'invitation', ...to, email },
        INVITATION_LIFE_MS,
        act,
      )
      return { invitation: stored as Invitation, link }
    },

    async invitation(token) {
      const { hash: _, ...invitation } = await openLink(token, 'invitation')
      const tenant = invitation.tenantId === null ? null : await tenants.find(invitation.tenantId)
      if (tenant === undefined) throw spent()
      return { invitation, tenant, hasAccount: (await users.findByEmail(invitation.email)) !== undefined }
    },

    async accept(token, { password = '', userId }, by) {
      const { hash, email, tenantId, role } = await openLink(token, 'invitation')
      const act = { ...by, actor: email }
      const known = await users.findByEmail(email)
      if (known && userId === null)
        throw new ProblemError('sign-in-required', `${email} has an account; sign in, then follow the link again`)
      if (userId !== null && userId !== known?.id)
        throw new ProblemError('forbidden', `the invitation is for ${email}; sign out, then follow the link again`)
      if (known) await requireStranger(known, tenantId)
      await requireActive(tenantId)
      const user =
        known ?? (await users.add({ email, isOperator: false, passwordHash: await newHash(password, [email]) }, act))
      // From here on a fault costs the invitation and leaves an account that opens nothing: better than a link that is
      // used twice
      await useUp(hash, 'invitation')
      if (tenantId === null) return users.setOperator(user.id, true, act)
      await members.add(tenantId, { userId: user.id, role }, act)
      return user
    },

    async register({ tenant: name, email: given, password }, by) {
      if (!deps.isRegistrationOpen)
        throw new ProblemError(
          'registration-closed',
          'the operator of this server makes the accounts; ask them for one',
        )
      const email = parseEmail(given)
      const act = { ...by, actor: email }
      requireTenantName(name)
      checkPassword(password, [email, name])
      await limits.registration(act.address, act.at)
      const passwordHash = await hashes.hash(password)
      const ending = base32(randomBytes(3)).slice(0, 4).toLowerCase()
      // The tenant first, also for an address that has an account, so that both take as long; and since a tenant without
      // members is nothing to anybody, but an account without its tenant could not register again
      const tenant = await tenants.add(`${name.slice(0, MOST_BEFORE_ENDING)}-${ending}`, act, deps.quotasOfRegistered)
      const user = await users.add({ email, isOperator: false, passwordHash }, act).catch(async (cause: unknown) => {
        await tenants.remove(tenant.id, act)
        if (cause instanceof ProblemError && cause.code === 'already-exists') return undefined
        throw cause
      })
      if (user) await members.add(tenant.id, { userId: user.id, role: 'owner' }, act)
    },

    async issuePasswordLink(by, userId, act) {
      await present(userId)
      return issuePasswordLink(by, userId, act)
    },

    async passwordLink(token) {
      const { userId } = await openLink(token, 'password')
      return (await present(userId)).user
    },

    async usePasswordLink(token, password, by) {
      const { hash, userId } = await openLink(token, 'password')
      const { user } = await present(userId)
      const act = { ...by, actor: user.email }
      const passwordHash = await newHash(password, [user.email])
      await useUp(hash, 'password')
      await users.setPassword(userId, passwordHash, act)
      return (await present(userId)).user
    },

    async changePassword(userId, { present: former, password, sessionId }, act) {
      const { user, passwordHash } = await present(userId)
      checkPassword(password, [user.email])
      hashes.requireRoom()
      const attempt = await limits.password(user.email, act.address, act.at)
      if (!(await hashes.verify(passwordHash, former))) throw refused('/present', 'the present password is another one')
      await attempt.succeeded()
      await users.setPassword(userId, await hashes.hash(password), act, sessionId)
    },

    async changeEmail(userId, { email: given, by, sessionId }, act) {
      const email = parseEmail(given)
      if (by === 'owner') await limits.registration(act.address, act.at)
      return users.setEmail(userId, email, act, sessionId)
    },

    showTotp: async (email, secret) => totpSetup(secret, email, await issuer()),

    async beginTotp(userId, act) {
      const { user } = await present(userId)
      const secret = newTotpSecret(randomBytes)
      await users.setTotp(userId, secret, act)
      return totpSetup(secret, user.email, await issuer())
    },

    async confirmTotp(userId, { code, sessionId }, act) {
      const { totp } = await present(userId)
      // One that is in force has its codes looked at by the sign-in only
      if (!totp || totp.confirmedAt)
        throw new ProblemError('not-found', 'no authenticator app waits for its first code; begin with a new secret')
      const digits = totpCode(code)
      if (digits === null) throw wrongCode()
      const attempt = await limits.code(userId, act.at)
      const step = totpStep(totp.secret, digits, act.at)
      if (step === null) throw wrongCode()
      await attempt.succeeded()
      const { codes, hashes } = newRecoveryCodes(randomBytes)
      await users.confirmTotp(userId, step, hashes, act, sessionId)
      return codes
    },

    removeTotp: (userId, { sessionId }, act) => users.removeTotp(userId, act, sessionId),

    async renewRecoveryCodes(userId, act) {
      const { codes, hashes } = newRecoveryCodes(randomBytes)
      await users.setRecoveryCodes(userId, hashes, act)
      return codes
    },

    removeFactors: (userId, act) => users.removeFactors(userId, act),
  }
}

/** @throws ProblemError malformed-request */
function invitedTo(tenant: Tenant | null, role: Role | null) {
  if (tenant === null) return { tenantId: null, role: null }
  if (role !== null) return { tenantId: tenant.id, role }
  throw malformed('/role', 'should say what the member may do: viewer, admin or owner')
}

/** @throws ProblemError malformed-request */
function requireTenantName(name: string): void {
  if (!TENANT_NAME.pattern.test(name)) throw malformed('/tenant', TENANT_NAME.wish)
}

function malformed(pointer: string, detail: string): ProblemError {
  return new ProblemError('malformed-request', `${pointer.slice(1)}: ${detail}`, { fields: [{ pointer, detail }] })
}

function refused(pointer: string, detail: string): ProblemError {
  return new ProblemError('sign-in-refused', detail, { fields: [{ pointer, detail }] })
}

function wrongCode(): ProblemError {
  return refused('/code', 'the code is another one; set the clock of the telephone right, and take the code shown now')
}

function spent(): ProblemError {
  return new ProblemError('link-spent', 'the link is unknown, used or expired; ask whoever sent it for a new one')
}
