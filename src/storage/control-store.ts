import type { Knex } from 'knex'
import type { Act } from '../act.ts'
import type { Clock } from '../clock.ts'
import type { DomainName } from '../name.ts'
import { whatChanged } from '../tenant/audit.ts'
import type { Claim, ControlChange, ControlStore } from '../tenant/control.ts'
import { zoneServers, type Findings } from '../tenant/findings.ts'
import { PROOF_CHECK, TAKEN_OVER } from '../tenant/proof-checks.ts'
import type { Database } from './database.ts'
import { isDeadlock, isUniqueViolation } from './faults.ts'
import { destroyKeysInTime, dueFronts, noteLoss, settleGain } from './front-keys.ts'
import { perform, type NewId, type Traces } from './perform.ts'
import { noteSighting, sightingSpans } from './sighting-spans.ts'
import { controlColumns, controlOf, facts, ruleCheck, type SourceDomainRow } from './source-domain-row.ts'

const LINEAGES_A_CALL = 100
const TRIES = 3
const CLOCK_SKEW_MS = 3_600_000 // beyond what nodes differ by, a clock was wrong

interface ProofCheckRow {
  name: DomainName
  looked_at: number
  findings: string
  unanswered: number
  zone_servers: string | null
}

type ClaimRow = SourceDomainRow & { edge_label: string }

export function controlStore(deps: { db: Database; newId: NewId; clock: Clock }): ControlStore {
  const { db, clock } = deps

  return {
    async claimsTo(name) {
      return (await claimRows(db.knex, name)).map(claimFromRow)
    },

    async lastLook(name) {
      const row = await db.knex<ProofCheckRow>('proof_check').where({ name }).first()
      return row && lookFromRow(row)
    },

    sightingSpans: (claimId) => sightingSpans(db.knex, claimId),

    async takeIn(look, decide, { at }) {
      // Whoever asked for the look may be of another tenant than those whom it concerns, and is not named to them
      const act: Act = { at, actor: PROOF_CHECK, address: null }
      for (let tries = 1; ; tries++)
        try {
          return await perform(deps, act, (trx, traces) => takeIn({ trx, traces, act, now: clock.now() }, look, decide))
        } catch (cause) {
          // PostgreSQL alone lets these happen: a claim that was not there to be locked has been vouched for meanwhile, or
          // two names with one front were lost at once
          if (!(isUniqueViolation(cause) || isDeadlock(cause)) || tries === TRIES) throw cause
        }
    },

    async destroyKeys(now) {
      const act: Act = { at: now, actor: PROOF_CHECK, address: null }
      let destroyed = 0
      for (const id of await dueFronts(db.knex, now, LINEAGES_A_CALL))
        if (await perform(deps, act, (trx, traces) => destroyKeysInTime(trx, traces, id, now))) destroyed++
      // Old frames of the log hold the keys still, also those that were destroyed by a look. It may be busy: then the next time
      if (db.engine === 'sqlite') await db.knex.raw('pragma wal_checkpoint(truncate)')
      return destroyed
    },
  }
}

interface Taking {
  trx: Knex.Transaction
  traces: Traces
  act: Act
  now: Date
}

async function takeIn(
  taking: Taking,
  { name, lookedAt, findings }: Parameters<ControlStore['takeIn']>[0],
  decide: Parameters<ControlStore['takeIn']>[1],
): ReturnType<ControlStore['takeIn']> {
  const { trx, traces, now } = taking
  // In the order of their ids, so that no two who lock them all wait for each other
  const rows = await claimRows(trx, name).forNoKeyUpdate()
  if (rows.length === 0) return undefined
  const former = await trx<ProofCheckRow>('proof_check').where({ name }).first()
  if (former && former.looked_at >= lookedAt.getTime()) {
    // A look by a clock that ran a year ahead is not the last one for a year
    if (former.looked_at <= now.getTime() + CLOCK_SKEW_MS) return undefined
  }
  const claims = rows.map(claimFromRow)
  const { changes, isUnanswered, sighting } = decide(claims)
  // Who loses the name before who gains it: the schema allows one holder at any moment
  for (const change of changes.toSorted((one, other) => Number(isHeld(one.control)) - Number(isHeld(other.control))))
    await write(taking, rows, change)
  for (const claim of claims) await noteSighting(trx, claim, sighting(claim), lookedAt)
  const unanswered = isUnanswered ? (former?.unanswered ?? 0) + 1 : 0
  const servers = await noteLook(trx, former, { name, lookedAt, findings, unanswered })
  const holder = rows.find(isHeld)
  if (holder && servers.before && servers.after && servers.before.join() !== servers.after.join())
    traces.audit({
      tenantId: holder.tenant_id,
      action: 'source-domain.name-servers-changed',
      subject: name,
      detail: whatChanged({ nameServers: servers.before }, { nameServers: servers.after }),
    })
  const controls = new Map(changes.map(({ claim, control }) => [claim.id, control]))
  return { claims: claims.map((claim) => ({ ...claim, ...controls.get(claim.id) })), unanswered }
}

/** What happens daily, a proof seen again or missed once more, is no act: neither a new revision nor an event. */
async function write(
  { trx, traces, act }: Taking,
  rows: readonly ClaimRow[],
  { claim, event, control }: ControlChange,
) {
  const before = rows.find(({ id }) => id === claim.id)
  if (!before) throw new Error(`${claim.id} is no claim to ${claim.name}`)
  const isAct = event !== 'see' && event !== 'miss'
  const after = { ...before, ...controlColumns(control), revision: before.revision + (isAct ? 1 : 0) }
  await trx<SourceDomainRow>('source_domain')
    .where({ id: before.id })
    .update({ ...controlColumns(control), revision: after.revision })
  if (!isAct) return
  if (isHeld(before) !== isHeld(after)) traces.changedHost(before.name)
  if (isHeld(before) && !isHeld(after)) await noteLoss(trx, traces, before, act)
  if (!isHeld(before) && isHeld(after)) {
    await settleGain(trx, traces, before, act)
    if (before.mode === 'external') traces.enqueue(ruleCheck({ ...before, source_domain_id: before.id }, act.at))
  }
  traces.audit({
    tenantId: before.tenant_id,
    action: `source-domain.${event}`,
    subject: before.name,
    detail: {
      ...(event === 'lose' && { why: TAKEN_OVER }),
      ...whatChanged(facts(before), facts(after)),
    },
  })
}

/** @returns the name servers of the zone as they were last known, and as they are; null: not learnt */
async function noteLook(
  trx: Knex.Transaction,
  former: ProofCheckRow | undefined,
  { name, lookedAt, findings, unanswered }: Awaited<ReturnType<ControlStore['lastLook']>> & object,
): Promise<{ before: string[] | null; after: string[] | null }> {
  const before = former?.zone_servers ? (JSON.parse(former.zone_servers) as string[]) : null
  const after = zoneServers(findings)
  // Those known last are kept while none can be learnt: a name that expires is often dead before it is another's
  const known = after ?? before
  await trx<ProofCheckRow>('proof_check')
    .insert({
      name,
      looked_at: lookedAt.getTime(),
      findings: JSON.stringify(findings),
      unanswered,
      zone_servers: known && JSON.stringify(known),
    })
    .onConflict('name')
    .merge()
  return { before, after }
}

// A scalar subquery and not a join, so that the claims alone are locked
function claimRows(knex: Knex | Knex.Transaction, name: DomainName) {
  return knex<SourceDomainRow>('source_domain as s')
    .where('s.name', name)
    .orderBy('s.id')
    .select<ClaimRow[]>(
      's.*',
      knex.raw('(select t.edge_label from tenant as t where t.id = s.tenant_id) as edge_label'),
    )
}

function isHeld({ proof }: { proof: Claim['proof'] }): boolean {
  return proof !== null
}

function claimFromRow(row: ClaimRow): Claim {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    name: row.name,
    mode: row.mode,
    edgeLabel: row.edge_label,
    claimedAt: new Date(row.created_at),
    ...controlOf(row),
  }
}

function lookFromRow({ name, looked_at, findings, unanswered }: ProofCheckRow) {
  return { name, lookedAt: new Date(looked_at), findings: JSON.parse(findings) as Findings, unanswered }
}
