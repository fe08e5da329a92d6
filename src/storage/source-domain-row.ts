import type { Knex } from 'knex'
import type { Act } from '../act.ts'
import type { HostMeta } from '../delegation/host-meta.ts'
import type { NewSourceDomain, SourceDomain } from '../delegation/source-domain.ts'
import type { DomainName } from '../name.ts'
import { UNPROVEN, vouchedSince, type Control } from '../tenant/control.ts'
import { PROOF_CHECK } from '../tenant/proof-checks.ts'
import { REDIRECT_RULE, type RedirectRulePayload } from '../verify/rule-checks.ts'
import type { NewJob } from '../work/job.ts'
import { instantOrNull } from './instants.ts'
import type { Traces } from './perform.ts'

export interface SourceDomainRow extends ControlColumns {
  id: string
  tenant_id: string
  name: DomainName
  mode: SourceDomain['mode']
  suspended_at: number | null
  host_meta: string | null
  front_lineage_id: string | null
  created_at: number
  changed_at: number
  revision: number
}

interface ControlColumns {
  proof: Control['proof']
  proven_at: number | null
  seen_at: number | null
  wavering_since: number | null
  misses: number
  lapsed_at: number | null
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
    ...controlColumns(isVouched ? vouchedSince(at) : UNPROVEN),
    suspended_at: null,
    host_meta: null,
    front_lineage_id: null,
    created_at: at.getTime(),
    changed_at: at.getTime(),
    revision: 1,
  }
}

/** Nothing is told to the edge of a claim that is not held. */
export function traceAdded(
  traces: Traces,
  row: Pick<SourceDomainRow, 'tenant_id' | 'name' | 'mode' | 'proof'>,
  { at }: Act,
): void {
  if (row.proof === null) traces.enqueue(proofCheck(row.name, at))
  else traces.changedHost(row.name)
  traces.audit({
    tenantId: row.tenant_id,
    action: 'source-domain.add',
    subject: row.name,
    detail: { after: { mode: row.mode, proof: row.proof } },
  })
}

/**
 * Locks what all tenants claim of some names, in the order in which everybody does: a look waits for whoever vouches for
 * another claim, and never the one for the other.
 */
export async function lockClaims(trx: Knex.Transaction, names: readonly DomainName[]): Promise<void> {
  await trx<SourceDomainRow>('source_domain')
    .whereIn('name', names)
    .orderBy(['name', 'id'])
    .forNoKeyUpdate()
    .select('id')
}

/** Locks those of the names that the tenant holds, so that it does not lose them meanwhile. */
export async function lockHeld(
  trx: Knex.Transaction,
  tenantId: string,
  names: readonly DomainName[],
): Promise<Set<DomainName>> {
  const held = trx<SourceDomainRow>('source_domain').where({ tenant_id: tenantId }).whereIn('name', names)
  const rows = await held.whereNotNull('proof').orderBy(['name', 'id']).forNoKeyUpdate().select('name')
  return new Set(rows.map(({ name }) => name))
}

/** A look at the name, for all who claim it. */
export function proofCheck(name: DomainName, runAt: Date): NewJob {
  return { kind: PROOF_CHECK, key: name, payload: {}, runAt }
}

/** A look at the web server of an external name that is held, where what it has to lead to has changed. */
export function ruleCheck(
  {
    source_domain_id: key,
    tenant_id: tenantId,
    name,
  }: { source_domain_id: string; tenant_id: string; name: DomainName },
  runAt: Date,
): NewJob {
  return { kind: REDIRECT_RULE, key, payload: { tenantId, name } satisfies RedirectRulePayload, runAt }
}

export function controlColumns(control: Control): ControlColumns {
  return {
    proof: control.proof,
    proven_at: control.provenAt?.getTime() ?? null,
    seen_at: control.seenAt?.getTime() ?? null,
    wavering_since: control.waveringSince?.getTime() ?? null,
    misses: control.misses,
    lapsed_at: control.lapsedAt?.getTime() ?? null,
  }
}

export function controlOf(row: ControlColumns): Control {
  return {
    proof: row.proof,
    provenAt: instantOrNull(row.proven_at),
    seenAt: instantOrNull(row.seen_at),
    waveringSince: instantOrNull(row.wavering_since),
    misses: row.misses,
    lapsedAt: instantOrNull(row.lapsed_at),
  }
}

/** For the audit trail. */
export function facts(row: SourceDomainRow): Record<string, unknown> {
  return {
    mode: row.mode,
    ...controlOf(row),
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
    ...controlOf(row),
    suspendedAt: instantOrNull(row.suspended_at),
    hostMeta: row.host_meta === null ? null : (JSON.parse(row.host_meta) as HostMeta),
    frontLineageId: row.front_lineage_id,
    createdAt: new Date(row.created_at),
    revision: row.revision,
  }
}
