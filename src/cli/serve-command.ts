import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Command } from 'commander'
import { createLog } from '../log.ts'
import { supervise, type FromChild, type StartMessage, type ToChild } from '../supervisor.ts'
import { initialise, openInstallation, placeOf, type Environment } from './installation.ts'
import { EXIT, type Io } from './io.ts'

/** `waypost serve`, and the two hidden commands by which the supervisor makes its children. */
export function addServeCommand(program: Command, io: Io, env: Environment): void {
  program
    .command('serve')
    .description('serve delegations; the first start makes the data folder and the keys, and prints a set-up link')
    .addHelpText(
      'after',
      `
Runs until SIGTERM or SIGINT. One process supervises the others: the main process (admin pages, API, jobs)
and the edge processes (HTTPS and HTTP for everybody). Logs are JSON lines on standard output.

Example:
  waypost serve --data /var/lib/waypost`,
    )
    .action(async (_options: unknown, command: Command) => {
      await serve(placeOf(command.optsWithGlobals(), env), io, env)
    })
  program.command('child', { hidden: true }).argument('<role>').action(runChild)
}

async function serve(place: ReturnType<typeof placeOf>, io: Io, env: Environment): Promise<void> {
  for (const file of initialise(place, env, {}, () => randomBytes(32))) io.writeError(`made ${file}\n`)
  const installation = openInstallation(place, env)
  const log = createLog({ level: installation.config.log.level, role: 'supervisor' })
  const supervisor = supervise(
    {
      config: installation.config,
      masterKey: Buffer.from(installation.masterKey).toString('base64'),
      databaseFile: installation.databaseFile,
      adminSocket: join(installation.dataFolder, 'admin.sock'),
    },
    (role) => ({ file: process.argv[1] ?? '', args: ['child', role] }),
    log,
  )
  const stopped = new Promise<void>((resolve) => {
    let asked = 0
    const stop = (signal: NodeJS.Signals) => {
      if (asked++ > 0) return
      log.info({ signal }, 'stopping')
      void supervisor.stop().then(resolve)
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
  let isNew: boolean
  try {
    const started = await Promise.race([supervisor.ready, stopped])
    if (!started) return
    isNew = started.isNew
  } catch (error) {
    io.writeError(`waypost: ${(error as Error).message}\n`)
    io.setExitCode(EXIT.couldNot)
    await supervisor.stop()
    return
  }
  if (isNew) {
    const { FRONT_OF_ADMIN, signInLink } = await import('./sign-in-command.ts')
    const { url, expiresAt } = await signInLink(installation)
    io.writeError(`\nSet up Waypost here, once, until ${expiresAt.toISOString()}:\n  ${url}\n${FRONT_OF_ADMIN}\n\n`)
  }
  log.info({}, 'serving')
  await stopped
}

async function runChild(role: string): Promise<void> {
  // A terminal's Ctrl-C reaches all processes at once; only the supervisor acts on it
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => undefined)
  const tell = (message: FromChild) => process.send?.(message)
  let child: Child | undefined
  try {
    const program = await programOf(role) // loaded first: the supervisor lets an edge begin when the main one is ready
    const start = await new Promise<StartMessage>((resolve) => {
      process.on('message', (message: ToChild) => {
        if (message.kind === 'start') resolve(message)
        if (message.kind === 'edges') child?.setListeningEdges?.(message.listening)
        // What has not begun to serve has nothing to end in order
        if (message.kind === 'stop') void (child?.stop() ?? Promise.resolve()).finally(() => process.exit(0))
      })
      tell({ kind: 'listening-to-you' })
    })
    child = await program(start)
    tell({ kind: 'ready', isNew: child.isNew ?? false })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    process.send?.({ kind: 'failed', why } satisfies FromChild, undefined, undefined, () => process.exit(EXIT.couldNot))
  }
}

interface Child {
  isNew?: boolean
  setListeningEdges?(count: number): void
  stop(): Promise<void>
}

async function programOf(role: string): Promise<(start: StartMessage) => Promise<Child>> {
  return role === 'main' ? (await import('../main.ts')).startMain : (await import('../edge-main.ts')).startEdge
}
