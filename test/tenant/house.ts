import { createHmac, randomBytes } from 'node:crypto'
import type { Act } from '../../src/act.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import { accounts, type Accounts } from '../../src/tenant/accounts.ts'
import { passkeyCeremonies, type Passkeys } from '../../src/tenant/passkeys.ts'
import { argon2Hashes, type PasswordHashes } from '../../src/tenant/password-hash.ts'
import { signIn, type SignIn } from '../../src/tenant/sign-in.ts'
import { NO_QUOTAS, type Quotas } from '../../src/tenant/tenant.ts'
import type { User } from '../../src/tenant/user.ts'
import type { Visitor } from '../../src/tenant/visitor.ts'
import { testSealer } from '../support/sealer.ts'
import { stoppedClock } from '../support/stopped-clock.ts'

export const ORIGIN = 'https://admin.example.net:8443'
export const PASSWORD = 'seven green umbrellas'
export const HOME: Visitor = { address: '192.0.2.1', device: 'Firefox on Linux' }
/** The operator of the machine: what they make ends with nobody's rights. */
export const MACHINE = { userId: null, token: null }
export const CHEAP = { memoryCost: 64, timeCost: 1, parallelism: 1 }

export interface House {
  storage: Storage
  clock: ReturnType<typeof stoppedClock>
  act: () => Act
  signIn: SignIn
  accounts: Accounts
  ceremonies: Passkeys
  person: (email?: string) => Promise<User>
}

/** The nouns of people over a real database in memory. */
export async function house({
  passwordHashes = argon2Hashes(CHEAP),
  isRegistrationOpen = true,
  quotasOfRegistered = NO_QUOTAS,
}: {
  passwordHashes?: PasswordHashes
  isRegistrationOpen?: boolean
  quotasOfRegistered?: Quotas
} = {}): Promise<House> {
  const clock = stoppedClock('2026-11-23T12:00:00Z')
  const storage = await openStorage({ url: undefined, file: ':memory:', sealer: testSealer, clock })
  await storage.migrate()
  const deps = {
    ...storage,
    clock,
    randomBytes,
    origin: ORIGIN,
    passwordHashes,
    isRegistrationOpen,
    quotasOfRegistered,
  }
  const act = () => ({ at: clock.now(), actor: 'test', address: HOME.address })
  const nouns = { signIn: signIn(deps), accounts: accounts(deps), ceremonies: passkeyCeremonies(deps) }
  return {
    storage,
    clock,
    act,
    ...nouns,
    async person(email = 'alice@example.org') {
      return (await nouns.accounts.create(MACHINE, { email, isOperator: false, password: PASSWORD }, act())).user
    },
  }
}

/** The refusal that a promise ends in, as a match for `toMatchObject`. */
export function refusal(code: string, more: Record<string, unknown> = {}) {
  return { name: 'ProblemError', code, ...more }
}

export function tokenOf({ url }: { url: string }): string {
  return new URL(url).searchParams.get('token')!
}

/** What an authenticator app shows: RFC 4226 §5.3 over RFC 6238's steps. */
export function totpAt(secret: Uint8Array, at: Date): string {
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(at.getTime() / 30_000)))
  const mac = createHmac('sha1', secret).update(step).digest()
  const number = mac.readUInt32BE(mac.at(-1)! & 0xf) & 0x7fffffff
  return String(number % 1_000_000).padStart(6, '0')
}
