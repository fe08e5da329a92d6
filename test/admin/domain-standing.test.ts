import { describe, expect, test } from 'vitest'
import { domainStanding, type DomainStanding, type StandingOf } from '../../src/admin/domain-standing.ts'
import type { RecordSight } from '../../src/delegation/record-sights.ts'

const at = new Date('2026-11-23T12:00:00Z')
const sight = (outcome: RecordSight['outcome'], what: RecordSight['what']): RecordSight => ({
  ...{ outcome, what, at },
  found: [],
  replies: [],
})
const ok = sight('ok', 'found')
const missing = sight('wrong', 'missing')
const other = sight('wrong', 'other')
const silent = sight('could-not-ask', 'too-few')

const fresh: StandingOf = {
  domain: { mode: 'hosted', proof: null, waveringSince: null },
  isSuspended: false,
  explanation: { sighting: null, isHeldByAnother: false },
  proofs: [null, null],
  leads: { alias: null, addresses: [] },
  certificate: { state: 'missing', failure: null },
  isFrontByHand: false,
  delegations: [],
}
const proven = { ...fresh, domain: { ...fresh.domain, proof: 'txt' } } as const
const external = { ...fresh, domain: { ...fresh.domain, mode: 'external', proof: 'txt' }, certificate: null } as const
const failure = {} as NonNullable<StandingOf['certificate']>['failure']
const delegated = (
  standing: 'served' | 'no-certificate' | 'expired',
  rule: 'ok' | 'wrong' | 'could-not-ask' | null,
) => [{ standing, rule }]

describe('where a source domain stands', () => {
  test.each<[what: string, step: keyof DomainStanding, of: StandingOf, state: string, why: string]>([
    ['nobody has published anything', 'proven', fresh, 'waiting', 'missing'],
    ['the record is there', 'proven', proven, 'done', 'proven'],
    ['the operator vouches', 'proven', { ...fresh, domain: { ...fresh.domain, proof: 'vouched' } }, 'done', 'vouched'],
    ['it is suspended', 'proven', { ...proven, isSuspended: true }, 'wrong', 'suspended'],
    [
      'the record is gone',
      'proven',
      { ...proven, domain: { ...proven.domain, waveringSince: at } },
      'wrong',
      'wavering',
    ],
    [
      'another holds it',
      'proven',
      { ...fresh, explanation: { sighting: null, isHeldByAnother: true } },
      'wrong',
      'held-by-another',
    ],
    [
      'nobody could be asked',
      'proven',
      { ...fresh, explanation: { sighting: { outcome: 'could-not-ask' }, isHeldByAnother: false } },
      'could-not-ask',
      'could-not-ask',
    ],
    ['there is another value', 'proven', { ...fresh, proofs: [missing, other] }, 'wrong', 'other-value'],

    ['external', 'certificate', external, 'not-needed', 'external'],
    ['valid', 'certificate', { ...proven, certificate: { state: 'valid', failure: null } }, 'done', 'valid'],
    ['due', 'certificate', { ...proven, certificate: { state: 'due', failure: null } }, 'done', 'ending'],
    ['expired', 'certificate', { ...proven, certificate: { state: 'expired', failure: null } }, 'wrong', 'expired'],
    ['not proven', 'certificate', fresh, 'waiting', 'not-proven'],
    ['ordered', 'certificate', proven, 'waiting', 'underway'],
    ['failed', 'certificate', { ...proven, certificate: { state: 'missing', failure } }, 'wrong', 'failed'],
    ['by hand', 'certificate', { ...proven, isFrontByHand: true }, 'waiting', 'by-hand'],

    ['nothing is delegated', 'published', proven, 'waiting', 'nothing-delegated'],
    [
      'there is no certificate',
      'published',
      { ...proven, delegations: delegated('no-certificate', null) },
      'waiting',
      'no-certificate',
    ],
    ['it has expired', 'published', { ...proven, delegations: delegated('expired', null) }, 'wrong', 'expired'],
    ['all is there', 'published', { ...proven, delegations: delegated('served', null) }, 'done', 'published'],
    [
      'all but the proof is there',
      'published',
      { ...fresh, delegations: delegated('served', null) },
      'waiting',
      'not-proven',
    ],

    ['nobody has looked', 'reachable', proven, 'waiting', 'not-looked'],
    [
      'the alias leads here',
      'reachable',
      { ...proven, certificate: { state: 'valid', failure: null }, leads: { alias: ok, addresses: [missing] } },
      'done',
      'leads-here',
    ],
    [
      'the addresses lead here',
      'reachable',
      { ...proven, certificate: { state: 'valid', failure: null }, leads: { alias: missing, addresses: [ok, ok] } },
      'done',
      'leads-here',
    ],
    [
      'one of two addresses does',
      'reachable',
      { ...proven, leads: { alias: null, addresses: [ok, missing] } },
      'waiting',
      'leads-nowhere',
    ],
    [
      'it leads here, and there is nothing yet',
      'reachable',
      { ...proven, leads: { alias: ok, addresses: [] } },
      'waiting',
      'not-served',
    ],
    [
      'it leads elsewhere',
      'reachable',
      { ...proven, leads: { alias: missing, addresses: [other] } },
      'wrong',
      'leads-elsewhere',
    ],
    [
      'it leads nowhere',
      'reachable',
      { ...proven, leads: { alias: missing, addresses: [missing] } },
      'waiting',
      'leads-nowhere',
    ],
    [
      'that could not be asked',
      'reachable',
      { ...proven, leads: { alias: silent, addresses: [null] } },
      'could-not-ask',
      'could-not-ask',
    ],
    [
      'the rule is in place',
      'reachable',
      { ...external, delegations: delegated('served', 'ok') },
      'done',
      'rule-in-place',
    ],
    [
      'one rule is wrong',
      'reachable',
      { ...external, delegations: [...delegated('served', 'ok'), ...delegated('served', 'wrong')] },
      'wrong',
      'rule-wrong',
    ],
    [
      'one rule could not be asked',
      'reachable',
      { ...external, delegations: [...delegated('served', 'ok'), ...delegated('served', 'could-not-ask')] },
      'could-not-ask',
      'rule-not-asked',
    ],
    [
      'nobody has looked for the rule',
      'reachable',
      { ...external, delegations: delegated('served', null) },
      'waiting',
      'rule-unchecked',
    ],
    ['there is no rule yet', 'reachable', external, 'waiting', 'rule-unchecked'],
    [
      'the proof comes first',
      'reachable',
      { ...external, domain: { ...external.domain, proof: null } },
      'waiting',
      'rule-after-proof',
    ],
  ])('%s: %s', (_what, step, of, state, why) => {
    expect(domainStanding(of)[step]).toEqual({ state, why })
  })
})
