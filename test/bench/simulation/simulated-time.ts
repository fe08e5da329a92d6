import type { Clock } from '../../../src/clock.ts'

/** A clock that jumps from one event to the next, and those who wait for an instant of it. */
export function simulatedTime(start: Date) {
  let ms = start.getTime()
  let waits: { at: number; go: () => void }[] = [] // as many as there are workers: no heap is worth it

  return {
    now: () => new Date(ms),
    ms: () => ms,
    waiting: () => waits.length,
    nextAt: () => waits.reduce((soonest, { at }) => Math.min(soonest, at), Infinity),

    wait(forMs: number): Promise<void> {
      return new Promise((go) => void waits.push({ at: ms + forMs, go }))
    },

    /** Lets those go on whose instant has come. */
    moveTo(at: number): void {
      ms = at
      const due = waits.filter((one) => one.at <= at)
      if (due.length === 0) return
      waits = waits.filter((one) => one.at > at)
      for (const { go } of due) go()
    },
  } satisfies Clock & Record<string, unknown>
}

export type SimulatedTime = ReturnType<typeof simulatedTime>
