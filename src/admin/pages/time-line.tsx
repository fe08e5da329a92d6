import type { LineageCertificate } from '../../certificate/lineage.ts'
import { stateAt } from '../../certificate/rollover.ts'
import { useNow, useTexts } from './context.ts'

type Dated = Pick<
  LineageCertificate,
  'id' | 'serial' | 'stagedAt' | 'activatedAt' | 'supersededAt' | 'retiresAt' | 'notAfter'
>

export interface TimeLine {
  width: number
  height: number
  from: Date
  until: Date
  rows: { id: string; y: number; published: Span; inUse: Span | null }[] // null: never yet
  now: number
  renewal: number | null
}

interface Span {
  x: number
  width: number
}

const WIDTH = 640
const ROW = 26
const HEAD = 40 // two lines of words
const FOOT = 24
const MOST_ROWS = 8
const LEAST_WIDTH = 3 // so that what lasted minutes among months is to be seen

/**
 * A row for each certificate, of the newest of a lineage, the first to be staged at the top: from when until when it is
 * published, and in use.
 * @returns null: there is none
 */
export function timeLine(certificates: readonly Dated[], now: Date, renewalAt: Date | null): TimeLine | null {
  const shown = certificates.toSorted((a, b) => a.stagedAt.getTime() - b.stagedAt.getTime()).slice(-MOST_ROWS)
  if (shown.length === 0) return null
  const endOf = ({ retiresAt, notAfter }: Dated) =>
    Math.max(0, Math.min(retiresAt?.getTime() ?? Infinity, notAfter.getTime()))
  const renewal = renewalAt !== null && renewalAt > now ? renewalAt.getTime() : null
  const from = Math.min(now.getTime(), ...shown.map(({ stagedAt }) => stagedAt.getTime()))
  const until = Math.max(now.getTime(), renewal ?? 0, ...shown.map(endOf), from + 1)
  const x = (at: number) =>
    Math.round(((Math.min(Math.max(at, from), until) - from) / (until - from)) * WIDTH * 10) / 10
  const span = (begin: number, end: number): Span => {
    const width = Math.max(LEAST_WIDTH, x(end) - x(begin))
    return { x: Math.min(x(begin), WIDTH - width), width }
  }
  return {
    ...{ width: WIDTH, height: HEAD + shown.length * ROW + FOOT, from: new Date(from), until: new Date(until) },
    rows: shown.map((one, index) => ({
      id: one.id,
      y: HEAD + index * ROW,
      published: span(one.stagedAt.getTime(), endOf(one)),
      inUse:
        one.activatedAt &&
        span(one.activatedAt.getTime(), Math.min(one.supersededAt?.getTime() ?? Infinity, endOf(one))),
    })),
    now: x(now.getTime()),
    renewal: renewal === null ? null : x(renewal),
  }
}

/** @param props.renewalAt when the next certificate is ordered; null: at no time, or nobody knows */
export function TimeLineSection(props: { certificates: readonly LineageCertificate[]; renewalAt: Date | null }) {
  const all = useTexts()
  const t = all.timeLine
  const now = useNow()
  const line = timeLine(props.certificates, now, props.renewalAt)
  if (line === null) return null
  const { width, height, rows, renewal } = line
  const of = (id: string) => props.certificates.find((one) => one.id === id)!
  const words = (id: string) => {
    const certificate = of(id)
    const { stagedAt, retiresAt, notAfter } = certificate
    const end = retiresAt !== null && retiresAt < notAfter ? retiresAt : notAfter
    return `${all.certificates.states[stateAt(certificate, now)]}: ${t.of(all.day(stagedAt), all.day(end))}`
  }
  const bottom = height - FOOT
  return (
    <section class="card" aria-labelledby="time-line">
      <div class="card-head">
        <h2 id="time-line">{t.title}</h2>
        <p>{t.lead}</p>
      </div>
      <div class="padded">
        <svg
          class="plot wide"
          viewBox={`0 0 ${width} ${height}`}
          role="img"
          aria-labelledby="time-line time-line-text"
          direction="ltr"
        >
          <desc id="time-line-text">{rows.map(({ id }) => words(id)).join('; ')}</desc>
          {rows.map(({ id, y, published, inUse }) => (
            <g key={id}>
              <title>{words(id)}</title>
              <rect class="zone-good" y={y + 5} height={14} rx={3} {...published} />
              {inUse ? <rect class="fill-good" y={y + 8} height={8} rx={2} {...inUse} /> : null}
            </g>
          ))}
          <Mark x={line.now} words={t.now} bottom={bottom} width={width} />
          {renewal === null ? null : <Mark x={renewal} words={t.renewal} bottom={bottom} width={width} isPlanned />}
          <text x={0} y={height - 6} class="plot-axis">
            {all.day(line.from)}
          </text>
          <text x={width} y={height - 6} class="plot-axis" text-anchor="end">
            {all.day(line.until)}
          </text>
        </svg>
        <ul class="key">
          <li>
            <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
              <rect class="zone-good" y={4} width={20} height={12} rx={3} />
            </svg>
            {t.published}
          </li>
          <li>
            <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
              <rect class="fill-good" y={6} width={20} height={8} rx={2} />
            </svg>
            {t.inUse}
          </li>
        </ul>
      </div>
    </section>
  )
}

const EDGE = 60

function Mark(props: { x: number; words: string; bottom: number; width: number; isPlanned?: boolean }) {
  const { x, words, bottom, width, isPlanned = false } = props
  const y = isPlanned ? HEAD - 7 : HEAD - 25
  return (
    <>
      <path class="plot-line" d={`M${x} ${y + 3}V${bottom}`} {...(isPlanned ? { 'stroke-dasharray': '4 3' } : {})} />
      <text x={x} y={y} text-anchor={x < EDGE ? 'start' : x > width - EDGE ? 'end' : 'middle'}>
        {words}
      </text>
    </>
  )
}
