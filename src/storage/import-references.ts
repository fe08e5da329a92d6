import type { Knex } from 'knex'
import type { NewDelegation } from '../delegation/delegation.ts'
import type { ImportedDomain } from '../delegation/source-domain.ts'
import { ProblemError } from '../problem.ts'
import { chunks } from './insert-many.ts'

/** What a domain is to be delegated to, or why it cannot be. */
export type References = (domain: ImportedDomain) => Omit<NewDelegation, 'sourceDomainId'>[] | ProblemError

/** Looks up all that many domains name, and gives what each is to be delegated to, or what of it is not there. */
export async function importReferences(
  knex: Knex | Knex.Transaction,
  domains: readonly ImportedDomain[],
): Promise<References> {
  const targetHosts = await idsByName(knex('target_host'), [
    ...new Set(domains.flatMap(({ delegations }) => delegations.map(({ targetHost }) => targetHost))),
  ])
  const wanted = new Map<string, Set<string>>([['', new Set()]]) // names of lineages by tenant, '' is the operator
  for (const { tenantId, delegations } of domains)
    for (const { lineage } of delegations)
      for (const owner of [tenantId, '']) wanted.set(owner, (wanted.get(owner) ?? new Set()).add(lineage))
  const lineages = new Map<string, Map<string, string>>()
  for (const [owner, names] of wanted)
    lineages.set(owner, await idsByName(knex('lineage').whereRaw(`coalesce(tenant_id, '') = ?`, [owner]), [...names]))

  return ({ tenantId, delegations }) => {
    const found: Omit<NewDelegation, 'sourceDomainId'>[] = []
    for (const { targetHost, lineage, ...delegation } of delegations) {
      const targetHostId = targetHosts.get(targetHost)
      if (targetHostId === undefined)
        return new ProblemError('not-found', `there is no target host ${targetHost}; the operator adds one`)
      const lineageId = lineages.get(tenantId)?.get(lineage) ?? lineages.get('')?.get(lineage)
      if (lineageId === undefined)
        return new ProblemError('not-found', `there is no certificate lineage ${lineage}; import its certificate first`)
      found.push({ ...delegation, targetHostId, lineageId })
    }
    return found
  }
}

async function idsByName(query: Knex.QueryBuilder, names: readonly string[]): Promise<Map<string, string>> {
  const ids = new Map<string, string>()
  for (const chunk of chunks(names)) {
    const rows = await query.clone().whereIn('name', chunk).select<{ id: string; name: string }[]>('id', 'name')
    for (const { id, name } of rows) ids.set(name, id)
  }
  return ids
}
