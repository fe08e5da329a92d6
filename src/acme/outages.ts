import { isAhead, outageEnd } from './retry.ts'

/** So many lineages that fail without one in between that does not are no accident of one of them. */
const LINEAGES_OF_AN_OUTAGE = 5

/**
 * Counts for how many lineages in a row an authority was out, in this process. One that stays out is left alone for
 * longer each time, and then one failure is enough: otherwise each of ten thousand lineages would find it out by itself.
 * Calls that were under way when it was given up tell nothing new.
 */
export function outages() {
  const counts = new Map<string, { lineages: Set<string>; pauses: number; until: Date | null }>()

  return {
    /** @returns until when the authority is to be paused; null: it is not the time for that yet */
    met(authorityId: string, lineageId: string, now: Date): Date | null {
      const count = counts.get(authorityId) ?? { lineages: new Set(), pauses: 0, until: null }
      counts.set(authorityId, count)
      if (count.lineages.size < LINEAGES_OF_AN_OUTAGE) count.lineages.add(lineageId)
      if (count.lineages.size < LINEAGES_OF_AN_OUTAGE) return null
      if (!count.until || !isAhead(count.until, now)) count.until = outageEnd(++count.pauses, now)
      return count.until
    },

    isOver(authorityId: string): void {
      counts.delete(authorityId)
    },
  }
}
