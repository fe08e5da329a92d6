import type { LineageWithCertificates } from '../certificate/lineage.ts'
import { active, published } from '../certificate/rollover.ts'
import type { SourceDomain } from '../delegation/source-domain.ts'

/** Where a delegation stands, worst first: what keeps it from being served. */
export type Standing = 'suspended' | 'unproven' | 'no-certificate' | 'expired' | 'served'

export function standingOf(
  sourceDomain: Pick<SourceDomain, 'proof' | 'suspendedAt'> | undefined,
  lineage: LineageWithCertificates | undefined,
  now: Date,
): Standing {
  if (sourceDomain && sourceDomain.suspendedAt !== null) return 'suspended'
  if (!sourceDomain || sourceDomain.proof === null) return 'unproven'
  if (lineage && published(lineage.certificates, now).length > 0) return 'served'
  const present = active(lineage?.certificates ?? [])
  return present && present.notAfter <= now ? 'expired' : 'no-certificate'
}
