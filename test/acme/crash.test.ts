import { afterAll, beforeAll, expect, test } from 'vitest'
import { verifiedChain } from '../../src/certificate/verified-chain.ts'
import { guardedCalls, type When } from './guarded-calls.ts'
import { issuerRig, type IssuerRig } from './issuer-rig.ts'
import { unreachable } from './scripted-authority.ts'

// Every line at which the process may be killed is a call of a store or of the authority: before it took effect, or after.

let rig: IssuerRig
let calls: number // of one issuance without a crash
beforeAll(async () => {
  rig = await issuerRig()
  rig.authority.script.directory = { ...rig.authority.script.directory, renewalInfo: 'https://x/ari' }
  const counter = killer(Infinity, 'before')
  await issueAndKeep(counter.changes)
  calls = counter.count()
})
afterAll(() => rig.storage.close())

function killer(n: number, when: When) {
  const { guard, count } = guardedCalls(n, when)
  const { orders, issuance, challenges, authorities, budget, renewalInfo, sessionOf } = rig.deps
  return {
    count,
    changes: {
      ...{ orders: guard(orders), issuance: guard(issuance), challenges: guard(challenges), budget: guard(budget) },
      ...{ authorities: guard(authorities), renewalInfo: guard(renewalInfo) },
      sessionOf: async (authority: Parameters<typeof sessionOf>[0]) => guard(await sessionOf(authority)),
    },
  }
}

async function issueAndKeep(changes: Parameters<IssuerRig['issued']>[0]): Promise<void> {
  const issuance = await rig.issued(changes)
  const { chain, privateKey } = issuance
  verifiedChain({ chainPem: chain.pem, identifiers: rig.front().identifiers, privateKey, now: rig.clock.now() })
  const staged = await rig.storage.lineages.stage(null, rig.front().id, issuance, rig.act())
  await rig.storage.lineages.activate(null, staged.id, rig.clock.now(), rig.act(), 'acme')
}

async function expectOneOfAll(from: number): Promise<void> {
  const asked = rig.authority.orders.slice(from)
  expect(asked.length).toBeLessThanOrEqual(2)
  expect(asked.reduce((sum, { finalized }) => sum + finalized, 0)).toBe(1)
  const orders = await rig.orders()
  expect(orders.filter(({ outcome }) => outcome === 'issued')).toHaveLength(1)
  expect(orders.filter(({ outcome }) => outcome === null)).toEqual([])
  expect((await rig.storage.lineages.find(null, rig.front().id))!.certificates).toHaveLength(1)
  const { token } = orders[0]!.authorizations[0]!.challenge!
  expect(await rig.storage.challenges.find(rig.front().identifiers[0]!, token, rig.clock.now())).toBeUndefined()
}

test.each<When>(['before', 'after'])(
  'killed %s any call, the next run ends with one certificate of one finalized order',
  async (when) => {
    expect(calls).toBeGreaterThan(20)
    for (let n = 1; n <= calls; n++) {
      await rig.use(`n${n}.${when}.example.com`)
      const from = rig.authority.orders.length
      await expect(issueAndKeep(killer(n, when).changes), `call ${n}`).rejects.toThrow('killed')
      await issueAndKeep({})
      await expectOneOfAll(from)
    }
  },
)

test('killed twice, at any two calls, it ends so as well', async () => {
  for (let n = 1; n <= calls; n += 2)
    for (let m = 2; m <= calls; m += 5) {
      await rig.use(`n${n}-${m}.twice.example.com`)
      const from = rig.authority.orders.length
      await issueAndKeep(killer(n, 'after').changes).catch(() => undefined)
      await issueAndKeep(killer(m, 'after').changes).catch(() => undefined)
      if ((await rig.orders())[0]?.outcome !== 'issued') await issueAndKeep({})
      const asked = rig.authority.orders.slice(from)
      expect(asked.reduce((sum, { finalized }) => sum + finalized, 0)).toBe(1)
      expect(asked.length).toBeLessThanOrEqual(3)
      expect((await rig.orders()).filter(({ outcome }) => outcome === 'issued')).toHaveLength(1)
    }
}, 60_000)

const methods = ['newOrder', 'authorization', 'answer', 'order', 'finalize', 'certificate'] as const
test.each(methods.flatMap((method) => [false, true].map((isAfter) => ({ method, isAfter }))))(
  'where no answer comes to $method (done nevertheless: $isAfter), one certificate comes of it later',
  async ({ method, isAfter }) => {
    await rig.use(`${method.toLowerCase()}.${isAfter}.example.com`)
    const from = rig.authority.orders.length
    rig.authority.fail(method, unreachable, { isAfter })
    await issueAndKeep({})
    await expectOneOfAll(from)
  },
)
