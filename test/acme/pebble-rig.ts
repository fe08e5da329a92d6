import { randomInt } from 'node:crypto'
import { accountKeyChange } from '../../src/acme/account-key-change.ts'
import { acmeSessions } from '../../src/acme/acme-session.ts'
import { authorities, type AuthorityWish } from '../../src/acme/authorities.ts'
import { budget } from '../../src/acme/budget.ts'
import { acmeIssuer } from '../../src/acme/issuer.ts'
import { limitsOf } from '../../src/acme/limits.ts'
import { renewals } from '../../src/acme/renewals.ts'
import { sessions } from '../../src/acme/sessions.ts'
import { systemClock } from '../../src/clock.ts'
import { createLog } from '../../src/log.ts'
import { authorityExchange } from '../../src/outside/authority-exchange.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import { testSealer } from '../support/sealer.ts'

type IssuerDeps = Parameters<typeof acmeIssuer>[0]

/** All parts over a real database, for real authorities. @param more what the issuer has in place of the usual */
export async function acmeParts(more: (storage: Storage) => Partial<IssuerDeps> = () => ({})) {
  const clock = systemClock
  const storage: Storage = await openStorage({ url: undefined, file: ':memory:', sealer: testSealer, clock })
  await storage.migrate()
  const open = acmeSessions({ exchange: authorityExchange(), clock })
  const sessionOf = sessions({ open, authorities: storage.authorities, clock })
  const random = () => randomInt(2 ** 32) / 2 ** 32
  return {
    storage,
    sessionOf,
    act: () => ({ at: clock.now(), actor: 'test', address: null }),
    operator: authorities({ store: storage.authorities, open, clock }),
    issuer: acmeIssuer({
      ...storage,
      budget: budget({
        buckets: storage.budgets,
        limitsOf: async () => limitsOf('https://localhost/'),
        registeredDomain: (name) => name.split('.').slice(-2).join('.'),
        random,
      }),
      sessionOf,
      finishKeyChange: accountKeyChange({ store: storage.authorities, open }),
      preflight: async () => ({ outcome: 'ok', isMoved: false, findings: [] }),
      challengeTypes: ['http-01', 'tls-alpn-01'],
      renewal: renewals({ ...storage, sessionOf, clock, random }),
      clock,
      log: createLog({ level: 'silent', role: 'test' }),
      random,
      ...more(storage),
    }),
  }
}

/** Of an authority for which only its place is special. */
export function wishFor(
  place: { directoryUrl: string; caPem: string | null },
  more: Partial<AuthorityWish> = {},
): AuthorityWish {
  return {
    ...{ name: 'pebble', rank: 0, contact: ['mailto:hostmaster@example.net'], eabKeyId: null, eabKey: null },
    ...{ profile: null, keyType: 'ec-p256', preferredChain: null, agreesToTerms: true, ...place, ...more },
  }
}
