import { derChildren, derElement, oidText, TAG, type DerElement } from '../certificate/der.ts'
import type { RenewalInfo } from './session.ts'

const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35'
const DAY_MS = 86_400_000

/**
 * What names a certificate to its authority, RFC 9773 §4.1: key identifier of the issuer and serial number. Null where
 * it does not name its issuer's key; then there is no renewal information for it.
 * Read from the DER itself: libraries give the serial number as an integer, without the 00 that a high first bit wants.
 * @throws Error where it is no certificate
 */
export function certId(der: Uint8Array): string | null {
  const [tbs] = derChildren(derElement(der))
  if (!tbs) throw new Error('no certificate')
  const fields = derChildren(tbs)
  const serial = fields.find(({ tag }) => tag === TAG.integer) // before it there is only the version, in a tag of its own
  if (!serial) throw new Error('no certificate')
  const keyId = authorityKeyId(fields)
  return keyId && `${base64url(keyId)}.${base64url(serial.value)}`
}

function authorityKeyId(fields: DerElement[]): Uint8Array | null {
  const explicit = fields.find(({ tag }) => tag === 0xa3)
  const extensions = explicit ? derChildren(derElement(explicit.value)) : []
  for (const extension of extensions) {
    const [oid, ...rest] = derChildren(extension)
    const value = rest.at(-1)
    if (!oid || !value || oidText(oid) !== AUTHORITY_KEY_IDENTIFIER) continue
    return derChildren(derElement(value.value)).find(({ tag }) => tag === 0x80)?.value ?? null
  }
  return null
}

/**
 * Why a window is not to be relied on, in words; null: it is. One that is over means that the certificate is to be
 * replaced at once, however long it is over: that is how an authority says that it will be revoked.
 */
export function windowFault(
  { start, end }: Pick<RenewalInfo, 'start' | 'end'>,
  { notBefore, notAfter }: { notBefore: Date; notAfter: Date },
): string | null {
  const lifetimeMs = notAfter.getTime() - notBefore.getTime()
  if (start >= notAfter) return 'the window begins when the certificate has expired'
  if (end.getTime() - start.getTime() > Math.max(lifetimeMs, DAY_MS))
    return 'the window is longer than the certificate is valid'
  return start < end ? null : 'the window ends before it begins'
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}
