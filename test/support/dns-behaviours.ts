import { encode, type Answer, type Packet } from 'dns-packet'
import type { DnsQuery } from './dns-wire.ts'

/** What a server does with a question, with what it would properly answer at hand; the packets that go out. */
export type BehaviourOf = (query: DnsQuery, proper: () => Promise<Buffer>) => Promise<Buffer[]> | Buffer[]

export type Behaviour = keyof typeof BEHAVIOURS | BehaviourOf

export function behaviourOf(behaviour: Behaviour): BehaviourOf {
  return typeof behaviour === 'function' ? behaviour : BEHAVIOURS[behaviour]
}

const AUTHORITATIVE = 0x0400
const TRUNCATED = 0x0200
const RECURSION_AVAILABLE = 0x0080

/** A reply to a question, made up. */
export function reply(
  { packet, name, type }: Pick<DnsQuery, 'packet' | 'name' | 'type'>,
  { rcode = 0, flags = AUTHORITATIVE, ...sections }: Packet & { rcode?: number } = {},
): Buffer {
  const id = packet.id ?? 0
  return encode({ type: 'response', id, flags: flags | rcode, questions: [{ name, type }], ...sections })
}

export function txt(name: string, ...strings: string[]): Answer {
  return { name, type: 'TXT', ttl: 1, data: strings }
}

export function cname(name: string, data: string): Answer {
  return { name, type: 'CNAME', ttl: 1, data }
}

function patched(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes)
  change(copy)
  return copy
}

const rcode =
  (code: number): BehaviourOf =>
  (query) => [reply(query, { rcode: code, flags: RECURSION_AVAILABLE })]

/** Over UDP only that it is truncated; `overTcp` otherwise. */
const truncated =
  (overTcp: BehaviourOf): BehaviourOf =>
  (query, proper) =>
    query.transport === 'udp' ? [reply(query, { flags: AUTHORITATIVE | TRUNCATED })] : overTcp(query, proper)

const BEHAVIOURS = {
  normal: async (_query, proper) => [await proper()],
  silent: () => [],
  servfail: rcode(2),
  notimp: rcode(4),
  refused: rcode(5),
  notauth: rcode(9),
  /** Authoritatively, whatever the zone holds. */
  nxdomain: (query) => [reply(query, { rcode: 3 })],
  empty: (query) => [reply(query)],
  /** From before EDNS: the bare header with FORMERR (RFC 6891 §7). */
  'formerr-on-edns': async (query, proper) => {
    if (!query.hasEdns) return [await proper()]
    return [patched(reply(query, { rcode: 1 }), (copy) => copy.writeUInt16BE(0, 4)).subarray(0, 12)]
  },
  'badvers-on-edns': async (query, proper) => {
    if (!query.hasEdns) return [await proper()]
    const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, extendedRcode: 1, ednsVersion: 0, flags: 0 } as const
    return [reply(query, { additionals: [{ ...opt, flag_do: false, options: [] }] })]
  },
  'wrong-id': async (_query, proper) => [
    patched(await proper(), (copy) => copy.writeUInt16BE((copy.readUInt16BE() + 1) % 0x10000)),
  ],
  'wrong-question': (query) => {
    const name = `x${query.name.slice(1)}`
    return [reply({ ...query, name }, { answers: [txt(name, 'of another name')] })]
  },
  /** Records, but none of the name that was asked for. */
  unrelated: (query) => [reply(query, { answers: [txt('elsewhere.invalid', 'unasked')] })],
  truncated: truncated(async (_query, proper) => [await proper()]),
  'truncated-no-tcp': truncated(() => []),
  'truncated-always': truncated((query) => [reply(query, { flags: AUTHORITATIVE | TRUNCATED })]),
  garbage: ({ bytes }) => [Buffer.concat([bytes.subarray(0, 2), Buffer.alloc(60, 0xff)])],
  /** A message of 40 kB. */
  oversized: truncated((query) => [
    reply(query, {
      answers: Array.from({ length: 20 }, () => txt(query.name, ...Array<string>(8).fill('x'.repeat(250)))),
    }),
  ]),
  'many-records': truncated((query) => [
    reply(query, { answers: Array.from({ length: 500 }, (_, i) => txt(query.name, String(i))) }),
  ]),
  /** It knows the zone only as something that it has heard of. */
  lame: async (_query, proper) => [
    patched(await proper(), (copy) => copy.writeUInt16BE(copy.readUInt16BE(2) & ~AUTHORITATIVE, 2)),
  ],
  referral: (query) => [
    reply(query, { flags: 0, authorities: [{ name: query.name, type: 'NS', ttl: 1, data: 'ns.elsewhere.invalid' }] }),
  ],
  'alias-to-itself': (query) => [reply(query, { answers: [cname(query.name, query.name)] })],
} satisfies Record<string, BehaviourOf>
