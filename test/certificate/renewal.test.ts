import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { renewAt } from '../../src/certificate/renewal.ts'

const HOUR_MS = 3_600_000
const notBefore = new Date('2026-11-23T12:00:00Z')
const of = (hours: number, sha256: string) => ({
  ...{ notBefore, sha256 },
  notAfter: new Date(notBefore.getTime() + hours * HOUR_MS),
})
const hoursOf = (hours: number, sha256: string) =>
  (renewAt(of(hours, sha256)).getTime() - notBefore.getTime()) / HOUR_MS
const MIDDLE = '80000000'.padEnd(64, '0')

test.each([
  [90 * 24, 60 * 24],
  [64 * 24, (128 * 24) / 3],
  [47 * 24, (94 * 24) / 3],
  [45 * 24, 30 * 24],
  [10 * 24, (20 * 24) / 3],
  [10 * 24 - 1, 119.5],
  [160, 80],
  [1.5, 0.75],
])('a certificate of %d hours is renewed after %d, give or take a hundredth', (lifetime, due) => {
  expect(hoursOf(lifetime, MIDDLE)).toBeCloseTo(due, 5)
  expect(hoursOf(lifetime, '0'.repeat(64))).toBeCloseTo(due * 0.99, 5)
  expect(hoursOf(lifetime, 'f'.repeat(64))).toBeCloseTo(due * 1.01, 5)
})

test('whatever it lasts and whatever its digest, it is renewed within a hundredth of its time, the same each time', () => {
  const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'))
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), digest, (hours, sha256) => {
      const share = hours < 240 ? 1 / 2 : 2 / 3
      const at = hoursOf(hours, sha256)
      expect(Math.abs(at / (hours * share) - 1)).toBeLessThanOrEqual(0.010_001)
      expect(hoursOf(hours, sha256)).toBe(at)
    }),
  )
})

test('S7: of ten thousand that were issued in one minute, the worst minute of renewals has at most three times the mean', () => {
  const lifetimes = [90, 64, 47, 45, 160 / 24]
  for (const days of lifetimes) {
    const minutes = new Map<number, number>()
    for (let i = 0; i < 10_000; i++) {
      const sha256 = createHash('sha256').update(`${days} ${i}`).digest('hex')
      const minute = Math.floor(renewAt(of(days * 24, sha256)).getTime() / 60_000)
      minutes.set(minute, (minutes.get(minute) ?? 0) + 1)
    }
    const all = [...minutes.keys()].sort((a, b) => a - b)
    const spanMinutes = all.at(-1)! - all[0]! + 1
    const peak = Math.max(...minutes.values())
    expect(peak / (10_000 / spanMinutes), `${days} days`).toBeLessThanOrEqual(3)
    expect(spanMinutes, `${days} days`).toBeGreaterThan(90)
  }
})
