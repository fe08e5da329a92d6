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
      const end = `the name lapses ${instant(lapsesAt(claim))} at the earliest, unless it is found again`
      return isUnknown
        ? `${gone}, and could not be asked for at the last look, by which nothing is lost; ${end}.`
        : `${gone}; ${end}.`
    }
    case 'lapsed':
      return `Your proof that you control ${name} ended ${instant(claim.lapsedAt)}: ${withoutProof(sighting, isHeldByAnother)}.`
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
  const isProven = stateOf(claim) === 'proven'
  if (claim.proof === 'vouched') return []
  if (isProven && (sighting === null || sighting.outcome === 'ok')) return []
  const lines = [
    ...(sighting?.outcome === 'ok'
      ? []
      : isProven && sighting?.outcome === 'could-not-ask'
        ? ['Leave your record in place.']
        : publish(claim, wanted)),
    ...(look && isInDoubt(sighting, isHeldByAnother) ? found(claim, wanted, look.findings) : []),
    ...(isHeldByAnother ? [ANOTHER_HOLDS] : []),
    'What you change in DNS takes minutes to be seen everywhere, in some zones hours.',
  ]
  return [...new Set(lines)] // of both records the same may be said
}

/** Whoever has found the record at too few of the servers to take the name from another wants to know which those are. */
function isInDoubt(sighting: Sighting | null, isHeldByAnother: boolean): boolean {
  return sighting?.outcome !== 'ok' || (isHeldByAnother && !sighting.isByMost)
}

const ANOTHER_HOLDS =
  "Another tenant holds the name, whose own proof still stands. Take that tenant's record out of DNS, if one is there: " +
  'with the next look at which more than half of the name servers have yours and no longer the other, the name is ' +
  'yours. If the operator vouches for the other tenant, ask the operator.'

function publish({ mode, name }: Claim, { token, edgeName }: Wanted): string[] {
  const txt = `Publish a TXT record at ${challengeName(name)} with the value ${token}, in upper and lower case as here; it has to stay.`
  if (mode === 'external') return [txt]
  return [
    txt,
    `Or publish, in its place, a CNAME record at ${name} with the value ${edgeName}. (with its final dot), where the name has no other records; the apex of a zone always has some.`,
  ]
}

function found({ mode }: Claim, wanted: Wanted, findings: Findings): string[] {
  const { txt, txtSibling, cname, cnameSibling } = findings
  const lines = [aboutRecord(txt, txtSibling, wanted.token, txtFinding(wanted, findings), wanted)]
  if (mode === 'hosted' && cname)
    lines.push(aboutRecord(cname, cnameSibling, wanted.edgeName, cnameFinding(wanted, findings), wanted))
  return lines
}

function aboutRecord(look: Look, sibling: Look | null, value: string, finding: Finding, wanted: Wanted): string {
  const at = [look.name, ...look.aliases].join(', by CNAME ')
  if (look.fault !== null) return aboutFault(look, at)
  switch (finding.is) {
    case 'found': {
      const isByMost = finding.isByMost ? '' : ', but not by more than half of the name servers'
      return `At ${at} your ${look.type} record was found${isByMost}${list(failures(look))}.`
    }
    case 'wildcard':
      return `At ${at} your value was found, but by a wildcard record, which every name beside it has too: publish it at this very name, and take it out of the wildcard.`
    case 'wildcard-alias':
      return `At ${at} your value was found, but by a wildcard alias (or a DNAME record), which leads every name beside it there too: publish a ${look.type} record at ${look.name} itself.`
    case 'absent':
      return aboutAbsence(look, at, value, wanted)
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

function aboutAbsence(look: Look, at: string, own: string, { token, edgeName }: Wanted): string {
  const { type, name } = look
  const [having, telling] = opinions(look, own)
  if (having.length > 0)
    return `Most name servers have no longer, or not yet, your record at ${at}: it is at${list(having.map(serverOf), '')}, but not at${list(telling.map(serverOf), '')}.`
  const values = [...new Set(telling.flatMap(({ values }) => values))]
  if (values.length > 0) {
    const shown = values.slice(0, VALUES_SHOWN).map(shortened).join(', ')
    const more = values.length > VALUES_SHOWN ? ' and more' : '' // of which not all are kept
    const hint =
      type === 'TXT' && values.some((one) => bare(one) === bare(token))
        ? '; yours but for quotation marks, or for upper and lower case'
        : type === 'CNAME' && values.some((one) => edgeName.endsWith(`.${one}`))
          ? '; all tenants have that one in common, so it tells nothing about you'
          : ''
    return `At ${at} the ${type} record has another value: ${shown}${more}${hint}.`
  }
  if (telling.every(({ reply }) => reply === 'no-such-name'))
    return `There is no name ${at}; some DNS panels add the domain by themselves, and have then made ${name}.${name.slice(name.indexOf('.') + 1)} of it.`
  const hint = type === 'CNAME' ? '; an address record proves nothing about who you are' : ''
  return `At ${at} there is no ${type} record${hint}.`
}

function aboutSilence(look: Look, sibling: Look | null, at: string, value: string): string {
  const [having, lacking] = opinions(look, value)
  if (having.length > 0 && lacking.length > 0)
    return `The name servers disagree on ${at}: your record is at${list(having.map(serverOf), '')}, but not at${list(lacking.map(serverOf), '')}; a change takes its time to reach all of them.`
  if (isSeen(look, value))
    return `At ${at} your record was found, but whether it is a wildcard's could not be asked${list(failures(sibling))}.`
  return `Too few name servers of ${look.zone ?? 'the zone'} said anything about ${at}${list(failures(look))}.`
}

/** The replies by which the record is there, and those by which it is not. */
function opinions(look: Look, value: string): [having: ServerReply[], lacking: ServerReply[]] {
  const telling = look.replies.filter(saysSomething)
  const having = telling.filter((reply) => hasValue(look, reply, value))
  return [having, telling.filter((reply) => !having.includes(reply))]
}

function failures(look: Look | null): string[] {
  const silent = look?.replies.filter((reply) => !saysSomething(reply)) ?? []
  return silent.map((reply) => `${serverOf(reply)} ${FAILURES[reply.reply] ?? 'said nothing'}`)
}

const FAILURES: Partial<Record<DnsReply, string>> = {
  'server-failure': 'failed (SERVFAIL)',
  refused: 'refused to answer',
  lame: 'does not serve the zone',
  timeout: 'did not answer in time',
  unreachable: 'could not be reached',
  malformed: 'sent no valid answer',
  'not-asked': 'has no public address that could be asked',
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

function bare(value: string): string {
  return value.replaceAll('"', '').trim().toLowerCase()
}

function instant(at: Date | null): string {
  return at === null ? 'at no time' : `on ${at.toISOString().slice(0, 10)} at ${at.toISOString().slice(11, 16)} UTC`
}
