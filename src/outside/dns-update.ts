import type { ChallengeZone, Publication, ZoneUpdate } from '../acme/dns-challenges.ts'
import type { Clock } from '../clock.ts'
import { saysSomething, type NameServers } from '../tenant/findings.ts'
import { RCODE, readName } from './dns-message.ts'
import { budget, overTcp, type Server } from './dns-query.ts'
import { faultOf, sign, uint16, writeName, type TsigFault, type TsigKey } from './tsig.ts'

const TIMEOUT_MS = 5_000
const UPDATE = 5 // the opcode, RFC 2136 §2.2
const SOA = 6
const TXT = 16
const IN = 1
const NONE = 254
/** So that of two orders after one another the second meets no resolver that still knows the first one's answer. */
const TTL_SECONDS = 10

/** TXT records in a zone of the operator's, by RFC 2136 updates over TCP that are signed by RFC 8945. */
export function challengeZone(deps: {
  zone: string // lower case, no final dot
  server: Server // the primary
  key: TsigKey
  nameServers: NameServers // which ask the zone's own servers, whatever their addresses
  clock: Clock
  randomBytes: (size: number) => Uint8Array
  timeoutMs?: number
}): ChallengeZone {
  const { zone, server, key, nameServers, clock, randomBytes, timeoutMs = TIMEOUT_MS } = deps
  const place = `${server.address}, port ${server.port}`

  async function update(name: string, value: string, isToBe: boolean): Promise<ZoneUpdate> {
    const id = Buffer.from(randomBytes(2)).readUInt16BE()
    const { bytes, mac } = sign(writeUpdate(id, zone, { name, value, isToBe }), key, clock.now())
    const read = (answer: Buffer) => readAnswer(answer, id, { key, mac, now: clock.now() })
    const exchange = await overTcp(server, bytes, read, { tryMs: timeoutMs, signal: budget(1, timeoutMs).signal })
    if (exchange.outcome !== 'reply')
      return { outcome: 'unanswered', why: `the name server at ${place} ${SILENT[exchange.outcome]}.` }
    const { rcode, fault } = exchange.reply
    if (rcode === RCODE.noError && fault === null) return { outcome: 'ok' }
    const why = `the name server at ${place} ${whyNot(rcode, fault)}`
    // Of what is not signed nobody knows whose it is, but that nothing was done is as good a guess as any
    return { outcome: rcode === RCODE.servFail || rcode === RCODE.noError ? 'unanswered' : 'refused', why }
  }

  function whyNot(rcode: number, fault: TsigFault | null): string {
    switch (fault?.is) {
      case 'key-unknown':
        return `does not know the key ${key.name}: add that key there, or name the file of another in acme.dns_key_file.`
      case 'signature-refused':
        return `does not accept what is signed by the key ${key.name}: its secret or its algorithm (${key.algorithm}) is another there than in the file that acme.dns_key_file names.`
      case 'clocks-differ': {
        const seconds = fault.theirsAt && Math.round((fault.theirsAt.getTime() - clock.now().getTime()) / 1000)
        const by =
          seconds === null ? '' : `, which is ${Math.abs(seconds)} s ${seconds < 0 ? 'behind' : 'ahead'} of this one's`
        return `has another time${by}: set the clocks of both, best by NTP.`
      }
      case 'unsigned':
      case 'bad-signature':
      case undefined:
        break
    }
    switch (rcode) {
      case RCODE.refused:
        return `does not let the key ${key.name} change TXT records in ${zone}: allow it there (an acl with action update in Knot, update-policy in BIND).`
      case RCODE.notAuth:
        // Knot says so of what its acl forbids too
        return `is not the primary name server of ${zone}, or does not let the key ${key.name} change it: set acme.dns_server to the primary, and allow the key there (an acl with action update in Knot, update-policy in BIND).`
      case RCODE.notZone:
        return `has another zone there than ${zone}: set acme.dns_zone to the zone itself.`
      case RCODE.servFail:
        return 'failed (SERVFAIL): its log says why.'
      case RCODE.noError:
        return `gave an answer that is not signed by the key ${key.name}, so that nobody knows whose it is: set acme.dns_server to a server that has the key.`
      default:
        return `takes no dynamic updates (RFC 2136), or not this one (rcode ${rcode}): set acme.dns_server to one that does.`
    }
  }

  return {
    zone,
    add: (name, value) => update(name, value, true),
    remove: (name, value) => update(name, value, false),

    async look(name, value): Promise<Publication> {
      const { replies, fault } = await nameServers.look(name, 'TXT')
      const lacking = replies.filter((reply) => saysSomething(reply) && !reply.values.includes(value))
      if (lacking.length > 0)
        return { is: 'lacking', servers: lacking.map(({ server, address }) => `${server} (${address})`) }
      const isEverywhere = fault === null && replies.length > 0 && replies.every(saysSomething)
      return isEverywhere ? { is: 'everywhere' } : { is: 'unknown' }
    },
  }
}

const SILENT = {
  timeout: 'does not answer over TCP in time: see that it is up, and that no firewall stands in between',
  unreachable:
    'cannot be reached over TCP: see that it is up, that acme.dns_server is right, and that no firewall stands in between',
  'no-route': 'cannot be reached from this machine: see that acme.dns_server is right, and that there is a way to it',
  malformed: 'gave an answer that is none: see that acme.dns_server is a DNS server',
}

/** One TXT record that is to be there, or not (RFC 2136 §2.5.1 and §2.5.4); others of the same name stay. */
function writeUpdate(
  id: number,
  zone: string,
  { name, value, isToBe }: { name: string; value: string; isToBe: boolean },
): Buffer {
  const [zones, updates] = [1, 1]
  const header = [id, UPDATE << 11, zones, 0, updates, 0].map(uint16)
  const ttl = Buffer.alloc(4)
  ttl.writeUInt32BE(isToBe ? TTL_SECONDS : 0)
  const text = Buffer.concat([Buffer.of(value.length), Buffer.from(value, 'latin1')])
  return Buffer.concat([
    ...[...header, writeName(zone), uint16(SOA), uint16(IN)],
    ...[writeName(name), uint16(TXT), uint16(isToBe ? IN : NONE), ttl, uint16(text.length), text],
  ])
}

interface Answer {
  rcode: number
  fault: TsigFault | null
}

/** Null: it is no answer to that update. */
function readAnswer(answer: Buffer, id: number, signature: Parameters<typeof faultOf>[2]): Answer | null {
  try {
    const flags = answer.readUInt16BE(2)
    if (answer.readUInt16BE(0) !== id || (flags & 0x8000) === 0 || ((flags >> 11) & 0xf) !== UPDATE) return null
    const [zones, ...counts] = [4, 6, 8, 10].map((offset) => answer.readUInt16BE(offset))
    const records = counts.reduce((sum, count) => sum + count)
    let at = zones === 0 ? 12 : readName(answer, 12).end + 4
    let last = null
    for (let i = 0; i < records; i++) {
      last = at
      const { end } = readName(answer, at)
      at = end + 10 + answer.readUInt16BE(end + 8)
    }
    return { rcode: flags & 0xf, fault: faultOf(answer, last, signature) }
  } catch (error) {
    if (error instanceof RangeError) return null // Buffer's own, past the end, or of a name
    throw error
  }
}
