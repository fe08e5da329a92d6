import { readFileSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'
import { ProblemError } from '../problem.ts'
import type { Io } from './io.ts'

/** A parser for commander: a whole number within bounds. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : NaN
    if (!(number >= least && number <= most))
      throw new InvalidArgumentError(`It should be a number from ${least} to ${most}.`)
    return number
  }
}

/** A quota; null is none. */
export function limitOrNone(text: string): number | null {
  return text === 'none' ? null : wholeNumber(0, 1_000_000_000)(text)
}

const UNITS_MS = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

/** "90d", "12h": in milliseconds. */
export function duration(text: string): number {
  const { count, unit } = /^(?<count>[1-9]\d{0,5})(?<unit>[mhdw])$/.exec(text)?.groups ?? {}
  if (count === undefined || unit === undefined)
    throw new InvalidArgumentError(
      'It should be a number of minutes, hours, days or weeks, such as 30m, 12h, 90d or 4w.',
    )
  return Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS]
}

/** ISO 8601: a day, which begins at midnight UTC, or an instant. */
export function instant(text: string): string {
  const isDated = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/.test(text)
  const ms = isDated ? Date.parse(text) : NaN
  if (Number.isNaN(ms))
    throw new InvalidArgumentError('It should be a day or an instant, such as 2026-03-01 or 2026-03-01T12:00:00Z.')
  return new Date(ms).toISOString()
}

/** For an option that may be given several times, and may list several with commas. */
export function each(text: string, others: string[] = []): string[] {
  return [
    ...others,
    ...text
      .split(',')
      .map((one) => one.trim())
      .filter(Boolean),
  ]
}

export function oneOf<T extends string>(...choices: T[]): (text: string) => T {
  return (text) => {
    const choice = choices.find((one) => one === text)
    if (choice === undefined) throw new InvalidArgumentError(`It should be one of ${choices.join(', ')}.`)
    return choice
  }
}

/** The bytes of a file that the person named; `-` is standard input. */
export async function readInput(file: string, io: Io): Promise<Buffer> {
  if (file === '-') return io.readStdin()
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new ProblemError('malformed-request', `${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
}
