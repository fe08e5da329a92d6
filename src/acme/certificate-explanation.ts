import {
  isFrontLineage,
  type LineageCertificate,
  type LineageWithCertificates,
  type Source,
} from '../certificate/lineage.ts'
import { renewAt, takenOverAt } from '../certificate/renewal.ts'
import { active } from '../certificate/rollover.ts'
import { isPaused } from './authority-choice.ts'
import type { Authority } from './authority.ts'
import { failureWords } from './failure.ts'
import { hasMoved } from './preflight-gate.ts'
import type { IssuanceMemory, KnownRenewalInfo, Order, Whose } from './order.ts'
import type { Finding } from './preflight-findings.ts'
import { dueAt } from './renewal-rule.ts'
import { isAhead } from './retry.ts'

/** One screen: how it stands with the certificate of a host or a lineage, what comes next, when and why. */
export interface CertificateExplanation {
  name: string
  state: 'valid' | 'due' | 'expired' | 'missing' | 'not needed'
  summary: string // one sentence
  certificate: LineageCertificate | null // the active one
  authority: string | null // that has issued it; null: none that is set up here, or there is none
  next: { at: Date | null; what: string } // null: no instant can be told
  order: OrderUnderWay | null
  failure: Failure | null
  sooner: string[] // what would bring the next step forward; empty: nothing would
}

export interface OrderUnderWay {
  authority: string
  status: Order['status']
  startedAt: Date
  url: string | null
  authorizations: { identifier: string; status: string; challenge: string | null; isAnswered: boolean }[]
}

export interface Failure {
  at: Date
  failures: number // in a row
  whose: Whose
  authority: string | null
  words: string // what it said and what is to be done
  findings: Pick<Finding, 'name' | 'check' | 'outcome' | 'words'>[] // of a look before an order; none: it came to one
  nextTryAt: Date
}

export interface Circumstances {
  name: string // of the host, or of the lineage where it is no host's
  isHosted: boolean // false: its owner's web server answers for it
  lineage: LineageWithCertificates | null // null: it has none yet
  issuedBy: Source // who is to issue front certificates
  /** What is known of the owner's proof, which an order wants to be fresh; 'not needed': the name is the operator's own. */
  control: 'proven' | 'too old' | 'none' | 'not needed'
  authorities: Authority[] // that may be asked
  issued: Order | undefined // by which the active certificate came
  underWay: Order | undefined
  memory: IssuanceMemory | undefined
  renewalInfo: KnownRenewalInfo | undefined // of the active certificate
  nextRunAt: Date | null // when the lineage is looked at again; null: at no time
  /** Where `_acme-challenge` of the name leads for the DNS challenge; undefined: it is not used. */
  challengeAlias?: string | undefined
  now: Date
}

export function explainCertificate(given: Circumstances): CertificateExplanation {
  const { name, lineage, issued, underWay, memory, authorities, now } = given
  const present = lineage && (active(lineage.certificates) ?? null)
  const nameOf = (id: string | null | undefined) => authorities.find((one) => one.id === id)?.name ?? null
  const state = stateOf(given, present)
  const failure = memory && failureOf(memory, nameOf(memory.authorityId), given)
  const order = underWay && orderOf(underWay, nameOf(underWay.authorityId))
  const step = nextStepOf(given, { state, present, failure, order, authority: nameOf(issued?.authorityId) })
  return {
    ...{ name, state, certificate: present, authority: nameOf(issued?.authorityId) },
    summary: summaryOf(given, state, present),
    next: { at: step.at !== null && step.at <= now ? null : step.at, what: step.what },
    order: order ?? null,
    failure: failure ?? null,
    sooner: step.sooner,
  }
}

type State = CertificateExplanation['state']

function stateOf(given: Circumstances, present: LineageCertificate | null): State {
  const { isHosted, lineage, issuedBy, renewalInfo, now } = given
  if (!isHosted && !present) return 'not needed'
  if (!present) return 'missing'
  if (present.notAfter <= now) return 'expired'
  // The world does not trust the local authority: what it has issued gives way as soon as an ACME authority issues
  if (lineage?.source === 'local' && lineage.identifiers === null && issuedBy === 'acme') return 'due'
  return lineage?.source !== 'import' && dueOf(present, lineage?.source, renewalInfo) <= now ? 'due' : 'valid'
}

/** Only of certificates of ACME authorities anything but a fraction of the lifetime is known. */
function dueOf(present: LineageCertificate, source: Source | undefined, known: KnownRenewalInfo | undefined): Date {
  return source === 'acme' ? dueAt(present, known) : renewAt(present)
}

function summaryOf({ name, lineage }: Circumstances, state: State, present: LineageCertificate | null): string {
  // Of what only an XMPP server presents nobody asks over HTTPS
  const isService = lineage !== null && !isFrontLineage(lineage)
  switch (state) {
    case 'not needed':
      return `The web server of ${name} is its owner's, who sees to its certificate; none is needed here.`
    case 'missing':
      return `There is no certificate for ${name} yet${isService ? '' : ', so that nobody can connect to it over HTTPS'}.`
    case 'expired':
      return `The certificate of ${name} expired ${instant(present?.notAfter)}: whoever connects${isService ? '' : ' over HTTPS'} refuses it.`
    case 'due':
      return `The certificate of ${name} is valid until ${bare(present?.notAfter)}, and is to be replaced now.`
    case 'valid':
      return `The certificate of ${name} is valid until ${bare(present?.notAfter)}.`
  }
}

interface Seen {
  state: State
  present: LineageCertificate | null
  failure: Failure | undefined
  order: OrderUnderWay | undefined
  authority: string | null
}

interface Step {
  at: Date | null
  what: string
  sooner: string[]
}

const TRY_NOW = 'Have it tried now (waypost certificate issue), which may be done five times an hour.'

function nextStepOf(given: Circumstances, seen: Seen): Step {
  const { lineage, issuedBy, control, now, nextRunAt } = given
  const { state, present, failure, order } = seen
  if (state === 'not needed') return { at: null, what: 'Nothing has to be done.', sooner: [] }
  if ((lineage?.source ?? issuedBy) === 'import') return byHand(given, present)
  if (state === 'valid' && present) return renewalStep(given, seen, present)
  if (control === 'none')
    return {
      at: null,
      what: 'Nothing is ordered before control of the name is proven.',
      sooner: ['Publish the DNS record that proves control, which the page of the name shows.'],
    }
  if (failure && isAhead(failure.nextTryAt, now))
    return {
      at: failure.nextTryAt,
      what: given.memory && hasMoved(given.memory, now) ? MOVED : `It is tried again after ${times(failure.failures)}.`,
      sooner: [
        ...(failure.whose === 'authority' ? [] : ['Put right what is said of the last failure.']),
        ...byDns(given),
        TRY_NOW,
      ],
    }
  if (order)
    return {
      at: nextRunAt,
      what: `An order at ${order.authority} is under way (${order.status}), and is looked at again.`,
      sooner: [],
    }
  return waitingStep(given)
}

const OF_REACH = ['connection', 'unauthorized', 'incorrectResponse', 'tls']

/** Where an authority did not find this server, or would not, it can be shown a record instead. */
function byDns({ name, memory, challengeAlias }: Circumstances): string[] {
  if (challengeAlias === undefined || memory === undefined || memory.challengeType === 'dns-01') return []
  const { type, preflight } = memory.problem
  const isUnreached = (preflight?.findings ?? []).some(
    ({ check, outcome }) => outcome === 'wrong' && (check === 'addresses' || check === 'port-80'),
  )
  if (!isUnreached && !(memory.whose === 'owner' && OF_REACH.includes(type))) return []
  return [
    `Or publish _acme-challenge.${name}. CNAME ${challengeAlias}. and leave it there: control is shown in DNS then.`,
  ]
}

const MOVED =
  'For more than seven days DNS has led elsewhere, so that the name counts as moved: what it has is kept, and it is looked at again daily.'

function byHand({ lineage, issuedBy }: Circumstances, present: LineageCertificate | null): Step {
  if (!present) return { at: null, what: 'Its certificates come by hand: one has to be imported.', sooner: [] }
  const hasStandIn = issuedBy === 'acme' && lineage !== null && isFrontLineage(lineage)
  const at = hasStandIn ? takenOverAt(present) : present.notAfter
  const orElse = hasStandIn ? ', or an ACME authority issues it from then on' : ''
  return {
    at,
    what: `Its certificates come by hand: the next one has to be imported before ${bare(at)}${orElse}.`,
    sooner: [],
  }
}

/** It is to be ordered, has not failed, and no order is there: what it waits for. */
function waitingStep({ lineage, issuedBy, control, authorities, nextRunAt, now }: Circumstances): Step {
  const isByAcme = lineage?.source === 'acme' || (issuedBy === 'acme' && !lineage?.identifiers)
  if (control === 'too old')
    return {
      at: nextRunAt,
      what: 'An order wants a proof of control that was seen within 24 hours: the name servers are asked for it.',
      sooner: ["See that the name servers answer, and have the name's proof checked now."],
    }
  if (isByAcme && authorities.length === 0)
    return {
      at: null,
      what: 'No authority is set up that could be asked.',
      sooner: ['The operator adds one: waypost authority add.'],
    }
  const [first] = authorities
  if (isByAcme && first && authorities.every((one) => isPaused(one, now))) {
    const ends = authorities.flatMap(({ pausedUntil }) => (pausedUntil ? [pausedUntil.getTime()] : []))
    return {
      at: nextRunAt,
      // Why, only the operator is shown, with the authority: it may be about another tenant's name
      what: `${authorities.length === 1 ? first.name : 'Every authority'} is asked for nothing until ${bare(new Date(Math.min(...ends)))}.`,
      sooner: [
        'The operator mends the cause, which is shown with the authority, and has it asked again (waypost authority resume), or adds another one.',
      ],
    }
  }
  if (nextRunAt === null)
    return {
      at: null,
      what: lineage ? 'Nothing is under way.' : 'It is ordered within seconds, while the server runs.',
      sooner: lineage ? ['Have it issued now (waypost certificate issue).'] : [],
    }
  if (nextRunAt <= now) return { at: null, what: 'It is ordered at any moment, while the server runs.', sooner: [] }
  return {
    at: nextRunAt,
    what: "It waits for its turn: the authority's limits leave room for so many orders at a time.",
    sooner: ['The operator adds another authority, or has the limit raised and says so in acme.limits.'],
  }
}

function renewalStep(
  { lineage, renewalInfo, nextRunAt }: Circumstances,
  { authority }: Seen,
  present: LineageCertificate,
): Step {
  if (nextRunAt === null)
    return {
      at: null,
      what: 'It is not renewed, since no host presents it.',
      sooner: ['Let a host present it, then have it issued now.'],
    }
  const at = dueOf(present, lineage?.source, renewalInfo)
  const isByAcme = lineage?.source === 'acme'
  const why = isByAcme ? whyThen(present, renewalInfo, at, authority ?? 'its authority') : fractionWords(present)
  return {
    at,
    what: `It is renewed: ${why}.`,
    sooner: isByAcme
      ? ['Have it renewed now (waypost certificate renew), which counts against the limits of the authority.']
      : [],
  }
}

function whyThen(
  present: LineageCertificate,
  known: KnownRenewalInfo | undefined,
  at: Date,
  authority: string,
): string {
  if (!known?.renewAt) {
    const fault = known?.fault ? ` (${known.fault})` : ''
    return `${authority} has suggested no time${fault}, and ${fractionWords(present)}`
  }
  const { start, end, renewAt: chosen, explanationUrl } = known
  if (at < chosen) return 'no more than a twentieth of its lifetime is left then, whatever the authority suggests'
  if (!start || !end || chosen < start || chosen > end) return 'somebody has asked for it'
  const reason = explanationUrl === null ? '' : `, and says why at ${explanationUrl}`
  return `${authority} suggests an instant between ${bare(start)} and ${bare(end)}${reason}`
}

const SHORT_LIVED_MS = 10 * 86_400_000

function fractionWords({ notBefore, notAfter }: LineageCertificate): string {
  const share = notAfter.getTime() - notBefore.getTime() < SHORT_LIVED_MS ? 'half' : 'two thirds'
  return `${share} of its lifetime will have passed then`
}

function failureOf(memory: IssuanceMemory, authority: string | null, { name, lineage }: Circumstances): Failure {
  const { failedAt, failures, whose, nextAt } = memory
  const identifiers = lineage?.identifiers ?? [name] // one that is wanted for names may be called anything
  const words = failureWords(memory, { authority: authority ?? 'The authority', identifiers })
  // What stands against it is among the words already
  const findings = (memory.problem.preflight?.findings ?? [])
    .filter((one) => !words.includes(one.words))
    .map(({ name, check, outcome, words }) => ({ name, check, outcome, words }))
  return { at: failedAt, failures, whose, authority, words, findings, nextTryAt: nextAt }
}

function orderOf({ status, createdAt, url, authorizations }: Order, authority: string | null): OrderUnderWay {
  return {
    ...{ authority: authority ?? 'an authority that was removed', status, startedAt: createdAt, url },
    authorizations: authorizations.map(({ identifier, status, challenge }) => ({
      ...{ identifier, status, challenge: challenge?.type ?? null, isAnswered: challenge?.isAnswered ?? false },
    })),
  }
}

function times(count: number): string {
  return count === 1 ? 'one failure' : `${count} failures in a row`
}

function instant(at: Date | null | undefined): string {
  return at ? `on ${bare(at)}` : 'at no time'
}

function bare(at: Date | null | undefined): string {
  return at ? `${at.toISOString().slice(0, 10)} ${at.toISOString().slice(11, 16)} UTC` : 'at no time'
}
