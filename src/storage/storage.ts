import { randomBytes } from 'node:crypto'
import type { AuthorityStore } from '../acme/authority.ts'
import type { IssuanceRequestStore } from '../acme/certificate-requests.ts'
import type { IssuanceStore, OrderStore, RenewalInfoStore } from '../acme/order.ts'
import type { BudgetStore } from '../acme/budget.ts'
import type { ChallengeRecordStore } from '../acme/dns-challenges.ts'
import type { LineageStore, PrivateKeyStore } from '../certificate/lineage.ts'
import type { Sealer } from '../certificate/sealing.ts'
import type { CensusStore } from '../census.ts'
import type { Clock } from '../clock.ts'
import type { DelegationStore } from '../delegation/delegation.ts'
import type { DomainImportStore } from '../delegation/domain-import.ts'
import type { SourceDomainStore } from '../delegation/source-domain.ts'
import type { TargetHostStore } from '../delegation/target-host.ts'
import type { AttemptStore } from '../tenant/attempts.ts'
import type { AuditStore } from '../tenant/audit.ts'
import type { ControlStore } from '../tenant/control.ts'
import type { IdempotencyStore } from '../tenant/idempotency.ts'
import type { LinkStore } from '../tenant/link.ts'
import type { MemberStore } from '../tenant/member.ts'
import type { SavedFilterStore } from '../tenant/saved-filter.ts'
import type { SessionStore } from '../tenant/session.ts'
import type { SettingsStore } from '../tenant/settings.ts'
import type { TenantStore } from '../tenant/tenant.ts'
import type { TokenStore } from '../tenant/token.ts'
import type { PasskeyStore, UserStore } from '../tenant/user.ts'
import type { TroubleStore } from '../trouble.ts'
import type { PresentedHosts } from '../verify/served-certificates.ts'
import type { JobStore } from '../work/job.ts'
import { attemptStore } from './attempt-store.ts'
import { auditStore } from './audit-store.ts'
import { authorityStore } from './authority-store.ts'
import { budgetStore } from './budget-store.ts'
import { censusStore } from './census-store.ts'
import { challengeStore, type ChallengeStore } from './challenge-store.ts'
import { challengeRecordStore } from './challenge-record-store.ts'
import { changeFeed, type ChangeFeed } from './change-feed.ts'
import { controlStore } from './control-store.ts'
import { openDatabase } from './database.ts'
import { delegationStore } from './delegation-store.ts'
import { domainImportStore } from './domain-import-store.ts'
import { withFaultsNamed } from './faults.ts'
import { hostDirectory, type DirectoryOptions, type StoredHostDirectory } from './host-directory.ts'
import { idempotencyStore } from './idempotency-store.ts'
import { uuidv7 } from './ids.ts'
import { issuanceRequestStore } from './issuance-request-store.ts'
import { issuanceStore } from './issuance-store.ts'
import { jobStore } from './job-store.ts'
import { lineageStore } from './lineage-store.ts'
import { linkStore } from './link-store.ts'
import { localAuthorityStore, type LocalAuthorityStore } from './local-authority-store.ts'
import { checkMasterKey, proveWritable } from './master-key-check.ts'
import { memberStore } from './member-store.ts'
import { orderStore } from './order-store.ts'
import { passkeyStore } from './passkey-store.ts'
import type { NewId } from './perform.ts'
import { presentedHosts } from './presented-hosts.ts'
import { privateKeyStore } from './private-key-store.ts'
import { renewalInfoStore } from './renewal-info-store.ts'
import { savedFilterStore } from './saved-filter-store.ts'
import { migrate, pendingMigrations } from './schema.ts'
import { sessionStore } from './session-store.ts'
import { settingsStore } from './settings-store.ts'
import { sourceDomainStore } from './source-domain-store.ts'
import { targetHostStore } from './target-host-store.ts'
import { sweep } from './sweep.ts'
import { tenantStore } from './tenant-store.ts'
import { tokenStore } from './token-store.ts'
import { troubleStore } from './trouble-store.ts'
import { userStore } from './user-store.ts'

export interface StorageOptions {
  url: string | undefined // postgres://…; undefined: SQLite
  file: string // of SQLite, or ':memory:'
  sealer: Sealer
  clock: Clock
  newId?: NewId
  isReadOnly?: boolean
}

export interface Storage {
  tenants: TenantStore
  sourceDomains: SourceDomainStore
  control: ControlStore
  targetHosts: TargetHostStore
  delegations: DelegationStore
  domainImports: DomainImportStore
  lineages: LineageStore
  privateKeys: PrivateKeyStore
  authorities: AuthorityStore
  orders: OrderStore
  issuance: IssuanceStore
  issuanceRequests: IssuanceRequestStore
  renewalInfo: RenewalInfoStore
  challenges: ChallengeStore
  challengeRecords: ChallengeRecordStore
  jobs: JobStore
  audit: AuditStore
  users: UserStore
  passkeys: PasskeyStore
  members: MemberStore
  sessions: SessionStore
  settings: SettingsStore
  links: LinkStore
  tokens: TokenStore
  attempts: AttemptStore
  budgets: BudgetStore
  idempotency: IdempotencyStore
  census: CensusStore
  troubles: TroubleStore
  savedFilters: SavedFilterStore
  localAuthority: LocalAuthorityStore
  changes: ChangeFeed
  presentedHosts: PresentedHosts
  /**
   * Applies what is pending, after a backup; of several processes that start at once one does.
   * @returns what was applied
   */
  migrate(): Promise<string[]>
  pendingMigrations(): Promise<string[]>
  /** Resolves where the database can be read and, unless this handle only reads, written. */
  check(): Promise<void>
  /**
   * Deletes what has ended, a bounded number of rows.
   * @param options.isClockSteady false: the clock was set lately, so that nothing goes that might be in force still
   * @returns how many
   */
  sweep(now: Date, options?: { isClockSteady: boolean }): Promise<number>
  directory(options: DirectoryOptions): StoredHostDirectory
  close(): Promise<void>
}

/**
 * The database, SQLite or PostgreSQL, as one store per noun. A new one has no schema until `migrate`.
 * @throws ProblemError unavailable: it cannot be opened, or a newer version has written it
 * @throws ProblemError configuration: the master key is not the one it was sealed under
 */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { url, file, sealer, clock, newId = uuidv7(randomBytes), isReadOnly = false } = options
  const db = await openDatabase({ url, file, isReadOnly, auditKey: sealer.deriveKey('audit-chain') })
  const deps = { db, newId, sealer, clock, randomBytes }
  try {
    await pendingMigrations(db) // throws where the database is newer
    // Also before a migration: one may write what only this key opens
    if (await db.knex.schema.hasTable('master_key_check')) await checkMasterKey(db, sealer, clock.now())
  } catch (error) {
    await db.knex.destroy()
    throw error
  }
  return {
    tenants: withFaultsNamed(tenantStore(deps)),
    sourceDomains: withFaultsNamed(sourceDomainStore(deps)),
    control: withFaultsNamed(controlStore(deps)),
    targetHosts: withFaultsNamed(targetHostStore(deps)),
    delegations: withFaultsNamed(delegationStore(deps)),
    domainImports: withFaultsNamed(domainImportStore(deps)),
    lineages: withFaultsNamed(lineageStore(deps)),
    privateKeys: withFaultsNamed(privateKeyStore(deps)),
    authorities: withFaultsNamed(authorityStore(deps)),
    orders: withFaultsNamed(orderStore(deps)),
    issuance: withFaultsNamed(issuanceStore(deps)),
    issuanceRequests: withFaultsNamed(issuanceRequestStore(deps)),
    renewalInfo: withFaultsNamed(renewalInfoStore(deps)),
    challenges: withFaultsNamed(challengeStore(deps)),
    challengeRecords: withFaultsNamed(challengeRecordStore(deps)),
    jobs: withFaultsNamed(jobStore(deps)),
    audit: withFaultsNamed(auditStore(deps)),
    users: withFaultsNamed(userStore(deps)),
    passkeys: withFaultsNamed(passkeyStore(deps)),
    members: withFaultsNamed(memberStore(deps)),
    sessions: withFaultsNamed(sessionStore(deps)),
    settings: withFaultsNamed(settingsStore(deps)),
    links: withFaultsNamed(linkStore(deps)),
    tokens: withFaultsNamed(tokenStore(deps)),
    attempts: withFaultsNamed(attemptStore(deps)),
    budgets: withFaultsNamed(budgetStore(deps)),
    idempotency: withFaultsNamed(idempotencyStore(deps)),
    census: withFaultsNamed(censusStore(deps)),
    troubles: withFaultsNamed(troubleStore(deps)),
    savedFilters: withFaultsNamed(savedFilterStore(deps)),
    localAuthority: withFaultsNamed(localAuthorityStore(deps)),
    changes: withFaultsNamed(changeFeed(deps)),
    ...withFaultsNamed({
      presentedHosts: presentedHosts(deps),
      async migrate() {
        const applied = await migrate(db, clock.now())
        await checkMasterKey(db, sealer, clock.now())
        return applied
      },
      pendingMigrations: () => pendingMigrations(db),
      sweep: (now: Date, options?: { isClockSteady: boolean }) => sweep(db, now, options),
      async check() {
        if (isReadOnly) await db.read('select id from master_key_check', [])
        else await proveWritable(db, clock.now())
      },
    }),
    directory: (options) => hostDirectory(deps, options),
    close: () => db.knex.destroy(),
  }
}
