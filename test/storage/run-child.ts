import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestDatabase } from '../support/databases.ts'

/** Starts `child.ts` on a database; each line that it prints is given to `onLine`. */
export function startChild(
  place: TestDatabase['place'],
  args: string[],
  onLine: (line: string) => void = () => {},
): { child: ChildProcess; ended: Promise<number | null> } {
  const script = new URL('child.ts', import.meta.url).pathname
  const child = spawn(process.execPath, ['--import', 'tsx', script, JSON.stringify(place), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })
  lines.on('line', onLine)
  const ended = Promise.all([once(child, 'exit') as Promise<[number | null]>, once(lines, 'close')])
  return { child, ended: ended.then(([[code]]) => code) }
}

/** Runs it to its end and gives what it printed. */
export async function runChild(place: TestDatabase['place'], ...args: string[]): Promise<string[]> {
  const lines: string[] = []
  const code = await startChild(place, args, (line) => lines.push(line)).ended
  if (code !== 0) throw new Error(`the child ended with ${String(code)}`)
  return lines
}
