import type { Profile } from './authority.ts'
import { finding } from './failure.ts'
import type { AcmeProblem, Directory } from './session.ts'

/**
 * The profile to ask for: the authority's own setting; without one, that of the certificate which is replaced, where it
 * is still offered. Null: none is asked for, and none is ever guessed.
 */
export function chooseProfile(
  setting: Profile | null,
  formerly: string | null,
  { profiles }: Pick<Directory, 'profiles'>,
): { profile: string | null; missing: Profile | null } {
  const isOffered = (name: string) => profiles !== null && Object.hasOwn(profiles, name)
  if (setting) {
    const found = isOffered(setting.name)
    return { profile: found ? setting.name : null, missing: found ? null : setting }
  }
  return { profile: formerly !== null && isOffered(formerly) ? formerly : null, missing: null }
}

/** Why nothing is ordered at an authority that lacks the profile which is required. */
export function profileMissing({ name }: Profile, { profiles }: Pick<Directory, 'profiles'>): AcmeProblem {
  const offered = Object.keys(profiles ?? {})
  const list = offered.length > 0 ? offered.join(', ') : 'none'
  return finding('invalidProfile', `the profile ${name} is required; offered: ${list}`)
}

/**
 * Whether newOrder was refused for what it said about the certificate that is replaced (RFC 9773 §5): the order is worth
 * asking for without. Authorities word it in many ways, and some answer with faults of their own to a certificate that
 * they do not know; one that says when to come again is busy and means all orders.
 */
export function isAboutReplaces({ type, detail, status, retryAfterMs }: AcmeProblem): boolean {
  if (type === 'alreadyReplaced') return true
  if (type === 'rateLimited' || retryAfterMs !== null || status === 0) return false
  return (
    /replace|\bARI\b|certid/i.test(detail) || type === 'malformed' || status === 404 || status === 409 || status >= 500
  )
}

/** Whether the directory offers a profile that newOrder is refused with. */
export function isAboutProfile({ type, detail }: AcmeProblem): boolean {
  return type === 'invalidProfile' || (type === 'unauthorized' && /profile/i.test(detail))
}
