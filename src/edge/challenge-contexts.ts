import { LRUCache } from 'lru-cache'
import type { SecureContext } from 'node:tls'
import { challengeCertificate } from '../certificate/challenge-certificate.ts'
import type { Clock } from '../clock.ts'
import type { DomainName } from '../name.ts'
import { contextOf, free } from './contexts.ts'
import type { Challenges } from './plain-handler.ts'

interface Made {
  keyAuthorization: string
  context: SecureContext
  liveAt: Date // when the challenge was last seen to be live
}

const MOST = 100
const KEPT_MS = 3_600_000 // well within the certificate's dates
const RECENT_MS = 5_000

/** TLS contexts for tls-alpn-01 challenges (RFC 8737), made when an authority asks. */
export interface ChallengeContexts {
  /**
   * Hands over undefined where no challenge of the name is live. Each call reads: an answer that were kept, that there is
   * none, could be kept by anybody's asking until the authority asks.
   * @param hand as in `Contexts`: it has to pass the context on before it returns
   */
  give(name: DomainName, hand: (context: SecureContext | undefined) => void): Promise<void>
  /** Without reading: that of a challenge that was live seconds ago. To be passed on at once. */
  recent(name: DomainName): SecureContext | undefined
}

export function challengeContexts(deps: { challenges: Challenges; clock: Clock }): ChallengeContexts {
  const { challenges, clock } = deps
  const made = new LRUCache<DomainName, Made>({ max: MOST, ttl: KEPT_MS, dispose: ({ context }) => free(context) })
  const inFlight = new Map<string, Promise<void>>()

  function find(name: DomainName, keyAuthorization: string): Made | undefined {
    const kept = made.get(name)
    return kept?.keyAuthorization === keyAuthorization ? kept : undefined
  }

  async function make(name: DomainName, keyAuthorization: string): Promise<void> {
    const now = clock.now()
    const { pem, privateKey } = await challengeCertificate(name, keyAuthorization, { now })
    made.set(name, { keyAuthorization, context: contextOf(pem, privateKey), liveAt: now })
  }

  function makeOnce(name: DomainName, keyAuthorization: string): Promise<void> {
    const key = `${name} ${keyAuthorization}`
    const pending = inFlight.get(key)
    if (pending) return pending
    const flight = make(name, keyAuthorization).finally(() => inFlight.delete(key))
    inFlight.set(key, flight)
    return flight
  }

  return {
    async give(name, hand) {
      const now = clock.now()
      // A certificate answers one challenge only (RFC 8737 §3)
      const [keyAuthorization] = await challenges.findForTls(name, now)
      if (keyAuthorization === undefined) return hand(undefined)
      if (!find(name, keyAuthorization)) await makeOnce(name, keyAuthorization)
      const found = find(name, keyAuthorization)
      if (found) found.liveAt = now
      hand(found?.context)
    },

    recent(name) {
      const found = made.get(name)
      return found && clock.now().getTime() - found.liveAt.getTime() < RECENT_MS ? found.context : undefined
    },
  }
}
