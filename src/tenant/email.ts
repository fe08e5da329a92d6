import { parseDomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'

const MOST_CHARACTERS = 254 // RFC 5321 §4.5.3.1.3, less the angle brackets
const MOST_LOCAL_CHARACTERS = 64 // RFC 5321 §4.5.3.1.1
// No space or control character, nor what would have to be quoted (RFC 5322 §3.2.3): a header of a mail is made of it
const LOCAL_PART = /^[^\s\p{C}\p{Z}"(),:;<>@[\\\]]+$/u

/**
 * An e-mail address as accounts are found by it: trimmed, in lower case, its domain in A-labels. Null where the text is
 * none. Strictly the local part knows case (RFC 5321 §2.4); no provider does, and people write theirs in both.
 */
export function canonicalEmail(text: string): string | null {
  const trimmed = text.trim()
  if (trimmed.length > MOST_CHARACTERS) return null
  const at = trimmed.lastIndexOf('@')
  const local = trimmed.slice(0, Math.max(at, 0)).normalize('NFC').toLowerCase()
  const domain = parseDomainName(trimmed.slice(at + 1))
  if (!LOCAL_PART.test(local) || local.length > MOST_LOCAL_CHARACTERS || domain === null) return null
  const email = `${local}@${domain}`
  return email.length > MOST_CHARACTERS ? null : email
}

/** @throws ProblemError malformed-request */
export function parseEmail(text: string): string {
  const email = canonicalEmail(text)
  if (email !== null) return email
  const detail = 'should be one e-mail address, such as alice@example.org'
  throw new ProblemError('malformed-request', `email: ${detail}`, { fields: [{ pointer: '/email', detail }] })
}
