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
  values: string[] // of TXT records the text, of a CNAME record the name; lower case, no final dot
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

export declare function sightingOf(claim: Pick<Claim, 'mode'>, wanted: Wanted, findings: Findings): Sighting

/** Whether any claim's record was found, so that a name beside it has to be asked for as well. */
export declare function isSeen(look: Look, value: string): boolean

/** Of the zone, sorted; null: not learnt. */
export declare function zoneServers(findings: Findings): string[] | null
