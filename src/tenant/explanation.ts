import { displayName } from '../name.ts'
import {
  FRESH_PROOF_MS,
  lapsesAt,
  stateOf,
  type Claim,
  type ControlState,
  type ProofLook,
  type Sighting,
  type SightingSpan,
} from './control.ts'
import {
  cnameFinding,
  hasValue,
  isSeen,
  saysSomething,
  sightingOf,
  txtFinding,
  zoneSight,
  type Finding,
  type Findings,
  type Look,
  type LookFault,
  type ServerReply,
  type Wanted,
  type ZoneSight,
} from './findings.ts'
import { EXPLANATION_WORDS, type ExplanationWords } from './explanation-words.ts'
import { challengeName } from './proof-token.ts'

/** One screen: how it stands with a claim, what was asked of whom, what came back, what to do, when the next look is due. */
export interface Explanation {
  claim: Claim
  state: ControlState
  summary: string // one sentence
  advice: string[] // what to do, in order; empty: nothing
  isHeldByAnother: boolean
  sighting: Sighting | null // of this claim at the last look; null: nobody has looked yet
  lookedAt: Date | null
  looks: Look[]
  proofs: { txt: Finding; cname: Finding | null } | null // of its records; null with `sighting`
  further: { at: Date; looks: Look[] } | null // of records that prove nothing; null: nobody has looked for them
  zone: ZoneSight | null // null: not learnt
  lapsesAt: Date | null
  nextCheckAt: Date | null // null: none is due, since the operator vouches for it
  history: SightingSpan[] // what the looks came to, the newest first
}

/** What a name server did, read after its name. */
export const REPLY_WORDS = EXPLANATION_WORDS.replies

export const FAULT_WORDS: Record<LookFault, string> = {
  'no-resolver': 'No DNS resolver answers this server.',
  'no-zone': 'The name servers of the zone could not be learnt.',
  'no-servers': 'None of the zone’s name servers has a public address that could be asked.',
  'servers-disagree': 'The name servers disagree on where the alias leads.',
  'alias-loop': 'The aliases lead round in a circle.',
  'too-many-aliases': 'There are too many aliases to follow.',
}

const VALUES_SHOWN = 3
const VALUE_LENGTH_SHOWN = 80

/**
 * What is shown to the tenant of the claim, and so nothing by which another tenant could be known.
 * @param words of the reader's language
 */
export function explain(
  given: {
    claim: Claim
    wanted: Wanted
    last: ProofLook | undefined
    history: SightingSpan[]
    isHeldByAnother: boolean
    nextCheckAt: Date | null
  },
  words: ExplanationWords = EXPLANATION_WORDS,
): Explanation {
  const { claim, wanted, last, history, isHeldByAnother, nextCheckAt } = given
  const look = last && coversClaim(last, claim) ? last : undefined
  const sighting = look ? sightingOf(claim, wanted, look.findings) : null
  const seen = { ...given, look, sighting, words }
  return {
    claim,
    state: stateOf(claim),
    summary: summary(seen),
    advice: advice(seen),
    isHeldByAnother,
    sighting,
    lookedAt: look?.lookedAt ?? null,
    looks: look ? looksFor(claim, wanted, look.findings) : [],
    proofs: look ? proofsOf(claim, wanted, look.findings) : null,
    further: furtherOf(last),
    zone: last ? zoneSight(last.findings) : null,
    lapsesAt: lapsesAt(claim),
    nextCheckAt,
    history,
  }
}

/** Whether a look asked for all that the claim needs: it was made before, and as a hosted one if it is hosted. */
export function coversClaim({ lookedAt, findings }: ProofLook, { claimedAt, mode }: Claim): boolean {
  return claimedAt.getTime() <= lookedAt.getTime() && (mode === 'external' || findings.cname !== null)
}

/** Whether there is a record to publish: the first advice is to do so then, and the records stand below it. */
export function isToPublish(state: ControlState, outcome: Sighting['outcome'] | null): boolean {
  if (state === 'vouched') return false
  return state === 'proven' ? outcome === 'wrong' : outcome !== 'ok'
}

/** A name beside this one, and the CNAME record of an external name, are asked for the sake of others' claims too. */
function looksFor({ mode }: Claim, wanted: Wanted, { txt, txtSibling, cname, cnameSibling }: Findings): Look[] {
  const own = [
    [txt, txtSibling, wanted.token],
    ...(mode === 'hosted' ? [[cname, cnameSibling, wanted.edgeName] as const] : []),
  ] as const
  return own.flatMap(([look, sibling, value]) => {
    if (look === null) return []
    const isFound = look.replies.some((reply) => hasValue(look, reply, value))
    return sibling !== null && isFound ? [look, sibling] : [look]
  })
}

function proofsOf({ mode }: Claim, wanted: Wanted, findings: Findings): NonNullable<Explanation['proofs']> {
  return { txt: txtFinding(wanted, findings), cname: mode === 'hosted' ? cnameFinding(wanted, findings) : null }
}

function furtherOf(last: ProofLook | undefined): Explanation['further'] {
  const further = last?.findings.further
  return further ? { at: new Date(further.at), looks: further.looks } : null
}

interface Seen {
  claim: Claim
  wanted: Wanted
  look: ProofLook | undefined
  sighting: Sighting | null // null: no look covers the claim
  isHeldByAnother: boolean
  words: ExplanationWords
}

function summary({ claim, look, sighting, isHeldByAnother, words }: Seen): string {
  const name = displayName(claim.name)
  const isUnknown = sighting?.outcome === 'could-not-ask'
  const consequence = words.withoutProof(sighting?.outcome ?? 'none', isHeldByAnother)
  switch (stateOf(claim)) {
    case 'vouched':
      return words.vouched(name)
    case 'proven': {
      const { seenAt } = claim
      const record =
        claim.proof === 'txt'
          ? ({ type: 'TXT', at: challengeName(claim.name), seenAt } as const)
          : ({ type: 'CNAME', at: claim.name, seenAt } as const)
      const isAged = isUnknown && look!.lookedAt.getTime() - seenAt!.getTime() >= FRESH_PROOF_MS
      return words.proven(name, record, isAged ? 'aged' : isUnknown ? 'not asked' : 'asked')
    }
    case 'wavering':
      return words.wavering(name, claim.waveringSince, lapsesAt(claim), isUnknown)
    case 'lapsed':
      // Also where it was the operator's word, which was taken back
      return words.lapsed(name, claim.lapsedAt!, consequence)
    case 'unproven':
      return words.unproven(name, consequence)
  }
}

function advice({ claim, wanted, look, sighting, isHeldByAnother, words }: Seen): string[] {
  const state = stateOf(claim)
  if (state === 'vouched') return []
  if (state === 'proven' && (sighting === null || sighting.outcome === 'ok')) return []
  const lines = [
    // The records themselves stand beside it
    ...(isToPublish(state, sighting?.outcome ?? null) ? [words.publish[claim.mode]] : []),
    ...(state === 'proven' && sighting?.outcome === 'could-not-ask' ? [words.leave] : []),
    ...(look && isInDoubt(sighting, isHeldByAnother) ? found(claim, wanted, look.findings, words) : []),
    ...(isHeldByAnother ? [words.anotherHolds] : []),
    words.takesTime,
  ]
  return [...new Set(lines)] // of both records the same may be said
}

/** Whoever has found the record at too few of the servers to take the name from another wants to know which those are. */
function isInDoubt(sighting: Sighting | null, isHeldByAnother: boolean): boolean {
  return sighting?.outcome !== 'ok' || (isHeldByAnother && !sighting.isByMost)
}

interface Asked {
  look: Look
  sibling: Look | null
  value: string
  finding: Finding
}

function found({ mode }: Claim, wanted: Wanted, findings: Findings, words: ExplanationWords): string[] {
  const { txt, txtSibling, cname, cnameSibling } = findings
  const asked: Asked[] = [
    { look: txt, sibling: txtSibling, value: wanted.token, finding: txtFinding(wanted, findings) },
  ]
  if (mode === 'hosted' && cname) {
    const finding = cnameFinding(wanted, findings)
    asked.push({ look: cname, sibling: cnameSibling, value: wanted.edgeName, finding })
  }
  // One of the two is enough: where its owner has begun with the one, that the other is missing is no news
  const isBegun = asked.some(({ look }) => tells(look, wanted))
  const told = asked.filter((one) => !isBegun || !isNothing(one))
  return [...told.map((one) => aboutRecord(one, wanted, words)), ...doubled(told, words)]
}

/** Whether it is answered that there is nothing at all. */
function isNothing({ look: { fault, aliases, replies }, finding }: Asked): boolean {
  const isEmpty = replies.filter(saysSomething).every(({ values }) => values.length === 0)
  return fault === null && aliases.length === 0 && finding.is === 'absent' && isEmpty
}

/** Whether somebody has put something there for the sake of the proof, or something is broken. */
function tells({ type, fault, aliases, replies }: Look, { edgeName }: Wanted): boolean {
  if (fault !== null || aliases.length > 0) return true
  const values = replies.filter(saysSomething).flatMap(({ values }) => values)
  // A name may be an alias already, of where it has been served so far
  return type === 'TXT' ? values.length > 0 : values.some((value) => `.${value}.`.includes(parentOf(edgeName)))
}

function aboutRecord({ look, sibling, value, finding }: Asked, wanted: Wanted, words: ExplanationWords): string {
  const { name, type, aliases, zone, fault, replies } = look
  const at = aliases.length === 0 ? name : words.aliasOf(name, aliases)
  const end = aliases.at(-1)
  if (end !== undefined && isWithin(end, wanted.edgeName) && finding.is !== 'found')
    return words.hiddenByAlias(name, end)
  if (fault !== null) {
    const servers = replies.map(({ server }) => server)
    return words.fault(fault, at, zone, name, servers)
  }
  switch (finding.is) {
    case 'found':
      return words.found(at, type, finding.isByMost, failures(look, words))
    case 'wildcard':
      return words.wildcard(at)
    case 'wildcard-alias':
      return words.wildcardAlias(at, type, name)
    case 'absent':
      return aboutAbsence(look, at, value, words)
    case 'could-not-ask':
      return aboutSilence(look, sibling, at, value, words)
  }
}

function aboutAbsence(look: Look, at: string, own: string, words: ExplanationWords): string {
  const { type, aliases } = look
  const [having, telling] = opinions(look, own)
  if (having.length > 0) return words.atFew(at, having.map(serverOf), telling.map(serverOf))
  const values = [...new Set(telling.flatMap(({ values }) => values))]
  if (values.length > 0) {
    const shown = values.slice(0, VALUES_SHOWN).map(shortened)
    // Of those beyond, not all are kept
    return words.otherValue(at, type, shown, values.length > VALUES_SHOWN, hintAt(look, values, own, words))
  }
  if (aliases.length > 0) return words.noneBehindAlias(at)
  return isNoName(look) ? words.noName(at) : words.noRecord(at, type)
}

/** What may have gone wrong on the way from the record that is shown to what stands in DNS. */
function hintAt(look: Look, values: string[], own: string, { hints }: ExplanationWords): string {
  const { type, zone } = look
  if (type === 'TXT') {
    const isOwn = hasValue(look, { values: values.map((value) => value.toLowerCase()) }, own.toLowerCase())
    return isOwn ? hints.letterCase : ''
  }
  if (zone !== null && values.includes(`${own}.${zone}`)) return hints.finalDot(zone)
  return values.some((value) => own.endsWith(`.${value}`)) ? hints.shared : ''
}

/** Of a DNS panel that adds the zone to each name, and was given whole names. */
function doubled(asked: Asked[], words: ExplanationWords): string[] {
  const looks = asked.map(({ look }) => look).filter((look) => look.aliases.length === 0 && isNoName(look))
  const [first] = looks
  if (!first || first.zone === null) return []
  const { zone } = first
  const entered = looks.filter(({ name }) => isBelow(name, zone)).map(({ name }) => name.slice(0, -zone.length - 1))
  return entered.length === 0 ? [] : [words.doubled(zone, first.name, entered)]
}

function isNoName({ fault, replies }: Look): boolean {
  const telling = replies.filter(saysSomething)
  return fault === null && telling.length > 0 && telling.every(({ reply }) => reply === 'no-such-name')
}

function aboutSilence(look: Look, sibling: Look | null, at: string, value: string, words: ExplanationWords): string {
  const [having, lacking] = opinions(look, value)
  if (having.length > 0 && lacking.length > 0)
    return words.disagreement(at, having.map(serverOf), lacking.map(serverOf))
  if (isSeen(look, value)) return words.unsureOfWildcard(at, failures(sibling, words))
  return words.silence(look.zone, look.aliases.length === 0 ? null : at, failures(look, words))
}

/** The replies by which the record is there, and those by which it is not. */
function opinions(look: Look, value: string): [having: ServerReply[], lacking: ServerReply[]] {
  const telling = look.replies.filter(saysSomething)
  const having = telling.filter((reply) => hasValue(look, reply, value))
  return [having, telling.filter((reply) => !having.includes(reply))]
}

function failures(look: Look | null, { replies }: ExplanationWords): string[] {
  const silent = look?.replies.filter((reply) => !saysSomething(reply)) ?? []
  return silent.map((reply) => `${serverOf(reply)} ${replies[reply.reply]}`)
}

function serverOf({ server, address }: ServerReply): string {
  return address === '' ? server : `${server} (${address})`
}

/** What a stranger has published: in one line, in quotation marks, and not longer than need be. */
function shortened(value: string): string {
  return JSON.stringify(value.length > VALUE_LENGTH_SHOWN ? `${value.slice(0, VALUE_LENGTH_SHOWN)}…` : value)
}

function isWithin(name: string, ancestor: string): boolean {
  return name === ancestor || isBelow(name, ancestor)
}

function isBelow(name: string, ancestor: string): boolean {
  return name.endsWith(`.${ancestor}`)
}

/** With the dots around it. */
function parentOf(name: string): string {
  return `${name.slice(name.indexOf('.'))}.`
}
