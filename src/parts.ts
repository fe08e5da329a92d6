import { randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { accountKeyChange } from './acme/account-key-change.ts'
import { acmeSessions, type AuthorityExchange } from './acme/acme-session.ts'
import { authorities } from './acme/authorities.ts'
import type { Authority } from './acme/authority.ts'
import { isPaused } from './acme/authority-choice.ts'
import { budget, type Budget } from './acme/budget.ts'
import { certificateRequests } from './acme/certificate-requests.ts'
import { deactivationJob } from './acme/deactivation.ts'
import { challengeAlias, dnsChallenges, type DnsChallenges } from './acme/dns-challenges.ts'
import { acmeIssuer } from './acme/issuer.ts'
import { limitsOf, type Limits } from './acme/limits.ts'
import { preflight } from './acme/preflight.ts'
import { renewals } from './acme/renewals.ts'
import { revocations } from './acme/revocation.ts'
import type { OpenSession } from './acme/session.ts'
import { sessions } from './acme/sessions.ts'
import { checkLimits } from './admin/check-limits.ts'
import type { AdminDeps } from './admin/deps.ts'
import { certificateImport } from './certificate/import.ts'
import type { Issuer } from './certificate/issuer.ts'
import { frontLineageName, type Lineage } from './certificate/lineage.ts'
import { createLocalAuthority, localAuthority, type LocalAuthorityMaterial } from './certificate/local-authority.ts'
import { localIssuer } from './certificate/local-issuer.ts'
import type { Sealer } from './certificate/sealing.ts'
import type { Clock } from './clock.ts'
import { adminOrigin, type Config } from './config.ts'
import { furtherRecords } from './delegation/further-records.ts'
import { nameLooks } from './delegation/name-looks.ts'
import { registeredDomain } from './delegation/registered-domain.ts'
import { domainImports } from './delegation/domain-import.ts'
import { registrar } from './delegation/registrar.ts'
import { serviceLineages } from './delegation/service-lineages.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { addressPolicy } from './outside/address-policy.ts'
import { authorityExchange } from './outside/authority-exchange.ts'
import { certificateDns } from './outside/certificate-dns.ts'
import { challengeProbe } from './outside/challenge-probe.ts'
import { challengeZone } from './outside/dns-update.ts'
import { edgeHandshake } from './outside/edge-handshake.ts'
import { guardedAsk } from './outside/guarded-fetch.ts'
import { nameServers } from './outside/name-servers.ts'
import { nameSight } from './outside/name-sight.ts'
import { resolver } from './outside/resolver.ts'
import { parseTsigKey, type TsigKey } from './outside/tsig.ts'
import { ProblemError } from './problem.ts'
import type { Storage } from './storage/storage.ts'
import { accounts } from './tenant/accounts.ts'
import { apiTokens, principals } from './tenant/api-tokens.ts'
import { attemptLimits } from './tenant/attempts.ts'
import { passkeyCeremonies } from './tenant/passkeys.ts'
import { proofChecks } from './tenant/proof-checks.ts'
import { signIn } from './tenant/sign-in.ts'
import type { Ask } from './verify/ask.ts'
import { domainChecks } from './verify/domain-checks.ts'
import { ruleChecks } from './verify/rule-checks.ts'
import { servedCertificates, type ServedCertificates } from './verify/served-certificates.ts'
import type { JobKind } from './work/runner.ts'

const VERIFY_TIMEOUT_MS = 10_000
const VERIFY_BYTES = 65_536
/** Whose ports a check may ask at. */
const TARGET_HOSTS_KNOWN = 100
/** A step of an order is to end well before its lease. */
const ZONE_LOOK_MS = 4_000

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

/** @throws ProblemError configuration */
export function readUpdateKey(file: string): TsigKey {
  const fault = (what: string, cause?: unknown) =>
    new ProblemError('configuration', `acme.dns_key_file names ${file}, which ${what}`, { cause })
  let text: string
  try {
    text = readFileSync(file, 'utf8')
    if ((statSync(file).mode & 0o007) !== 0) throw fault(`can be read by everybody; mend it with: chmod 640 ${file}`)
  } catch (error) {
    throw error instanceof ProblemError ? error : fault('cannot be read', error)
  }
  const key = parseTsigKey(text)
  if (key !== null) return key
  throw fault(
    'holds no TSIG key: it should be as `tsig-keygen -a hmac-sha256 NAME` writes it, or one line "hmac-sha256:NAME:SECRET" with at least 16 bytes in base64; hmac-sha384 and hmac-sha512 will do as well',
  )
}

/** Where the owner of a name leads `_acme-challenge`. Undefined: there is no zone for it. */
function aliasOf(config: Config, sealer: Sealer): DnsChallenges['aliasOf'] | undefined {
  const { dns_zone } = config.acme
  return dns_zone && challengeAlias(sealer.deriveKey('challenge-label'), dns_zone)
}

/** @throws ProblemError configuration: the key cannot be read */
function dnsChallengesOf(deps: {
  storage: Storage
  sealer: Sealer
  config: Config
  clock: Clock
  log: Log
}): DnsChallenges | undefined {
  const { storage, sealer, config, clock, log } = deps
  const { dns_zone: zone, dns_server: server, dns_key_file: file } = config.acme
  if (zone === undefined || server === undefined || file === undefined) return undefined
  const { resolvers, name_server_port: port } = config.outside
  const servers = nameServers({
    resolver: resolver({ servers: resolvers, randomBytes }),
    policy: { isAllowed: () => true }, // the zone is the operator's, and so are its servers
    ...{ port, randomBytes, lookMs: ZONE_LOOK_MS },
  })
  const key = readUpdateKey(file)
  return dnsChallenges({
    zone: challengeZone({ ...{ zone, server, key, clock, randomBytes }, nameServers: servers }),
    records: storage.challengeRecords,
    key: sealer.deriveKey('challenge-label'),
    ...{ clock, log },
  })
}

/** What an authority lets us do: what is known of it, and what the operator says. Of one that is gone, as of any. */
export function authorityLimits(deps: {
  storage: Pick<Storage, 'authorities'>
  config: Config
}): (authorityId: string) => Promise<Limits> {
  const { storage, config } = deps
  return async (authorityId) => {
    const authority = (await storage.authorities.list()).find(({ id }) => id === authorityId)
    const changes = config.acme.limits.filter((one) => one.authority === authority?.name)
    return limitsOf(
      authority?.directoryUrl ?? 'https://localhost/',
      Object.fromEntries(changes.map(({ limit, value }) => [limit, value])),
    )
  }
}

/**
 * Whether anybody is shown a lineage: the admin host's has neither a source domain, a target host nor a delegation, and one
 * that is wanted for names need not be published to be presented by an XMPP server.
 */
export function isInUse(deps: {
  storage: { lineages: Pick<Storage['lineages'], 'isPresented' | 'isPublished'> }
  config: { admin: Pick<Config['admin'], 'host'> }
}): (lineage: Pick<Lineage, 'id' | 'name' | 'identifiers'>) => Promise<boolean> {
  const { lineages } = deps.storage
  const adminFront = frontLineageName(deps.config.admin.host)
  return async ({ id, name, identifiers }) =>
    name === adminFront || identifiers !== null || (await lineages.isPresented(id)) || (await lineages.isPublished(id))
}

/**
 * Whoever issues certificates, what has authorities forget that a tenant controlled a name, and what removes DNS records of
 * orders that are over.
 * @throws ProblemError configuration: the key for the DNS challenge cannot be read
 */
export function certificateIssuers(deps: {
  storage: Storage
  sealer: Sealer
  config: Config
  local: LocalAuthorityMaterial
  budget: Budget
  metrics: Metrics
  clock: Clock
  log: Log
}): {
  issuers: Readonly<Record<Issuer['source'], Issuer>>
  deactivation: JobKind
  clearChallengeRecords: () => Promise<number>
} {
  const { storage, config, local, clock } = deps
  const { edge, outside } = config
  const open: OpenSession = (authority, accountKey) =>
    acmeSessions({ exchange: timed(authorityExchange(), authority, deps.metrics), clock })(authority, accountKey)
  const sessionOf = sessions({ open, authorities: storage.authorities, clock })
  // In this order they are tried; without port 80 there is none but the handshake's
  const challengeTypes = edge.http.length > 0 ? (['http-01', 'tls-alpn-01'] as const) : (['tls-alpn-01'] as const)
  const inDns = dnsChallengesOf(deps)
  const look = preflight({
    dns: certificateDns({
      resolver: resolver({ servers: outside.resolvers, randomBytes }),
      policy: addressPolicy(outside.allow_networks),
      edge,
    }),
    probe: challengeProbe({ port: outside.http_port }),
    ...{ challenges: storage.challenges, challengeTypes, aliasOf: inDns?.aliasOf, clock, randomBytes },
  })
  const finishKeyChange = accountKeyChange({ store: storage.authorities, open })
  const asked = { ...storage, sessionOf, finishKeyChange, clock, random }
  return {
    issuers: {
      local: localIssuer({ authority: localAuthority({ ...local, clock }), clock }),
      acme: acmeIssuer({
        ...{ ...asked, budget: deps.budget, preflight: look.run, challengeTypes, log: deps.log },
        dns: inDns && { challenges: inDns, waysOf: look.waysOf },
        renewal: renewals(asked),
      }),
    },
    deactivation: deactivationJob(asked),
    clearChallengeRecords: async () => inDns?.clear() ?? 0,
  }
}

function timed(exchange: AuthorityExchange, { directoryUrl }: Pick<Authority, 'directoryUrl'>, to: Metrics) {
  const { host } = new URL(directoryUrl)
  const asking: AuthorityExchange = async (request, signal) => {
    const beganAt = performance.now()
    const reply = await exchange(request, signal)
    const outcome = reply.outcome === 'ok' ? `${Math.floor(reply.status / 100)}xx` : reply.outcome
    to.authorityAsked(host, outcome, performance.now() - beganAt)
    return reply
  }
  return asking
}

/** The storage, whose use by those who issue certificates is counted. */
export function counted(storage: Storage, metrics: Metrics): Storage {
  const { authorities, issuance, lineages, renewalInfo } = storage
  return {
    ...storage,
    issuance: {
      ...issuance,
      async failed(memory, act) {
        await issuance.failed(memory, act)
        const authority = (await authorities.list()).find(({ id }) => id === memory.authorityId)
        metrics.issuanceFailed(authority?.name ?? 'none', memory.whose)
      },
    },
    lineages: {
      ...lineages,
      async stage(...args) {
        const staged = await lineages.stage(...args)
        metrics.issued(args[3].actor)
        return staged
      },
    },
    renewalInfo: {
      ...renewalInfo,
      async save(known) {
        await renewalInfo.save(known)
        metrics.renewalInfoPolled(known.fault === null ? 'good' : 'fault', known.polledAt)
      },
    },
  }
}

/** What is counted, with how everything stands at the moment. */
export function metricsText(deps: {
  storage: Storage
  budget: Budget
  served: ServedCertificates
  kinds: readonly string[] // of jobs
  metrics: Metrics
  clock: Clock
}): () => Promise<string> {
  const { storage, budget, served, kinds, metrics, clock } = deps
  return () =>
    metrics.text(async () => {
      const now = clock.now()
      const all = (await storage.authorities.list()).map(async (one) => ({
        ...{ name: one.name, isPaused: isPaused(one, now), budget: await budget.standing(one.id, now) },
      }))
      const [jobs, authorities] = await Promise.all([storage.jobs.standing(kinds, now), Promise.all(all)])
      return { jobs, authorities, served: served.standing() }
    })
}

/** Looks at what the edge of this machine serves. */
export function edgeWatch(deps: { storage: Storage; config: Config; clock: Clock; log: Log }): ServedCertificates {
  const { storage, config, clock, log } = deps
  const { host, port } = config.edge.https[0]!
  const everywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }
  return servedCertificates({
    adminHost: config.admin.host,
    hosts: storage.presentedHosts,
    ask: edgeHandshake({ host: everywhere[host ?? '0.0.0.0'] ?? host ?? '127.0.0.1', port }),
    clock,
    log,
    random,
  })
}

/** The nouns over a storage, put together for the admin plane: that of the main process, and of a command on the data folder. */
export function adminParts(deps: {
  storage: Storage
  sealer: Sealer
  config: Config
  clock: Clock
  log: Log
  roots: () => Promise<readonly string[] | undefined> // see `trustedRoots`
  isClockSteady?: () => boolean // it is where it is left out
}): AdminDeps {
  const { storage, sealer, config, clock, log, roots, isClockSteady = () => true } = deps
  const proofKey = sealer.deriveKey('proof-token')
  const resolve = resolver({ servers: config.outside.resolvers, randomBytes })
  const policy = addressPolicy(config.outside.allow_networks)
  const names = { adminHost: config.admin.host, edgeName: config.edge.name, allow: config.names.allow }
  const register = registrar({ ...storage, policy: names })
  const askAt =
    (allowPorts: readonly number[]): Ask =>
    async (url) => {
      const ca = await roots()
      const bounds = { timeoutMs: VERIFY_TIMEOUT_MS, maxBytes: VERIFY_BYTES }
      return guardedAsk({ resolver: resolve, policy, allowPorts, ...(ca && { ca }), ...bounds })(url)
    }
  const alias = config.front.authority === 'acme' ? aliasOf(config, sealer) : undefined
  const people = { ...storage, clock, randomBytes, origin: adminOrigin(config) }
  const open = acmeSessions({ exchange: authorityExchange(), clock })
  const limits = authorityLimits({ storage, config })
  const requests = certificateRequests({ ...storage, limitsOf: limits, limitRetries: attemptLimits(storage).issuance })
  return {
    ...storage,
    accountKeeping: authorities({ store: storage.authorities, open, clock }),
    budget: budget({ buckets: storage.budgets, limitsOf: limits, registeredDomain, random }),
    certificateRequests: requests,
    revocations: revocations({
      ...{ ...storage, isInUse: isInUse({ storage, config }), replace: requests.replace, clock },
      sessionOf: sessions({ open, authorities: storage.authorities, clock }),
    }),
    registrar: register,
    fileImports: domainImports({ store: storage.domainImports, registrar: register, tenants: storage.tenants, clock }),
    serviceLineages: serviceLineages({ ...storage, policy: names }),
    proofs: proofChecks({
      control: storage.control,
      nameServers: nameServers({ resolver: resolve, policy, port: config.outside.name_server_port, randomBytes }),
      jobs: storage.jobs,
      proofKey,
      edgeName: config.edge.name,
      furtherRecords: furtherRecords({ ...storage, edge: config.edge, challengeAlias: alias }),
      clock,
      random,
      randomBytes,
      log,
    }),
    rules: ruleChecks({
      ...storage,
      askAt,
      httpsPort: config.outside.https_port,
      clock,
      random,
      log,
    }),
    lookAtName: nameLooks({
      look: nameSight({
        dns: certificateDns({ resolver: resolve, policy, edge: config.edge }),
        resolver: resolve,
        port: config.outside.https_port,
      }),
      log,
    }),
    domainChecks: domainChecks({
      askAt,
      httpsPort: config.outside.https_port,
      targetPorts: async () => (await storage.targetHosts.list({ limit: TARGET_HOSTS_KNOWN })).map(({ port }) => port),
      admit: checkLimits(),
      clock,
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
    challengeAlias: alias,
    clock,
    log,
    randomBytes,
    isClockSteady,
    isBehindEdge: config.admin.listen === undefined,
  }
}
