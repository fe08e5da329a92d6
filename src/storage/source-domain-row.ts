import type { Act } from '../act.ts'
import type { HostMeta } from '../delegation/host-meta.ts'
import type { NewSourceDomain, SourceDomain } from '../delegation/source-domain.ts'
import type { DomainName } from '../name.ts'
import { instantOrNull } from './instants.ts'
import type { Traces } from './perform.ts'

export interface SourceDomainRow {
  id: string
  tenant_id: string
  name: DomainName
  mode: SourceDomain['mode']
  proof: SourceDomain['proof']
  proven_at: number | null
  suspended_at: number | null
  host_meta: string | null
  front_lineage_id: string | null
  created_at: number
  changed_at: number
  revision: number
}

export interface TenantNamed {
  tenant_name: string
}

export function newRow(
  id: string,
  tenantId: string,
  { name, mode, isVouched }: NewSourceDomain,
  { at }: Act,
): SourceDomainRow {
  return {
    id,
    tenant_id: tenantId,
    name,
    mode,
    proof: isVouched ? 'vouched' : null,
    proven_at: isVouched ? at.getTime() : null,
    suspended_at: null,
    host_meta: null,
    front_lineage_id: null,
    created_at: at.getTime(),
    changed_at: at.getTime(),
    revision: 1,
  }
}

export function traceAdded(traces: Traces, row: Pick<SourceDomainRow, 'tenant_id' | 'name' | 'mode' | 'proof'>): void {
  traces.changedHost(row.name)
  traces.audit({
    tenantId: row.tenant_id,
    action: 'source-domain.add',
    subject: row.name,
    detail: { after: { mode: row.mode, proof: row.proof } },
  })
}

/** For the audit trail. */
export function facts(row: SourceDomainRow): Record<string, unknown> {
  return {
    mode: row.mode,
    proof: row.proof,
    provenAt: instantOrNull(row.proven_at),
    suspendedAt: instantOrNull(row.suspended_at),
    hostMeta: row.host_meta === null ? null : (JSON.parse(row.host_meta) as HostMeta),
    frontLineageId: row.front_lineage_id,
  }
}

export function fromRow(row: SourceDomainRow & TenantNamed): SourceDomain {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    tenantName: row.tenant_name,
    name: row.name,
    mode: row.mode,
    proof: row.proof,
    provenAt: instantOrNull(row.proven_at),
    suspendedAt: instantOrNull(row.suspended_at),
    hostMeta: row.host_meta === null ? null : (JSON.parse(row.host_meta) as HostMeta),
    frontLineageId: row.front_lineage_id,
    createdAt: new Date(row.created_at),
    revision: row.revision,
  }
}
