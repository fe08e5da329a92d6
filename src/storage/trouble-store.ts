import { MOST_COUNTED, TROUBLES, type Trouble, type TroubleStore } from '../trouble.ts'
import type { Database } from './database.ts'
import { troubledDomains, troubledLineages, type Troubled } from './troubled.ts'

type Counted = Pick<Troubled, 'from' | 'where' | 'bindings' | 'tenant'>

export function troubleStore({ db }: { db: Database }): TroubleStore {
  /** A tenant's own jobs are the operator's affair, as all are. */
  function partOf(trouble: Trouble, now: Date, unprovenBefore: Date): Counted & { isOperators?: true } {
    switch (trouble) {
      case 'failed-jobs':
        return {
          ...{ from: 'job', bindings: [], tenant: '', isOperators: true },
          where: 'finished_at is null and last_error is not null',
        }
      case 'rule-wrong':
        return { from: 'delegation', where: `rule_outcome = 'wrong'`, bindings: [], tenant: 'tenant_id' }
      case 'unproven': {
        const part = troubledDomains('unproven', now)
        return { ...part, where: `${part.where} and ${part.order} <= ?`, bindings: [unprovenBefore.getTime()] }
      }
      case 'wavering':
        return troubledDomains('wavering', now)
      case 'expired':
      case 'ending':
      case 'failing-operator':
      case 'failing-owner':
      case 'failing-authority':
        return troubledLineages(trouble, now)
    }
  }

  return {
    async count(whose, now, unprovenBefore) {
      const counts: [Trouble, number][] = []
      for (const trouble of TROUBLES) {
        const { from, where, bindings, tenant, isOperators } = partOf(trouble, now, unprovenBefore)
        if (isOperators && whose !== 'all') {
          counts.push([trouble, 0])
          continue
        }
        const own = whose === 'all' ? '' : `and ${tenant} = ?`
        const [row] = db.rows<{ n: number }>(
          await db.knex.raw(
            `select count(*) as n from (select 1 from ${from} where ${where} ${own} limit ${MOST_COUNTED + 1}) as counted`,
            [...bindings, ...(whose === 'all' ? [] : [whose])],
          ),
        )
        counts.push([trouble, Number(row?.n ?? 0)])
      }
      return Object.fromEntries(counts) as Record<Trouble, number>
    },
  }
}
