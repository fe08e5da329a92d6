import type { Act } from '../act.ts'
import type { LineageCertificate, LineageWithCertificates } from '../certificate/lineage.ts'
import { activation } from '../certificate/rollover.ts'
import { cacheSpanMs } from '../config.ts'
import type { AdminDeps } from './deps.ts'

/** @throws ProblemError not-found, too-early, certificate-refused */
export async function activate(
  { lineages, config }: Pick<AdminDeps, 'lineages' | 'config'>,
  { tenantId, certificates }: LineageWithCertificates,
  certificateId: string,
  isForced: boolean,
  act: Act,
): Promise<{ certificate: LineageCertificate; breaksUntil: Date | null }> {
  const { retiresAt, breaksUntil } = activation(certificates, certificateId, {
    now: act.at,
    cacheSpanMs: cacheSpanMs(config),
    isForced,
  })
  return { certificate: await lineages.activate(tenantId, certificateId, retiresAt, act), breaksUntil }
}
