import { requireMatch, type Act } from '../act.ts'
import type { LineageCertificate, LineageWithCertificates } from '../certificate/lineage.ts'
import { activation } from '../certificate/rollover.ts'
import { cacheSpanMs } from '../config.ts'
import type { AdminDeps } from './deps.ts'

/** @throws ProblemError not-found, too-early, certificate-refused */
export async function activate(
  { lineages, config }: Pick<AdminDeps, 'lineages' | 'config'>,
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
  return { certificate: await lineages.activate(lineage.tenantId, certificateId, retiresAt, act), breaksUntil }
}
