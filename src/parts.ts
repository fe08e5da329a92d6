import { randomBytes } from 'node:crypto'
import type { AdminDeps } from './admin/deps.ts'
import { certificateImport } from './certificate/import.ts'
import { createLocalAuthority } from './certificate/local-authority.ts'
import type { Sealer } from './certificate/sealing.ts'
import type { Clock } from './clock.ts'
import { adminOrigin, type Config } from './config.ts'
import { registrar } from './delegation/registrar.ts'
import type { Log } from './log.ts'
import type { Storage } from './storage/storage.ts'
import { accounts } from './tenant/accounts.ts'
import { apiTokens, principals } from './tenant/api-tokens.ts'
import { passkeyCeremonies } from './tenant/passkeys.ts'
import { signIn } from './tenant/sign-in.ts'

/** The nouns over a storage, put together for the admin plane: that of the main process, and of a command on the data folder. */
export function adminParts(deps: {
  storage: Storage
  sealer: Sealer
  config: Config
  clock: Clock
  log: Log
}): AdminDeps {
  const { storage, sealer, config, clock, log } = deps
  const people = { ...storage, clock, randomBytes, origin: adminOrigin(config) }
  return {
    ...storage,
    registrar: registrar({ ...storage, reserved: { adminHost: config.admin.host, edgeName: config.edge.name } }),
    imports: certificateImport(storage),
    signIn: signIn(people),
    accounts: accounts({
      ...people,
      isRegistrationOpen: config.tenants.self_registration,
      quotasOfRegistered: {
        sourceDomains: config.tenants.source_domain_quota,
        delegations: config.tenants.delegation_quota,
        lineages: config.tenants.lineage_quota,
      },
    }),
    ceremonies: passkeyCeremonies(people),
    apiTokens: apiTokens(people),
    principals: principals(people),
    localAuthorityRoot: () => storage.localAuthority.root(() => createLocalAuthority(clock.now()), clock.now()),
    config,
    proofKey: sealer.deriveKey('proof-token'),
    clock,
    log,
    randomBytes,
    isBehindEdge: config.admin.listen === undefined,
  }
}
