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
