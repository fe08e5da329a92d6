import type { Authority } from '../../src/acme/authority.ts'
import type { Budget } from '../../src/acme/budget.ts'
import { acmeIssuer } from '../../src/acme/issuer.ts'
import type { EdgeType } from '../../src/acme/challenge-choice.ts'
import type { Issuance } from '../../src/certificate/issuer.ts'
import type { LineageCertificate } from '../../src/certificate/lineage.ts'
import { createLocalAuthority, localAuthority } from '../../src/certificate/local-authority.ts'
import { active } from '../../src/certificate/rollover.ts'
import { createLog } from '../../src/log.ts'
import { domainName } from '../../src/name.ts'
import { openStorage } from '../../src/storage/storage.ts'
import { testSealer } from '../support/sealer.ts'
import { stoppedClock } from '../support/stopped-clock.ts'
import { scriptedAuthority, type ScriptedAuthority } from './scripted-authority.ts'

export const START = '2026-11-23T12:00:00Z'
export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS

type Deps = Parameters<typeof acmeIssuer>[0]

export interface Rig {
  wish?: Partial<Pick<Authority, 'profile' | 'keyType'>>
  authorities?: string[] // names, the first in rank first
}

/** The issuer over a real database and authorities in memory, with a clock that only a test moves. */
export async function issuerRig({ wish = {}, authorities: names = ['first'] }: Rig = {}) {
  const clock = stoppedClock(START)
  const storage = await openStorage({ url: undefined, file: ':memory:', sealer: testSealer, clock })
  await storage.migrate()
  const act = () => ({ at: clock.now(), actor: 'test', address: null })
  const ca = localAuthority({ ...(await createLocalAuthority(clock.now())), clock })
  const scripted = new Map<string, ScriptedAuthority>()
  for (const [index, name] of names.entries()) {
    const facts = { name, rank: index, directoryUrl: `https://${name}.example/directory`, caPem: null, contact: [] }
    const settings = { eabKeyId: null, profile: null, keyType: 'ec-p256' as const, preferredChain: null, ...wish }
    const { authority } = await storage.authorities.reserve({ ...facts, ...settings }, Buffer.from(name), act())
    await storage.authorities.confirm(authority.id, { url: `https://${name}.example/1`, termsOfService: null }, act())
    scripted.set(authority.id, scriptedAuthority({ ca, clock, name }))
  }

  let lineages = 0
  async function lineage(...identifiers: string[]) {
    const { id } = await storage.lineages.create(null, { name: `front:${++lineages}`, source: 'acme' }, act())
    return { id, identifiers: identifiers.map(domainName) }
  }
  let front = await lineage('im.example.com')
  const challengeTypes: EdgeType[] = ['http-01', 'tls-alpn-01']
  const paid: Parameters<Budget['take']>[0][] = []
  const givenBack: typeof paid = []
  const failuresNoted: string[] = []
  const deps: Deps = {
    ...storage,
    budget: {
      take: async (order) => (paid.push(order), { outcome: 'ok' }),
      giveBack: async (order) => void givenBack.push(order),
      noteFailure: async (_, identifier) => void failuresNoted.push(identifier),
    },
    sessionOf: async ({ id }) => scripted.get(id)!.session,
    finishKeyChange: async () => false,
    preflight: async () => ({ outcome: 'ok', isMoved: false, findings: [] }),
    challengeTypes,
    renewal: () => Promise.reject(new Error('not asked here')),
    clock,
    log: createLog({ level: 'silent', role: 'test' }),
    random: () => 0.5,
  }

  return {
    ...{ clock, storage, act, ca, deps, paid, givenBack, failuresNoted },
    authority: [...scripted.values()][0]!,
    authorities: [...scripted.values()],
    front: () => front,
    /** Another lineage, which the calls that follow are about. */
    async use(...identifiers: string[]) {
      front = await lineage(...identifiers)
    },
    rename: (...identifiers: string[]) => void (front = { ...front, identifiers: identifiers.map(domainName) }),
    memory: () => storage.issuance.memory(front.id),
    orders: () => storage.orders.list(front.id, { limit: 50 }),
    underWay: () => storage.orders.underWay(front.id),

    async issue(changes: Partial<Deps> = {}): Promise<Issuance> {
      const found = await storage.lineages.find(null, front.id)
      const replaces = active(found!.certificates) ?? null
      const wanted = { tenantId: null, lineageId: front.id, identifiers: front.identifiers, replaces }
      return acmeIssuer({ ...deps, ...changes }).issue(wanted)
    },
    /** As the job does it: again whenever it is time, until there is a certificate. */
    async issued(changes: Partial<Deps> = {}, mostCalls = 50): Promise<Extract<Issuance, { outcome: 'issued' }>> {
      for (let calls = 0; calls < mostCalls; calls++) {
        const result = await this.issue(changes)
        if (result.outcome === 'issued') return result
        clock.advance(Math.max(0, result.at.getTime() - clock.now().getTime()))
      }
      throw new Error(`no certificate after ${mostCalls} calls: ${JSON.stringify(await this.memory())}`)
    },
    /** Issues and puts it to use. */
    async activated(changes: Partial<Deps> = {}): Promise<LineageCertificate> {
      const issuance = await this.issued(changes)
      const staged = await storage.lineages.stage(null, front.id, issuance, act())
      return storage.lineages.activate(null, staged.id, clock.now(), act(), 'acme')
    },
  }
}

export type IssuerRig = Awaited<ReturnType<typeof issuerRig>>
