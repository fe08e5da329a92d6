import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import { sealer } from '../certificate/sealing.ts'
import { systemClock } from '../clock.ts'
import { openStorage } from '../storage/storage.ts'
import { openInstallation } from './installation.ts'
import { placeOf } from './place.ts'
import type { CommandDeps } from './command-deps.ts'

export function addMigrateCommand(program: Command, { io, env }: CommandDeps): void {
  program
    .command('migrate')
    .description('bring the database to the schema of this version; serve does it too')
    .option('--plan', 'only say which migrations are pending')
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nA SQLite database is backed up beside itself before the first pending migration.')
    .action(async ({ plan, json }: { plan?: true; json?: true }, command: Command) => {
      const { config, masterKey, databaseFile } = openInstallation(placeOf(command.optsWithGlobals(), env), env)
      const storage = await openStorage({
        url: config.storage.url,
        file: databaseFile,
        sealer: sealer(masterKey, randomBytes),
        clock: systemClock,
      })
      try {
        const pending = await storage.pendingMigrations()
        const applied = plan || pending.length === 0 ? [] : await storage.migrate()
        if (json) io.write(JSON.stringify({ pending, applied }) + '\n')
        else for (const name of pending) io.write(`${plan ? 'pending' : 'applied'} ${name}\n`)
        if (pending.length === 0) io.writeError('the database is up to date\n')
      } finally {
        await storage.close()
      }
    })
}
