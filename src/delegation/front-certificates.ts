import type { Act } from '../act.ts'
import { FRONT_CERTIFICATE, type FrontCertificatePayload } from '../certificate/issuance.ts'
import { frontLineageName, type Lineage, type LineageStore, type Source } from '../certificate/lineage.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import type { JobStore } from '../work/job.ts'
import type { SourceDomainStore } from './source-domain.ts'
import type { TargetHostStore } from './target-host.ts'

const PER_ROUND = 100

/**
 * Sees to it that every name the edge answers for gets a front certificate. It looks for names that want one, a
 * bounded number a round, so that it matters neither who registered them nor what crashed in between.
 */
export function frontCertificates(deps: {
  sourceDomains: Pick<SourceDomainStore, 'wantingFront' | 'setFrontLineage'>
  targetHosts: Pick<TargetHostStore, 'wantingFront' | 'setFrontLineage'>
  lineages: Pick<LineageStore, 'findByName' | 'create'>
  jobs: Pick<JobStore, 'enqueue'>
  adminHost: DomainName
  authority: Source // 'import': front certificates come by hand, but for the admin host's own
}): {
  /** @returns how many names it found; where it found as many as it looks for there may be more */
  order(now: Date): Promise<number>
} {
  const { sourceDomains, targetHosts, lineages, jobs, adminHost, authority } = deps
  let hasAdminFront = false // once a start: what a crash left half done is done then

  /** The job stands before the lineage is put to use: what dies in between is found again by the next round. */
  async function lineageFor(tenantId: string | null, name: DomainName, source: Source, act: Act): Promise<Lineage> {
    const lineage =
      (await lineages.findByName(tenantId, frontLineageName(name))) ??
      (await create(tenantId, { name: frontLineageName(name), source }, act))
    await want(lineage, name, act)
    return lineage
  }

  async function want({ id: lineageId, tenantId, source }: Lineage, name: DomainName, act: Act): Promise<void> {
    if (source === 'import' && authority !== 'acme') return // an ACME authority stands in before it expires
    const payload: FrontCertificatePayload = { tenantId, lineageId, identifiers: [name] }
    await jobs.enqueue({ kind: FRONT_CERTIFICATE, key: lineageId, payload, runAt: act.at })
  }

  async function create(tenantId: string | null, lineage: { name: string; source: Source }, act: Act) {
    try {
      return await lineages.create(tenantId, lineage, act)
    } catch (error) {
      if (!(error instanceof ProblemError && error.code === 'already-exists')) throw error
      const other = await lineages.findByName(tenantId, lineage.name) // another node was faster
      if (!other) throw error
      return other
    }
  }

  return {
    async order(now) {
      const act: Act = { at: now, actor: authority === 'acme' ? 'acme' : 'local-authority', address: null }
      if (!hasAdminFront) {
        // The pages must be reachable at the first start, whoever issues the others and later this one
        await lineageFor(null, adminHost, 'local', act)
        hasAdminFront = true
      }
      if (authority === 'import') return 0
      const domains = await sourceDomains.wantingFront(PER_ROUND)
      for (const { tenantId, name } of domains) {
        const lineage = await lineageFor(tenantId, name, authority, act)
        await sourceDomains.setFrontLineage(tenantId, name, lineage.id, act)
      }
      const targets = await targetHosts.wantingFront(PER_ROUND)
      for (const { name } of targets)
        await targetHosts.setFrontLineage(name, (await lineageFor(null, name, authority, act)).id, act)
      return domains.length + targets.length
    },
  }
}
