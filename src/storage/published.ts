import type { PublishedCertificate, PublishedLineage } from '../certificate/lineage.ts'
import type { Host, PoshAnswer, PublishedDelegation } from '../delegation/host.ts'
import type { HostMeta } from '../delegation/host-meta.ts'
import type { DomainName } from '../name.ts'
import type { Database } from './database.ts'
import { instantOrNull } from './instants.ts'

// All about a name in one statement, and so from one snapshot: for a name that is nothing here, two index probes.
// A claim that is not held (proof is null) is nothing, whoever else claims the name.
const HOST_SQL = `
  select 'target' as part, t.port as port, t.front_lineage_id as front_lineage_id,
    null as mode, null as suspended_at, null as tenant_suspended_at, null as host_meta, null as changed_at,
    null as service, null as protocol, null as target_host, null as lineage_id, null as tls_answer, null as posh_answer
  from target_host t where t.name = ?
  union all
  select 'source', dt.port, s.front_lineage_id,
    s.mode, s.suspended_at, (select o.suspended_at from tenant o where o.id = s.tenant_id), s.host_meta, s.changed_at,
    d.service, d.protocol, dt.name, d.lineage_id, d.tls_answer, d.posh_answer
  from source_domain s
    left join delegation d on d.source_domain_id = s.id
    left join target_host dt on dt.id = d.target_host_id
  where s.name = ? and s.proof is not null`

type HostRow =
  | { part: 'target'; port: number; front_lineage_id: string | null }
  | ({ part: 'source'; front_lineage_id: string | null } & SourceRow)

interface SourceRow {
  mode: 'hosted' | 'external'
  suspended_at: number | null
  tenant_suspended_at: number | null
  host_meta: string | null
  changed_at: number
  // Null where the source domain has no delegation
  service: string | null
  protocol: string
  target_host: DomainName
  port: number
  lineage_id: string
  tls_answer: PublishedDelegation['tlsAnswer']
  posh_answer: PoshAnswer
}

const OPERATOR_LINEAGE_SQL = `select id from lineage where coalesce(tenant_id, '') = '' and name = ?`

const LINEAGE_SQL = `
  select l.name as lineage_name, l.changed_at as lineage_changed_at,
    (select max(retires_at) from certificate where lineage_id = l.id and retires_at <= ?) as last_retired_at, c.id, c.chain_pem, c.not_before, c.not_after, c.private_key_id,
    c.staged_at, c.activated_at, c.superseded_at, c.retires_at
  from lineage l left join certificate c on c.lineage_id = l.id and (c.retires_at is null or c.retires_at > ?)
  where l.id = ?
  order by c.id`

interface LineageRow {
  lineage_name: string
  lineage_changed_at: number
  last_retired_at: number | null // null: none has retired yet
  id: string | null // null: the lineage has no certificate
  chain_pem: string
  not_before: number
  not_after: number
  private_key_id: string | null
  staged_at: number
  activated_at: number | null
  superseded_at: number | null
  retires_at: number | null
}

/** What a name is now. */
export async function loadHost(db: Database, name: DomainName): Promise<Host> {
  const rows = await db.read<HostRow>(HOST_SQL, [name, name])
  const target = rows.find((row) => row.part === 'target')
  const sources = rows.filter((row) => row.part === 'source')
  const [source] = sources
  return {
    name,
    isAdmin: false,
    // The target host's comes first, because its name is the operator's; an external source domain is answered elsewhere
    frontLineageId: target?.front_lineage_id ?? (source?.mode === 'hosted' ? source.front_lineage_id : null),
    targetHost: target ? { port: target.port } : null,
    sourceDomain: source
      ? {
          name,
          mode: source.mode,
          isSuspended: source.suspended_at !== null || source.tenant_suspended_at !== null,
          changedAt: new Date(source.changed_at),
          delegations: sources.flatMap(publishedDelegation),
          hostMeta: source.host_meta === null ? null : (JSON.parse(source.host_meta) as HostMeta),
        }
      : null,
  }
}

/** The admin host is neither source domain nor target host, whatever the tables say. */
export async function loadAdminHost(db: Database, name: DomainName, frontLineage: string): Promise<Host> {
  const [lineage] = await db.read<{ id: string }>(OPERATOR_LINEAGE_SQL, [frontLineage])
  return { name, isAdmin: true, frontLineageId: lineage?.id ?? null, targetHost: null, sourceDomain: null }
}

/** The certificates that are published now or will be; undefined where there is no such lineage. */
export async function loadLineage(db: Database, id: string, now: Date): Promise<PublishedLineage | undefined> {
  const rows = await db.read<LineageRow>(LINEAGE_SQL, [now.getTime(), now.getTime(), id])
  const [first] = rows
  if (!first) return undefined
  return {
    id,
    name: first.lineage_name,
    changedAt: new Date(Math.max(first.lineage_changed_at, first.last_retired_at ?? 0)),
    certificates: rows.flatMap(publishedCertificate),
  }
}

function publishedDelegation(row: SourceRow): PublishedDelegation[] {
  if (row.service === null) return []
  return [
    {
      service: row.service,
      protocol: row.protocol,
      targetHost: row.target_host,
      targetPort: row.port,
      lineageId: row.lineage_id,
      tlsAnswer: row.tls_answer,
      poshAnswer: row.posh_answer,
    },
  ]
}

function publishedCertificate(row: LineageRow): PublishedCertificate[] {
  if (row.id === null) return []
  return [
    {
      id: row.id,
      chainPem: row.chain_pem,
      notBefore: new Date(row.not_before),
      notAfter: new Date(row.not_after),
      privateKeyId: row.private_key_id,
      stagedAt: new Date(row.staged_at),
      activatedAt: instantOrNull(row.activated_at),
      supersededAt: instantOrNull(row.superseded_at),
      retiresAt: instantOrNull(row.retires_at),
    },
  ]
}

export function isUnknown({ isAdmin, targetHost, sourceDomain }: Host): boolean {
  return !isAdmin && targetHost === null && sourceDomain === null
}

/** About how many bytes it takes in memory. */
export function sizeOfHost({ name, sourceDomain }: Host): number {
  if (sourceDomain === null) return 300 + name.length
  const links = sourceDomain.hostMeta?.links ?? []
  return 500 + name.length + 400 * sourceDomain.delegations.length + 600 * links.length
}

/** About how many bytes it takes in memory. */
export function sizeOfLineage({ certificates }: PublishedLineage): number {
  return certificates.reduce((sum, { chainPem }) => sum + 700 + chainPem.length, 300)
}
