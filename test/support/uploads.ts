import { readUpload, type ReadUpload } from '../../src/certificate/upload.ts'
import { DURING, ruleOf } from './certificates.ts'

/** What somebody pastes or uploads. */
export type Pasted = string | Uint8Array

export interface PastedKey {
  privateKey?: Pasted
  password?: string
}

/** Reads an upload at a time when all certificates of `makeCertificate` are valid. */
export function readPasted(certificate: Pasted, { privateKey, password }: PastedKey = {}): ReadUpload {
  return readUpload({
    certificate: bytesOf(certificate),
    privateKey: privateKey === undefined ? undefined : bytesOf(privateKey),
    password,
    now: new Date(DURING),
  })
}

/** The rule by which it is refused, or "accepted". */
export function ruleFor(certificate: Pasted, key?: PastedKey): string {
  return ruleOf(() => readPasted(certificate, key))
}

function bytesOf(pasted: Pasted): Uint8Array {
  return typeof pasted === 'string' ? Buffer.from(pasted) : pasted
}
