import type { Reporter, TestModule } from 'vitest/node'

/** Ends a run by counting what ran and what was left out. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0, pending: 0 }
    let atSecondTry = 0
    for (const module of modules) {
      if (module.children.size === 0 || module.errors().length > 0) counts.failed++ // it did not even load
      for (const test of module.children.allTests()) {
        counts[test.result().state]++
        if (test.diagnostic()?.flaky) atSecondTry++
      }
    }
    const second = atSecondTry > 0 ? ` (${atSecondTry} at a second try)` : ''
    const without = process.env['WAYPOST_TEST_WITHOUT']
    if (without) console.log(`left out, as WAYPOST_TEST_WITHOUT says: ${without}`)
    console.log(`${counts.passed} passed${second}, ${counts.failed} failed, ${counts.skipped + counts.pending} skipped`)
  }
}
