import type { DnsReply, Findings, Look, ServerReply } from '../../src/tenant/findings.ts'

/** What a name server said: values, or why there are none. */
export type Said = string[] | DnsReply

/** A look at which the servers ns1, ns2 … of the zone said one thing each. */
export function aLook(type: Look['type'], said: readonly Said[], given: Partial<Look> = {}): Look {
  return {
    name: type === 'TXT' ? '_waypost-challenge.im.example.com' : 'im.example.com',
    type,
    aliases: [],
    zone: 'example.com',
    replies: said.map((one, index) => aReply(`ns${index + 1}.example.net`, one, `192.0.2.${index + 1}`)),
    fault: null,
    ...given,
  }
}

export function aReply(server: string, said: Said, address: string): ServerReply {
  return typeof said === 'string'
    ? { server, address, reply: said, values: [] }
    : { server, address, reply: 'answer', values: said }
}

/** What was found of a name, nothing of anybody's unless it is said. */
export function theFindings(given: Partial<Findings> = {}): Findings {
  return { txt: aLook('TXT', ['empty']), txtSibling: null, cname: null, cnameSibling: null, ...given }
}
