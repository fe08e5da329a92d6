import { createHmac } from 'node:crypto'
import type { AuditEvent, AuditHead, AuditVerdict } from './audit.ts'

/** What the first event of all is chained to. */
export const GENESIS: AuditHead = { sequence: 0, hash: '0'.repeat(64) }

/** An event as it is stored: its detail is text, so that what is hashed is what is read back, character by character. */
export interface StoredEvent extends Omit<AuditEvent, 'detail' | 'hash'> {
  detail: string // JSON
}

/** Hex. A JSON array says where each field ends, whatever characters they hold. */
export function chainHash(key: Uint8Array, previous: string, event: StoredEvent): string {
  const { sequence, id, at, tenantId, actor, address, action, subject, detail } = event
  const fields = [sequence, id, at.getTime(), tenantId, actor, address, action, subject, detail]
  return createHmac('sha256', key).update(previous).update(JSON.stringify(fields)).digest('hex')
}

/** Hex. Without it, whoever deletes the oldest events could write down that retention did. */
export function checkpointSeal(key: Uint8Array, { sequence, hash }: AuditHead): string {
  return createHmac('sha256', key).update(`checkpoint|${sequence}|${hash}`).digest('hex')
}

/**
 * Follows a chain, event by event in the order of their sequences.
 * @param start the last event that retention has cut off, or `GENESIS`
 * @param heads that were written down elsewhere and must be in the chain; what was cut off before `start` is not asked for
 */
export function chainCheck(key: Uint8Array, start: AuditHead, heads: readonly AuditHead[]) {
  const written = new Map<number, string[]>()
  for (const { sequence, hash } of heads) written.set(sequence, [...(written.get(sequence) ?? []), hash])
  let last = start
  let events = 0

  const isOtherThanWritten = ({ sequence, hash }: AuditHead) =>
    written.get(sequence)?.some((each) => each !== hash) ?? false

  function fault(sequence: number, why: string): AuditVerdict {
    return { isWhole: false, sequence, why }
  }

  return {
    /** What is wrong with the next event; null: nothing. */
    take(event: StoredEvent & { hash: string }): AuditVerdict | null {
      const { sequence, hash } = event
      const expected = last.sequence + 1
      if (sequence > expected)
        return fault(expected, `event ${expected} is missing; the next one that is there is ${sequence}`)
      if (chainHash(key, last.hash, event) !== hash)
        return fault(sequence, `event ${sequence} is not what was written in this place`)
      last = { sequence, hash }
      events++
      return isOtherThanWritten(last)
        ? fault(sequence, `event ${sequence} is not the one whose hash was written down elsewhere`)
        : null
    },

    /** After the last event. */
    end(): AuditVerdict {
      if (isOtherThanWritten(start))
        return fault(
          start.sequence,
          `event ${start.sequence}, since cut off, is not the one whose hash was written down elsewhere`,
        )
      const furthest = heads.reduce((furthest, { sequence }) => Math.max(furthest, sequence), 0)
      return furthest > last.sequence
        ? fault(
            last.sequence + 1,
            `the chain ends with event ${last.sequence}, but event ${furthest} was written down elsewhere: the end was cut off`,
          )
        : { isWhole: true, events, head: last }
    },
  }
}
