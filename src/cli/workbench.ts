import { randomBytes } from 'node:crypto'
import { userInfo } from 'node:os'
import type { Command } from 'commander'
import type { Act } from '../act.ts'
import { certificateImport, type CertificateImport } from '../certificate/import.ts'
import { sealer, type Sealer } from '../certificate/sealing.ts'
import { systemClock, type Clock } from '../clock.ts'
import { registrar, type Registrar } from '../delegation/registrar.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { openStorage, type Storage } from '../storage/storage.ts'
import type { Tenant } from '../tenant/tenant.ts'
import { openInstallation, placeOf, type Environment, type Installation } from './installation.ts'
import type { Io } from './io.ts'

/** What the commands that work on the data folder are made of. */
export interface Workbench {
  installation: Installation
  storage: Storage
  registrar: Registrar
  imports: CertificateImport
  sealer: Sealer
  clock: Clock
  act(): Act
  close(): Promise<void>
}

/** The same storage and nouns that the server has; it learns of a change through the change feed. */
export async function openWorkbench(installation: Installation): Promise<Workbench> {
  const clock = systemClock
  const keys = sealer(installation.masterKey, randomBytes)
  const { config } = installation
  const storage = await openStorage({ url: config.storage.url, file: installation.databaseFile, sealer: keys, clock })
  try {
    if ((await storage.pendingMigrations()).length > 0) await storage.migrate()
  } catch (error) {
    await storage.close()
    throw error
  }
  return {
    installation,
    storage,
    registrar: registrar({
      ...storage,
      reserved: { adminHost: config.admin.host, edgeName: config.edge.name },
    }),
    imports: certificateImport({ lineages: storage.lineages }),
    sealer: keys,
    clock,
    act: () => ({ at: clock.now(), actor: `cli:${userInfo().username}`, address: null }),
    close: () => storage.close(),
  }
}

export interface CommandDeps {
  io: Io
  env: Environment
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

/** Says what is missing for HTTPS, where nobody but the operator will see to it. */
export function noteMissingFront(
  io: Io,
  { installation }: Workbench,
  host: { name: DomainName; frontLineageId: string | null },
): void {
  if (host.frontLineageId === null && installation.config.front.authority === 'import')
    io.writeError(
      `note: HTTPS has no certificate for ${host.name} yet; import one: waypost certificate import FILE --key KEY --front-of ${host.name}\n`,
    )
}

/** The tenant by its name, or the only one there is. */
export async function tenantOf(bench: Workbench, name: string | undefined): Promise<Tenant> {
  const { tenants } = bench.storage
  if (name !== undefined) {
    const tenant = await tenants.findByName(name)
    if (!tenant) throw new ProblemError('not-found', `there is no tenant ${name}; see: waypost tenant list`)
    return tenant
  }
  const [only, another] = await tenants.list({ limit: 2 })
  if (!only) throw new ProblemError('not-found', 'there is no tenant yet; add one: waypost tenant add NAME')
  if (another) throw new ProblemError('malformed-request', 'there are several tenants; say whose with --tenant NAME')
  return only
}
