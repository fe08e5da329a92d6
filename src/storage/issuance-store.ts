import type { Knex } from 'knex'
import type { IssuanceMemory, IssuanceStore } from '../acme/order.ts'
import type { AcmeProblem } from '../acme/session.ts'
import { ProblemError } from '../problem.ts'
import type { Database } from './database.ts'
import { perform, type NewId } from './perform.ts'

interface IssuanceRow {
  lineage_id: string
  lineage_name: string
  tenant_id: string | null
  failures: number
  failed_at: number
  problem: string
  problem_type: string
  whose: IssuanceMemory['whose']
  authority_id: string | null
  next_at: number
  failures_of_authority: number
  challenge_type: string | null
}

export function issuanceStore(deps: { db: Database; newId: NewId }): IssuanceStore {
  const { db } = deps

  return {
    async memory(lineageId) {
      const row = await db.knex<IssuanceRow>('issuance').where({ lineage_id: lineageId }).first()
      return row && fromRow(row)
    },

    failed: (memory, act) =>
      perform(deps, act, async (trx, traces) => {
        const lineage = await trx('lineage')
          .where({ id: memory.lineageId })
          .first<{ name: string; tenant_id: string | null } | undefined>('name', 'tenant_id')
        if (!lineage) throw new ProblemError('not-found', `there is no certificate lineage ${memory.lineageId}`)
        const former = await trx<IssuanceRow>('issuance').where({ lineage_id: memory.lineageId }).first('problem_type')
        const row = { ...toRow(memory), lineage_name: lineage.name, tenant_id: lineage.tenant_id }
        await trx<IssuanceRow>('issuance').insert(row).onConflict('lineage_id').merge()
        const { problem, whose, nextAt, failures, authorityId } = memory
        // Of what is found without asking anybody, and found again every few minutes, the first time tells all
        if (isOwnFinding(memory) && former?.problem_type === problem.type) return
        traces.audit({
          tenantId: lineage.tenant_id,
          action: 'issuance.fail',
          subject: lineage.name,
          detail: { type: problem.type, problem: problem.detail, whose, nextAt, failures, authorityId },
        })
      }),

    forget: (lineageId) => forgetFailures(db.knex, lineageId),
  }
}

function isOwnFinding({ problem }: IssuanceMemory): boolean {
  return problem.preflight !== undefined || problem.type === 'no-authority'
}

export async function forgetFailures(knex: Knex | Knex.Transaction, lineageId: string): Promise<void> {
  await knex<IssuanceRow>('issuance').where({ lineage_id: lineageId }).del()
}

function toRow(memory: IssuanceMemory): Omit<IssuanceRow, 'lineage_name' | 'tenant_id'> {
  return {
    lineage_id: memory.lineageId,
    failures: memory.failures,
    failed_at: memory.failedAt.getTime(),
    problem: JSON.stringify(memory.problem),
    problem_type: memory.problem.type,
    whose: memory.whose,
    authority_id: memory.authorityId,
    next_at: memory.nextAt.getTime(),
    failures_of_authority: memory.failuresOfAuthority,
    challenge_type: memory.challengeType,
  }
}

function fromRow(row: IssuanceRow): IssuanceMemory {
  return {
    lineageId: row.lineage_id,
    failures: row.failures,
    failedAt: new Date(row.failed_at),
    problem: JSON.parse(row.problem) as AcmeProblem,
    whose: row.whose,
    authorityId: row.authority_id,
    nextAt: new Date(row.next_at),
    failuresOfAuthority: row.failures_of_authority,
    challengeType: row.challenge_type,
  }
}
