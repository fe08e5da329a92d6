import { randomBytes } from 'node:crypto'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { createLog } from '../log.ts'
import { supervise } from '../supervisor.ts'
import type { CommandDeps } from './command-deps.ts'
import { initialise, openInstallation } from './installation.ts'
import { placeOf, type Environment } from './place.ts'
import { EXIT, type Io } from './io.ts'

/** Beside this file, compiled or not as this is. */
const CHILD = fileURLToPath(new URL(`./child${extname(import.meta.url)}`, import.meta.url))

/** `waypost serve`: the supervisor, whose children are `child.ts`. */
export function addServeCommand(program: Command, { io, env }: CommandDeps): void {
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
    (role) => ({ file: CHILD, args: [role] }),
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
    io.writeError('when it runs, this prints the link by which the operator signs in: waypost sign-in\n')
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
