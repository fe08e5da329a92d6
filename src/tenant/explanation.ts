import { displayName } from '../name.ts'
import {
  FRESH_PROOF_MS,
  lapsesAt,
  stateOf,
  type Claim,
  type ControlState,
  type ProofLook,
  type Sighting,
} from './control.ts'
import {
  cnameFinding,
  hasValue,
  isSeen,
  saysSomething,
  sightingOf,
  txtFinding,
  type DnsReply,
  type Finding,
  type Findings,
  type Look,
  type LookFault,
  type ServerReply,
  type Wanted,
} from './findings.ts'
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
  lapsesAt: Date | null
  nextCheckAt: Date | null // null: none is due, since the operator vouches for it
}

/** What a name server did, read after its name. */
export const REPLY_WORDS: Record<DnsReply, string> = {
  answer: 'answered',
  empty: 'has no such record',
  'no-such-name': 'has no such name (NXDOMAIN)',
  'server-failure': 'failed (SERVFAIL)',
  refused: 'refused to answer',
  lame: 'does not serve the zone',
  timeout: 'did not answer in time',
  unreachable: 'could not be reached',
  malformed: 'sent no valid answer',
  'not-asked': 'has no public address that could be asked',
}

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

/** What is shown to the tenant of the claim, and so nothing by which another tenant could be known. */
export function explain(given: {
  claim: Claim
  wanted: Wanted
  last: ProofLook | undefined
  isHeldByAnother: boolean
  nextCheckAt: Date | null
}): Explanation {
  const { claim, wanted, last, isHeldByAnother, nextCheckAt } = given
  const look = last && coversClaim(last, claim) ? last : undefined
  const sighting = look ? sightingOf(claim, wanted, look.findings) : null
  const seen = { ...given, look, sighting }
  return {
    claim,
    state: stateOf(claim),
    summary: summary(seen),
    advice: advice(seen),
    isHeldByAnother,
    sighting,
    lookedAt: look?.lookedAt ?? null,
    looks: look ? looksFor(claim, wanted, look.findings) : [],
    lapsesAt: lapsesAt(claim),
    nextCheckAt,
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

interface Seen {
  claim: Claim
  wanted: Wanted
  look: ProofLook | undefined
  sighting: Sighting | null // null: no look covers the claim
  isHeldByAnother: boolean
}

function summary({ claim, look, sighting, isHeldByAnother }: Seen): string {
  const name = displayName(claim.name)
  const isUnknown = sighting?.outcome === 'could-not-ask'
  switch (stateOf(claim)) {
    case 'vouched':
      return `The operator vouches that you control ${name}.`
    case 'proven': {
      const record =
        claim.proof === 'txt' ? `TXT record at ${challengeName(claim.name)}` : `CNAME record at ${claim.name}`
      const proven = `You have proven that you control ${name}: the ${record} was last seen ${instant(claim.seenAt)}`
      if (!isUnknown) return `${proven}, and has to stay.`
      const isAged = look!.lookedAt.getTime() - claim.seenAt!.getTime() >= FRESH_PROOF_MS
      const cost = isAged ? ', but no certificate is ordered until it can be' : ''
      return `${proven}; at the last look it could not be asked for, and nothing is lost by that${cost}.`
    }
    case 'wavering': {
      const gone = `Your proof that you control ${name} was found gone ${instant(claim.waveringSince)}`
      const end = `unless it is found again, the name lapses ${instant(lapsesAt(claim))} at the earliest, and nothing is served for it then`
      return isUnknown
        ? `${gone}, and could not be asked for at the last look, by which nothing is lost; ${end}.`
        : `${gone}; ${end}.`
    }
    case 'lapsed':
      // Also where it was the operator's word, which was taken back
      return `No proof that you control ${name} has been in force since ${moment(claim.lapsedAt!)}: ${withoutProof(sighting, isHeldByAnother)}.`
    case 'unproven':
      return `You have not proven yet that you control ${name}: ${withoutProof(sighting, isHeldByAnother)}.`
  }
}

function withoutProof(sighting: Sighting | null, isHeldByAnother: boolean): string {
  const consequence = isHeldByAnother ? 'another tenant holds the name' : 'nothing is served for it'
  switch (sighting?.outcome) {
    case 'ok':
      return `your record was found, but ${consequence}${isHeldByAnother ? '' : ' until it is found again'}`
    case 'wrong':
      return `your record was not found, and ${consequence}`
    case 'could-not-ask':
      return `there was no clear answer from its name servers, and ${consequence}`
    case undefined:
      return `nobody has looked for your record yet, and ${consequence}`
  }
}

function advice({ claim, wanted, look, sighting, isHeldByAnother }: Seen): string[] {
  const state = stateOf(claim)
  if (state === 'vouched') return []
  if (state === 'proven' && (sighting === null || sighting.outcome === 'ok')) return []
  const lines = [
    ...(isToPublish(state, sighting?.outcome ?? null) ? [PUBLISH[claim.mode]] : []),
    ...(state === 'proven' && sighting?.outcome === 'could-not-ask' ? ['Leave your record in place.'] : []),
    ...(look && isInDoubt(sighting, isHeldByAnother) ? found(claim, wanted, look.findings) : []),
    ...(isHeldByAnother ? [ANOTHER_HOLDS] : []),
    'A change in DNS takes minutes to be seen everywhere, in some zones hours; this server looks again by itself.',
  ]
  return [...new Set(lines)] // of both records the same may be said
}

/** The records themselves stand beside it. */
const PUBLISH: Record<Claim['mode'], string> = {
  hosted: 'Publish one of the records below; it has to stay.',
  external: 'Publish the record below; it has to stay.',
}

/** Whoever has found the record at too few of the servers to take the name from another wants to know which those are. */
function isInDoubt(sighting: Sighting | null, isHeldByAnother: boolean): boolean {
  return sighting?.outcome !== 'ok' || (isHeldByAnother && !sighting.isByMost)
}

const ANOTHER_HOLDS =
  'Another tenant holds the name, by a proof that still stands. If the record of that tenant is in your DNS, remove it: ' +
  'as soon as a look finds yours, and no longer the other, at more than half of the name servers, the name is yours. ' +
  'If none is there, the operator may vouch for that tenant: ask the operator.'

interface Asked {
  look: Look
  sibling: Look | null
  value: string
  finding: Finding
}

function found({ mode }: Claim, wanted: Wanted, findings: Findings): string[] {
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
  return [...told.map((one) => aboutRecord(one, wanted)), ...doubled(told)]
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

function aboutRecord({ look, sibling, value, finding }: Asked, wanted: Wanted): string {
  const { name, type, aliases } = look
  const at = aliases.length === 0 ? name : `${name} (an alias of ${aliases.join(', then of ')})`
  const end = aliases.at(-1)
  if (end !== undefined && isWithin(end, wanted.edgeName) && finding.is !== 'found')
    return `An alias (CNAME), probably that of a wildcard, leads ${name} to ${end}, and hides the challenge: publish the TXT record at ${name} itself, in place of any alias there.`
  if (look.fault !== null) return aboutFault(look, at)
  switch (finding.is) {
    case 'found': {
      const isByMost = finding.isByMost ? '' : ', but not by more than half of the name servers'
      return `At ${at} your ${type} record was found${isByMost}${list(failures(look))}.`
    }
    case 'wildcard':
      return `At ${at} your value was found, but by a wildcard record, which every name beside it has too: publish it at this very name, and take it out of the wildcard.`
    case 'wildcard-alias':
      return `At ${at} your value was found, but by a wildcard alias (or a DNAME record), which leads every name beside it there too: publish a ${type} record at ${name} itself.`
    case 'absent':
      return aboutAbsence(look, at, value)
    case 'could-not-ask':
      return aboutSilence(look, sibling, at, value)
  }
}

function aboutFault({ fault, zone, name, replies }: Look, at: string): string {
  switch (fault) {
    case 'no-resolver':
    case null:
      return 'No DNS resolver answers this server now, so nothing is known of any name; that is not for you to mend.'
    case 'no-zone':
      return `Which name servers have the zone of ${at} could not be learnt; see that the domain is registered and delegated to name servers that work.`
    case 'no-servers':
      return `The zone ${zone ?? `of ${name}`} is delegated to name servers of which none has a public address that could be asked${list(replies.map(({ server }) => server))}.`
    case 'servers-disagree':
      return `The name servers disagree on where the alias at ${at} leads; one of them may not have the latest zone yet.`
    case 'alias-loop':
      return `The CNAME records at ${at} lead round in a circle.`
    case 'too-many-aliases':
      return `The CNAME records at ${at} lead through too many names to be followed.`
  }
}

function aboutAbsence(look: Look, at: string, own: string): string {
  const { type, aliases } = look
  const [having, telling] = opinions(look, own)
  if (having.length > 0)
    return `Most name servers have no longer, or not yet, your record at ${at}: it is at${list(having.map(serverOf), '')}, but not at${list(telling.map(serverOf), '')}.`
  const values = [...new Set(telling.flatMap(({ values }) => values))]
  if (values.length > 0) {
    const shown = values.slice(0, VALUES_SHOWN).map(shortened).join(', ')
    const more = values.length > VALUES_SHOWN ? ' and more' : '' // of which not all are kept
    return `At ${at} the ${type} record has another value: ${shown}${more}${hintAt(look, values, own)}.`
  }
  if (aliases.length > 0)
    return `At ${at} there is no TXT record: publish it where the alias leads, or in place of the alias.`
  if (isNoName(look)) return `There is no name ${at} in DNS.`
  const hint = type === 'CNAME' ? '; an address record (A or AAAA) proves nothing' : ''
  return `At ${at} there is no ${type} record${hint}.`
}

/** What may have gone wrong on the way from the record that is shown to what stands in DNS. */
function hintAt(look: Look, values: string[], own: string): string {
  const { type, zone } = look
  if (type === 'TXT') {
    const isOwn = hasValue(look, { values: values.map((value) => value.toLowerCase()) }, own.toLowerCase())
    return isOwn ? '; that is yours but for upper and lower case, which matter here' : ''
  }
  if (zone !== null && values.includes(`${own}.${zone}`))
    return `; that is yours with ${zone} added, since its final dot was forgotten`
  const isShared = values.some((value) => own.endsWith(`.${value}`))
  return isShared ? '; all tenants have that one in common, so it tells nothing about you' : ''
}

/** Of a DNS panel that adds the zone to each name, and was given whole names. */
function doubled(asked: Asked[]): string[] {
  const looks = asked.map(({ look }) => look).filter((look) => look.aliases.length === 0 && isNoName(look))
  const [first] = looks
  if (!first || first.zone === null) return []
  const { zone } = first
  const entered = looks.filter(({ name }) => isBelow(name, zone)).map(({ name }) => name.slice(0, -zone.length - 1))
  if (entered.length === 0) return []
  return [
    `Some DNS panels add ${zone} to a name by themselves, and make ${first.name}.${zone} of the whole one: enter only ${entered.join(' or ')} there.`,
  ]
}

function isNoName({ fault, replies }: Look): boolean {
  const telling = replies.filter(saysSomething)
  return fault === null && telling.length > 0 && telling.every(({ reply }) => reply === 'no-such-name')
}

function aboutSilence(look: Look, sibling: Look | null, at: string, value: string): string {
  const [having, lacking] = opinions(look, value)
  if (having.length > 0 && lacking.length > 0)
    return `The name servers disagree on ${at}: your record is at${list(having.map(serverOf), '')}, but not at${list(lacking.map(serverOf), '')}; a change takes its time to reach all of them.`
  if (isSeen(look, value))
    return `At ${at} your record was found, but whether it is a wildcard's could not be asked${list(failures(sibling))}.`
  const about = look.aliases.length === 0 ? '' : ` about ${at}`
  return `Too few name servers of ${look.zone ?? 'the zone'} gave an answer${about}${list(failures(look))}.`
}

/** The replies by which the record is there, and those by which it is not. */
function opinions(look: Look, value: string): [having: ServerReply[], lacking: ServerReply[]] {
  const telling = look.replies.filter(saysSomething)
  const having = telling.filter((reply) => hasValue(look, reply, value))
  return [having, telling.filter((reply) => !having.includes(reply))]
}

function failures(look: Look | null): string[] {
  const silent = look?.replies.filter((reply) => !saysSomething(reply)) ?? []
  return silent.map((reply) => `${serverOf(reply)} ${REPLY_WORDS[reply.reply]}`)
}

function serverOf({ server, address }: ServerReply): string {
  return address === '' ? server : `${server} (${address})`
}

function list(items: string[], before = ':'): string {
  return items.length === 0 ? '' : `${before} ${items.join(', ')}`
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

function instant(at: Date | null): string {
  return at === null ? 'at no time' : `on ${moment(at)}`
}

function moment(at: Date): string {
  return `${at.toISOString().slice(0, 10)} at ${at.toISOString().slice(11, 16)} UTC`
}
