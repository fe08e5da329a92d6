import { domainToASCII, domainToUnicode } from 'node:url'
import { ProblemError } from './problem.ts'

/** A DNS name as it is stored and compared: lower-case A-labels (RFC 5890), no final dot, at most 253 characters. */
export type DomainName = string & { readonly brand: 'DomainName' }

// In UTF-16 code units as written, of which normalisation makes at most four out of one that counts: no name of 253
// octets, and no label of 63, is longer. IDNA takes time by the square of the length.
const MAX_SPELLING = 1020
const MAX_LABEL_SPELLING = 255
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const PLAIN_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/
const NON_ASCII = /[^\x00-\x7f]/
// UTS 46 lets pass what RFC 5892 §2 disallows in a label: symbols, emoji, fractions. The exceptions are its contextual rules.
const U_LABEL = /^[\p{L}\p{M}\p{Nd}\-\u00b7\u0375\u05f3\u05f4\u30fb\u200c\u200d]+$/u
// WHATWG URL §3.5 "ends in a number": such a host is an IPv4 address to every browser
const NUMBER = /^(?:\d+|0x[\da-f]*)$/

/**
 * The one canonicaliser. Accepts any case, one final dot, A-labels, and U-labels in any normal form or width
 * that UTS 46 maps; refuses everything that would have to be repaired. Null where the text is no such name.
 */
export function parseDomainName(text: string): DomainName | null {
  const { name } = canonicalise(text)
  return name ?? null
}

/** @throws ProblemError malformed-name, with what is wrong */
export function domainName(text: string): DomainName {
  const { name, fault } = canonicalise(text)
  if (name === undefined)
    throw new ProblemError('malformed-name', `${JSON.stringify(text)} is no domain name: ${fault}`)
  return name
}

/**
 * A name from SNI or from a Host line, which Node hands over with one character a byte. Real stacks send A-labels,
 * the UTF-8 of a U-label (Prosody) or its Latin-1 (Python's urllib).
 */
export function nameFromBytes(latin1: string): DomainName | null {
  if (!NON_ASCII.test(latin1)) return parseDomainName(latin1)
  try {
    return parseDomainName(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(latin1, 'latin1')),
    )
  } catch {
    return parseDomainName(latin1)
  }
}

/** For people: U-labels where there are any. */
export function displayName(name: DomainName): string {
  return domainToUnicode(name) || name
}

function canonicalise(text: string): { name?: DomainName; fault?: string } {
  if (text.length > MAX_SPELLING) return { fault: 'it is longer than 253 characters' }
  const undotted = text.endsWith('.') ? text.slice(0, -1) : text
  if (undotted === '') return { fault: 'it is empty' }
  const labels: string[] = []
  for (const label of isPlain(undotted) ? [] : undotted.split('.')) {
    const { ascii, fault } = canonicalLabel(label)
    if (ascii === undefined) return { fault: fault ?? 'a label is invalid' }
    labels.push(ascii)
  }
  const name = labels.length > 0 ? labels.join('.') : undotted
  if (name.length > 253) return { fault: 'it is longer than 253 characters' }
  if (!name.includes('.')) return { fault: 'it has a single label; give the full name' }
  if (NUMBER.test(name.slice(name.lastIndexOf('.') + 1))) return { fault: 'it reads as an IP address' }
  return { name: name as DomainName }
}

/** Most names that arrive are canonical already; an A-label still has to be proven to be one. */
function isPlain(text: string): boolean {
  return PLAIN_NAME.test(text) && !text.includes('--')
}

function canonicalLabel(label: string): { ascii?: string; fault?: string } {
  if (label === '') return { fault: 'it has an empty label' }
  if (!NON_ASCII.test(label)) {
    const lower = label.toLowerCase()
    if (lower.length > 63) return { fault: 'a label is longer than 63 characters' }
    if (!LABEL.test(lower))
      return { fault: `the label ${JSON.stringify(label)} is not made of letters, digits and inner hyphens` }
    if (lower.slice(2, 4) !== '--') return { ascii: lower }
    if (!lower.startsWith('xn--')) return { fault: `the label ${label} has reserved hyphens` }
    // Valid punycode that no U-label has (RFC 5890 §2.3.2.1) would be a second spelling of some name
    const unicode = domainToUnicode(lower)
    if (!NON_ASCII.test(unicode) || !U_LABEL.test(unicode) || domainToASCII(unicode) !== lower)
      return { fault: `the label ${label} is no valid A-label` }
    return { ascii: lower }
  }
  if (label.length > MAX_LABEL_SPELLING) return { fault: `a label is longer than ${MAX_LABEL_SPELLING} characters` }
  const ascii = domainToASCII(label)
  // UTS 46 also drops what nobody sees (soft hyphens, zero-width spaces) and turns look-alikes of ASCII into ASCII:
  // both are refused, not repaired. What remains must be the label that was written, up to case, width and normal form.
  if (!ascii.startsWith('xn--') || ascii.includes('.'))
    return { fault: `the label ${JSON.stringify(label)} fails IDNA` }
  if (ascii.length > 63) return { fault: 'a label is longer than 63 octets as an A-label' }
  const unicode = domainToUnicode(ascii)
  if (!U_LABEL.test(unicode) || fold(label) !== fold(unicode))
    return { fault: `the label ${JSON.stringify(label)} fails IDNA` }
  return { ascii }
}

function fold(label: string): string {
  return label.normalize('NFKC').toLowerCase().normalize('NFKC')
}
