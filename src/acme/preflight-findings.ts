import type { DomainName } from '../name.ts'
import { judgeCaa, type CaaIssuer, type CaaRecord } from './caa.ts'
import type { EdgeType } from './challenge-choice.ts'
import type { Seen } from './preflight.ts'
import type { ChallengeType } from './session.ts'

/** One thing that was looked at, for people. */
export interface Finding {
  name: DomainName
  check: 'addresses' | 'caa' | 'port-80' | 'challenge-record'
  outcome: 'ok' | 'wrong' | 'could-not-ask'
  whose: 'owner' | 'operator' // who has to do something about it where it is not ok
  words: string // what was found, and what exactly is to be changed
  isMoved?: true // DNS does not lead here at all
}

/** How control of a name can be shown by this server. */
export interface Means {
  challengeTypes: readonly EdgeType[]
  /** Where `_acme-challenge` of a name has to lead for dns-01; undefined: there is no zone for it. */
  aliasOf?: (name: DomainName) => string
}

/** For whom the name is looked at. */
export interface Issuer extends Means, Omit<CaaIssuer, 'challengeTypes'> {
  name: string // of the authority
}

export function findingsOf(seen: Seen, issuer: Issuer): Finding[] {
  const record = challengeRecord(seen, issuer)
  const [byAddress, ...byPort] = reachability(seen, issuer).map((one) =>
    one.outcome === 'wrong' && isLedToZone(seen, issuer) ? noObstacle(one) : one,
  )
  const ways = waysOf(seen, issuer)
  return [
    ...(byAddress ? [byAddress] : []),
    caa(seen, { ...issuer, challengeTypes: ways }),
    ...byPort,
    ...(record ? [record] : []),
  ]
}

/**
 * The challenges by which control of a name can be shown, the likeliest first. dns-01 comes last where an authority finds
 * this server there, and first where it does not or nobody knows.
 */
export function waysOf(seen: Seen, means: Means): ChallengeType[] {
  const { challengeTypes } = means
  if (!isLedToZone(seen, means)) return [...challengeTypes]
  const [byAddress, byPort80] = reachability(seen, means).map(({ outcome }) => outcome)
  if (byAddress === 'wrong') return ['dns-01']
  if (byAddress === 'ok' && byPort80 !== 'wrong' && byPort80 !== 'could-not-ask') return [...challengeTypes, 'dns-01']
  return ['dns-01', ...challengeTypes.filter((type) => type !== 'http-01' || byPort80 !== 'wrong')]
}

/** Whether DNS leads here, and then, where it matters, port 80. */
function reachability(seen: Seen, { challengeTypes }: Means): Finding[] {
  return [addresses(seen), ...(challengeTypes.includes('http-01') ? [port80(seen)] : [])]
}

function isLedToZone({ name, challengeRecord: sight }: Seen, { aliasOf }: Means): boolean {
  return aliasOf !== undefined && sight?.outcome === 'ok' && sight.alias === aliasOf(name)
}

function noObstacle({ name, check, whose, words }: Finding): Finding {
  const more = `It is no obstacle to a certificate, for control of ${name} is shown by the DNS challenge.`
  return { name, check, whose, outcome: 'ok', words: `${words} ${more}` }
}

function addresses({ name, addresses: sight, edge }: Seen): Finding {
  const { found, hasOthers, isByEdge, fault } = sight
  const about = { name, check: 'addresses', whose: 'owner' } as const
  const alias = sight.alias === null ? '' : ` (it is an alias of ${sight.alias})`
  if (isByEdge && found.length === 0 && fault === null)
    return {
      ...{ ...about, outcome: 'wrong', whose: 'operator' },
      words: `${name} is an alias of ${sight.alias}, which has no public address: the operator publishes A and AAAA records there.`,
    }
  if (edge.addresses.length === 0 && !isByEdge)
    return {
      ...{ ...about, outcome: 'could-not-ask', whose: 'operator' },
      words: `Whether ${name} leads here is not known, for this server does not know its own public addresses: the operator sets edge.addresses, or publishes address records at edge.name.`,
    }
  const strays = isByEdge ? [] : found.filter((address) => !edge.addresses.includes(address))
  const isStray = strays.length > 0 || (hasOthers && !isByEdge)
  if (isStray && !edge.isWhole)
    return {
      ...{ ...about, outcome: 'could-not-ask', whose: 'operator' },
      words: `Whether ${name} leads here is not known: it has the addresses ${list(found)}, and the addresses of the edge's own name could not be looked up just now.`,
    }
  const own = found.length - strays.length
  if (isStray && own > 0) return { ...about, outcome: 'wrong', words: strayWords(name, alias, strays) }
  if (fault)
    return {
      ...{ ...about, outcome: 'could-not-ask', whose: fault.isServerFailure ? 'owner' : 'operator' },
      words: `The addresses of ${name} could not all be looked up: ${fault.why}.${fault.isServerFailure ? ` ${FAILS_THERE_TOO}` : ''}`,
    }
  if (own > 0) return { ...about, outcome: 'ok', words: `${name} leads here${alias}: ${list(found)}.` }
  const where = strays.length > 0 ? `leads to ${list(strays)}${alias} and not to this server` : `${NOWHERE}${alias}`
  return {
    ...{ ...about, outcome: 'wrong', isMoved: true },
    words: `${name} ${where}. Publish A and AAAA records with ${list(edge.addresses)} and no others, or in their place one CNAME record; the page of a source domain shows them all. It is seen by itself once they are there.`,
  }
}

const NOWHERE = 'has no address in DNS, or none of the public Internet'
const FAILS_THERE_TOO =
  'An authority that meets this issues nothing: see that all name servers of the zone answer for A, AAAA and CAA records alike, and that its DNSSEC signatures are valid or its DS record is removed.'

function strayWords(name: DomainName, alias: string, strays: string[]): string {
  const [ipv4, ipv6] = [false, true].map((is) => strays.filter((address) => address.includes(':') === is))
  const records = [
    ...(ipv4 && ipv4.length > 0 ? [`A ${list(ipv4)}`] : []),
    ...(ipv6 && ipv6.length > 0 ? [`AAAA ${list(ipv6)}`] : []),
    ...(strays.length === 0 ? ['those with private or reserved addresses'] : []),
  ]
  const why =
    ipv6 && ipv6.length > 0
      ? 'authorities ask the IPv6 address first, and another one only where nothing answers there at all'
      : 'authorities may ask any one of the addresses'
  return `${name} leads here${alias}, but not by all of its addresses, and ${why}. Remove the records ${records.join(' and ')}.`
}

function caa({ name, caa: sight }: Seen, issuer: CaaIssuer & { name: string }): Finding {
  const about = { name, check: 'caa', whose: 'owner' } as const
  if (sight.outcome === 'could-not-ask')
    return {
      ...{ ...about, outcome: 'could-not-ask', whose: sight.isServerFailure ? 'owner' : 'operator' },
      words: `The CAA records of ${name} could not be looked up: ${sight.why}.${sight.isServerFailure ? ` ${FAILS_THERE_TOO}` : ''}`,
    }
  const { set } = sight
  if (set === null)
    return { ...about, outcome: 'ok', words: `No CAA record restricts who issues certificates for ${name}.` }
  const verdict = judgeCaa(set.records, issuer)
  if (verdict.outcome === 'ok') {
    const words =
      verdict.identity === null
        ? `The CAA records at ${set.at} restrict nobody who issues certificates for ${name}.`
        : `The CAA records at ${set.at} let ${issuer.name} (${verdict.identity}) issue certificates for ${name}.`
    return { ...about, outcome: 'ok', words }
  }
  const present = set.isShown ? list(set.records.map(recordText)) : 'they are not shown here'
  if (verdict.outcome === 'unknown')
    return {
      ...about,
      outcome: 'ok',
      words: `There are CAA records at ${set.at}: ${present}. Whether they mean ${issuer.name} cannot be judged, since it does not say what it is called in CAA records.`,
    }
  const owner = set.isEdges ? ({ ...about, whose: 'operator' } as const) : about
  const at = set.at === name ? name : `${set.at}, which hold for ${name} too,`
  return {
    ...owner,
    outcome: 'wrong',
    words: `The CAA records at ${at} do not let ${issuer.name} issue: ${present}. ${cure(verdict, set.at, issuer)}`,
  }
}

function cure(
  { by, tag }: { by: 'issuer' | 'account' | 'method' | 'critical'; tag: string },
  at: string,
  { caaIdentities, accountUrl, challengeTypes, name }: CaaIssuer & { name: string },
): string {
  if (by === 'critical')
    return `Remove the record "${cut(tag)}" there: it is marked as critical, and no authority knows it.`
  const identity = caaIdentities?.[0]
  if (identity === undefined)
    return `Add a record there that names ${name} as its documents say, or remove those with "issue".`
  const record = `${at}. CAA 0 issue "${identity}"`
  if (by === 'account')
    return `It names another account; add the record ${at}. CAA 0 issue "${identity}; accounturi=${accountUrl}", or one without accounturi.`
  if (by === 'method')
    return `It names other methods than this server's; add the record ${at}. CAA 0 issue "${identity}; validationmethods=${challengeTypes.join(',')}", or one without validationmethods.`
  return `Add the record ${record} there, or remove those with "issue".`
}

function recordText({ flags, tag, value }: CaaRecord): string {
  return `${flags} ${tag} "${cut(value)}"`
}

function port80({ name, probes }: Seen): Finding {
  const about = { name, check: 'port-80', whose: 'operator' } as const
  const wrong = probes.filter(({ reply, isEcho }) => isAnother(reply) && !isEcho)
  if (wrong.length > 0)
    return {
      ...{ ...about, outcome: 'wrong' },
      words: `Port 80 of ${name} is not answered by this server: ${wrong.map(answerText).join('; ')}. The address is this server's own: whatever answers there has to pass requests for /.well-known/acme-challenge/ on to the edge, with their Host line, or leave the port to it.`,
    }
  const redirects = probes.filter(({ reply }) => isRedirect(reply))
  if (redirects.length > 0)
    return {
      ...{ ...about, outcome: 'ok' },
      words: `Port 80 of ${name} redirects: ${redirects.map(answerText).join('; ')}. Authorities follow to port 80 or 443, so it may work; it is safer to let the edge answer /.well-known/acme-challenge/ itself.`,
    }
  const answering = probes.filter(({ isEcho }) => isEcho).map(({ address }) => address)
  if (answering.length > 0)
    return { ...about, outcome: 'ok', words: `Port 80 of ${name} is answered by this server at ${list(answering)}.` }
  const detail =
    probes.length > 0
      ? `${probes.map(answerText).join('; ')}. Behind NAT a machine often cannot reach its own public address, so that says little; from outside, port 80 has to be open.`
      : "none of its addresses is known to be this server's own, and no other is asked."
  return { ...about, outcome: 'could-not-ask', words: `Port 80 of ${name} could not be asked: ${detail}` }
}

type Probe = Seen['probes'][number]

/** Something else than this server has answered. What it says of its own faults, it says of the moment. */
function isAnother(reply: Probe['reply']): boolean {
  return reply.outcome === 'ok' && !isRedirect(reply) && reply.status < 500
}

function isRedirect(reply: Probe['reply']): boolean {
  return reply.outcome === 'ok' && reply.status >= 300 && reply.status < 400 && reply.location !== null
}

function answerText({ address, reply }: Probe): string {
  if (reply.outcome !== 'ok') return `${address}: ${reply.why}`
  const { status, location, body } = reply
  if (location !== null) return `${address} answered ${status} to ${cut(location)}`
  return body === '' ? `${address} answered ${status} without a body` : `${address} answered ${status}, "${cut(body)}"`
}

/** Of use to dns-01 alone: an authority reads what stands at that name itself, and follows an alias only where there is one. */
function challengeRecord({ name, challengeRecord: sight }: Seen, { aliasOf }: Means): Finding | null {
  if (sight === null || aliasOf === undefined) return null
  const at = `_acme-challenge.${name}`
  const about = { name, check: 'challenge-record', whose: 'owner' } as const
  if (sight.outcome === 'could-not-ask')
    return { ...about, outcome: 'could-not-ask', words: `${at} could not be looked up: ${sight.why}.` }
  const { alias, hasText } = sight
  const wanted = aliasOf(name)
  if (alias === wanted)
    return {
      ...about,
      outcome: 'ok',
      words: `${at} leads to this server's zone, so that the DNS challenge can be used.`,
    }
  const record = `${at}. CNAME ${wanted}.`
  const words =
    alias !== null
      ? `${at} is an alias that does not end in this server's zone: for the DNS challenge publish ${record} in its place.`
      : hasText
        ? `There are TXT records at ${at}. They stand in the way of the DNS challenge: for that remove them and publish ${record} in their place.`
        : `There is nothing at ${at}. With the record ${record} control could be shown by the DNS challenge, wherever ${name} leads.`
  return { ...about, outcome: 'ok', words }
}

const LONGEST_TEXT = 80
const LONGEST_LIST = 4

function cut(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text
}

function list(items: readonly string[]): string {
  const shown = items.slice(0, LONGEST_LIST).join(', ')
  return items.length > LONGEST_LIST ? `${shown} and ${items.length - LONGEST_LIST} more` : shown
}
