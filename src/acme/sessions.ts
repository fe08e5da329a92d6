import type { Clock } from '../clock.ts'
import type { Authority, AuthorityStore } from './authority.ts'
import type { AcmeSession, OpenSession } from './session.ts'

/** What a directory says changes now and then: profiles come and go, RFC 9773 is taken up. */
const KEEP_MS = 3_600_000

/** Sessions that are kept for an hour, one for each account, and opened anew where the authority was changed since. */
export function sessions(deps: {
  open: OpenSession
  authorities: Pick<AuthorityStore, 'accountKey'>
  clock: Clock
}): (authority: Authority) => Promise<AcmeSession> {
  const { open, authorities, clock } = deps
  const kept = new Map<string, { revision: number; until: number; session: AcmeSession }>()

  return async (authority) => {
    const now = clock.now().getTime()
    const found = kept.get(authority.id)
    if (found && found.revision === authority.revision && found.until > now && found.until <= now + KEEP_MS)
      return found.session
    const session = open(authority, await authorities.accountKey(authority.id))
    kept.set(authority.id, { revision: authority.revision, until: now + KEEP_MS, session })
    return session
  }
}
