import { encode, type OptAnswer } from 'dns-packet'
import { addressText } from '../tenant/ip-address.ts'

export type RecordType = 'A' | 'AAAA' | 'CAA' | 'CNAME' | 'NS' | 'SRV' | 'TXT'

export interface Question {
  name: string // lower case, no final dot
  type: RecordType
}

/** A record of the answer section. */
export interface DnsRecord {
  name: string // lower case, no final dot
  type: RecordType
  /**
   * An address; a name in lower case without final dot; the strings of a TXT record joined, in their own case; of a CAA record
   * flags, tag in lower case and value, with a space after each of the first two: "0 issue ca.example; accounturi=…"; of an
   * SRV record priority, weight, port and target: "0 5 5269 xmpp.example.net".
   */
  value: string
}

/** What a server answers to one question. */
export interface Reply {
  isTruncated: boolean // nothing else of it counts then
  isAuthoritative: boolean
  isRecursive: boolean // recursion is available
  rcode: number // with the upper bits that EDNS adds
  answers: DnsRecord[] // of the types above
}

export const RCODE = {
  noError: 0,
  formErr: 1,
  servFail: 2,
  nxDomain: 3,
  notImp: 4,
  refused: 5,
  notAuth: 9,
  notZone: 10,
  badVers: 16,
}

// More is no answer to any question of this server: the cost of reading and keeping what a stranger sends is bounded
const MOST_ANSWERS = 64
const MOST_RECORDS = 256
const MOST_TEXT = 255 // characters of a TXT record; the rest is cut off
/** Bytes of a CAA record: one that is cut would allow, or forbid, something else than it says. */
const MOST_CAA = 1024
const MOST_POINTERS = 32
/** Of UDP: what arrives unfragmented everywhere, as DNS Flag Day 2020 has it. */
const UDP_PAYLOAD = 1232

const TYPES: Readonly<Record<number, RecordType>> = {
  ...{ 1: 'A', 2: 'NS', 5: 'CNAME', 16: 'TXT', 28: 'AAAA', 33: 'SRV', 257: 'CAA' },
}
const OPT = 41
const IN = 1
const LABEL = /^[!-[\]-~]{1,63}$/

/** Whether a name can be put into a question: labels of RFC 1035 §2.3.4, without the escapes that `readReply` writes. */
export function isQueryName(name: string): boolean {
  return name.length <= 253 && name.split('.').every((label) => LABEL.test(label))
}

/** @param question of a name that `isQueryName` lets pass: dns-packet writes a label of 64 characters as something else */
export function writeQuery(id: number, { name, type }: Question, isRecursive: boolean, hasEdns: boolean): Buffer {
  return encode({
    type: 'query',
    id,
    flags: isRecursive ? 0x0100 : 0,
    questions: [{ name, type, class: 'IN' }],
    additionals: hasEdns ? [EDNS] : [],
  })
}

const EDNS: OptAnswer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: UDP_PAYLOAD,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
}

/**
 * Null where the bytes are no well-formed reply to that very question. Not read with dns-packet, which takes "a.b" in one
 * label for two labels, takes rdata that is cut off or longer than it says, drops the upper bits of the rcode (BADVERS would
 * be an empty answer), and needs a quarter of a second for 64 kB of compression pointers that lead to each other.
 */
export function readReply(bytes: Buffer, id: number, question: Question): Reply | null {
  try {
    return readMessage(bytes, id, question)
  } catch (error) {
    if (error instanceof RangeError) return null // Buffer's own, past the end, or one of those below
    throw error
  }
}

function readMessage(bytes: Buffer, id: number, { name, type }: Question): Reply | null {
  const flags = bytes.readUInt16BE(2)
  const isQuery = (flags & 0x8000) === 0
  const opcode = (flags >> 11) & 0xf
  if (bytes.readUInt16BE(0) !== id || isQuery || opcode !== 0) return null
  let rcode = flags & 0xf
  let at = 12

  const questions = bytes.readUInt16BE(4)
  // Servers that do not understand EDNS may answer FORMERR with the header alone (RFC 6891 §7)
  if (questions !== 1 && (questions !== 0 || rcode === RCODE.noError || rcode === RCODE.nxDomain)) return null
  if (questions === 1) {
    const asked = readName(bytes, at)
    if (asked.name !== name || TYPES[bytes.readUInt16BE(asked.end)] !== type) return null
    if (bytes.readUInt16BE(asked.end + 2) !== IN) return null
    at = asked.end + 4
  }

  const isTruncated = (flags & 0x0200) !== 0 // maybe in the middle of a record
  const counts = [6, 8, 10].map((offset) => (isTruncated ? 0 : bytes.readUInt16BE(offset)))
  const [answerCount = 0] = counts
  const recordCount = counts.reduce((sum, count) => sum + count)
  if (answerCount > MOST_ANSWERS || recordCount > MOST_RECORDS) return null

  const answers: DnsRecord[] = []
  for (let i = 0; i < recordCount; i++) {
    const { name: owner, end: head } = readName(bytes, at)
    const typeNumber = bytes.readUInt16BE(head)
    const start = head + 10
    const end = start + bytes.readUInt16BE(head + 8)
    if (end > bytes.length) return null
    if (typeNumber === OPT) rcode |= bytes.readUInt8(head + 4) << 4
    const recordType = bytes.readUInt16BE(head + 2) === IN && i < answerCount ? TYPES[typeNumber] : undefined
    if (recordType !== undefined)
      answers.push({ name: owner, type: recordType, value: readValue(bytes, recordType, start, end) })
    at = end
  }
  const isAuthoritative = (flags & 0x0400) !== 0
  const isRecursive = (flags & 0x0080) !== 0
  return { isTruncated, isAuthoritative, isRecursive, rcode, answers }
}

function readValue(bytes: Buffer, type: RecordType, start: number, end: number): string {
  switch (type) {
    case 'A':
    case 'AAAA':
      if (end - start !== (type === 'A' ? 4 : 16)) throw new RangeError('an address of another length')
      return addressText(bytes.subarray(start, end))
    case 'CNAME':
    case 'NS': {
      const target = readName(bytes, start)
      if (target.end !== end) throw new RangeError('a name that ends elsewhere than its record')
      return target.name
    }
    case 'SRV': {
      const target = readName(bytes, start + 6)
      if (target.end !== end) throw new RangeError('a name that ends elsewhere than its record')
      return `${[0, 2, 4].map((offset) => bytes.readUInt16BE(start + offset)).join(' ')} ${target.name}`
    }
    case 'TXT':
      return readText(bytes, start, end)
    case 'CAA':
      return readCaa(bytes, start, end)
  }
}

/** RFC 8659 §4.1. What is no letter or digit of the tag is escaped, so that it stays one word. */
function readCaa(bytes: Buffer, start: number, end: number): string {
  const tagStart = start + 2
  const tagEnd = tagStart + bytes.readUInt8(start + 1)
  if (end - start > MOST_CAA || tagEnd === tagStart || tagEnd > end)
    throw new RangeError('a property without a tag, or that is too long')
  return `${bytes.readUInt8(start)} ${labelText(bytes.subarray(tagStart, tagEnd))} ${printable(bytes, tagEnd, end)}`
}

function printable(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('latin1', start, end).replace(/[^ -~]/g, (character) => escaped(character.charCodeAt(0)))
}

/** The strings joined without anything between them, as RFC 7208 §3.3 does it. */
function readText(bytes: Buffer, start: number, end: number): string {
  const strings: Buffer[] = []
  for (let at = start; at < end;) {
    const next = at + 1 + bytes.readUInt8(at)
    if (next > end) throw new RangeError('a string that ends after its record')
    strings.push(bytes.subarray(at + 1, next))
    at = next
  }
  const text = Buffer.concat(strings).toString('utf8').slice(0, MOST_TEXT)
  // It is stored and shown: a NUL is more than a database takes, an ESC more than a terminal should be given
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (control) => escaped(control.charCodeAt(0)))
}

/**
 * As text of which each stands for one name only: what is no printable ASCII, a dot and a backslash within a label are escaped
 * (RFC 1035 §5.1); the root is ".".
 */
export function readName(bytes: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = []
  let end: number | undefined // of the name in its place, behind the first pointer
  let length = 1
  let pointers = 0
  for (let at = start; ;) {
    const head = bytes.readUInt8(at)
    if (head === 0) {
      end ??= at + 1
      break
    }
    if (head >= 0xc0) {
      const target = bytes.readUInt16BE(at) & 0x3fff
      end ??= at + 2
      // To what was there before (RFC 1035 §4.1.4), so that it ends; and not by way of thousands
      if (target >= at || ++pointers > MOST_POINTERS) throw new RangeError('a pointer that leads nowhere')
      at = target
      continue
    }
    length += head + 1
    if (head > 63 || length > 255) throw new RangeError('a label that is too long')
    labels.push(labelText(bytes.subarray(at + 1, at + 1 + head)))
    at += head + 1
  }
  return { name: labels.join('.') || '.', end }
}

function labelText(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replace(/[^!-~]|[.\\]/g, (character) => escaped(character.charCodeAt(0)))
    .replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

function escaped(code: number): string {
  return `\\${String(code).padStart(3, '0')}`
}
