import { randomBytes } from 'node:crypto'
import { userInfo } from 'node:os'
import type { Command } from 'commander'
import type { Act } from '../act.ts'
import { sealer, type Sealer } from '../certificate/sealing.ts'
import { systemClock, type Clock } from '../clock.ts'
import { createLog } from '../log.ts'
import { openStorage, type Storage } from '../storage/storage.ts'
import type { Transport } from './api.ts'
import { openInstallation, type Installation } from './installation.ts'
import { placeOf } from './place.ts'
import type { CommandDeps } from './command-deps.ts'

/** What the commands that work on the data folder are made of. */
export interface Workbench {
  installation: Installation
  storage: Storage
  sealer: Sealer
  clock: Clock
  act(): Act
  /** The API over this data folder; closing it closes the workbench. */
  api(): Promise<Transport>
  close(): Promise<void>
}

/** The same storage and nouns that the server has; it learns of a change through the change feed. */
export async function openWorkbench(installation: Installation): Promise<Workbench> {
  const clock = systemClock
  const keys = sealer(installation.masterKey, randomBytes)
  const { config } = installation
  const actor = `cli:${userInfo().username}`
  const storage = await openStorage({ url: config.storage.url, file: installation.databaseFile, sealer: keys, clock })
  try {
    if ((await storage.pendingMigrations()).length > 0) await storage.migrate()
  } catch (error) {
    await storage.close()
    throw error
  }
  const bench: Workbench = {
    installation,
    storage,
    sealer: keys,
    clock,
    act: () => ({ at: clock.now(), actor, address: null }),
    async api() {
      // Loaded where they are needed: they are most of what there is to load
      const [{ allRoutes }, { adminParts, trustedRoots }, { inProcess }] = await Promise.all([
        import('../admin/api/all-routes.ts'),
        import('../parts.ts'),
        import('./in-process.ts'),
      ])
      const log = createLog({ level: 'silent', role: 'cli' }) // what there is to tell a command tells in words
      const parts = adminParts({
        ...{ storage, sealer: keys, config, clock, log },
        roots: () => trustedRoots({ storage, config, clock }),
      })
      return inProcess(allRoutes(parts), { tenants: parts.tenants, clock, actor, close: bench.close })
    },
    close: () => storage.close(),
  }
  return bench
}

/** Runs an action on the data folder and closes it, whatever happens. */
export async function withWorkbench<T>(
  { env }: CommandDeps,
  command: Command,
  action: (bench: Workbench) => Promise<T>,
): Promise<T> {
  const bench = await openWorkbench(openInstallation(placeOf(command.optsWithGlobals(), env), env))
  try {
    return await action(bench)
  } finally {
    await bench.close()
  }
}
