import { describe, expect, test } from 'vitest'
import type { CertificateCount } from '../../src/census.ts'
import { expiryPlot, inZones, orderBars, zoneOf } from '../../src/admin/pages/expiry-plot.tsx'
import { timeLine } from '../../src/admin/pages/time-line.tsx'

const DAY_MS = 86_400_000

describe('when certificates end', () => {
  // lifetime class in days, tenths of the lifetime left, where that is
  test.each([
    [100, 9, 'good'],
    [100, 3, 'good'],
    [100, 2, 'wait'],
    [100, 1, 'wait'],
    [100, 0, 'bad'],
    [100, -1, 'bad'],
    [70, 3, 'good'],
    [50, 2, 'wait'],
    [10, 5, 'good'],
    [10, 4, 'wait'],
    [10, 1, 'wait'],
    [10, 0, 'bad'],
    [null, 3, 'good'],
    [null, 2, 'wait'],
  ] as const)('of those that live for up to %j days, with %j tenths left: %s', (lifetime, tenthsLeft, zone) => {
    expect(zoneOf({ lifetime, tenthsLeft })).toBe(zone)
    expect(inZones([{ lifetime, tenthsLeft, count: 7 }])).toEqual({ good: 0, wait: 0, bad: 0, [zone]: 7 })
  })

  const mixed: CertificateCount[] = [
    { lifetime: 100, tenthsLeft: -1, count: 1 },
    { lifetime: 100, tenthsLeft: 9, count: 100_000 },
    { lifetime: 10, tenthsLeft: 5, count: 300 },
    { lifetime: 100, tenthsLeft: 0, count: 3 },
    { lifetime: 50, tenthsLeft: 4, count: 0 },
  ]

  test('has a row for each lifetime that there is, the shortest first, and time goes to the right', () => {
    const { rows } = expiryPlot(mixed)
    expect(rows.map(({ lifetime }) => lifetime)).toEqual([10, 100])
    const [, long] = rows
    expect(long!.dots.map(({ tenthsLeft }) => tenthsLeft)).toEqual([9, 0, -1])
    const places = long!.dots.map(({ x }) => x)
    expect(places).toEqual(places.toSorted((a, b) => a - b))
  })

  test('puts each dot into the zone of its colour', () => {
    for (const { dots, zones } of expiryPlot(mixed).rows)
      for (const { x, y, zone, radius } of dots) {
        const around = zones.find((one) => x > one.x && x < one.x + one.width)
        expect(around?.zone).toBe(zone)
        expect(y - radius).toBeGreaterThanOrEqual(around!.y)
        expect(y + radius).toBeLessThanOrEqual(around!.y + around!.height)
      }
  })

  test('shows one among a hundred thousand, and no dot beyond the plot', () => {
    const { width, height, rows, ticks } = expiryPlot(mixed)
    const dots = rows.flatMap(({ dots }) => dots)
    const radii = new Map(dots.map(({ count, radius }) => [count, radius]))
    expect(radii.get(1)).toBeGreaterThanOrEqual(4)
    expect([1, 3, 300, 100_000].map((count) => radii.get(count)!)).toEqual(
      [...radii.values()].toSorted((a, b) => a - b),
    )
    for (const { x, radius, labelY } of dots) {
      expect(x - radius).toBeGreaterThanOrEqual(0)
      expect(x + radius).toBeLessThanOrEqual(width)
      expect(labelY).toBeLessThan(height)
    }
    expect(ticks.every(({ x }) => x >= 0 && x <= width)).toBe(true)
  })

  test('one certificate is a plot too', () => {
    const [row] = expiryPlot([{ lifetime: 70, tenthsLeft: 5, count: 1 }]).rows
    expect(row?.dots).toMatchObject([{ radius: 4, zone: 'good' }])
  })
})

describe('orders of the last days', () => {
  test('stand one above the other, and none is too few to be seen', () => {
    const ended = [{ day: 100, issued: 10_000, failed: 1, abandoned: 1 }]
    const { days, height } = orderBars(ended, 101, 3)
    expect(days.map(({ day, parts }) => [day, parts.length])).toEqual([
      [99, 0],
      [100, 3],
      [101, 0],
    ])
    const { parts } = days[1]!
    expect(parts.map(({ zone }) => zone)).toEqual(['good', 'wait', 'bad'])
    for (const [index, { y, height }] of parts.entries()) {
      expect(height).toBeGreaterThanOrEqual(3)
      expect(y).toBeGreaterThanOrEqual(0)
      if (index > 0) expect(y + height).toBe(parts[index - 1]!.y)
    }
    expect(parts[0]!.y + parts[0]!.height).toBeLessThan(height)
  })
})

describe('the time line of a lineage', () => {
  const at = (days: number) => new Date(Date.UTC(2026, 0, 1) + days * DAY_MS)
  const now = at(100)
  const certificate = (id: string, staged: number, given: Partial<Record<string, number>> = {}) => ({
    ...{ id, serial: id, stagedAt: at(staged), notAfter: at(given['notAfter'] ?? staged + 90) },
    activatedAt: given['activated'] === undefined ? null : at(given['activated']),
    supersededAt: given['superseded'] === undefined ? null : at(given['superseded']),
    retiresAt: given['retires'] === undefined ? null : at(given['retires']),
  })
  const retired = certificate('retired', 0, { activated: 1, superseded: 61, retires: 62 })
  const active = certificate('active', 60, { activated: 61 })
  const staged = certificate('staged', 99)

  test('nothing has none', () => {
    expect(timeLine([], now, null)).toBeNull()
  })

  test('has a row for each, the first at the top, and those that are published together overlap', () => {
    const line = timeLine([active, staged, retired], now, null)!
    expect(line.rows.map(({ id }) => id)).toEqual(['retired', 'active', 'staged'])
    expect([line.from, line.until]).toEqual([at(0), at(189)])
    const [first, second, third] = line.rows
    const end = ({ x, width }: { x: number; width: number }) => x + width
    expect(end(first!.published)).toBeGreaterThan(second!.published.x)
    expect(first!.inUse!.x).toBeGreaterThan(first!.published.x)
    expect(end(first!.inUse!)).toBeCloseTo(second!.inUse!.x, 0)
    expect(end(first!.published)).toBeGreaterThan(end(first!.inUse!))
    expect(third!.inUse).toBeNull()
    expect(line.now).toBeCloseTo((100 / 189) * line.width, 0)
  })

  test.each([
    ['in the future', at(120), (120 / 189) * 640],
    ['beyond all that there is', at(300), 640],
    ['in the past, and so due', at(99), null],
    ['never', null, null],
  ])('the next renewal, %s', (_, renewalAt, x) => {
    const { renewal } = timeLine([active, staged, retired], now, renewalAt)!
    if (x === null) expect(renewal).toBeNull()
    else expect(renewal).toBeCloseTo(x, 0)
  })

  test('of very many the newest are shown, and what lasted a minute is to be seen', () => {
    const many = Array.from({ length: 20 }, (_, i) =>
      certificate(`c${i}`, i, { activated: i, superseded: i + 1 / 1440, retires: i + 2 / 1440 }),
    )
    const { rows, width } = timeLine(many, now, null)!
    expect(rows.map(({ id }) => id)).toEqual(many.slice(-8).map(({ id }) => id))
    for (const { published, inUse } of rows)
      for (const span of [published, inUse!]) {
        expect(span.width).toBeGreaterThanOrEqual(3)
        expect(span.x + span.width).toBeLessThanOrEqual(width)
      }
  })
})
