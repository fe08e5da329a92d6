import { createHash, createHmac } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { DomainName } from '../name.ts'
import { authorityError } from './acme-problem.ts'
import { finding } from './failure.ts'
import type { Order } from './order.ts'

/** A zone of the operator's whose name server takes updates. */
export interface ChallengeZone {
  zone: string // lower case, no final dot
  /** Others of the same name stay. What is there already may be added again, and what is not there be removed. */
  add(name: string, value: string): Promise<ZoneUpdate>
  remove(name: string, value: string): Promise<ZoneUpdate>
  /** What the zone's own name servers answer now. */
  look(name: string, value: string): Promise<Publication>
}

export type ZoneUpdate =
  | { outcome: 'ok' }
  | { outcome: 'refused'; why: string } // and nothing was done; whole sentences, with what the operator has to mend
  | { outcome: 'unanswered'; why: string } // it may have been done

export type Publication =
  | { is: 'everywhere' }
  | { is: 'lacking'; servers: string[] } // some answer, and have it not
  | { is: 'unknown' } // nobody says that it is not there, and not all have said that it is

/** A TXT record that was, or is about to be, written. */
export interface ChallengeRecord {
  name: string
  value: string
  orderId: string
  writtenAt: Date // when that order first wrote it
}

/** What has been written into the zone, so that it is removed whatever becomes of the process and of the order. */
export interface ChallengeRecordStore {
  /** Before the name server is told. What another order has written as well is that of the present one from then on. */
  keep(record: Pick<ChallengeRecord, 'name' | 'value' | 'orderId'>, now: Date): Promise<ChallengeRecord>
  ofOrder(orderId: string, name: string): Promise<ChallengeRecord[]>
  /** It is not in the zone any more; nothing is done where it is another order's meanwhile. */
  forget(record: Pick<ChallengeRecord, 'name' | 'value' | 'orderId'>): Promise<void>
  /** Those whose order is over or gone, or began too long ago; nobody else takes the same ones before `againAt`. */
  takeLeftOver(now: Date, wish: { againAt: Date; limit: number }): Promise<ChallengeRecord[]>
}

export interface DnsChallenges {
  /** The name that a host's `_acme-challenge` record has to lead to. @param tenantId null: it is the operator's own */
  aliasOf(tenantId: string | null, host: DomainName): string
  /**
   * Writes the answer and looks whether all of the zone's servers have it. May be called again until they do.
   * @returns false: they have not yet
   * @throws ProblemError authority-refused: dns-update, or dns-propagation after minutes
   */
  publish(order: Order, host: DomainName, keyAuthorization: string): Promise<boolean>
  /** Removes what an order has written for a host; what cannot be removed now is `clear`'s. */
  withdraw(order: Order, host: DomainName): Promise<void>
  /** Removes what orders that are over have left, a bounded number. @returns how many */
  clear(): Promise<number>
}

const LABEL_LENGTH = 32
/** Some secondaries are told by nobody and ask every few minutes. */
const LACKING_MS = 5 * 60_000
/** A server that is down says nothing, and an authority asks the others. */
const UNKNOWN_MS = 60_000
const AGAIN_MS = 10 * 60_000
const GIVE_UP_MS = 7 * 86_400_000
const AT_ONCE = 20
const UPDATE_WORDS = {
  refused: "the zone's name server refused the update",
  unanswered: "the zone's name server gave no answer that counts",
}

/**
 * Answers dns-01 (RFC 8555 §8.4) in a zone of the operator's, to which owners lead `_acme-challenge` by a CNAME record,
 * once. Each name of each tenant has a label of its own there: the record stays when a name changes hands, and with a
 * shared label whoever claims it next would be validated through it, by the account that all tenants share.
 * @param key 32 bytes, derived from the master key for this use only, so that nobody can guess a label
 */
export function dnsChallenges(deps: {
  zone: ChallengeZone
  records: ChallengeRecordStore
  key: Uint8Array
  clock: Clock
  log: Log
}): DnsChallenges {
  const { zone, records, key, clock, log } = deps
  const aliasOf = challengeAlias(key, zone.zone)

  async function remove(record: ChallengeRecord): Promise<ZoneUpdate['outcome']> {
    const update = await zone.remove(record.name, record.value)
    if (update.outcome === 'ok') await records.forget(record)
    else log.warn({ name: record.name, why: update.why }, 'a TXT record could not be removed; it is tried again')
    return update.outcome
  }

  return {
    aliasOf,

    async publish({ tenantId, id: orderId }, host, keyAuthorization) {
      const name = aliasOf(tenantId, host)
      const value = createHash('sha256').update(keyAuthorization).digest('base64url')
      const now = clock.now()
      const record = await records.keep({ name, value, orderId }, now)
      const update = await zone.add(name, value)
      // Refused a second time, it may be there since the first
      const isFirst = record.writtenAt.getTime() === now.getTime()
      if (update.outcome === 'refused' && isFirst) await records.forget(record)
      // Thrown as an authority's are: the order stays as it is, and is tried again
      if (update.outcome !== 'ok') {
        // Addresses and names of keys are the operator's own affair, and what is thrown is shown to the owner too
        log.warn({ name, why: update.why }, 'a TXT record could not be written; it is tried again')
        throw authorityError(zone.zone, finding('dns-update', UPDATE_WORDS[update.outcome]))
      }
      const seen = await zone.look(name, value)
      if (seen.is === 'everywhere') return true
      const age = clock.now().getTime() - record.writtenAt.getTime()
      if (seen.is === 'unknown') return age >= UNKNOWN_MS
      if (age < LACKING_MS) return false
      throw authorityError(
        zone.zone,
        finding(
          'dns-propagation',
          `of the name servers of ${zone.zone} these have no TXT record at ${name} after ${Math.round(age / 60_000)} minutes: ${seen.servers.join(', ')}. See that the primary tells them of changes (NOTIFY) and lets them transfer the zone.`,
        ),
      )
    },

    async withdraw({ tenantId, id }, host) {
      for (const record of await records.ofOrder(id, aliasOf(tenantId, host))) await remove(record)
    },

    async clear() {
      const now = clock.now()
      const againAt = new Date(now.getTime() + AGAIN_MS)
      const left = await records.takeLeftOver(now, { againAt, limit: AT_ONCE })
      let cleared = 0
      for (const record of left) {
        const isOurs = record.name.endsWith(`.${zone.zone}`)
        const outcome = isOurs ? await remove(record) : 'refused'
        if (outcome === 'ok') cleared++
        else if (!isOurs || now.getTime() - record.writtenAt.getTime() > GIVE_UP_MS) {
          await records.forget(record)
          log.error({ name: record.name, value: record.value }, 'a TXT record stays where it is: remove it by hand')
        } else if (outcome === 'unanswered') break // it would cost each of the others its timeout
      }
      return cleared
    },
  }
}

/** @param key as of `dnsChallenges` */
export function challengeAlias(key: Uint8Array, zone: string): DnsChallenges['aliasOf'] {
  return (tenantId, host) => {
    const digest = createHmac('sha256', key)
      .update(JSON.stringify([tenantId, host]))
      .digest('hex')
    return `${digest.slice(0, LABEL_LENGTH)}.${zone}`
  }
}
