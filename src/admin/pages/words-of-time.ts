const SECOND = 1000
const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86_400 * SECOND],
  ['month', 30 * 86_400 * SECOND],
  ['day', 86_400 * SECOND],
  ['hour', 3600 * SECOND],
  ['minute', 60 * SECOND],
]
const SPANS = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
] as const

/** How a language tells instants and spans. */
export function wordsOfTime(
  language: string,
  words: {
    anyMoment: string
    justNow: string
    spans: Record<'day' | 'hour' | 'minute' | 'second', string>
  },
) {
  const relativeFormat = new Intl.RelativeTimeFormat(language, { numeric: 'auto' })
  const dayFormat = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' })
  const timeFormat = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })
  return {
    /** In the largest unit that fits; days rather than months up to 90, because certificates are counted so. */
    relative(at: Date, now: Date): string {
      const ms = at.getTime() - now.getTime()
      if (Math.abs(ms) < 60 * SECOND) return ms > 0 ? words.anyMoment : words.justNow
      const [unit, size] = UNITS.find(
        ([unit, size]) => Math.abs(ms) >= size && !(unit === 'month' && Math.abs(ms) < 90 * 86_400 * SECOND),
      ) ?? ['minute', 60 * SECOND]
      return relativeFormat.format(Math.round(ms / size), unit)
    },
    day: (at: Date): string => dayFormat.format(at),
    dayAndTime: (at: Date): string => `${timeFormat.format(at)} UTC`,
    span(seconds: number): string {
      const [size, unit] = SPANS.find(([size]) => seconds >= size && seconds % size === 0) ?? [1, 'second']
      return `${seconds / size} ${words.spans[unit]}`
    },
  }
}
