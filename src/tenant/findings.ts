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
  | 'not-asked' // it has no address that this server asks: none at all, or a private or reserved one

export interface ServerReply {
  server: string // "ns1.example.net"
  address: string // "192.0.2.1"; "" where it has none that is asked
  reply: DnsReply
  // Of TXT records the text, case and all; of a CNAME record the name, lower case, no final dot. Of an alias that was told in
  // place of TXT records "CNAME target.example.net", so that no target is taken for a text. Of an SRV record "0 5 5269 host"
  values: string[]
}

/** Why no name server's word counts. */
export type LookFault =
  | 'no-resolver' // none of the configured resolvers answers: nothing is known of any name
  | 'no-zone' // they answer, but which servers have the zone could not be learnt
  | 'no-servers' // none of the zone's servers has an address that is asked
  | 'servers-disagree' // on where an alias leads
  | 'alias-loop'
  | 'too-many-aliases'

/** One question, put to all name servers of the zone that answers it. */
export interface Look {
  name: string
  type: 'TXT' | 'CNAME' | 'A' | 'AAAA' | 'SRV'
  aliases: string[] // CNAME records that were followed, in their order; of the type CNAME none is
  isLedByFew?: true // an alias on the way was told by no more than half of its zone's servers
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
  /** Of records that prove nothing, at the last look that somebody has asked for; left out: there was none. */
  further?: FurtherLooks
}

export interface FurtherLooks {
  at: number // ms since the epoch, when it began
  looks: Look[]
}

/** What a claim needs to be seen: its own token, and its tenant's own edge name. */
export interface Wanted {
  token: string
  edgeName: string
}

/** What a look says about one value, and whether more than half of all name servers say so. */
export interface Finding {
  is:
    | 'found'
    | 'absent'
    | 'wildcard' // it was found, but every other name beside this one has it too
    | 'wildcard-alias' // it was found behind an alias that every other name beside this one has too
    | 'could-not-ask'
  isByMost: boolean
}

const UNKNOWN: Finding = { is: 'could-not-ask', isByMost: false }

/** Whether a claim's own record is there: the TXT record, or the CNAME record of a hosted name. */
export function sightingOf({ mode }: Pick<Claim, 'mode'>, wanted: Wanted, findings: Findings): Sighting {
  const txt = { proof: 'txt' as const, ...txtFinding(wanted, findings) }
  const asked = mode === 'hosted' ? [txt, { proof: 'cname' as const, ...cnameFinding(wanted, findings) }] : [txt]
  const [first, ...others] = asked.filter(({ is }) => is === 'found')
  if (first) return { outcome: 'ok', proof: first.proof, isByMost: [first, ...others].some(isByMost) }
  if (asked.some(({ is }) => is === 'could-not-ask')) return { outcome: 'could-not-ask' }
  return { outcome: 'wrong', isByMost: asked.every(isByMost) }
}

export function txtFinding({ token }: Wanted, { txt, txtSibling }: Findings): Finding {
  return apartFromSibling(txt, txtSibling, token)
}

export function cnameFinding({ edgeName }: Wanted, { cname, cnameSibling }: Findings): Finding {
  if (cname === null) return UNKNOWN // it was nobody's hosted name when the look began
  return apartFromSibling(cname, cnameSibling, edgeName)
}

/** Whether a claim's record was found, so that a name beside it has to be asked for as well. */
export function isSeen(look: Look, value: string): boolean {
  return valueAt(look, value).is === 'found'
}

const OTHERS_KEPT = 4
const ADDRESSES_KEPT = 16
const LENGTH_KEPT = 100

/**
 * What of it is kept: whoever runs a zone decides how much its name servers say. About the values that are wanted it says
 * the same as before.
 */
export function withoutBulk(findings: Findings, wanted: readonly Wanted[]): Findings {
  const values = new Set(wanted.flatMap(({ token, edgeName }) => [token, edgeName]))
  const slim = (look: Look): Look => ({
    ...look,
    replies: look.replies.map((reply) => ({ ...reply, values: slimValues(look, reply, values) })),
  })
  const { txt, txtSibling, cname, cnameSibling, further } = findings
  return {
    txt: slim(txt),
    txtSibling: txtSibling && slim(txtSibling),
    cname: cname && slim(cname),
    cnameSibling: cnameSibling && slim(cnameSibling),
    ...(further && { further: { ...further, looks: further.looks.map(slim) } }),
  }
}

function slimValues(look: Look, { values }: ServerReply, wanted: ReadonlySet<string>): string[] {
  const own = values.map((value) => compared(look, value)).filter((value) => wanted.has(value))
  const most = look.type === 'A' || look.type === 'AAAA' ? ADDRESSES_KEPT : OTHERS_KEPT
  const others = values.filter((value) => !wanted.has(compared(look, value))).slice(0, most)
  // The mark is more than a courtesy: a value that begins with a wanted one is not cut to be that
  const cut = others.map((value) => (value.length > LENGTH_KEPT ? `${value.slice(0, LENGTH_KEPT - 1)}…` : value))
  return [...new Set([...own, ...cut])]
}

/** The zone that holds the name, and the names of its servers. */
export interface ZoneSight {
  name: string
  servers: string[] // sorted
}

/** Null: not learnt. */
export function zoneSight({ txt, cname }: Findings): ZoneSight | null {
  for (const look of [txt, cname]) {
    // Behind an alias it is another's zone, whose servers are none of this name's
    if (!look?.zone || look.aliases.length > 0 || look.replies.length === 0) continue
    return { name: look.zone, servers: [...new Set(look.replies.map(({ server }) => server))].sort() }
  }
  return null
}

/** Of the zone, sorted; null: not learnt. */
export function zoneServers(findings: Findings): string[] | null {
  return zoneSight(findings)?.servers ?? null
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

export function hasValue(look: Pick<Look, 'type'>, { values }: Pick<ServerReply, 'values'>, value: string): boolean {
  const isThere = (one: string) => compared(look, one) === value
  // A name has one CNAME record (RFC 2181 §10.1): of several nobody can say where the name leads
  return look.type === 'CNAME' ? values.length > 0 && values.every(isThere) : values.some(isThere)
}

function compared({ type }: Pick<Look, 'type'>, value: string): string {
  if (type !== 'TXT') return value
  // People paste, and DNS panels keep the quotation marks that a zone file has around a text
  return value
    .trim()
    .replace(/^"(.*)"$/s, '$1')
    .trim()
}

/** A record that every name has says nothing about this one: whoever controls any name of the zone could point to it. */
function apartFromSibling(look: Look, sibling: Look | null, value: string): Finding {
  const here = valueAt(look, value)
  if (here.is !== 'found') return here
  if (sibling === null) return UNKNOWN // not asked: the value was nobody's yet when the look began
  const isSurelyLed = !look.isLedByFew && !sibling.isLedByFew
  // Behind such an alias whoever it leads to would be asked the same twice, and may answer as they like
  if (isLedAlike(look, sibling)) return { is: 'wildcard-alias', isByMost: isSurelyLed }
  // A wildcard alias would have led this name as well: it has a record of its own, whatever stands behind the other's
  if (look.aliases.length === 0 && sibling.aliases.length > 0)
    return { ...here, isByMost: here.isByMost && isSurelyLed }
  const beside = valueAt(sibling, value)
  if (beside.is === 'could-not-ask') return UNKNOWN
  return { is: beside.is === 'found' ? 'wildcard' : 'found', isByMost: here.isByMost && beside.isByMost }
}

/** By the alias of a wildcard, or by one that a DNAME record makes: it replaces all but the first labels (RFC 6672 §2.2). */
function isLedAlike(look: Look, sibling: Look): boolean {
  const [alias, beside] = [look.aliases[0], sibling.aliases[0]]
  if (alias === undefined || beside === undefined) return false
  if (alias === beside) return true
  const [first, rest] = labels(alias)
  const [firstBeside, restBeside] = labels(beside)
  return rest === restBeside && first === labels(look.name)[0] && firstBeside === labels(sibling.name)[0]
}

function labels(name: string): [first: string, rest: string] {
  const end = name.indexOf('.')
  return [name.slice(0, end), name.slice(end + 1)]
}

/**
 * More than half of all servers decide, whatever the others say: one old secondary neither keeps a name nor withholds it.
 * Fewer are believed where they are half, and nobody contradicts them.
 */
export function valueAt(look: Look, value: string): Finding {
  const { fault, replies, isLedByFew = false } = look
  const { all, having, lacking } = opinions(look, value)
  if (fault === 'alias-loop' || fault === 'too-many-aliases')
    return { is: 'absent', isByMost: lacking * 2 > all && !isLedByFew }
  if (fault !== null) return UNKNOWN
  if (having * 2 > all) return { is: 'found', isByMost: !isLedByFew }
  if (lacking * 2 > all) return { is: 'absent', isByMost: !isLedByFew }
  const [has, ...others] = new Set(replies.filter(saysSomething).map((reply) => hasValue(look, reply, value)))
  if (has === undefined || others.length > 0 || !areEnough(replies)) return UNKNOWN
  return { is: has ? 'found' : 'absent', isByMost: false }
}

/** How many servers there are, by name, and of how many all addresses that say anything have the value, or lack it. */
function opinions(look: Look, value: string): { all: number; having: number; lacking: number } {
  const byServer = new Map(look.replies.map(({ server }) => [server, new Set<boolean>()]))
  for (const reply of look.replies.filter(saysSomething)) byServer.get(reply.server)!.add(hasValue(look, reply, value))
  const agreed = [...byServer.values()].filter(({ size }) => size === 1)
  const having = agreed.filter((has) => has.has(true)).length
  return { all: byServer.size, having, lacking: agreed.length - having }
}

function isByMost(finding: Finding): boolean {
  return finding.isByMost
}
