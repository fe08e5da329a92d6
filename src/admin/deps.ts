import type { Authorities } from '../acme/authorities.ts'
import type { Authority, AuthorityStore } from '../acme/authority.ts'
import type { Budget } from '../acme/budget.ts'
import type { CertificateRequests } from '../acme/certificate-requests.ts'
import type { IssuanceStore, OrderStore, RenewalInfoStore } from '../acme/order.ts'
import type { Revocations } from '../acme/revocation.ts'
import type { CertificateImport } from '../certificate/import.ts'
import type { Lineage, LineageStore, LineageWithCertificates, PrivateKeyStore } from '../certificate/lineage.ts'
import type { CensusStore } from '../census.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Delegation, DelegationStore, ServiceName } from '../delegation/delegation.ts'
import type { DomainImports, DomainImportStore } from '../delegation/domain-import.ts'
import type { LookForTenant } from '../delegation/name-looks.ts'
import type { Registrar } from '../delegation/registrar.ts'
import type { ServiceLineages } from '../delegation/service-lineages.ts'
import type { SourceDomain, SourceDomainStore } from '../delegation/source-domain.ts'
import type { TargetHost, TargetHostStore } from '../delegation/target-host.ts'
import type { Log } from '../log.ts'
import type { DomainName } from '../name.ts'
import type { OpenJobs } from '../open-job.ts'
import { ProblemError } from '../problem.ts'
import type { Accounts } from '../tenant/accounts.ts'
import type { ApiTokens, Principals } from '../tenant/api-tokens.ts'
import type { AuditStore } from '../tenant/audit.ts'
import type { IdempotencyStore } from '../tenant/idempotency.ts'
import type { LinkStore } from '../tenant/link.ts'
import type { MemberStore } from '../tenant/member.ts'
import type { Passkeys } from '../tenant/passkeys.ts'
import type { ProofChecks } from '../tenant/proof-checks.ts'
import type { SavedFilterStore } from '../tenant/saved-filter.ts'
import type { SessionStore } from '../tenant/session.ts'
import type { SettingsStore } from '../tenant/settings.ts'
import type { SignIn } from '../tenant/sign-in.ts'
import type { Tenant, TenantStore } from '../tenant/tenant.ts'
import type { TokenStore } from '../tenant/token.ts'
import type { PasskeyStore, UserStore } from '../tenant/user.ts'
import type { TroubleStore } from '../trouble.ts'
import type { DomainChecks } from '../verify/domain-checks.ts'
import type { RuleChecks } from '../verify/rule-checks.ts'

/** What the admin plane is handed; it knows no storage. */
export interface AdminDeps {
  tenants: TenantStore
  sourceDomains: SourceDomainStore
  targetHosts: TargetHostStore
  delegations: DelegationStore
  domainImports: DomainImportStore
  lineages: LineageStore
  privateKeys: PrivateKeyStore
  authorities: AuthorityStore
  orders: OrderStore
  issuance: IssuanceStore
  renewalInfo: RenewalInfoStore
  jobs: OpenJobs
  localAuthorityRoot: () => Promise<string> // PEM
  users: UserStore
  passkeys: PasskeyStore
  members: MemberStore
  sessions: SessionStore
  settings: SettingsStore
  links: LinkStore
  tokens: TokenStore
  audit: AuditStore
  idempotency: IdempotencyStore
  census: CensusStore
  troubles: TroubleStore
  savedFilters: SavedFilterStore
  registrar: Registrar
  fileImports: DomainImports
  serviceLineages: ServiceLineages
  imports: CertificateImport
  accountKeeping: Authorities
  budget: Budget
  certificateRequests: CertificateRequests
  revocations: Revocations
  signIn: SignIn
  accounts: Accounts
  proofs: ProofChecks
  rules: RuleChecks
  domainChecks: DomainChecks
  lookAtName: LookForTenant
  ceremonies: Passkeys
  apiTokens: ApiTokens
  principals: Principals
  config: Config
  proofKey: Uint8Array // of proof tokens, 32 bytes
  /** Where `_acme-challenge` of a name leads for the DNS challenge; undefined: there is no zone for it. */
  challengeAlias: ((tenantId: string | null, host: DomainName) => string) | undefined
  clock: Clock
  log: Log
  randomBytes: (size: number) => Uint8Array
  /** False: the clock was set lately, and nothing is destroyed for its age. */
  isClockSteady: () => boolean
  isBehindEdge: boolean
}

/** Look-ups that end in a problem where there is nothing. */
export function lookUps({ tenants, sourceDomains, targetHosts, delegations, lineages, authorities }: AdminDeps) {
  return {
    async tenant(name: string): Promise<Tenant> {
      return (await tenants.findByName(name)) ?? missing(`there is no tenant ${name}`)
    },

    /** Whose things a list is about; undefined: the tenant that it is filtered by is not there. */
    async tenantId(name: string | undefined): Promise<string | undefined> {
      return name === undefined ? 'all' : (await tenants.findByName(name))?.id
    },

    /** Of a lineage: the tenant that the path names, or null for the operator. */
    async owner({ tenant }: { tenant?: unknown }): Promise<Tenant | null> {
      return typeof tenant === 'string' ? this.tenant(tenant) : null
    },

    async sourceDomain(tenant: Tenant, name: DomainName): Promise<SourceDomain> {
      return (
        (await sourceDomains.find(tenant.id, name)) ?? missing(`the tenant ${tenant.name} has no source domain ${name}`)
      )
    },

    async delegation(tenant: Tenant, id: string): Promise<Delegation> {
      return (await delegations.find(tenant.id, id)) ?? missing(`the tenant ${tenant.name} has no delegation ${id}`)
    },

    async delegationOf(tenant: Tenant, name: DomainName, service: ServiceName): Promise<Delegation> {
      const { id } = await this.sourceDomain(tenant, name)
      const found = await delegations.findByService(tenant.id, name, service)
      return found?.sourceDomainId === id
        ? found
        : missing(`${service.service}.${service.protocol} of ${name} is not delegated`)
    },

    async targetHost(name: DomainName): Promise<TargetHost> {
      return (await targetHosts.find(name)) ?? missing(`there is no target host ${name}`)
    },

    /** One whose account is made. */
    async authority(name: string): Promise<Authority> {
      const found = await authorities.find(name)
      return found && found.accountUrl !== null ? found : missing(`there is no authority ${name}`)
    },

    /** @param tenant null for a lineage of the operator's own */
    async lineage(tenant: Tenant | null, name: string): Promise<LineageWithCertificates> {
      return (
        (await lineages.findByName(tenant?.id ?? null, name)) ??
        missing(`${tenant ? `the tenant ${tenant.name}` : 'the operator'} has no lineage ${name}`)
      )
    },

    /** Of the lineage that a host presents; null: none. */
    async lineageName(tenantId: string | null, id: string | null): Promise<string | null> {
      return id === null ? null : ((await lineages.find(tenantId, id))?.name ?? null)
    },

    /** A delegation's lineage is its tenant's or the operator's own. */
    async lineageOf({ tenantId, lineageId }: Delegation): Promise<LineageWithCertificates | undefined> {
      return (await lineages.find(tenantId, lineageId)) ?? (await lineages.find(null, lineageId))
    },

    /** The names of the tenants of a page of things. */
    async tenantNames(items: readonly Pick<Lineage, 'tenantId'>[]): Promise<Map<string, string>> {
      const ids = new Set(items.flatMap(({ tenantId }) => tenantId ?? []))
      const found = await Promise.all([...ids].map((id) => tenants.find(id)))
      return new Map(found.flatMap((tenant) => (tenant ? [[tenant.id, tenant.name] as const] : [])))
    },
  }
}

export type LookUps = ReturnType<typeof lookUps>

function missing(text: string): never {
  throw new ProblemError('not-found', text)
}
