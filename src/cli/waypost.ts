#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { systemClock } from '../clock.ts'
import type { Io } from './io.ts'
import { run } from './run.ts'

const io: Io = {
  write: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
  setExitCode: (code) => void (process.exitCode = code),
  isTerminal: process.stdout.isTTY === true,
  async readStdin() {
    const chunks: Buffer[] = []
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  },
}

const env = { ...process.env }
// Children get what they need by message; nobody finds a secret in the environment of a process of ours
for (const name of Object.keys(env)) if (/^WAYPOST_(MASTER_KEY|STORAGE_URL|TOKEN)/.test(name)) delete process.env[name]

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0) // the reader, such as head, has seen enough
  throw error
})

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}
await run(process.argv.slice(2), { io, env, clock: systemClock, version })
