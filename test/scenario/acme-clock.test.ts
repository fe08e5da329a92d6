import { afterAll, beforeEach, expect, test } from 'vitest'
import { budget } from '../../src/acme/budget.ts'
import { acmeIssuer } from '../../src/acme/issuer.ts'
import { limitsOf } from '../../src/acme/limits.ts'
import { renewals } from '../../src/acme/renewals.ts'
import { createLocalAuthority, localAuthority } from '../../src/certificate/local-authority.ts'
import type { DomainName } from '../../src/name.ts'
import { openDatabase, type Database } from '../../src/storage/database.ts'
import { openStorage } from '../../src/storage/storage.ts'
import { scriptedAuthority } from '../acme/scripted-authority.ts'
import { certificateWork, unobstructed } from '../support/certificate-work.ts'
import { emptyDatabase } from '../support/databases.ts'
import { dice } from '../support/dice.ts'
import { testSealer } from '../support/sealer.ts'
import { START, stoppedClock } from '../support/stopped-clock.ts'

// The clock of this machine is set wrong and right again, while that of the authority goes on as it should.

const NAMES = 8
const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const SKEW_THAT_IS_TOLD_MS = 5 * MINUTE_MS

type World = Awaited<ReturnType<typeof newWorld>>
const toClose: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of toClose.reverse()) await close()
})

async function newWorld() {
  const clock = stoppedClock(START) // this machine's
  const truth = stoppedClock(START)
  const place = await emptyDatabase('sqlite')
  const storage = await openStorage({ ...place, sealer: testSealer, clock })
  await storage.migrate()
  const db = await openDatabase({ ...place, isReadOnly: false })
  toClose.push(
    place.remove,
    () => storage.close(),
    () => db.knex.destroy(),
  )
  const act = () => ({ at: clock.now(), actor: 'test', address: null })

  const ca = localAuthority({ ...(await createLocalAuthority(truth.now())), clock: truth })
  const authority = scriptedAuthority({ ca, clock: truth })
  const facts = { name: 'first', rank: 0, directoryUrl: 'https://scripted.example/directory', caPem: null, contact: [] }
  const wish = { ...facts, eabKeyId: null, profile: null, keyType: 'ec-p256' as const, preferredChain: null }
  const { id } = (await storage.authorities.reserve(wish, Buffer.from('key'), act())).authority
  await storage.authorities.confirm(id, { url: 'https://scripted.example/1', termsOfService: null }, act())
  const sessionOf = async () => authority.session
  const roll = dice(1)
  const random = () => roll(2 ** 31) / 2 ** 31
  const issuer = acmeIssuer({
    ...{ ...storage, ...unobstructed, sessionOf, clock, random },
    budget: budget({
      buckets: storage.budgets,
      limitsOf: async () => limitsOf('https://acme-v02.api.letsencrypt.org/directory'),
      registeredDomain: (name) => name.split('.').slice(-2).join('.'),
      random,
    }),
    renewal: renewals({ ...storage, sessionOf, clock, random }),
  })
  const work = await certificateWork({ storage, issuer, clock, elapsedMs: () => truth.now().getTime(), random })

  const tenant = await storage.tenants.add('montague', act())
  for (let i = 0; i < NAMES; i++) {
    const name = `h${i}.name${i}.com` as DomainName
    if (i % 2 === 0) await storage.targetHosts.add({ name, port: 443 }, act())
    else await storage.sourceDomains.add(tenant.id, { name, mode: 'hosted', isVouched: true }, act())
  }

  /** @param by of this machine's clock; the authority's goes `really` */
  function pass(by: number, really = by): void {
    clock.advance(by)
    truth.advance(really)
    const ahead = truth.now().getTime() - clock.now().getTime()
    authority.script.skewMs = Math.abs(ahead) > SKEW_THAT_IS_TOLD_MS ? ahead : 0
  }
  return {
    ...{ clock, truth, storage, db, authority, work, pass },
    /** Time goes on as it should. */
    async live(spanMs: number, stepMs: number): Promise<void> {
      for (let left = spanMs; left > 0; left -= stepMs) {
        while ((await work.round()) > 0);
        await work.sweep()
        pass(stepMs)
      }
      while ((await work.round()) > 0);
    },
    orderedFor: () => authority.orders.length,
  }
}

/** Everything that must not be lost: what is in use, what it was made with, and what is known of it. */
async function treasures({ knex }: Database): Promise<string[]> {
  const found = await Promise.all(
    ['certificate', 'private_key', 'lineage', 'authority', 'source_domain', 'target_host', 'tenant', 'audit_event'].map(
      async (table) => (await knex(table).pluck<(string | number)[]>('id')).map((id) => `${table} ${id}`),
    ),
  )
  return found.flat()
}

function inUse({ knex }: Database): Promise<string[]> {
  return knex('certificate').whereNotNull('activated_at').whereNull('superseded_at').orderBy('id').pluck('id')
}

let world: World
beforeEach(async () => {
  world = await newWorld()
  await world.live(MINUTE_MS, SECOND_MS)
  expect(await inUse(world.db)).toHaveLength(NAMES + 1)
})

test.each([
  { title: 'a day behind', by: -DAY_MS, isTold: false },
  { title: 'a day ahead', by: DAY_MS, isTold: false },
  // Everything has expired, as far as can be told
  { title: 'ten years ahead', by: 3653 * DAY_MS, isTold: true },
])('a clock that is $title for three hours: nothing is lost and nothing ordered', async ({ by, isTold }) => {
  const { db, pass, live, orderedFor } = world
  for (const livedMs of [0, 20 * DAY_MS]) {
    await live(livedMs, 6 * HOUR_MS)
    const [before, used, from] = [await treasures(db), await inUse(db), orderedFor()]
    pass(by, 0)
    await live(3 * HOUR_MS, 5 * MINUTE_MS)
    const told = await db
      .knex('issuance')
      .where({ problem_type: 'clock', whose: 'operator' })
      .pluck<string[]>('problem')
    expect(told).toHaveLength(isTold ? NAMES + 1 : 0)
    for (const problem of told) expect(problem).toContain('hours')
    pass(-by, 0)
    await live(HOUR_MS, 5 * MINUTE_MS)
    const after = new Set(await treasures(db))
    expect(before.filter((one) => !after.has(one))).toEqual([])
    expect(orderedFor() - from).toBe(0)
    expect(await inUse(db)).toEqual(used)
    await db.knex('issuance').where({ problem_type: 'clock' }).del() // which the next certificate would do
  }
  // And it goes on as if nothing had been: each is renewed, once, when it is due
  const from = orderedFor()
  await live(70 * DAY_MS, 12 * HOUR_MS)
  const perName = counted(world.authority.orders.slice(from).flatMap(({ identifiers }) => identifiers))
  expect(perName.size).toBe(NAMES + 1)
  expect([...new Set(perName.values())]).toEqual([1])
  expect(await expired(world)).toEqual([])
})

test('a clock that is set by a second each second, for ten minutes: nothing is lost or ordered', async () => {
  const { db, pass, live, work, orderedFor } = world
  await live(20 * DAY_MS, 6 * HOUR_MS)
  const [before, used, from] = [await treasures(db), await inUse(db), orderedFor()]
  for (let second = 0; second < 600; second++) {
    pass(SECOND_MS + (second < 300 ? SECOND_MS : -SECOND_MS), SECOND_MS)
    while ((await work.round()) > 0);
    if (second % 60 === 0) await work.sweep()
  }
  const after = new Set(await treasures(db))
  expect(before.filter((one) => !after.has(one))).toEqual([])
  expect(await inUse(db)).toEqual(used)
  expect(orderedFor() - from).toBe(0)
})

function counted(names: string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

function expired({ db, truth }: World): Promise<string[]> {
  return db
    .knex('certificate')
    .whereNotNull('activated_at')
    .whereNull('superseded_at')
    .where('not_after', '<=', truth.now().getTime())
    .pluck('id')
}
