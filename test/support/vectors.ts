import { readFileSync } from 'node:fs'

/** The lines of a file in test/vectors; `#` begins a comment, and JSON string escapes may be written as in `"\u00fc"`. */
export function vectors(file: string): string[] {
  const text = readFileSync(new URL(`../vectors/${file}`, import.meta.url), 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => (line.startsWith('"') ? (JSON.parse(line) as string) : line))
}
