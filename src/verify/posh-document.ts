import type { FingerprintDescriptor } from './report.ts'

/** IANA's Hash Function Textual Names that are still trusted, with the length of the hash in bytes. */
const HASHES: Readonly<Record<string, number>> = { 'sha-224': 28, 'sha-256': 32, 'sha-384': 48, 'sha-512': 64 }
// RFC 4648 §4: the standard alphabet; a missing padding is seen apart, because some documents in the wild lack it
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

export type PoshDocument =
  | { kind: 'fingerprints'; fingerprints: FingerprintDescriptor[]; expiresSeconds: number; remarks: Remark[] }
  | { kind: 'reference'; url: string; expiresSeconds: number }

/** Something allowed that a deployed client minds; `who` names it. */
export interface Remark {
  who: string
  text: string
}

export interface PoshFault {
  section: string // of RFC 7711
  fault: string
}

/**
 * Reads a document of RFC 7711 §3.1 or §3.2, strictly. `isReferred` where a reference led here: another reference is
 * then a fault.
 */
export function readPoshDocument(body: Uint8Array, isReferred: boolean): PoshDocument | PoshFault {
  const document = parseObject(body)
  if (document === null) return fault('§3.1', 'the body is not a JSON object')
  const { fingerprints, url } = document
  if (fingerprints !== undefined && url !== undefined)
    return fault('§3.1', 'a document with fingerprints must not have a url beside them')
  if (fingerprints === undefined && url === undefined)
    return fault('§3.1', 'the document has neither fingerprints nor a url')
  const section = fingerprints === undefined ? '§3.2' : '§3.1'
  if (url !== undefined && isReferred) return fault(section, 'a reference led to another reference')
  if (url !== undefined && typeof url !== 'string') return fault(section, 'url is not a string')
  const expiresSeconds = document.expires
  const wrongExpiry = expiryFault(expiresSeconds)
  if (wrongExpiry !== null) return fault(section, wrongExpiry)
  if (typeof url === 'string') return { kind: 'reference', url, expiresSeconds: expiresSeconds as number }
  const read = readFingerprints(fingerprints)
  if ('fault' in read) return read
  const remarks = body.length > 10_000 ? [...read.remarks, TOO_LONG_FOR_CONVERSATIONS] : read.remarks
  return {
    kind: 'fingerprints',
    fingerprints: read.fingerprints,
    expiresSeconds: expiresSeconds as number,
    remarks,
  }
}

const TOO_LONG_FOR_CONVERSATIONS: Remark = {
  who: 'Conversations',
  text: 'the document is longer than 10,000 bytes; Conversations reads no further',
}

function fault(section: string, text: string): PoshFault {
  return { section: `RFC 7711 ${section}`, fault: text }
}

function expiryFault(expires: unknown): string | null {
  if (expires === undefined) return 'expires is missing'
  if (typeof expires !== 'number' || !Number.isSafeInteger(expires) || expires < 0)
    return `expires is ${JSON.stringify(expires)} and not a non-negative integer of seconds`
  // Prosody and Gajim take such a document all the same: it does not withdraw anything
  if (expires === 0)
    return 'expires is 0: the fingerprints must be rejected. To withdraw them answer 404, since Prosody honours them even so'
  return null
}

function readFingerprints(
  descriptors: unknown,
): { fingerprints: FingerprintDescriptor[]; remarks: Remark[] } | PoshFault {
  if (!Array.isArray(descriptors) || descriptors.length === 0)
    return fault('§3.1', 'fingerprints is not an array with at least one descriptor')
  const remarks: Remark[] = []
  const fingerprints: FingerprintDescriptor[] = []
  for (const [index, descriptor] of (descriptors as unknown[]).entries()) {
    const where = `descriptor ${index + 1}`
    if (!isObject(descriptor)) return fault('§3.1', `${where} is not an object`)
    const known: Record<string, string> = {}
    for (const [name, value] of Object.entries(descriptor)) {
      const bytes = Object.hasOwn(HASHES, name) ? HASHES[name] : undefined
      if (bytes === undefined) continue // hash agility: an unknown or broken hash proves nothing, and does no harm
      const hash = typeof value === 'string' && BASE64.test(value) ? Buffer.from(value, 'base64') : null
      if (hash?.length !== bytes) return fault('§3.1', `the ${name} of ${where} is not the base64 of ${bytes} bytes`)
      if (value !== hash.toString('base64'))
        remarks.push({
          who: 'Prosody, Conversations',
          text: `the ${name} of ${where} is not padded as RFC 4648 §4 has it; Prosody and Conversations compare the text and never find it`,
        })
      known[name] = hash.toString('hex')
    }
    if (known['sha-256'] === undefined)
      remarks.push({
        who: 'Conversations',
        text: `${where} has no sha-256; Conversations drops the whole document`,
      })
    fingerprints.push(known)
  }
  if (fingerprints.every((known) => known['sha-256'] === undefined))
    return fault('§3.3', 'no descriptor has a sha-256, the hash that every client knows')
  return { fingerprints, remarks }
}

function parseObject(body: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body))
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

/** Whether an error's body would be taken for a document by a client that does not look at the status. */
export function looksLikePosh(body: Uint8Array): boolean {
  const document = parseObject(body)
  return document !== null && ('fingerprints' in document || 'url' in document)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
