import { Buffer } from 'node:buffer'
import { run } from '../../src/cli/run.ts'
import { systemClock } from '../../src/clock.ts'
import type { Outcome } from './waypost.ts'

/** The commands in this very process, without the half second that each process takes to begin. */
export function program(env: Record<string, string | undefined>): (...args: string[]) => Promise<Outcome> {
  return async (...args) => {
    const outcome: Outcome = { code: 0, stdout: '', stderr: '' }
    const io = {
      write: (text: string) => void (outcome.stdout += text),
      writeError: (text: string) => void (outcome.stderr += text),
      setExitCode: (code: number) => void (outcome.code = code),
      isTerminal: false,
      readStdin: async () => Buffer.alloc(0),
    }
    await run(args, { io, env, clock: systemClock, version: '0' })
    return outcome
  }
}
