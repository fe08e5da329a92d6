import { randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import type { AdminDeps } from './admin/deps.ts'
import { certificateImport } from './certificate/import.ts'
import { createLocalAuthority } from './certificate/local-authority.ts'
import type { Sealer } from './certificate/sealing.ts'
import type { Clock } from './clock.ts'
import { adminOrigin, type Config } from './config.ts'
import { registrar } from './delegation/registrar.ts'
import type { Log } from './log.ts'
import { addressPolicy } from './outside/address-policy.ts'
import { guardedAsk } from './outside/guarded-fetch.ts'
import { nameServers } from './outside/name-servers.ts'
import { resolver } from './outside/resolver.ts'
import { ProblemError } from './problem.ts'
import type { Storage } from './storage/storage.ts'
import { accounts } from './tenant/accounts.ts'
import { apiTokens, principals } from './tenant/api-tokens.ts'
import { passkeyCeremonies } from './tenant/passkeys.ts'
import { proofChecks } from './tenant/proof-checks.ts'
import { signIn } from './tenant/sign-in.ts'
import { ruleChecks } from './verify/rule-checks.ts'

const VERIFY_TIMEOUT_MS = 10_000
const VERIFY_BYTES = 65_536

/** From 0 up to, not including, 1. */
export function random(): number {
  return randomBytes(4).readUInt32BE() / 2 ** 32
}

/**
 * What this server trusts when it asks as an initiating entity; undefined: what Node does.
 * @throws ProblemError configuration: the file cannot be read, or has no certificate
 */
export async function trustedRoots(deps: {
  storage: Storage
  config: Config
  clock: Clock
}): Promise<readonly string[] | undefined> {
  const { storage, config, clock } = deps
  const { ca_file } = config.outside
  const own = []
  if (ca_file !== undefined) own.push(readAuthorities(ca_file))
  if (config.front.authority === 'local')
    own.push(await storage.localAuthority.root(() => createLocalAuthority(clock.now()), clock.now()))
  return own.length === 0 ? undefined : [...rootCertificates, ...own]
}

/** @throws ProblemError configuration */
export function readAuthorities(file: string): string {
  try {
    const pem = readFileSync(file, 'utf8')
    new X509Certificate(pem) // Node takes any text for `ca`, and then trusts nothing
    return pem
  } catch (cause) {
    throw new ProblemError(
      'configuration',
      `outside.ca_file names ${file}, which cannot be read or holds no PEM certificate`,
      { cause },
    )
  }
}

/** The nouns over a storage, put together for the admin plane: that of the main process, and of a command on the data folder. */
export function adminParts(deps: {
  storage: Storage
  sealer: Sealer
  config: Config
  clock: Clock
  log: Log
  roots: () => Promise<readonly string[] | undefined> // see `trustedRoots`
}): AdminDeps {
  const { storage, sealer, config, clock, log, roots } = deps
  const proofKey = sealer.deriveKey('proof-token')
  const resolve = resolver({ servers: config.outside.resolvers, randomBytes })
  const policy = addressPolicy(config.outside.allow_networks)
  const people = { ...storage, clock, randomBytes, origin: adminOrigin(config) }
  return {
    ...storage,
    registrar: registrar({
      ...storage,
      policy: { adminHost: config.admin.host, edgeName: config.edge.name, allow: config.names.allow },
    }),
    proofs: proofChecks({
      control: storage.control,
      nameServers: nameServers({ resolver: resolve, policy, port: config.outside.name_server_port, randomBytes }),
      jobs: storage.jobs,
      proofKey,
      edgeName: config.edge.name,
      clock,
      random,
      randomBytes,
      log,
    }),
    rules: ruleChecks({
      ...storage,
      askAt: (allowPorts) => async (url) => {
        const ca = await roots()
        const bounds = { timeoutMs: VERIFY_TIMEOUT_MS, maxBytes: VERIFY_BYTES }
        return guardedAsk({ resolver: resolve, policy, allowPorts, ...(ca && { ca }), ...bounds })(url)
      },
      httpsPort: config.outside.https_port,
      clock,
      random,
    }),
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
    proofKey,
    clock,
    log,
    randomBytes,
    isBehindEdge: config.admin.listen === undefined,
  }
}
