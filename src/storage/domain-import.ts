import type { Knex } from 'knex'
import type { Act } from '../act.ts'
import type { NewDelegation } from '../delegation/delegation.ts'
import type { ImportedDomain, ImportOutcome, SpentQuotas } from '../delegation/source-domain.ts'
import { ProblemError } from '../problem.ts'
import type { Database } from './database.ts'
import { registerMissing } from './delegation-store.ts'
import { settleGains } from './front-keys.ts'
import { importReferences, type References } from './import-references.ts'
import { chunks, insertOnce } from './insert-many.ts'
import type { NewId, Traces } from './perform.ts'
import { roomOf, type Room } from './quota.ts'
import { lockClaims, newRow, traceAdded, type SourceDomainRow } from './source-domain-row.ts'

interface Importing {
  trx: Knex.Transaction
  rows: Database['rows']
  traces: Traces
  newId: NewId
  act: Act
}

/** Within one act. */
export async function importDomains(
  importing: Importing,
  domains: readonly ImportedDomain[],
): Promise<ImportOutcome[]> {
  const { trx, rows } = importing
  const room = await roomOf({ knex: trx, rows }, tenantsOf(domains), { isLocked: true })
  const outcomes: ImportOutcome[] = []
  for (const some of chunks(domains)) outcomes.push(...(await importSome(importing, some, room)))
  return outcomes
}

export async function rehearseImport(
  { knex, rows }: Pick<Database, 'knex' | 'rows'>,
  domains: readonly ImportedDomain[],
  spent?: SpentQuotas,
): Promise<ImportOutcome[]> {
  const room = await roomOf({ knex, rows }, tenantsOf(domains), { isLocked: false, spent })
  const outcomes: ImportOutcome[] = []
  for (const some of chunks(domains)) outcomes.push(...(await rehearseSome(knex, some, room)))
  return outcomes
}

async function importSome(
  { trx, rows, traces, newId, act }: Importing,
  domains: readonly ImportedDomain[],
  room: Room,
): Promise<ImportOutcome[]> {
  const admitted = await admittedOf(trx, domains, room)
  const sound = domains.filter((domain) => !(admitted(domain) instanceof ProblemError))
  const vouched = sound.filter(({ isVouched }) => isVouched)
  if (vouched.length > 0)
    await lockClaims(
      trx,
      vouched.map(({ name }) => name),
    )
  const added =
    sound.length === 0
      ? []
      : rows<Claim & Pick<SourceDomainRow, 'mode'>>(
          await insertOnce(
            trx,
            'source_domain',
            sound.map((domain) => ({ ...newRow(newId(act.at), domain.tenantId, domain, act) })),
            // Of any kind: the tenant has the name, or another holds it
            'on conflict do nothing returning id, tenant_id, name, mode, proof',
          ),
        )
  for (const row of added) traceAdded(traces, row, act)
  const addedIds = new Set(added.map(({ id }) => id))
  // Locked, so that nobody gives one up before its delegations are written. In the order in which all lock them
  const standing = standings(await claimsTo(trx, sound).orderBy(['name', 'id']).forNoKeyUpdate())
  await settleGains(
    trx,
    traces,
    added.filter(({ proof }) => proof !== null),
    act,
  )
  const delegations: (NewDelegation & { tenantId: string })[] = []
  const outcomes = domains.map((domain) => {
    const found = admitted(domain)
    if (found instanceof ProblemError) return found
    const { own, isTaken } = standing(domain)
    if (!own || isTaken) return taken()
    const { tenantId } = domain
    delegations.push(...found.map((one) => ({ ...one, tenantId, sourceDomainId: own.id })))
    return addedIds.has(own.id) ? 'added' : 'there already'
  })
  await registerMissing({ trx, rows, traces, newId, act }, delegations)
  return outcomes
}

async function rehearseSome(knex: Knex, domains: readonly ImportedDomain[], room: Room): Promise<ImportOutcome[]> {
  const admitted = await admittedOf(knex, domains, room)
  const standing = standings(await claimsTo(knex, domains))
  return domains.map((domain) => {
    const found = admitted(domain)
    if (found instanceof ProblemError) return found
    const { own, isTaken } = standing(domain)
    return isTaken ? taken() : own ? 'there already' : 'added'
  })
}

function tenantsOf(domains: readonly ImportedDomain[]): string[] {
  return domains.map(({ tenantId }) => tenantId)
}

/** What each line is to be delegated to, or why it is refused before anything is written. */
async function admittedOf(
  knex: Knex | Knex.Transaction,
  domains: readonly ImportedDomain[],
  room: Room,
): Promise<References> {
  const references = await importReferences(knex, domains)
  const limited = domains.filter(
    (domain) => room.isLimited(domain.tenantId) && !(references(domain) instanceof ProblemError),
  )
  const refused = await beyondQuotas(knex, limited, room)
  return (domain) => refused.get(domain) ?? references(domain)
}

/** Those for which the quotas leave no room, line by line. What is there already takes none. */
async function beyondQuotas(
  knex: Knex | Knex.Transaction,
  domains: readonly ImportedDomain[],
  room: Room,
): Promise<Map<ImportedDomain, ProblemError>> {
  const refused = new Map<ImportedDomain, ProblemError>()
  if (domains.length === 0) return refused
  const standing = standings(await claimsTo(knex, domains))
  const registered = await servicesOf(
    knex,
    domains.flatMap((domain) => standing(domain).own?.id ?? []),
  )
  for (const domain of domains) {
    const { own, isTaken } = standing(domain)
    if (isTaken) continue // refused for that
    const missing = domain.delegations
      .map(({ service, protocol }) => `${own?.id} ${service} ${protocol}`)
      .filter((each) => !registered.has(each))
    const wanted = { sourceDomains: own ? 0 : 1, delegations: new Set(missing).size }
    const problem = room.take(domain.tenantId, wanted)
    if (problem) refused.set(domain, problem)
  }
  return refused
}

/** What is delegated of some claims, each as "<id of the claim> _xmpp-server _tcp". */
async function servicesOf(knex: Knex | Knex.Transaction, sourceDomainIds: readonly string[]): Promise<Set<string>> {
  const rows = await knex('delegation')
    .whereIn('source_domain_id', sourceDomainIds)
    .select<{ source_domain_id: string; service: string; protocol: string }[]>(
      'source_domain_id',
      'service',
      'protocol',
    )
  return new Set(rows.map((row) => `${row.source_domain_id} ${row.service} ${row.protocol}`))
}

type Claim = Pick<SourceDomainRow, 'id' | 'tenant_id' | 'name' | 'proof'>

function claimsTo(knex: Knex | Knex.Transaction, domains: readonly ImportedDomain[]) {
  const names = domains.map(({ name }) => name)
  return knex('source_domain').whereIn('name', names).select<Claim[]>('id', 'tenant_id', 'name', 'proof')
}

/** How a domain stands among the claims of all tenants: is there the tenant's own, and does another's keep it from being held? */
function standings(claims: readonly Claim[]) {
  const byName = new Map<string, Claim[]>()
  for (const claim of claims) byName.set(claim.name, [...(byName.get(claim.name) ?? []), claim])
  return ({ tenantId, name, isVouched }: ImportedDomain) => {
    const same = byName.get(name) ?? []
    return {
      own: same.find((claim) => claim.tenant_id === tenantId),
      isTaken: isVouched && same.some((claim) => claim.proof !== null && claim.tenant_id !== tenantId),
    }
  }
}

function taken(): ProblemError {
  return new ProblemError('source-domain-taken', 'another tenant holds this name; ask the operator if it is yours')
}
