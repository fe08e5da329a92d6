import {
  isFrontLineage,
  type LineageCertificate,
  type LineageWithCertificates,
  type Source,
} from '../certificate/lineage.ts'
import { renewAt, takenOverAt } from '../certificate/renewal.ts'
import { active } from '../certificate/rollover.ts'
import { isPaused } from './authority-choice.ts'
import { CERTIFICATE_WORDS, type CertificateWords } from './certificate-words.ts'
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

/** @param words of the reader's language; what is said of a failure was written down in English when it failed */
export function explainCertificate(
  circumstances: Circumstances,
  words: CertificateWords = CERTIFICATE_WORDS,
): CertificateExplanation {
  const given = { ...circumstances, words }
  const { name, lineage, issued, underWay, memory, authorities, now } = given
  const present = lineage && (active(lineage.certificates) ?? null)
  const nameOf = (id: string | null | undefined) => authorities.find((one) => one.id === id)?.name ?? null
  const state = stateOf(given, present)
  const failure = memory && failureOf(memory, nameOf(memory.authorityId), given)
  const order = underWay && orderOf(underWay, nameOf(underWay.authorityId) ?? words.removedAuthority)
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

interface Given extends Circumstances {
  words: CertificateWords
}

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

function summaryOf({ name, lineage, words }: Given, state: State, present: LineageCertificate | null): string {
  // Of what only an XMPP server presents nobody asks over HTTPS
  const isService = lineage !== null && !isFrontLineage(lineage)
  const notAfter = present?.notAfter ?? null
  switch (state) {
    case 'not needed':
      return words.notNeeded(name)
    case 'missing':
      return words.missing(name, isService)
    case 'expired':
      return words.expired(name, notAfter, isService)
    case 'due':
      return words.due(name, notAfter)
    case 'valid':
      return words.valid(name, notAfter)
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

function nextStepOf(given: Given, seen: Seen): Step {
  const { lineage, issuedBy, control, now, nextRunAt, words } = given
  const { state, present, failure, order } = seen
  if (state === 'not needed') return { at: null, what: words.nothingToDo, sooner: [] }
  if ((lineage?.source ?? issuedBy) === 'import') return byHand(given, present)
  if (state === 'valid' && present) return renewalStep(given, seen, present)
  if (control === 'none')
    return {
      at: null,
      what: words.unproven,
      sooner: [words.unprovenSooner],
    }
  if (failure && isAhead(failure.nextTryAt, now))
    return {
      at: failure.nextTryAt,
      what: given.memory && hasMoved(given.memory, now) ? words.moved : words.triedAgain(failure.failures),
      sooner: [...(failure.whose === 'authority' ? [] : [words.mendFailure]), ...byDns(given), words.tryNow],
    }
  if (order)
    return {
      at: nextRunAt,
      what: words.underWay(order.authority, order.status),
      sooner: [],
    }
  return waitingStep(given)
}

const OF_REACH = ['connection', 'unauthorized', 'incorrectResponse', 'tls']

/** Where an authority did not find this server, or would not, it can be shown a record instead. */
function byDns({ name, memory, challengeAlias, words }: Given): string[] {
  if (challengeAlias === undefined || memory === undefined || memory.challengeType === 'dns-01') return []
  const { type, preflight } = memory.problem
  const isUnreached = (preflight?.findings ?? []).some(
    ({ check, outcome }) => outcome === 'wrong' && (check === 'addresses' || check === 'port-80'),
  )
  if (!isUnreached && !(memory.whose === 'owner' && OF_REACH.includes(type))) return []
  return [words.byDns(name, challengeAlias)]
}

function byHand({ lineage, issuedBy, words }: Given, present: LineageCertificate | null): Step {
  if (!present) return { at: null, what: words.byHandNone, sooner: [] }
  const hasStandIn = issuedBy === 'acme' && lineage !== null && isFrontLineage(lineage)
  const at = hasStandIn ? takenOverAt(present) : present.notAfter
  return { at, what: words.byHand(at, hasStandIn), sooner: [] }
}

/** It is to be ordered, has not failed, and no order is there: what it waits for. */
function waitingStep({ lineage, issuedBy, control, authorities, nextRunAt, now, words }: Given): Step {
  const isByAcme = lineage?.source === 'acme' || (issuedBy === 'acme' && !lineage?.identifiers)
  if (control === 'too old')
    return {
      at: nextRunAt,
      what: words.proofTooOld,
      sooner: [words.proofTooOldSooner],
    }
  if (isByAcme && authorities.length === 0)
    return {
      at: null,
      what: words.noAuthority,
      sooner: [words.noAuthoritySooner],
    }
  const [first] = authorities
  if (isByAcme && first && authorities.every((one) => isPaused(one, now))) {
    const ends = authorities.flatMap(({ pausedUntil }) => (pausedUntil ? [pausedUntil.getTime()] : []))
    return {
      at: nextRunAt,
      // Why, only the operator is shown, with the authority: it may be about another tenant's name
      what: words.paused(authorities.length === 1 ? first.name : null, new Date(Math.min(...ends))),
      sooner: [words.pausedSooner],
    }
  }
  if (nextRunAt === null)
    return {
      at: null,
      what: lineage ? words.idle : words.withinSeconds,
      sooner: lineage ? [words.idleSooner] : [],
    }
  if (nextRunAt <= now) return { at: null, what: words.atAnyMoment, sooner: [] }
  return {
    at: nextRunAt,
    what: words.turn,
    sooner: [words.turnSooner],
  }
}

function renewalStep(
  { lineage, renewalInfo, nextRunAt, words }: Given,
  { authority }: Seen,
  present: LineageCertificate,
): Step {
  if (nextRunAt === null)
    return {
      at: null,
      what: words.notRenewed,
      sooner: [words.notRenewedSooner],
    }
  const at = dueOf(present, lineage?.source, renewalInfo)
  const isByAcme = lineage?.source === 'acme'
  const fraction = words.fraction[shareOf(present)]
  const why = isByAcme ? whyThen(renewalInfo, at, authority ?? words.itsAuthority, fraction, words) : fraction
  return { at, what: words.renewed(why), sooner: isByAcme ? [words.renewedSooner] : [] }
}

function whyThen(
  known: KnownRenewalInfo | undefined,
  at: Date,
  authority: string,
  fraction: string,
  words: CertificateWords,
): string {
  if (!known?.renewAt) return words.noSuggestion(authority, known?.fault || null, fraction)
  const { start, end, renewAt: chosen, explanationUrl } = known
  if (at < chosen) return words.almostOver
  if (!start || !end || chosen < start || chosen > end) return words.asked
  return words.suggested(authority, start, end, explanationUrl)
}

const SHORT_LIVED_MS = 10 * 86_400_000

/** After how much of its lifetime it is renewed. */
function shareOf({ notBefore, notAfter }: LineageCertificate): keyof CertificateWords['fraction'] {
  return notAfter.getTime() - notBefore.getTime() < SHORT_LIVED_MS ? 'half' : 'two thirds'
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

function orderOf({ status, createdAt, url, authorizations }: Order, authority: string): OrderUnderWay {
  return {
    ...{ authority, status, startedAt: createdAt, url },
    authorizations: authorizations.map(({ identifier, status, challenge }) => ({
      ...{ identifier, status, challenge: challenge?.type ?? null, isAnswered: challenge?.isAnswered ?? false },
    })),
  }
}
