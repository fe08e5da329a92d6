import { hash, parseOptions, verify } from '@node-rs/argon2'
import { ProblemError } from '../problem.ts'
import { canonicalPassword } from './password.ts'

const ARGON2ID = 2
const AT_ONCE = 2 // each takes 19 MiB and a processor
const MOST_WAITING = 100
const RETRY_AFTER_MS = 2000

/** Parameters of Argon2id, RFC 9106 §3.1. */
export interface HashCost {
  memoryCost: number // KiB
  timeCost: number // passes
  parallelism: number
}

const COST: HashCost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

export interface PasswordHashes {
  /** PHC string. @throws ProblemError too-many-requests: too many wait already */
  hash(password: string): Promise<string>
  /**
   * Takes as long where there is no hash, or the password is longer than any: time does not tell who has an account.
   * @throws ProblemError too-many-requests: too many wait already
   */
  verify(phc: string | null, password: string): Promise<boolean>
  /** Whether it was made with other parameters than are used now. */
  isDated(phc: string): boolean
  /** @throws ProblemError too-many-requests: too many wait already */
  requireRoom(): void
}

/** Hashes by Argon2id, few at once: whoever floods the sign-in page takes neither all memory nor all processors. */
export function argon2Hashes(cost: HashCost): PasswordHashes {
  const inTurn = turns()
  // Of no password that anybody knows: it takes the place of a hash that is not there
  const nobodys = phcString(cost, Buffer.alloc(16), Buffer.alloc(32))

  return {
    hash(password) {
      const canonical = canonicalPassword(password)
      if (canonical === null) throw new Error('a password that was not checked')
      return inTurn.take(() => hash(canonical, cost))
    },

    async verify(phc, password) {
      const canonical = canonicalPassword(password)
      const isRight = await inTurn.take(() => verify(canonical === null ? nobodys : (phc ?? nobodys), canonical ?? ''))
      return isRight && phc !== null && canonical !== null
    },

    isDated(phc) {
      const made = parseOptions(phc)
      const isSame = (Object.keys(cost) as (keyof HashCost)[]).every((parameter) => made[parameter] === cost[parameter])
      return !isSame || Number(made.algorithm) !== ARGON2ID
    },

    requireRoom: inTurn.requireRoom,
  }
}

/** Those of this process: however many parts of it hash, they wait in one queue. */
export const passwordHashes = argon2Hashes(COST)

function phcString({ memoryCost, timeCost, parallelism }: HashCost, salt: Buffer, digest: Buffer): string {
  const [saltText, digestText] = [salt, digest].map((bytes) => bytes.toString('base64').replaceAll('=', ''))
  return `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$${saltText}$${digestText}`
}

function turns() {
  const waiting: (() => void)[] = []
  let running = 0

  function requireRoom(): void {
    if (waiting.length < MOST_WAITING) return
    throw new ProblemError(
      'too-many-requests',
      'too many people are signing in at this moment; try again in a moment',
      {
        retryAfterMs: RETRY_AFTER_MS,
      },
    )
  }

  return {
    requireRoom,
    async take<T>(work: () => Promise<T>): Promise<T> {
      if (running < AT_ONCE) running++
      else {
        requireRoom()
        await new Promise<void>((resolve) => waiting.push(resolve)) // whoever leaves hands their place on
      }
      try {
        return await work()
      } finally {
        const next = waiting.shift()
        if (next) next()
        else running--
      }
    },
  }
}
