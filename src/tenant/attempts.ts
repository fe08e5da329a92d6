import { ProblemError } from '../problem.ts'
import { addressPrefix } from './address-prefix.ts'

/** Failed attempts to sign in, counted by account, by address and by both together. */
export interface Attempts {
  failures: number
  openAt: Date // no attempt is looked at before
}

/** What became of an attempt that wanted to be counted. */
export interface Counted extends Attempts {
  isTaken: boolean // false: it came before `openAt`, and was not counted
  formerlyOpenAt: Date
}

/** How long whoever has failed so often waits, in milliseconds. */
export type Wait = (failures: number) => number

export interface AttemptStore {
  find(keys: readonly string[]): Promise<Map<string, Attempts>>
  /** One more, taken for a failure; of many at once each waits for those before it, as if they had come in turn. */
  count(key: string, at: Date, wait: Wait): Promise<Counted>
  /** It was no failure after all: nobody waits for it. */
  takeBack(key: string, counted: Counted, wait: Wait): Promise<void>
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
/** Times that people may have an order tried before its time, of one certificate: Let's Encrypt bears five failures an hour. */
const RETRIES_AN_HOUR = 5
/** Wrong codes that end a session which waits for the second factor. */
const MOST_WRONG_CODES = 5
const HOUR_MS = 3_600_000

export function waitMs({ free, mostMs }: Patience, failures: number): number {
  return failures < free ? 0 : Math.min(1000 * 2 ** (failures - free), mostMs)
}

/** An attempt that may be looked at, counted as a failure until it says otherwise. */
export interface Attempt {
  succeeded(): Promise<void>
}

/**
 * Slows guessing down, and keeps nobody out whom strangers want to keep out: what others have guessed at an account from
 * elsewhere makes the waits after one's own failures longer, up to a minute, but never moves the end of one's own wait.
 * Attempts are counted before they are looked at, so that many at once get no further than in turn; and by what was
 * typed, so that accounts which do not exist answer like the others.
 */
export function attemptLimits({ attempts }: { attempts: AttemptStore }) {
  /** Before anything is written: whoever comes again and again while they have to wait costs a look only. */
  async function requireOpen(keys: readonly string[], now: Date): Promise<void> {
    const ends = [...(await attempts.find(keys)).values()].map(({ openAt }) => openAt.getTime())
    requireOver(Math.max(...ends), now)
  }

  async function takeTurn(key: string, now: Date, wait: Wait): Promise<Counted> {
    const counted = await attempts.count(key, now, wait)
    if (!counted.isTaken) requireOver(counted.openAt.getTime(), now)
    return counted
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
      await requireOpen([ofPair, ofAddress], now)
      const addressWait: Wait = (failures) => waitMs(ADDRESS, failures)
      const atAddress = await takeTurn(ofAddress, now, addressWait)
      const atAccount = await attempts.count(ofAccount, now, noWait)
      const underAttackMs = waitMs(ACCOUNT, atAccount.failures)
      const pairWait: Wait = (failures) => Math.max(waitMs(PAIR, failures), underAttackMs)
      try {
        await takeTurn(ofPair, now, pairWait)
      } catch (cause) {
        await attempts.takeBack(ofAddress, atAddress, addressWait)
        await attempts.takeBack(ofAccount, atAccount, noWait)
        throw cause
      }
      return {
        async succeeded() {
          await attempts.forget([ofPair, ofAccount])
          await attempts.takeBack(ofAddress, atAddress, addressWait)
        },
      }
    },

    /** @throws ProblemError too-many-requests, whether the code is right or not */
    async code(userId: string, now: Date): Promise<Attempt> {
      const key = `code ${userId}`
      await requireOpen([key], now)
      await takeTurn(key, now, (failures) => waitMs(CODES, failures))
      return { succeeded: () => attempts.forget([key]) }
    },

    /** @throws ProblemError too-many-requests */
    async registration(address: string | null, now: Date): Promise<void> {
      const key = `registration ${addressPrefix(address)} ${Math.floor(now.getTime() / HOUR_MS)}`
      await requireOpen([key], now)
      await takeTurn(key, now, (failures) => waitMs(REGISTRATIONS, failures))
    },

    /** What has failed is to be tried before its time. @throws ProblemError too-many-requests */
    async issuance(lineageId: string, now: Date): Promise<void> {
      const hour = Math.floor(now.getTime() / HOUR_MS)
      const key = `issuance ${lineageId} ${hour}`
      await requireOpen([key], now)
      const endsMs = (hour + 1) * HOUR_MS - now.getTime()
      await takeTurn(key, now, (tries) => (tries < RETRIES_AN_HOUR ? 0 : endsMs))
    },

    /** False where the session that waits for a code has had its last. */
    async noteWrongCode(sessionId: string, now: Date): Promise<boolean> {
      const { failures } = await attempts.count(`session ${sessionId}`, now, noWait)
      return failures < MOST_WRONG_CODES
    },
  }
}

const noWait: Wait = () => 0

/** @throws ProblemError too-many-requests */
function requireOver(endMs: number, now: Date): void {
  const retryAfterMs = endMs - now.getTime()
  if (retryAfterMs <= 0) return
  const seconds = Math.ceil(retryAfterMs / 1000)
  const when = seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`
  throw new ProblemError('too-many-requests', `there were too many attempts; try again in ${when}`, { retryAfterMs })
}
