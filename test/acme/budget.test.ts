import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { untouched, type Bucket } from '../../src/acme/bucket.ts'
import { budget, type Budget, type BudgetStore, type OrderToPay, type Payment } from '../../src/acme/budget.ts'
import { limitsOf, type Limits } from '../../src/acme/limits.ts'
import { domainName } from '../../src/name.ts'
import { onBothEngines } from '../support/databases.ts'
import { dice } from '../support/dice.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const START = Date.parse('2026-11-23T12:00:00Z')
const at = (ms: number) => new Date(START + ms)
const LETS_ENCRYPT = limitsOf('https://acme-v02.api.letsencrypt.org/directory')
const UNBOUND: Limits = {
  ...{ pace: null, orders: null, registeredDomain: null, identifierSet: null, failures: null },
  areRenewalsFree: true,
}
const registeredDomain = (name: string) => name.split('.').slice(-2).join('.')

/** Rows in memory, for what the store has no part in. */
function inMemory(): BudgetStore & { rows: Map<string, Bucket> } {
  const rows = new Map<string, Bucket>()
  return {
    rows,
    async settle(authorityId, keys, decide) {
      const found = new Map(keys.map((key) => [key, rows.get(`${authorityId} ${key}`) ?? untouched(key)]))
      const { changed, result } = decide(found)
      for (const bucket of changed) rows.set(`${authorityId} ${bucket.key}`, bucket)
      return result
    },
  }
}

const of = (
  limits: Partial<Limits>,
  { buckets = inMemory(), random = () => 0 }: { buckets?: BudgetStore; random?: () => number } = {},
) => budget({ buckets, limitsOf: async () => ({ ...UNBOUND, ...limits }), registeredDomain, random })
let names = 0
const order = (wish: Partial<OrderToPay> & { name?: string } = {}): OrderToPay => ({
  ...{ authorityId: 'a', tenantId: 't', identifiers: [domainName(wish.name ?? `im.n${++names}.example`)] },
  ...{ isRenewal: false, isByRenewalInfo: false, expiresAt: null },
  ...wish,
})
const waits = (payment: Payment, now: Date) => (payment.outcome === 'ok' ? 0 : payment.at.getTime() - now.getTime())

describe('the limits of an authority', () => {
  test.each([
    ['https://acme-v02.api.letsencrypt.org/directory', { count: 300, periodMs: 3 * HOUR_MS }],
    ['https://acme-staging-v02.api.letsencrypt.org/directory', { count: 1500, periodMs: 3 * HOUR_MS }],
    ['https://ca.example/acme', null],
    ['https://acme-v02.api.letsencrypt.org.evil.example/directory', null],
  ])('%s', (url, orders) => {
    expect(limitsOf(url).orders).toEqual(orders)
    expect(limitsOf(url).pace).not.toBeNull()
    expect(limitsOf(url, { orders: { count: 7, periodMs: 1 }, pace: null })).toMatchObject({
      ...{ orders: { count: 7, periodMs: 1 }, pace: null },
    })
  })
})

describe('an order costs', () => {
  const spend = async (wish: Partial<OrderToPay>) => {
    const buckets = inMemory()
    const one = order({ name: 'im.example.com', ...wish })
    await of(LETS_ENCRYPT, { buckets }).take(one, at(0))
    return [...buckets.rows.keys()].map((key) => key.replace(/names .*/, 'names').replace(/^a /, '')).sort()
  }
  test.each<[string, Partial<OrderToPay>, string[]]>([
    ['the first', {}, ['domain example.com', 'names', 'orders', 'pace', 'tenant t']],
    ['a renewal', { isRenewal: true, expiresAt: at(30 * DAY_MS) }, ['names', 'pace']],
    ['a renewal in the suggested window', { isRenewal: true, isByRenewalInfo: true }, ['names', 'pace']],
    [
      'two names of one domain',
      { identifiers: ['a.example.com', 'b.example.com'].map(domainName) },
      ['domain example.com', 'names', 'orders', 'pace', 'tenant t'],
    ],
    [
      'two domains',
      { identifiers: ['a.example.com', 'b.example.net'].map(domainName) },
      ['domain example.com', 'domain example.net', 'names', 'orders', 'pace', 'tenant t'],
    ],
  ])('%s', async (_, wish, keys) => expect(await spend(wish)).toEqual(keys))

  test("a renewal all of it, where the authority's are not free", async () => {
    const { take } = of({ orders: { count: 2, periodMs: HOUR_MS }, areRenewalsFree: false })
    const renewal = { isRenewal: true, expiresAt: at(30 * DAY_MS) }
    expect(await take(order(renewal), at(0))).toEqual({ outcome: 'ok' })
    expect(await take(order(renewal), at(0))).toEqual({ outcome: 'ok' })
    expect(await take(order(renewal), at(0))).toMatchObject({ outcome: 'later' })
  })

  test('nothing where it is refused', async () => {
    const buckets = inMemory()
    const { take } = of(
      { orders: { count: 9, periodMs: HOUR_MS }, identifierSet: { count: 1, periodMs: DAY_MS } },
      { buckets },
    )
    await take(order({ name: 'im.example.com' }), at(0))
    const before = buckets.rows.get('a orders')!.fullAt
    expect(await take(order({ name: 'im.example.com' }), at(0))).toEqual({
      ...{ outcome: 'later', at: at(DAY_MS), why: 'certificates for the same names (1 in 1 d) are spent for now' },
    })
    expect(buckets.rows.get('a orders')!.fullAt).toEqual(before)
  })
})

describe('a limit', () => {
  const LIMIT = { count: 5, periodMs: 7 * DAY_MS }
  const EACH_MS = LIMIT.periodMs / 5

  test('lets so many through at once, and then one whenever one has come back', async () => {
    const { take } = of({ identifierSet: LIMIT })
    const again = () => order({ name: 'im.example.com' })
    for (let i = 0; i < 5; i++) expect(await take(again(), at(0))).toEqual({ outcome: 'ok' })
    expect(waits(await take(again(), at(0)), at(0))).toBe(EACH_MS)
    expect(waits(await take(again(), at(EACH_MS - 1)), at(0))).toBe(EACH_MS)
    expect(await take(again(), at(EACH_MS))).toEqual({ outcome: 'ok' })
    expect(waits(await take(again(), at(EACH_MS)), at(0))).toBe(2 * EACH_MS)
    expect(await take(order(), at(0))).toEqual({ outcome: 'ok' })
    expect(await take({ ...again(), authorityId: 'b' }, at(0))).toEqual({ outcome: 'ok' })
  })

  test('of certificates gets back what an order without one has cost; that of orders does not', async () => {
    const buckets = inMemory()
    const limits = { identifierSet: LIMIT, registeredDomain: LIMIT, orders: LIMIT }
    const { take, giveBack } = of(limits, { buckets })
    const one = order({ name: 'im.example.com', expiresAt: at(0) })
    const spentOf = () =>
      [
        'a orders',
        'a domain example.com',
        `a ${[...buckets.rows.keys()].find((key) => key.includes('names'))?.slice(2)}`,
      ].map((key) => Math.round(Math.max(buckets.rows.get(key)!.fullAt.getTime(), 0) / EACH_MS))
    for (let i = 0; i < 2; i++) await take(one, at(0))
    const before = spentOf()
    await giveBack(one, at(0))
    expect(spentOf()).toEqual([before[0], before[1]! - 1, before[2]! - 1])
    const renewal = { ...one, isRenewal: true }
    const ofLess = of({ ...limits, areRenewalsFree: true }, { buckets })
    await ofLess.take(renewal, at(0))
    await ofLess.giveBack(renewal, at(0))
    expect(spentOf()).toEqual([before[0], before[1]! - 1, before[2]! - 1])
    await giveBack(order({ name: 'never.example.net' }), at(0))
    expect([...buckets.rows.keys()].join()).not.toContain('example.net')
    // Never more than there is room for
    for (let i = 0; i < 9; i++) await giveBack(one, at(0))
    for (let i = 0; i < 5; i++) await take({ ...one, isByRenewalInfo: true }, at(0))
    expect(waits(await take({ ...one, isByRenewalInfo: true }, at(0)), at(0))).toBe(EACH_MS)
  })

  test('is never exceeded, in whatever rhythm it is asked', async () => {
    const rhythm = fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 20, maxLength: 120 })
    await fc.assert(
      fc.asyncProperty(rhythm, fc.integer({ min: 1, max: 7 }), async (gaps, count) => {
        const limit = { count, periodMs: 100 * count }
        const { take } = of({ orders: limit })
        const taken: number[] = []
        let now = 0
        for (const gap of gaps) {
          now += gap
          const payment = await take(order({ expiresAt: at(0) }), at(now))
          if (payment.outcome === 'ok') taken.push(now)
          // It says an instant at which it would be ok, and that is not in the past
          else expect(payment.at > at(now)).toBe(true)
        }
        // In any span there are at most what it holds, and what came back meanwhile
        for (const [i, from] of taken.entries())
          for (const [j, to] of taken.entries())
            if (j >= i) expect(j - i + 1).toBeLessThanOrEqual(count + Math.floor((to - from) / 100) + 1)
      }),
      { numRuns: 100 },
    )
  })

  test('failed validations of a name hold up only orders with that name', async () => {
    const { take, noteFailure } = of({ failures: { count: 5, periodMs: HOUR_MS } })
    const name = domainName('im.example.com')
    for (let i = 0; i < 5; i++) {
      expect(await take(order({ identifiers: [name] }), at(0))).toEqual({ outcome: 'ok' })
      await noteFailure('a', name, at(0))
    }
    const both = order({ identifiers: [domainName('other.example'), name] })
    expect(waits(await take(both, at(0)), at(0))).toBe(12 * MINUTE_MS)
    expect(await take(order(), at(0))).toEqual({ outcome: 'ok' })
    expect(await take(both, at(12 * MINUTE_MS))).toEqual({ outcome: 'ok' })
    for (let i = 0; i < 99; i++) await noteFailure('a', name, at(13 * MINUTE_MS))
    expect(waits(await take(both, at(13 * MINUTE_MS)), at(13 * MINUTE_MS))).toBe(12 * MINUTE_MS)
  })

  test('T40: a clock that was ten years ahead leaves no debt but an empty bucket', async () => {
    const { take } = of({ orders: LIMIT })
    const decade = 3650 * DAY_MS
    const urgent = { expiresAt: at(0) }
    for (let i = 0; i < 5; i++) await take(order(urgent), at(decade))
    expect(waits(await take(order(urgent), at(0)), at(0))).toBe(EACH_MS)
    for (let i = 1; i <= 5; i++) await take(order(urgent), at(i * EACH_MS))
    expect(await take(order(urgent), at(7 * EACH_MS))).toEqual({ outcome: 'ok' })
  })

  test('what is left is told', async () => {
    const { take, standing } = of({ orders: LIMIT })
    await take(order(), at(0))
    await take(order(), at(0))
    expect(await standing('a', at(0))).toEqual([{ limit: 'orders', of: LIMIT, left: 3 }])
    expect(await standing('a', at(EACH_MS))).toEqual([{ limit: 'orders', of: LIMIT, left: 4 }])
  })
})

describe('who comes first', () => {
  const ORDERS = { orders: { count: 30, periodMs: 30 * MINUTE_MS }, areRenewalsFree: false }
  const routine = { isRenewal: true, expiresAt: at(20 * DAY_MS) }
  const urgent = { isRenewal: true, expiresAt: at(47 * HOUR_MS) }

  test('routine renewals leave a third of it, first certificates a tenth, and what is about to expire may have it all', async () => {
    const { take } = of(ORDERS)
    const most = async (wish: Partial<OrderToPay>) => {
      let count = 0
      while ((await take(order(wish), at(0))).outcome === 'ok') count++
      return count
    }
    expect(await most(routine)).toBe(20)
    expect(await most({})).toBe(7)
    expect(await most(urgent)).toBe(3)
  })

  test('each is told when its turn comes', async () => {
    const { take } = of(ORDERS)
    while ((await take(order(urgent), at(0))).outcome === 'ok');
    expect(waits(await take(order(urgent), at(0)), at(0))).toBe(MINUTE_MS)
    expect(waits(await take(order(), at(0)), at(0))).toBe(4 * MINUTE_MS)
    expect(waits(await take(order(routine), at(0)), at(0))).toBe(11 * MINUTE_MS)
  })

  test('a tenant has at most half of it while others wait, and all of it while none does', async () => {
    const { take } = of({ orders: { count: 60, periodMs: HOUR_MS } })
    let now = 0
    const count = { many: 0, few: 0 }
    const tick = async (tenantId: 'many' | 'few') => {
      if ((await take(order({ tenantId }), at(now))).outcome === 'ok') count[tenantId]++
    }
    for (let i = 0; i < 100; i++) await tick('many')
    expect(count.many).toBe(54)
    for (let minute = 0; minute < 120; minute++, now += MINUTE_MS) await tick('many')
    const alone = count.many - 54
    expect(alone).toBeGreaterThan(115)

    count.many = 0
    for (let minute = 0; minute < 120; minute++, now += MINUTE_MS) {
      for (let i = 0; i < 5; i++) await tick('many')
      await tick('few')
    }
    expect(count.few).toBeGreaterThanOrEqual(55)
    expect(count.many).toBeGreaterThanOrEqual(50)
  })

  /** Two thousand names of one tenant, or of as many, each of which comes when it was told to. */
  function manyWho(tenantOf: (i: number) => string, take: Budget['take']) {
    const queue = Array.from({ length: 2000 }, (_, i) => ({ i, name: `im.many${i}.example`, at: 0 }))
    const count = { tries: 0, ordered: 0 }
    return {
      count,
      async runUntil(end: number) {
        for (;;) {
          const next = queue.reduce((a, b) => (a.at <= b.at ? a : b))
          if (next.at > end) return
          const payment = await take(order({ tenantId: tenantOf(next.i), name: next.name }), at(next.at))
          count.tries++
          if (payment.outcome === 'ok') count.ordered++
          next.at = payment.outcome === 'ok' ? Infinity : payment.at.getTime() - START
        }
      },
    }
  }

  test.each([
    ['one tenant', () => 'many'],
    ['as many tenants', (i: number) => `tenant ${i}`],
  ])(
    'two thousand names of %s wait with few words, and nothing of the limit is left unused',
    async (_who, tenantOf) => {
      const roll = dice(1)
      const { take } = of(LETS_ENCRYPT, { random: () => roll(2 ** 31) / 2 ** 31 })
      const { count, runUntil } = manyWho(tenantOf, take)
      await runUntil(6 * HOUR_MS)
      expect(count.ordered).toBeGreaterThan(700)
      expect(count.tries).toBeLessThan(20 * count.ordered)
    },
  )

  test('a newcomer does not stand behind thousands of another tenant', async () => {
    const roll = dice(1)
    const { take } = of(LETS_ENCRYPT, { random: () => roll(2 ** 31) / 2 ** 31 })
    const { runUntil } = manyWho(() => 'many', take)
    await runUntil(6 * HOUR_MS)
    let now = 6 * HOUR_MS
    for (;;) {
      await runUntil(now)
      const payment = await take(order({ tenantId: 'few', name: 'im.few.example' }), at(now))
      if (payment.outcome === 'ok') break
      now = payment.at.getTime() - START
    }
    expect(now - 6 * HOUR_MS).toBeLessThan(30 * MINUTE_MS)
  })
})

onBothEngines('the budget', (database) => {
  const orders = { count: 10, periodMs: HOUR_MS }
  const limits: Limits = { ...UNBOUND, orders, failures: { count: 2, periodMs: HOUR_MS } }
  const on = async () => {
    const { budgets } = await database.open()
    return budget({ buckets: budgets, limitsOf: async () => limits, registeredDomain, random: () => 0 })
  }
  const urgent = (authorityId: string, wish: Partial<OrderToPay> = {}) =>
    order({ authorityId, expiresAt: database.clock.now(), ...wish })

  test('is taken by many at once, in several processes, as if they had come in turn', async () => {
    const processes = await Promise.all([on(), on()])
    const now = database.clock.now()
    const payments = await Promise.all(
      Array.from({ length: 40 }, (_, i) => processes[i % 2]!.take(urgent('parallel'), now)),
    )
    expect(payments.filter(({ outcome }) => outcome === 'ok')).toHaveLength(10)
    expect(await processes[0].standing('parallel', now)).toEqual([{ limit: 'orders', of: orders, left: 0 }])
  })

  test('outlives the process, with who waits and what failed', async () => {
    const { clock } = database
    const name = domainName('im.example.com')
    const before = await on()
    for (let i = 0; i < 2; i++) await before.noteFailure('kept', name, clock.now())
    for (let i = 0; i < 9; i++) await before.take(order({ authorityId: 'kept', tenantId: 'one' }), clock.now())
    const refused = await before.take(order({ authorityId: 'kept', tenantId: 'two' }), clock.now())
    expect(refused.outcome).toBe('later')

    const after = await on()
    expect(await after.take(urgent('kept', { identifiers: [name] }), clock.now())).toMatchObject({
      why: expect.stringContaining('failed validations of im.example.com') as string,
    })
    clock.advance(6 * MINUTE_MS)
    const others = await after.take(order({ authorityId: 'kept', tenantId: 'one' }), clock.now())
    expect(others).toMatchObject({ why: expect.stringContaining('while others wait') as string })
    expect(await after.take(order({ authorityId: 'kept', tenantId: 'two' }), clock.now())).toEqual({ outcome: 'ok' })
  })

  test('what says nothing any more is swept away', async () => {
    const { clock, storage, db } = database
    await (await on()).take(urgent('swept'), clock.now())
    const rows = () => db.knex('budget_bucket').where({ authority_id: 'swept' })
    await storage.sweep(clock.now())
    expect(await rows()).not.toEqual([])
    clock.advance(3 * HOUR_MS)
    await storage.sweep(clock.now())
    expect(await rows()).toEqual([])
  })
})
