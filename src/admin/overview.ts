import { isPaused } from '../acme/authority-choice.ts'
import type { Authority } from '../acme/authority.ts'
import type { Budget } from '../acme/budget.ts'
import type { Census } from '../census.ts'
import { active } from '../certificate/rollover.ts'
import { lapsesAt } from '../tenant/control.ts'
import { TROUBLES, type Trouble } from '../trouble.ts'
import type { AdminDeps } from './deps.ts'

/** A name for which nobody has published a proof by then may have been forgotten. */
const UNPROVEN_FOR_LONG_MS = 7 * 86_400_000
const EXAMPLES = 3

/** Some of a kind of trouble. */
export interface TroubleLine {
  trouble: Trouble
  count: number // to one more than `MOST_COUNTED`
  examples: Example[] // the first of the list
}

export interface Example {
  of: 'lineage' | 'source domain' | 'delegation' | 'job'
  tenantName: string | null // null: the operator's own
  name: string
  id: string
  /** When the certificate ends or ended, is tried again, when the name lapses, since when it is unproven; null: no matter. */
  at: Date | null
}

export interface AuthorityLine {
  authority: Authority
  isPaused: boolean
  budget: Awaited<ReturnType<Budget['standing']>>
}

/** What stands before anybody's eyes first: what there is, and what needs a hand. */
export function overview(deps: AdminDeps) {
  const { census, troubles, sourceDomains, lineages, delegations, issuance, jobs, authorities, budget } = deps

  async function examples(trouble: Trouble, whose: string | 'all', now: Date): Promise<Example[]> {
    const page = { limit: EXAMPLES }
    switch (trouble) {
      case 'wavering':
      case 'unproven': {
        const found = await sourceDomains.listTroubled(whose, { trouble, ...page }, now)
        return found.map((domain) => ({
          ...{ of: 'source domain' as const, tenantName: domain.tenantName, name: domain.name, id: domain.id },
          at: trouble === 'wavering' ? lapsesAt(domain) : (domain.lapsedAt ?? domain.createdAt),
        }))
      }
      case 'rule-wrong': {
        const found = await delegations.list(whose, { isRuleWrong: true, ...page })
        const names = await Promise.all(
          [...new Set(found.map(({ tenantId }) => tenantId))].map((id) => deps.tenants.find(id)),
        )
        return found.map(({ id, tenantId, sourceDomain: name, ruleCheck }) => ({
          ...{ of: 'delegation' as const, name, id, at: ruleCheck?.checkedAt ?? null },
          tenantName: names.find((tenant) => tenant?.id === tenantId)?.name ?? null,
        }))
      }
      case 'failed-jobs': {
        const found = await jobs.listOpen({ isFailed: true, ...page }, now)
        return found.map(({ id, about, runAt }) => ({ of: 'job', tenantName: null, name: about, id, at: runAt }))
      }
      case 'expired':
      case 'ending':
      case 'failing-operator':
      case 'failing-authority':
      case 'failing-owner': {
        const found = await lineages.listTroubled(whose, { trouble, ...page }, now)
        return Promise.all(
          found.map(async ({ id, name, tenantName, certificates }) => ({
            ...{ of: 'lineage' as const, tenantName, name, id },
            at: trouble.startsWith('failing')
              ? ((await issuance.memory(id))?.nextAt ?? null)
              : (active(certificates)?.notAfter ?? null),
          })),
        )
      }
    }
  }

  return {
    /** @param whose a tenant's id */
    async troubles(whose: string | 'all', now: Date): Promise<TroubleLine[]> {
      const counts = await troubles.count(whose, now, new Date(now.getTime() - UNPROVEN_FOR_LONG_MS))
      const lines: TroubleLine[] = []
      for (const trouble of TROUBLES) {
        const count = counts[trouble]
        if (count > 0) lines.push({ trouble, count, examples: await examples(trouble, whose, now) })
      }
      return lines
    },

    /** Counted now where there is little of everything, else the last count; undefined: nobody has counted yet. */
    async census(now: Date): Promise<Census | undefined> {
      return (await census.takeIfSmall(now)) ?? census.latest()
    },

    async authorities(now: Date): Promise<AuthorityLine[]> {
      const lines: AuthorityLine[] = []
      for (const authority of await authorities.list())
        lines.push({
          ...{ authority, isPaused: isPaused(authority, now) },
          budget: await budget.standing(authority.id, now),
        })
      return lines
    },
  }
}
