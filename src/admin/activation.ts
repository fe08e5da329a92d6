import { requireMatch, type Act } from '../act.ts'
import type { LineageCertificate, LineageWithCertificates } from '../certificate/lineage.ts'
import { activation } from '../certificate/rollover.ts'
import { cacheSpanMs } from '../config.ts'
import type { AdminDeps } from './deps.ts'

/** @throws ProblemError not-found, too-early, certificate-refused */
export async function activate(
  { lineages, orders, config }: Pick<AdminDeps, 'lineages' | 'orders' | 'config'>,
  lineage: LineageWithCertificates,
  certificateId: string,
  isForced: boolean,
  act: Act,
): Promise<{ certificate: LineageCertificate; breaksUntil: Date | null }> {
  requireMatch(act, lineage) // before reasons that are about what it has become
  const { retiresAt, breaksUntil } = activation(lineage.certificates, certificateId, {
    now: act.at,
    cacheSpanMs: cacheSpanMs(config),
    isForced,
  })
  // Who is in a hurry has not taken the next ones upon them
  const isIssued = lineage.identifiers !== null || (await orders.ofCertificate(certificateId)) !== undefined
  const by = isIssued ? lineage.source : 'import'
  return { certificate: await lineages.activate(lineage.tenantId, certificateId, retiresAt, act, by), breaksUntil }
}
