import type { LineageWithCertificates } from '../certificate/lineage.ts'
import { active, published } from '../certificate/rollover.ts'
import type { Delegation } from '../delegation/delegation.ts'
import type { SourceDomain } from '../delegation/source-domain.ts'

/**
 * Where a delegation stands, worst first: what keeps it from being served, here or by the own web server of an external
 * source domain. `rule-unchecked`: nobody has looked at that server yet, or it could not be asked at the last look.
 */
export type Standing =
  'suspended' | 'unproven' | 'no-certificate' | 'expired' | 'rule-wrong' | 'rule-unchecked' | 'served'

export function standingOf(
  { ruleCheck }: Pick<Delegation, 'ruleCheck'>,
  sourceDomain: Pick<SourceDomain, 'mode' | 'proof' | 'suspendedAt'> | undefined,
  lineage: LineageWithCertificates | undefined,
  now: Date,
): Standing {
  if (sourceDomain && sourceDomain.suspendedAt !== null) return 'suspended'
  if (!sourceDomain || sourceDomain.proof === null) return 'unproven'
  if (!lineage || published(lineage.certificates, now).length === 0) {
    const present = active(lineage?.certificates ?? [])
    return present && present.notAfter <= now ? 'expired' : 'no-certificate'
  }
  if (sourceDomain.mode === 'hosted' || ruleCheck?.outcome === 'ok') return 'served'
  return ruleCheck?.outcome === 'wrong' ? 'rule-wrong' : 'rule-unchecked'
}
