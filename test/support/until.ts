import { setTimeout as delay } from 'node:timers/promises'

/** Waits for a condition, with an end. Gives how long it took, in milliseconds. */
export async function until(condition: () => Promise<boolean> | boolean, withinMs = 10_000): Promise<number> {
  const began = performance.now()
  for (;;) {
    if (await condition()) return performance.now() - began
    if (performance.now() - began > withinMs) throw new Error(`it did not come true within ${withinMs} ms`)
    await delay(20)
  }
}
