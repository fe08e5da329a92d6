import { ProblemError } from '../problem.ts'

/** What a command may do to the outside: results go to `write`, everything for the person to `writeError`. */
export interface Io {
  write(text: string): void
  writeError(text: string): void
  setExitCode(code: number): void
  isTerminal: boolean
  readStdin(): Promise<Buffer>
}

/** The exit codes of all commands; `verify` gives them the meaning of its verdict. */
export const EXIT = {
  done: 0,
  refused: 1, // the request was refused and nothing was changed
  couldNot: 2, // the data folder, the database or the network could not be used
} as const

/** The command was given something that it cannot begin with: exit code 2, as of an unknown option. */
export class WrongUse extends Error {
  override readonly name = 'WrongUse'
}

/** What went wrong, with every field where there are several. */
export function tell(io: Io, error: unknown): void {
  io.writeError(`waypost: ${error instanceof Error ? error.message : String(error)}\n`)
  const fields = error instanceof ProblemError ? error.fields : []
  if (fields.length > 1) for (const { pointer, detail } of fields) io.writeError(`  ${pointer}: ${detail}\n`)
}

/** What was done, for a person or as one JSON object. */
export function report(io: Io, isJson: true | undefined, text: string, facts: Record<string, unknown>): void {
  io.write((isJson ? JSON.stringify(facts) : text) + '\n')
}

/** Rows as people read them: aligned columns, nothing cut. */
export function table(header: string[], rows: string[][]): string {
  const lines = [header.map((title) => title.toUpperCase()), ...rows]
  const widths = header.map((_, column) => Math.max(...lines.map((line) => width(line[column] ?? ''))))
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column === line.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - width(cell)),
        )
        .join('  ')
        .trimEnd(),
    )
    .map((line) => line + '\n')
    .join('')
}

/** One noun: a name and a value a line. */
export function card(facts: [name: string, value: string][]): string {
  const longest = Math.max(...facts.map(([name]) => name.length))
  return facts
    .map(
      ([name, value]) =>
        `${(name + ':').padEnd(longest + 2)}${value.replaceAll('\n', '\n' + ' '.repeat(longest + 2))}\n`,
    )
    .join('')
}

const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u

/** In columns of a terminal: a combining mark takes none, an East Asian letter two. */
function width(text: string): number {
  let columns = 0
  for (const { segment } of new Intl.Segmenter().segment(text)) columns += WIDE.test(segment) ? 2 : 1
  return columns
}

/** @param instant ISO 8601 */
export function when(instant: string | null): string {
  return instant === null ? '-' : instant.replace(/\.\d+Z$/, 'Z')
}
