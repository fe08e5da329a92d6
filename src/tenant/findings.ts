import type { Claim, Sighting } from './control.ts'

/** What one name server said of one name. Only the first three say anything about it. */
export type DnsReply =
  | 'answer' // it has records of that type, or an alias
  | 'empty' // the name is there, without such a record
  | 'no-such-name' // NXDOMAIN
  | 'server-failure' // SERVFAIL and its like
  | 'refused'
  | 'lame' // it does not serve the zone: no authoritative answer, or it points elsewhere
  | 'timeout'
  | 'unreachable'
  | 'malformed' // what came is no answer to the question
  | 'not-asked' // its address is none that this server asks: private, loopback, reserved

export interface ServerReply {
  server: string // "ns1.example.net"
  address: string // "192.0.2.1"; "" where it has none that could be found
  reply: DnsReply
  values: string[] // of TXT records the text, case and all; of a CNAME record the name, lower case, no final dot
}

/** Why no name server's word counts. */
export type LookFault =
  | 'no-resolver' // none of the configured resolvers answers: nothing is known of any name
  | 'no-zone' // they answer, but which servers have the zone could not be learnt
  | 'no-servers' // the zone names servers that have no address
  | 'servers-disagree' // on where an alias leads
  | 'alias-loop'
  | 'too-many-aliases'

/** One question, put to all name servers of the zone that answers it. */
export interface Look {
  name: string
  type: 'TXT' | 'CNAME'
  aliases: string[] // CNAME records that were followed, in their order; of the type CNAME none is
  zone: string | null // where they end; null: not learnt
  replies: ServerReply[] // of that zone's servers
  fault: LookFault | null
}

/** The port through which the world's DNS is seen. It answers and does not throw, bounded in time, servers and bytes. */
export interface NameServers {
  /** Asks now, past all caches of answers: the name servers of the zone themselves, all of them. */
  look(name: string, type: Look['type']): Promise<Look>
}

/** All that was asked about one source domain. */
export interface Findings {
  txt: Look // at _waypost-challenge.<name>
  txtSibling: Look | null // at a name beside it that nobody has made up before; null: not asked, since no token was found
  cname: Look | null // at the name itself; null: nobody claims it as hosted
  cnameSibling: Look | null
}

/** What a claim needs to be seen: its own token, and its tenant's own edge name. */
export interface Wanted {
  token: string
  edgeName: string
}

/** What a look says about one value; `wildcard`: it was found, but every other name beside this one has it too. */
export type Finding = 'found' | 'absent' | 'wildcard' | 'could-not-ask'

/** Whether a claim's own record is there: the TXT record, or the CNAME record of a hosted name. */
export function sightingOf(claim: Pick<Claim, 'mode'>, wanted: Wanted, findings: Findings): Sighting {
  const txt = txtFinding(wanted, findings)
  if (txt === 'found') return { outcome: 'ok', proof: 'txt' }
  const cname = claim.mode === 'hosted' ? cnameFinding(wanted, findings) : 'absent'
  if (cname === 'found') return { outcome: 'ok', proof: 'cname' }
  return { outcome: txt === 'could-not-ask' || cname === 'could-not-ask' ? 'could-not-ask' : 'wrong' }
}

export function txtFinding({ token }: Wanted, { txt, txtSibling }: Findings): Finding {
  return apartFromSibling(txt, txtSibling, token)
}

export function cnameFinding({ edgeName }: Wanted, { cname, cnameSibling }: Findings): Finding {
  if (cname === null) return 'could-not-ask' // it was nobody's hosted name when the look began
  return apartFromSibling(cname, cnameSibling, edgeName)
}

/** Whether a claim's record was found, so that a name beside it has to be asked for as well. */
export function isSeen(look: Look, value: string): boolean {
  return valueAt(look, value) === 'found'
}

/** Of the zone, sorted; null: not learnt. */
export function zoneServers({ txt, cname }: Findings): string[] | null {
  // Behind an alias it is another's zone, whose servers are none of this name's
  const look = [txt, cname].find((look) => look?.zone && look.aliases.length === 0 && look.replies.length > 0)
  return look ? [...new Set(look.replies.map(({ server }) => server))].sort() : null
}

/** Whether a server's reply tells anything about the name that it was asked about. */
export function saysSomething({ reply }: ServerReply): boolean {
  return reply === 'answer' || reply === 'empty' || reply === 'no-such-name'
}

/**
 * Whether those that say something are half of all servers at least. They are counted by name, not by address: where this
 * host has no IPv6, half of all addresses are out of reach.
 */
export function areEnough(replies: readonly ServerReply[]): boolean {
  const all = new Set(replies.map(({ server }) => server))
  const heard = new Set(replies.filter(saysSomething).map(({ server }) => server))
  return heard.size > 0 && heard.size * 2 >= all.size
}

export function hasValue({ type }: Pick<Look, 'type'>, { values }: ServerReply, value: string): boolean {
  // A name has one CNAME record (RFC 2181 §10.1): of several nobody can say where the name leads
  if (type === 'CNAME') return values.length > 0 && values.every((one) => one === value)
  return values.some((one) => one.trim() === value) // people paste
}

/** A record that every name has says nothing about this one: whoever controls any name of the zone could point to it. */
function apartFromSibling(look: Look, sibling: Look | null, value: string): Finding {
  const finding = valueAt(look, value)
  if (finding !== 'found') return finding
  // Not asked: the value was nobody's yet when the look began
  const beside = sibling === null ? 'could-not-ask' : valueAt(sibling, value)
  if (beside === 'could-not-ask') return 'could-not-ask'
  return beside === 'found' ? 'wildcard' : 'found'
}

/** Those that say something have to agree, and be enough: neither a stale secondary nor the only one left of many decides. */
function valueAt(look: Look, value: string): Exclude<Finding, 'wildcard'> {
  if (look.fault === 'alias-loop' || look.fault === 'too-many-aliases') return 'absent'
  if (look.fault !== null) return 'could-not-ask'
  if (!areEnough(look.replies)) return 'could-not-ask'
  const telling = look.replies.filter(saysSomething)
  if (telling.every((reply) => hasValue(look, reply, value))) return 'found'
  return telling.some((reply) => hasValue(look, reply, value)) ? 'could-not-ask' : 'absent'
}
