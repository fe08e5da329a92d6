import type { CertificateExplanation } from '../acme/certificate-explanation.ts'
import type { RecordSight } from '../delegation/record-sights.ts'
import type { SourceDomain } from '../delegation/source-domain.ts'
import type { Explanation } from '../tenant/proof-checks.ts'
import type { Standing } from './standing.ts'

/** Where a source domain stands, from its proof to those who fetch: each step with one reason. */
export interface DomainStanding {
  proven: Step<
    'suspended' | 'proven' | 'vouched' | 'wavering' | 'held-by-another' | 'other-value' | 'missing' | 'could-not-ask'
  >
  certificate: Step<'external' | 'valid' | 'ending' | 'expired' | 'failed' | 'underway' | 'by-hand' | 'not-proven'>
  published: Step<'nothing-delegated' | 'no-certificate' | 'expired' | 'published' | 'not-proven'>
  reachable: Step<
    | 'leads-here'
    | 'leads-elsewhere'
    | 'leads-nowhere'
    | 'not-looked'
    | 'could-not-ask'
    | 'not-served'
    | 'rule-in-place'
    | 'rule-wrong'
    | 'rule-unchecked'
    | 'rule-not-asked'
    | 'rule-after-proof'
  >
}

export interface Step<Why extends string> {
  state: 'done' | 'waiting' | 'wrong' | 'could-not-ask' | 'not-needed'
  why: Why
}

export interface StandingOf {
  domain: Pick<SourceDomain, 'mode' | 'proof' | 'waveringSince'>
  isSuspended: boolean // the domain, or its tenant
  explanation: Pick<Explanation, 'sighting' | 'isHeldByAnother'>
  proofs: readonly (RecordSight | null)[]
  /** Of the records by which the name leads here: its alias, or all of its addresses; null: not looked for. */
  leads: { alias: RecordSight | null; addresses: readonly (RecordSight | null)[] }
  certificate: Pick<CertificateExplanation, 'state' | 'failure'> | null // null: external
  isFrontByHand: boolean
  delegations: readonly { standing: Standing; rule: 'ok' | 'wrong' | 'could-not-ask' | null }[]
}

export function domainStanding(of: StandingOf): DomainStanding {
  return { proven: proven(of), certificate: certificate(of), published: published(of), reachable: reachable(of) }
}

function proven({ domain, isSuspended, explanation, proofs }: StandingOf): DomainStanding['proven'] {
  if (isSuspended) return { state: 'wrong', why: 'suspended' }
  if (domain.waveringSince !== null) return { state: 'wrong', why: 'wavering' }
  if (domain.proof === 'vouched') return { state: 'done', why: 'vouched' }
  if (domain.proof !== null) return { state: 'done', why: 'proven' }
  if (explanation.isHeldByAnother) return { state: 'wrong', why: 'held-by-another' }
  if (explanation.sighting?.outcome === 'could-not-ask') return { state: 'could-not-ask', why: 'could-not-ask' }
  const isOther = proofs.some((sight) => sight?.what === 'other' || sight?.what === 'wildcard')
  return isOther ? { state: 'wrong', why: 'other-value' } : { state: 'waiting', why: 'missing' }
}

function certificate({ domain, certificate: front, isFrontByHand }: StandingOf): DomainStanding['certificate'] {
  if (front === null || front.state === 'not needed') return { state: 'not-needed', why: 'external' }
  if (front.state === 'valid') return { state: 'done', why: 'valid' }
  if (front.state === 'due') return { state: 'done', why: 'ending' }
  if (front.state === 'expired') return { state: 'wrong', why: 'expired' }
  if (domain.proof === null) return { state: 'waiting', why: 'not-proven' }
  if (isFrontByHand) return { state: 'waiting', why: 'by-hand' }
  return front.failure ? { state: 'wrong', why: 'failed' } : { state: 'waiting', why: 'underway' }
}

function published({ domain, delegations }: StandingOf): DomainStanding['published'] {
  if (delegations.length === 0) return { state: 'waiting', why: 'nothing-delegated' }
  const standings = delegations.map(({ standing }) => standing)
  if (standings.includes('expired')) return { state: 'wrong', why: 'expired' }
  if (standings.includes('no-certificate')) return { state: 'waiting', why: 'no-certificate' }
  return domain.proof === null ? { state: 'waiting', why: 'not-proven' } : { state: 'done', why: 'published' }
}

function reachable(of: StandingOf): DomainStanding['reachable'] {
  return of.domain.mode === 'external' ? reachableByRule(of) : reachableHere(of)
}

function reachableByRule({ domain, delegations }: StandingOf): DomainStanding['reachable'] {
  const rules = delegations.map(({ rule }) => rule)
  if (domain.proof === null) return { state: 'waiting', why: 'rule-after-proof' }
  if (rules.includes('wrong')) return { state: 'wrong', why: 'rule-wrong' }
  if (rules.includes('could-not-ask')) return { state: 'could-not-ask', why: 'rule-not-asked' }
  const isInPlace = rules.length > 0 && rules.every((rule) => rule === 'ok')
  return isInPlace ? { state: 'done', why: 'rule-in-place' } : { state: 'waiting', why: 'rule-unchecked' }
}

function reachableHere({ leads, certificate: front }: StandingOf): DomainStanding['reachable'] {
  const { alias, addresses } = leads
  const known = [alias, ...addresses].filter((sight) => sight !== null)
  if (known.length === 0) return { state: 'waiting', why: 'not-looked' }
  const isByAddress = addresses.length > 0 && addresses.every((sight) => sight?.outcome === 'ok')
  if (alias?.outcome === 'ok' || isByAddress)
    return front?.state === 'missing' || front?.state === 'expired'
      ? { state: 'waiting', why: 'not-served' }
      : { state: 'done', why: 'leads-here' }
  if (known.some(({ outcome }) => outcome === 'could-not-ask')) return { state: 'could-not-ask', why: 'could-not-ask' }
  const isElsewhere = known.some(({ outcome, what }) => outcome === 'wrong' && what !== 'missing')
  return isElsewhere ? { state: 'wrong', why: 'leads-elsewhere' } : { state: 'waiting', why: 'leads-nowhere' }
}
