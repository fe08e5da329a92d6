import { LIFETIMES, type CertificateCount, type DayOfOrders, type Lifetime } from '../../census.ts'
import { useTexts } from './context.ts'

/** In good time, due to be renewed, or with a tenth of its lifetime left or none: what suits every lifetime is a share. */
export const ZONES = ['good', 'wait', 'bad'] as const
export type Zone = (typeof ZONES)[number]

export interface Plot {
  width: number
  height: number
  rows: PlotRow[]
  ticks: { x: number; tenths: number }[] // of the lifetime left; -1: it has ended
}

export interface PlotRow {
  lifetime: Lifetime
  y: number // of its words
  zones: { zone: Zone; x: number; width: number; y: number; height: number }[]
  dots: { zone: Zone; x: number; y: number; radius: number; count: number; tenthsLeft: number; labelY: number }[]
}

const STEP = 44
const GAP = 14
const ROW = 92
const WORDS = 22 // of a row, above it
const BAND = 60
const AXIS = 26
const RADII = [4, 17] as const
const SHORT_LIVED_DAYS = 10

/** As `certificate/renewal.ts` renews: with a third of the lifetime left, or half of a short one. */
function renewedAtShare(lifetime: Lifetime): number {
  return lifetime !== null && lifetime <= SHORT_LIVED_DAYS ? 1 / 2 : 1 / 3
}

export function zoneOf({ lifetime, tenthsLeft }: Pick<CertificateCount, 'lifetime' | 'tenthsLeft'>): Zone {
  if (tenthsLeft <= 0) return 'bad'
  return (tenthsLeft + 1 / 2) / 10 < renewedAtShare(lifetime) ? 'wait' : 'good'
}

export function inZones(certificates: readonly CertificateCount[]): Record<Zone, number> {
  const sums = { good: 0, wait: 0, bad: 0 }
  for (const one of certificates) sums[zoneOf(one)] += one.count
  return sums
}

/** Time goes from the left to the right: a column for each tenth of the lifetime, and one for what has ended. */
export function expiryPlot(certificates: readonly CertificateCount[]): Plot {
  const most = Math.max(1, ...certificates.map(({ count }) => count))
  const rows = LIFETIMES.map((lifetime) => certificates.filter((one) => one.lifetime === lifetime && one.count > 0))
    .filter((row) => row.length > 0)
    .map((row, index): PlotRow => {
      const { lifetime } = row[0]!
      const top = index * ROW + WORDS
      const band = { y: top, height: BAND }
      const renewed = xOf(10 * renewedAtShare(lifetime))
      return {
        lifetime,
        y: index * ROW + WORDS - 7,
        zones: [
          { ...band, zone: 'good', x: 0, width: renewed },
          { ...band, zone: 'wait', x: renewed, width: xOf(1) - renewed },
          { ...band, zone: 'bad', x: xOf(1), width: STEP },
          { ...band, zone: 'bad', x: xOf(0) + GAP, width: STEP },
        ],
        dots: row
          .toSorted((one, other) => other.tenthsLeft - one.tenthsLeft)
          .map(({ tenthsLeft, count }) => ({
            ...{ zone: zoneOf({ lifetime, tenthsLeft }), tenthsLeft, count },
            x: middleOf(tenthsLeft),
            y: top + RADII[1] + 3,
            radius: radiusOf(count, most),
            labelY: top + BAND - 6,
          })),
      }
    })
  return {
    width: 11 * STEP + GAP,
    height: rows.length * ROW + AXIS,
    rows,
    ticks: [10, 8, 6, 4, 2, 0, -1].map((tenths) => ({ tenths, x: tenths < 0 ? middleOf(-1) : xOf(tenths) })),
  }
}

/** Where so many tenths are left. */
function xOf(tenths: number): number {
  return (10 - tenths) * STEP
}

function middleOf(tenthsLeft: number): number {
  return xOf(tenthsLeft + 1) + STEP / 2 + (tenthsLeft < 0 ? GAP : 0)
}

/** By the logarithm: three among a hundred thousand are to be seen. */
function radiusOf(count: number, most: number): number {
  const [least, greatest] = RADII
  return Math.round((least + (greatest - least) * (most === 1 ? 0 : Math.log(count) / Math.log(most))) * 10) / 10
}

/** Each zone has a shape too, for those who cannot tell the colours apart. */
function Dot({ zone, x, y, radius: r }: { zone: Zone; x: number; y: number; radius: number }) {
  const className = `fill-${zone}`
  switch (zone) {
    case 'good':
      return <circle class={className} cx={x} cy={y} r={r} />
    case 'wait':
      return <rect class={className} x={x - r * 0.9} y={y - r * 0.9} width={r * 1.8} height={r * 1.8} />
    case 'bad':
      return <path class={className} d={`M${x} ${y - r}L${x + r} ${y}L${x} ${y + r}L${x - r} ${y}Z`} />
  }
}

export function ExpiryPlot({ certificates }: { certificates: readonly CertificateCount[] }) {
  const { overview: t } = useTexts()
  const { width, height, rows, ticks } = expiryPlot(certificates)
  const sums = inZones(certificates)
  return (
    <>
      <svg
        class="plot"
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-labelledby="expiry-title expiry-text"
        direction="ltr"
      >
        <title id="expiry-title">{t.expiry}</title>
        <desc id="expiry-text">{ZONES.map((zone) => t.zones[zone](t.number(sums[zone]))).join('; ')}</desc>
        {rows.map(({ lifetime, y, zones, dots }) => (
          <g key={lifetime}>
            <text x={0} y={y} class="plot-words">
              {lifetime === null ? t.longerLived : t.livedUpTo(lifetime)}
            </text>
            {zones.map(({ zone, ...place }, at) => (
              <rect key={at} class={`zone-${zone}`} {...place} />
            ))}
            {dots.map(({ count, labelY, tenthsLeft, ...dot }) => (
              <g key={tenthsLeft}>
                <title>
                  {tenthsLeft < 0 ? t.ended(count) : t.leftOf(count, tenthsLeft * 10, tenthsLeft * 10 + 10)}
                </title>
                <Dot {...dot} />
                <text x={dot.x} y={labelY} text-anchor="middle">
                  {t.compact(count)}
                </text>
              </g>
            ))}
          </g>
        ))}
        {ticks.map(({ x, tenths }) => (
          <text
            key={tenths}
            x={x}
            y={height - 8}
            class="plot-axis"
            text-anchor={tenths === 10 ? 'start' : tenths === 0 ? 'end' : 'middle'}
          >
            {tenths < 0 ? t.endedAxis : t.percent(tenths / 10)}
          </text>
        ))}
      </svg>
      <ul class="key">
        {ZONES.map((zone) => (
          <li key={zone}>
            <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
              <Dot zone={zone} x={10} y={10} radius={8} />
            </svg>
            {t.zones[zone](t.number(sums[zone]))}
          </li>
        ))}
      </ul>
    </>
  )
}

export interface Bars {
  width: number
  height: number
  days: { day: number; of: DayOfOrders | undefined; x: number; parts: { zone: Zone; y: number; height: number }[] }[]
  most: number
}

const BAR = 16
const BARS_HEIGHT = 120
const LEAST_PART = 3 // so that one among a thousand is to be seen

/** A bar for each day up to the last: what was issued below, what was given up and what failed above it. */
export function orderBars(ended: readonly DayOfOrders[], lastDay: number, days: number): Bars {
  const most = Math.max(1, ...ended.map(({ issued, failed, abandoned }) => issued + failed + abandoned))
  const all = Array.from({ length: days }, (_, i) => {
    const day = lastDay - days + 1 + i
    const of = ended.find((one) => one.day === day)
    let y = BARS_HEIGHT
    const parts = (['issued', 'abandoned', 'failed'] as const).flatMap((outcome) => {
      const count = of?.[outcome] ?? 0
      if (count === 0) return []
      const height = Math.max(LEAST_PART, Math.round((count / most) * (BARS_HEIGHT - 3 * LEAST_PART)))
      y -= height
      return [{ zone: ZONE_OF_OUTCOME[outcome], y, height }]
    })
    return { day, of, x: i * BAR, parts }
  })
  return { width: days * BAR, height: BARS_HEIGHT + 22, days: all, most }
}

const ZONE_OF_OUTCOME = { issued: 'good', abandoned: 'wait', failed: 'bad' } as const

export function OrderBars(props: { ended: readonly DayOfOrders[]; lastDay: number; days: number }) {
  const { ended, lastDay, days: count } = props
  const all = useTexts()
  const t = all.overview
  const { width, height, days } = orderBars(ended, lastDay, count)
  const at = (day: number) => all.day(new Date(day * 86_400_000))
  return (
    <svg
      class="plot"
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-labelledby="orders-title orders-sum"
      direction="ltr"
    >
      <title id="orders-title">{t.ordersOf(count)}</title>
      <path class="plot-line" d={`M0 ${BARS_HEIGHT + 0.5}H${width}`} />
      {days.map(({ day, of, x, parts }) =>
        of === undefined ? null : (
          <g key={day}>
            <title>{`${at(day)}: ${t.ended30(of)}`}</title>
            {parts.map(({ zone, ...place }) => (
              <rect key={zone} class={`fill-${zone}`} x={x + 2} width={BAR - 4} {...place} />
            ))}
          </g>
        ),
      )}
      <text x={0} y={height - 5} class="plot-axis">
        {at(lastDay - count + 1)}
      </text>
      <text x={width} y={height - 5} class="plot-axis" text-anchor="end">
        {at(lastDay)}
      </text>
    </svg>
  )
}
