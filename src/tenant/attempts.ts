import { ProblemError } from '../problem.ts'
import { addressPrefix } from './address-prefix.ts'

/** Failed attempts to sign in, counted by account, by address and by both together. */
export interface Attempts {
  failures: number
  openAt: Date // no attempt is looked at before
}

export interface AttemptStore {
  find(keys: readonly string[]): Promise<Map<string, Attempts>>
  /** One more failure; `openAt` tells when the next attempt is looked at. */
  noteFailure(key: string, at: Date, openAt: (failures: number) => Date): Promise<Attempts>
  forget(keys: readonly string[]): Promise<void>
}

/** How many failures cost nothing; after each one more the wait is 1 s, 2 s, 4 s … */
export interface Patience {
  free: number
  mostMs: number
}

/** One account from one address. */
const PAIR: Patience = { free: 5, mostMs: 15 * 60_000 }
/** One address, whatever the accounts. */
const ADDRESS: Patience = { free: 20, mostMs: 15 * 60_000 }
/** One account, from wherever. */
const ACCOUNT: Patience = { free: 50, mostMs: 60_000 }
/** Codes of one account's authenticator app: three out of a million are right, so nobody guesses from many addresses. */
const CODES: Patience = { free: 5, mostMs: 15 * 60_000 }
/** Registrations from one address, whatever becomes of them. */
const REGISTRATIONS: Patience = { free: 10, mostMs: 15 * 60_000 }
/** Wrong codes that end a session which waits for the second factor. */
const MOST_WRONG_CODES = 5
const HOUR_MS = 3_600_000

export function waitMs({ free, mostMs }: Patience, failures: number): number {
  return failures < free ? 0 : Math.min(1000 * 2 ** (failures - free), mostMs)
}

/** When the next attempt is looked at, after the last of so many failures just now. */
export function openAt(patience: Patience, failures: number, now: Date): Date {
  return new Date(now.getTime() + waitMs(patience, failures))
}

/** An attempt that may be looked at. */
export interface Attempt {
  succeeded(): Promise<void>
  failed(): Promise<void>
}

/**
 * Slows guessing down, and keeps nobody out whom strangers want to keep out: what others have guessed at an account from
 * elsewhere makes the waits after one's own failures longer, up to a minute, but never moves the end of one's own wait.
 * Attempts are counted before they are looked at, so that many at once get no further than in turn; and by what was
 * typed, so that accounts which do not exist answer like the others.
 */
export function attemptLimits({ attempts }: { attempts: AttemptStore }) {
  function requireOpen(known: ReadonlyMap<string, Attempts>, now: Date): void {
    const openAt = Math.max(...[...known.values()].map((one) => one.openAt.getTime()))
    if (openAt > now.getTime()) throw tooMany(openAt - now.getTime())
  }

  /** Counts one that is about to be looked at, unless others came in between that have closed the door. */
  async function count(key: string, before: Attempts | undefined, now: Date, wait: (failures: number) => number) {
    const { failures } = await attempts.noteFailure(key, now, (count) => new Date(now.getTime() + wait(count)))
    const isNext = failures === (before?.failures ?? 0) + 1
    const waited = isNext ? 0 : wait(failures - 1)
    if (waited > 0) throw tooMany(waited)
  }

  return {
    /** @param email as it was typed or is stored. @throws ProblemError too-many-requests, whether the password is right or not */
    async password(email: string, address: string | null, now: Date): Promise<Attempt> {
      const prefix = addressPrefix(address)
      // By the hour: the honest mistakes of a whole office must not add up for ever, and success does not forgive them,
      // since whoever has one account would wipe the slate clean with it
      const hour = Math.floor(now.getTime() / HOUR_MS)
      const ofAddress = `address ${prefix} ${hour}`
      const ofAccount = `account ${email}`
      const ofPair = `pair ${prefix} ${email}`
      const known = await attempts.find([ofPair, ofAddress])
      requireOpen(known, now)
      const before = known.get(ofAddress)
      const isAddressCounted = before !== undefined && before.failures >= ADDRESS.free
      if (isAddressCounted) await count(ofAddress, before, now, (failures) => waitMs(ADDRESS, failures))
      const everywhere = await attempts.noteFailure(ofAccount, now, () => now)
      const underAttackMs = waitMs(ACCOUNT, everywhere.failures)
      await count(ofPair, known.get(ofPair), now, (failures) => Math.max(waitMs(PAIR, failures), underAttackMs))
      return {
        succeeded: () => attempts.forget([ofPair, ofAccount]),
        async failed() {
          if (isAddressCounted) return
          await attempts.noteFailure(ofAddress, now, (failures) => openAt(ADDRESS, failures, now))
        },
      }
    },

    /** @throws ProblemError too-many-requests, whether the code is right or not */
    async code(userId: string, now: Date): Promise<Pick<Attempt, 'succeeded'>> {
      const key = `code ${userId}`
      const known = await attempts.find([key])
      requireOpen(known, now)
      await count(key, known.get(key), now, (failures) => waitMs(CODES, failures))
      return { succeeded: () => attempts.forget([key]) }
    },

    /** @throws ProblemError too-many-requests */
    async registration(address: string | null, now: Date): Promise<void> {
      const key = `registration ${addressPrefix(address)} ${Math.floor(now.getTime() / HOUR_MS)}`
      const known = await attempts.find([key])
      requireOpen(known, now)
      await count(key, known.get(key), now, (count) => waitMs(REGISTRATIONS, count))
    },

    /** False where the session that waits for a code has had its last. */
    async noteWrongCode(sessionId: string, now: Date): Promise<boolean> {
      const { failures } = await attempts.noteFailure(`session ${sessionId}`, now, () => now)
      return failures < MOST_WRONG_CODES
    },
  }
}

export type AttemptLimits = ReturnType<typeof attemptLimits>

function tooMany(retryAfterMs: number): ProblemError {
  const seconds = Math.ceil(retryAfterMs / 1000)
  const when = seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`
  return new ProblemError('too-many-requests', `there were too many attempts; try again in ${when}`, { retryAfterMs })
}
