import type { CertificateImport } from '../certificate/import.ts'
import type { Lineage, LineageStore, LineageWithCertificates } from '../certificate/lineage.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Delegation, DelegationStore } from '../delegation/delegation.ts'
import type { Registrar } from '../delegation/registrar.ts'
import type { SourceDomain, SourceDomainStore } from '../delegation/source-domain.ts'
import type { TargetHostStore } from '../delegation/target-host.ts'
import type { Log } from '../log.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import type { SessionStore } from '../tenant/session.ts'
import type { Tenant, TenantStore } from '../tenant/tenant.ts'

/** What the admin plane is handed; it knows no storage. */
export interface AdminDeps {
  tenants: TenantStore
  sourceDomains: SourceDomainStore
  targetHosts: TargetHostStore
  delegations: DelegationStore
  lineages: LineageStore
  sessions: SessionStore
  registrar: Registrar
  imports: CertificateImport
  config: Config
  proofKey: Uint8Array // of proof tokens, 32 bytes
  clock: Clock
  log: Log
  randomBytes: (size: number) => Uint8Array
  isBehindEdge: boolean
}

/** Look-ups that end in a problem where there is nothing. */
export function lookUps({ tenants, sourceDomains, delegations, lineages }: AdminDeps) {
  return {
    async tenant(name: string): Promise<Tenant> {
      return (await tenants.findByName(name)) ?? missing(`there is no tenant ${name}`)
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

    /** @param tenant null for a lineage of the operator's own */
    async lineage(tenant: Tenant | null, name: string): Promise<LineageWithCertificates> {
      return (
        (await lineages.findByName(tenant?.id ?? null, name)) ??
        missing(`${tenant ? `the tenant ${tenant.name}` : 'the operator'} has no lineage ${name}`)
      )
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
