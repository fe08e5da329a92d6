import type { Clock } from '../clock.ts'
import { createRequest } from './certificate-request.ts'
import type { Issuer } from './issuer.ts'
import type { LocalAuthority } from './local-authority.ts'
import { renewAt } from './renewal.ts'
import { verifiedChain } from './verified-chain.ts'

/** Has the local authority issue, at once. It is never asked when to renew: a fraction of the lifetime says so. */
export function localIssuer({ authority, clock }: { authority: LocalAuthority; clock: Clock }): Issuer {
  return {
    name: 'local',
    source: 'local',

    async renewal(certificate) {
      const at = renewAt(certificate)
      return { renewAt: at, askAgainAt: at }
    },

    async issue({ identifiers }) {
      const { csrDer, privateKey } = await createRequest(identifiers)
      const { chainPem } = await authority.issue({ identifiers, csrDer })
      const chain = verifiedChain({ chainPem, identifiers, privateKey, now: clock.now() })
      return { outcome: 'issued', chain, privateKey, orderId: null }
    },
  }
}
