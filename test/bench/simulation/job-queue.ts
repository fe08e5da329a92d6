import type { Job, JobStore } from '../../../src/work/job.ts'

type Queue = Pick<JobStore, 'enqueue' | 'claim' | 'beat' | 'complete' | 'postpone'>

/**
 * Jobs of one kind in memory, one for each domain, as a heap by when they are due: with SQLite as the queue a million
 * domains would take hours. It does what `storage/job-store.ts` does; the simulation's test runs over both.
 */
export function jobQueue({
  size,
  kind,
  keyOf,
  indexOf,
  payloadOf,
}: {
  size: number
  kind: string
  keyOf: (index: number) => string
  indexOf: (key: string) => number
  payloadOf: (index: number) => unknown
}): Queue & { nextAt(): Promise<number> } {
  const runAt = new Float64Array(size).fill(NaN)
  const againAt = new Float64Array(size).fill(NaN)
  const isLeased = new Uint8Array(size)
  const attempts = new Int32Array(size)
  const fence = new Int32Array(size)
  const heap = new Int32Array(size)
  const place = new Int32Array(size).fill(-1) // in the heap
  let length = 0

  const isBefore = (one: number, other: number) =>
    runAt[one]! < runAt[other]! || (runAt[one] === runAt[other] && one < other)

  function put(index: number, at: number): void {
    heap[at] = index
    place[index] = at
  }

  function rise(index: number): void {
    let at = place[index]!
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!isBefore(index, heap[above]!)) break
      put(heap[above]!, at)
      at = above
    }
    put(index, at)
  }

  function sink(index: number): void {
    let at = place[index]!
    for (;;) {
      let below = 2 * at + 1
      if (below >= length) break
      if (below + 1 < length && isBefore(heap[below + 1]!, heap[below]!)) below++
      if (!isBefore(heap[below]!, index)) break
      put(heap[below]!, at)
      at = below
    }
    put(index, at)
  }

  function add(index: number, at: number): void {
    runAt[index] = at
    put(index, length++)
    rise(index)
  }

  function takeFirst(): number {
    const first = heap[0]!
    const last = heap[--length]!
    place[first] = -1
    if (length > 0) {
      put(last, 0)
      sink(last)
    }
    return first
  }

  /** Gives it back where the fence still holds. @param at NaN: it is done */
  function release({ key, fence: held }: Job, at: number): boolean {
    const index = indexOf(key)
    if (!isLeased[index] || fence[index] !== held) return false
    isLeased[index] = 0
    againAt[index] = NaN
    if (Number.isNaN(at)) runAt[index] = NaN
    else add(index, at)
    return true
  }

  return {
    nextAt: async () => (length > 0 ? runAt[heap[0]!]! : Infinity),

    async enqueue({ key, runAt: wanted }) {
      const index = indexOf(key)
      const at = wanted.getTime()
      if (isLeased[index]) againAt[index] = againAt[index]! < at ? againAt[index]! : at
      else if (Number.isNaN(runAt[index])) {
        attempts[index] = 0
        add(index, at)
      } else if (at < runAt[index]!) {
        runAt[index] = at
        rise(index)
      }
    },

    async claim(_worker, kinds, now) {
      if (length === 0 || !(runAt[heap[0]!]! <= now.getTime()) || !kinds.includes(kind)) return undefined
      const index = takeFirst()
      isLeased[index] = 1
      attempts[index]!++
      fence[index]!++
      const key = keyOf(index)
      const facts = { id: key, kind, key, payload: payloadOf(index), runAt: new Date(runAt[index]!) }
      return { ...facts, attempts: attempts[index]!, fence: fence[index]! }
    },

    beat: async () => true, // no job takes long here

    async complete(job) {
      const index = indexOf(job.key)
      const again = againAt[index]!
      if (!Number.isNaN(again)) attempts[index] = 0
      return release(job, again)
    },

    async postpone(job, at) {
      const again = againAt[indexOf(job.key)]!
      return release(job, again < at.getTime() ? again : at.getTime())
    },
  }
}
