import { createHmac, timingSafeEqual } from 'node:crypto'
import { isQueryName, readName } from './dns-message.ts'

// RFC 8945 by hand: no package for Node writes or checks it.

/** What a name server and this one share. */
export interface TsigKey {
  name: string // lower case, no final dot
  algorithm: 'hmac-sha256' | 'hmac-sha384' | 'hmac-sha512'
  secret: Uint8Array
}

/** Why an answer is not to be trusted, or the question was not. */
export type TsigFault =
  | { is: 'unsigned' }
  | { is: 'bad-signature' } // of the answer
  | { is: 'key-unknown' } // there; BADKEY
  | { is: 'signature-refused' } // BADSIG: the secret is another there
  | { is: 'clocks-differ'; theirsAt: Date | null } // BADTIME; null: they have not said

const TSIG = 250
const ANY = 255
const FUDGE_SECONDS = 300 // RFC 8945 §10 recommends it
const ERRORS: Readonly<Record<number, 'signature-refused' | 'key-unknown'>> = {
  16: 'signature-refused',
  17: 'key-unknown',
}
const BADTIME = 18
const LEAST_SECRET = 16

const LINE = /^[#\s]*(?<algorithm>hmac-sha\d+):(?<name>[^\s:]+):(?<secret>[A-Za-z0-9+/]+={0,2})\s*$/im
const BLOCK = /\bkey\s+"?(?<name>[^\s"{]+)"?\s*\{(?<body>[^}]*)\}/i
const ALGORITHM = /\balgorithm\s+"?(?<algorithm>hmac-sha\d+)"?\s*;/i
const SECRET = /\bsecret\s+"(?<secret>[A-Za-z0-9+/]+={0,2})"\s*;/i

/**
 * As `tsig-keygen` writes it, `key "name" { algorithm hmac-sha256; secret "…"; };`, or in one line as `nsupdate -y` takes
 * and `keymgr -t` shows it, `hmac-sha256:name:secret`. Null: it is neither, its algorithm is not one of three, or its secret
 * shorter than 16 bytes.
 */
export function parseTsigKey(text: string): TsigKey | null {
  const block = BLOCK.exec(text)?.groups
  const body = block?.['body'] ?? ''
  const found = block
    ? { ...block, ...ALGORITHM.exec(body)?.groups, ...SECRET.exec(body)?.groups }
    : { ...LINE.exec(text)?.groups }
  const { name = '', algorithm = '', secret = '' } = found as Record<string, string>
  const key = {
    name: name.toLowerCase().replace(/\.$/, ''),
    algorithm: algorithm.toLowerCase() as TsigKey['algorithm'],
    secret: Buffer.from(secret, 'base64'),
  }
  const isKnown = ['hmac-sha256', 'hmac-sha384', 'hmac-sha512'].includes(key.algorithm)
  return isKnown && key.secret.length >= LEAST_SECRET && isQueryName(key.name) ? key : null
}

/** @param message whole but for its signature */
export function sign(message: Buffer, key: TsigKey, at: Date): { bytes: Buffer; mac: Buffer } {
  const times = { signedAt: Math.floor(at.getTime() / 1000), fudge: FUDGE_SECONDS, error: 0, other: Buffer.alloc(0) }
  const mac = digest(key, [message, variables(key, times)])
  const rdata = Buffer.concat([
    ...[writeName(key.algorithm), uint48(times.signedAt), uint16(times.fudge)],
    ...[uint16(mac.length), mac, message.subarray(0, 2), uint16(times.error), uint16(0)],
  ])
  const head = Buffer.concat([writeName(key.name), uint16(TSIG), uint16(ANY), Buffer.alloc(4), uint16(rdata.length)])
  const bytes = Buffer.concat([message, head, rdata])
  bytes.writeUInt16BE(message.readUInt16BE(10) + 1, 10)
  return { bytes, mac }
}

/**
 * Whether an answer is of whoever has the key, and to that very question. Null: it is.
 * @param start of its last record
 * @throws RangeError it ends before it is over
 */
export function faultOf(
  answer: Buffer,
  start: number | null,
  { key, mac, now }: { key: TsigKey; mac: Buffer; now: Date },
): TsigFault | null {
  const record = start === null ? null : readTsig(answer, start)
  if (start === null || record === null) return { is: 'unsigned' }
  const { error, other, signedAt, fudge } = record
  const refused = ERRORS[error] // such an answer bears no signature, RFC 8945 §5.3.2
  if (refused !== undefined) return { is: refused }
  if (error === BADTIME)
    return { is: 'clocks-differ', theirsAt: other.length === 6 ? new Date(other.readUIntBE(0, 6) * 1000) : null }
  const unsigned = Buffer.from(answer.subarray(0, start))
  unsigned.writeUInt16BE(answer.readUInt16BE(10) - 1, 10)
  unsigned.writeUInt16BE(record.originalId, 0)
  const expected = digest(key, [uint16(mac.length), mac, unsigned, variables(key, record)])
  const isSame = record.mac.length === expected.length && timingSafeEqual(record.mac, expected)
  // The name of the key and its algorithm are ours in what was digested, whatever the record says
  if (error !== 0 || !isSame) return { is: 'bad-signature' }
  const isTimely = Math.abs(now.getTime() / 1000 - signedAt) <= fudge
  return isTimely ? null : { is: 'clocks-differ', theirsAt: new Date(signedAt * 1000) }
}

interface Times {
  signedAt: number // seconds since 1970
  fudge: number
  error: number
  other: Buffer
}

function readTsig(bytes: Buffer, start: number) {
  const { end: head } = readName(bytes, start)
  if (bytes.readUInt16BE(head) !== TSIG || bytes.readUInt16BE(head + 2) !== ANY) return null
  const { end: at } = readName(bytes, head + 10)
  const size = bytes.readUInt16BE(at + 8)
  const rest = at + 10 + size
  const otherSize = bytes.readUInt16BE(rest + 4)
  if (rest + 6 + otherSize !== bytes.length) throw new RangeError('a signature that is not the end')
  return {
    ...{ signedAt: bytes.readUIntBE(at, 6), fudge: bytes.readUInt16BE(at + 6) },
    ...{ mac: bytes.subarray(at + 10, rest), originalId: bytes.readUInt16BE(rest) },
    ...{ error: bytes.readUInt16BE(rest + 2), other: bytes.subarray(rest + 6) },
  }
}

function digest({ algorithm, secret }: TsigKey, parts: readonly Buffer[]): Buffer {
  return createHmac(algorithm.slice('hmac-'.length), secret).update(Buffer.concat(parts)).digest()
}

/** RFC 8945 §4.3.3 */
function variables({ name, algorithm }: TsigKey, { signedAt, fudge, error, other }: Times): Buffer {
  return Buffer.concat([
    ...[writeName(name), uint16(ANY), Buffer.alloc(4), writeName(algorithm)],
    ...[uint48(signedAt), uint16(fudge), uint16(error), uint16(other.length), other],
  ])
}

/** @param name one that `isQueryName` lets pass */
export function writeName(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')]))
  return Buffer.concat([...labels, Buffer.of(0)])
}

export function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function uint48(value: number): Buffer {
  const bytes = Buffer.alloc(6)
  bytes.writeUIntBE(value, 0, 6)
  return bytes
}
