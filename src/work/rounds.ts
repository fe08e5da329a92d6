import type { Log } from '../log.ts'

const TICK_MS = 500

/**
 * Works as long as there is something to do, and looks again twice a second. What fails is tried again.
 * @param round of a bounded size, so that a stop need not wait for a hundred thousand things; how much it found to do,
 *   nothing where the next look is soon enough
 */
export function rounds(work: string, round: () => Promise<number | void>, log: Log): { stop(): Promise<void> } {
  let isStopping = false
  let isFailing = false // a database that is away is away in every round: one line is enough
  let tick: Promise<void> | undefined
  const ticker = setInterval(() => {
    tick ??= run().finally(() => (tick = undefined))
  }, TICK_MS)

  async function run(): Promise<void> {
    try {
      while (!isStopping && ((await round()) ?? 0) > 0);
      if (isFailing) log.info({ work }, 'rounds of work succeed again')
      isFailing = false
    } catch (err) {
      if (!isFailing) log.warn({ work, err }, 'a round of work failed; it is tried again')
      isFailing = true
    }
  }

  return {
    async stop() {
      isStopping = true
      clearInterval(ticker)
      await tick
    },
  }
}
