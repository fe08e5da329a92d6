import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import { PROOF_CHECK } from '../../src/tenant/proof-checks.ts'
import type { Tenant } from '../../src/tenant/tenant.ts'
import { aChain } from '../storage/rows.ts'
import { DAY, HOUR, MINUTE, NAME as name } from './claims.ts'
import { refusal } from './house.ts'
import { proofWorld, SHARED_EDGE, type ProofWorld } from './proof-world.ts'
import type { ServerState } from './scripted-dns.ts'

let world: ProofWorld
let acme: Tenant
let zebra: Tenant

beforeEach(async () => {
  world = await proofWorld()
  acme = await world.storage.tenants.add('acme', world.act())
  zebra = await world.storage.tenants.add('zebra', world.act())
})
afterEach(() => world.close())

const check = (tenant: Tenant) => world.checks.check(tenant.id, name, world.act())
const runs = () => world.runner.runDue(100)
/** The actions in the tenant's audit trail, the oldest first. */
const trail = async (tenant: Tenant) =>
  (await world.storage.audit.list(tenant.id, { limit: 100, isOldestFirst: true, subject: name })).map(
    ({ action, actor }) => `${action} by ${actor}`,
  )

describe('a check', () => {
  test('finds a TXT record, and the tenant holds the name from then on', async () => {
    await world.claim(acme, name)
    world.dns.publish(...world.txt(acme, name))
    const found = await check(acme)
    expect(found).toMatchObject({
      state: 'proven',
      sighting: { outcome: 'ok', proof: 'txt' },
      isHeldByAnother: false,
      lookedAt: world.clock.now(),
      advice: [],
    })
    expect(found.claim).toMatchObject({ proof: 'txt', provenAt: world.clock.now(), seenAt: world.clock.now() })
    expect(await trail(acme)).toContain('source-domain.prove by proof-check')
  })

  test('finds a CNAME record of a hosted name, but of an external one it does not even ask', async () => {
    await world.claim(acme, name)
    world.dns.publish(...world.cname(acme, name))
    expect(await check(acme)).toMatchObject({ sighting: { outcome: 'ok', proof: 'cname' } })
    const other = domainName('other.example.com')
    await world.claim(acme, other, { mode: 'external' })
    world.dns.publish(...world.cname(acme, other))
    const found = await world.checks.check(acme.id, other, world.act())
    expect(found).toMatchObject({ state: 'unproven', sighting: { outcome: 'wrong' } })
    expect(found.looks.map(({ type }) => type)).toEqual(['TXT'])
    expect(world.dns.asked).not.toContain(`CNAME ${other}`)
  })

  test('asks for a name beside only where a record was found, another one each time', async () => {
    await world.claim(acme, name)
    await check(acme)
    expect(world.dns.asked.splice(0)).toEqual([`TXT _waypost-challenge.${name}`, `CNAME ${name}`])
    world.dns.publish(...world.txt(acme, name))
    world.dns.publish(...world.cname(acme, name))
    const beside = []
    for (let look = 0; look < 2; look++) {
      world.clock.advance(MINUTE)
      await check(acme)
      const siblings = world.dns.asked.splice(0).slice(2)
      expect(siblings[0]).toMatch(/^TXT waypost-[0-9a-f]{16}\.im\.example\.com$/)
      expect(siblings[1]).toMatch(/^CNAME waypost-[0-9a-f]{16}\.example\.com$/)
      beside.push(...siblings)
    }
    expect(new Set(beside.map((question) => question.split(/[ .]/)[1])).size).toBe(4)
  })

  test('asks nobody where somebody looked less than five seconds ago', async () => {
    await world.claim(acme, name)
    await check(acme)
    world.dns.publish(...world.txt(acme, name))
    world.clock.advance(4_999)
    expect((await check(acme)).state).toBe('unproven')
    expect(world.dns.asked).toHaveLength(2)
    world.clock.advance(1)
    expect((await check(acme)).state).toBe('proven')
  })

  test('does not let stand what a clock has found that ran ahead', async () => {
    await world.claim(acme, name)
    world.clock.advance(DAY)
    await check(acme)
    world.clock.advance(-DAY)
    await check(acme)
    expect(world.dns.asked).toHaveLength(4)
  })

  test('does not let stand what was found before the claim was there', async () => {
    await world.claim(acme, name, { mode: 'external' })
    await check(acme)
    world.clock.advance(1)
    world.dns.publish(...world.txt(zebra, name))
    await world.claim(zebra, name)
    expect((await check(zebra)).state).toBe('proven')
  })

  test('by two at once is one look', async () => {
    await world.claim(acme, name)
    await world.claim(zebra, name)
    const { letGo } = world.dns.hold()
    const both = Promise.all([check(acme), check(zebra)])
    world.dns.publish(...world.txt(zebra, name))
    letGo()
    expect((await both).map(({ state }) => state)).toEqual(['unproven', 'proven'])
    expect(world.dns.asked).toHaveLength(3)
  })

  test('by one who came too late for the look under way is another', async () => {
    await world.claim(acme, name, { mode: 'external' })
    world.dns.publish(...world.cname(zebra, name))
    const { letGo } = world.dns.hold()
    const first = check(acme)
    await expect.poll(() => world.dns.asked.length).toBe(1)
    world.clock.advance(1)
    await world.claim(zebra, name)
    const second = check(zebra)
    await expect.poll(() => world.dns.asked.length).toBe(3)
    letGo()
    expect([(await first).state, (await second).state]).toEqual(['unproven', 'proven'])
  })

  test('that fails fails for all who share it, and the next one looks again', async () => {
    await world.claim(acme, name)
    world.dns.weather = 'broken'
    const { letGo } = world.dns.hold()
    const outcomes = Promise.allSettled([check(acme), check(acme)])
    await expect.poll(() => world.dns.asked.length).toBe(2)
    letGo()
    const both = await outcomes
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(world.dns.asked).toHaveLength(2)
    world.dns.weather = 'fair'
    expect((await check(acme)).state).toBe('unproven')
  })

  test('that was overtaken by one begun later changes nothing', async () => {
    await world.claim(acme, name)
    const { flow, letGo } = world.dns.hold()
    const early = check(acme)
    await expect.poll(() => world.dns.asked.length).toBe(2)
    flow()
    world.clock.advance(1)
    world.dns.publish(...world.txt(acme, name))
    const late = await world.another().check(acme.id, name, world.act())
    world.dns.withdraw(...world.txt(acme, name))
    letGo()
    expect(await early).toEqual({ ...late, nextCheckAt: (await early).nextCheckAt })
    expect(late.state).toBe('proven')
  })

  test("of what is another's, or nobody's, finds nothing", async () => {
    await world.claim(acme, name)
    const notFound = refusal('not-found')
    await expect(check(zebra)).rejects.toMatchObject(notFound)
    await expect(world.checks.explain(zebra.id, name)).rejects.toMatchObject(notFound)
    expect(world.dns.asked).toEqual([])
  })

  test('that finds a proof gone makes the job come within the hour', async () => {
    await world.claim(acme, name)
    world.dns.publish(...world.txt(acme, name))
    await runs()
    const due = async () =>
      (await world.storage.jobs.nextRun(PROOF_CHECK, name))!.getTime() - world.clock.now().getTime()
    expect(await due()).toBeGreaterThan(17 * HOUR)
    world.dns.withdraw(...world.txt(acme, name))
    world.clock.advance(MINUTE)
    expect((await check(acme)).state).toBe('wavering')
    expect(await due()).toBeLessThanOrEqual(HOUR)
  })

  test('keeps little of what the servers of a zone say, and explains the same by it', async () => {
    await world.claim(acme, name)
    await world.claim(zebra, name)
    const [, at] = world.txt(acme, name)
    for (let index = 0; index < 50; index++) world.dns.publish('TXT', at, `${index} ${'x'.repeat(1000)}`)
    world.dns.publish(...world.txt(acme, name))
    world.dns.publish(...world.txt(zebra, name))
    expect((await check(acme)).sighting).toEqual({ outcome: 'ok', proof: 'txt', isByMost: true })
    expect((await world.checks.explain(zebra.id, name)).sighting).toEqual({
      outcome: 'ok',
      proof: 'txt',
      isByMost: true,
    })
    const { findings } = (await world.storage.control.lastLook(name))!
    expect(findings.txt.replies[0]!.values).toHaveLength(2 + 4)
    expect(JSON.stringify(findings).length).toBeLessThan(3000)
  })

  test('serves a hundred claims with one look', async () => {
    const tenants = await Promise.all(
      Array.from({ length: 100 }, (_, index) => world.storage.tenants.add(`t${index}`, world.act())),
    )
    for (const tenant of tenants) await world.claim(tenant, name)
    world.dns.publish(...world.txt(tenants[77]!, name))
    await runs()
    expect(world.dns.asked).toHaveLength(3)
    expect((await world.checks.explain(tenants[77]!.id, name)).state).toBe('proven')
    expect((await world.checks.explain(tenants[76]!.id, name)).isHeldByAnother).toBe(true)
  })
})

describe('checks by people', () => {
  const names = Array.from({ length: 3 }, (_, index) => domainName(`n${index}.example.com`))
  const checkOf = (tenant: Tenant, one: typeof name) => world.checks.check(tenant.id, one, world.act())
  const tooMany = { ...refusal('too-many-requests'), retryAfterMs: 5000 }

  test('look for two names of a tenant at once; who shares a look, and other tenants, do not count', async () => {
    for (const one of names) await world.claim(acme, one)
    await world.claim(zebra, name)
    const { flow, letGo } = world.dns.hold()
    const [first, second, third] = names as [typeof name, typeof name, typeof name]
    const underWay = [checkOf(acme, first), checkOf(acme, second)]
    await expect.poll(() => world.dns.asked.length).toBe(4)
    await expect(checkOf(acme, third)).rejects.toMatchObject(tooMany)
    await expect(checkOf(acme, third)).rejects.toThrow(/^2 names of this tenant are looked for at this moment/)
    underWay.push(checkOf(acme, first), checkOf(zebra, name))
    await expect.poll(() => world.dns.asked.length).toBe(6)
    flow()
    letGo()
    await Promise.all(underWay)
    expect((await checkOf(acme, third)).state).toBe('unproven')
  })

  test('look for sixteen names at once in all', async () => {
    const tenants = await Promise.all(
      Array.from({ length: 9 }, (_, index) => world.storage.tenants.add(`t${index}`, world.act())),
    )
    const claims = tenants.flatMap((tenant) =>
      [0, 1].map((index) => [tenant, domainName(`${tenant.name}-${index}.example.com`)] as const),
    )
    for (const [tenant, one] of claims) await world.claim(tenant, one)
    const { letGo } = world.dns.hold()
    const underWay = claims.slice(0, 16).map(([tenant, one]) => checkOf(tenant, one))
    await expect.poll(() => world.dns.asked.length).toBe(32)
    const [tenant, one] = claims[16]!
    await expect(checkOf(tenant, one)).rejects.toMatchObject(tooMany)
    expect((await world.checks.explain(tenant.id, one)).lookedAt).toBeNull()
    const due = runs()
    letGo()
    await Promise.all(underWay)
    expect((await due).failed).toBe(0)
    expect((await world.checks.explain(tenant.id, one)).lookedAt).not.toBeNull()
  })

  test('count no more once they have failed', async () => {
    for (const one of names) await world.claim(acme, one)
    world.dns.weather = 'broken'
    for (const one of [...names, ...names]) await expect(checkOf(acme, one)).rejects.toThrow('a fault of ours')
  })
})

describe('an explanation', () => {
  test('asks nobody', async () => {
    await world.claim(acme, name)
    expect(await world.checks.explain(acme.id, name)).toMatchObject({
      state: 'unproven',
      sighting: null,
      lookedAt: null,
      looks: [],
    })
    expect(world.dns.asked).toEqual([])
  })

  test('says when the next look is due, but where the operator vouches none is', async () => {
    await world.claim(acme, name)
    await runs()
    const due = await world.storage.jobs.nextRun(PROOF_CHECK, name)
    expect(due).not.toBeNull()
    expect((await world.checks.explain(acme.id, name)).nextCheckAt).toEqual(due)
    await world.storage.sourceDomains.vouch(acme.id, name, world.act())
    expect((await world.checks.explain(acme.id, name)).nextCheckAt).toBeNull()
  })

  test("T1: shows nothing that was asked for the sake of another's claim", async () => {
    await world.claim(acme, name, { mode: 'external' })
    await world.claim(zebra, name)
    world.dns.publish(...world.txt(zebra, name))
    world.dns.publish(...world.cname(zebra, name))
    const found = await check(acme)
    expect(found.looks.map(({ type, name }) => `${type} ${name}`)).toEqual([`TXT _waypost-challenge.${name}`])
    expect(JSON.stringify(found)).not.toContain('zebra')
    expect(JSON.stringify(found)).not.toContain(zebra.id)
    expect((await check(zebra)).looks).toHaveLength(4)
  })
})

describe('before an order', () => {
  const confirm = (tenant: Tenant) => world.checks.confirm(tenant.id, name)
  const dueIn = async () =>
    (await world.storage.jobs.nextRun(PROOF_CHECK, name))!.getTime() - world.clock.now().getTime()

  test('a fresh proof is enough', async () => {
    await world.claim(acme, name)
    world.dns.publish(...world.txt(acme, name))
    await check(acme)
    world.clock.advance(DAY - 1)
    expect(await confirm(acme)).toBe('proven')
  })

  test('T7: a proof that was seen a day ago is not, and is one again after the next look', async () => {
    await world.claim(acme, name)
    world.dns.publish(...world.txt(acme, name))
    await check(acme)
    world.clock.advance(DAY)
    expect(await confirm(acme)).toBe('not yet')
    await runs()
    expect(await confirm(acme)).toBe('proven')
  })

  test('T7: nor is one in force while nobody can be asked, though nothing is lost', async () => {
    await world.claim(acme, name)
    world.dns.publish(...world.txt(acme, name))
    await check(acme)
    world.dns.weather = 'servers-dead'
    await world.pass(DAY)
    expect(await confirm(acme)).toBe('not yet')
    expect(await world.standing(name)).toBe('acme proven')
    world.dns.weather = 'fair'
    await world.pass(6 * HOUR)
    expect(await confirm(acme)).toBe('proven')
  })

  test('T7: nor one that wavers', async () => {
    await world.claim(acme, name)
    world.dns.publish(...world.txt(acme, name))
    await check(acme)
    world.dns.withdraw(...world.txt(acme, name))
    world.clock.advance(MINUTE)
    await check(acme)
    expect(await confirm(acme)).toBe('not yet')
  })

  test('T7: the domain is now of another, who has not proven it: no order for either', async () => {
    await world.claim(acme, name)
    await world.claim(zebra, name)
    world.dns.publish(...world.txt(acme, name))
    await check(acme)
    world.dns.withdraw(...world.txt(acme, name))
    await world.pass(DAY)
    for (const tenant of [acme, zebra]) expect(await confirm(tenant)).toBe('not yet')
  })

  test('a vouch is enough, however old, and of another it is not asked whether it still stands', async () => {
    await world.claim(zebra, name)
    await world.claim(acme, name, { isVouched: true })
    await runs()
    world.clock.advance(400 * DAY)
    expect([await confirm(acme), await confirm(zebra)]).toEqual(['proven', 'not yet'])
    expect(await world.storage.jobs.nextRun(PROOF_CHECK, name)).toBeNull()
  })

  test('what the tenant does not claim, or no longer, is told apart from what it may prove yet', async () => {
    await world.claim(acme, name)
    expect(await confirm(zebra)).toBe('not claimed')
    await world.storage.sourceDomains.remove(acme.id, name, world.act())
    expect(await confirm(acme)).toBe('not claimed')
  })

  test('nobody is asked: who runs silent name servers holds up no order of others', async () => {
    await world.claim(acme, name)
    expect(await confirm(acme)).toBe('not yet')
    world.dns.publish(...world.txt(acme, name))
    await check(acme)
    world.dns.asked.splice(0)
    world.clock.advance(2 * DAY)
    expect(await confirm(acme)).toBe('not yet')
    expect(world.dns.asked).toEqual([])
  })

  test('but a look is due at once where the last one is more than an hour old, and not where it is younger', async () => {
    await world.claim(acme, name)
    await world.pass(40 * DAY)
    await check(acme)
    const due = await dueIn()
    expect(due).toBeGreaterThan(2 * HOUR)
    world.clock.advance(HOUR)
    await confirm(acme)
    expect(await dueIn()).toBe(due - HOUR)
    world.clock.advance(1)
    await confirm(acme)
    expect(await dueIn()).toBe(0)
    world.dns.publish(...world.txt(acme, name))
    await runs()
    expect(await confirm(acme)).toBe('proven')
  })

  test('and where the last one was made by a clock that ran ahead', async () => {
    await world.claim(acme, name)
    await world.pass(40 * DAY)
    await check(acme)
    world.clock.advance(-2 * HOUR)
    await confirm(acme)
    expect(await dueIn()).toBe(0)
  })
})

describe('the job', () => {
  test('looks, takes in, and comes again', async () => {
    await world.claim(acme, name)
    expect(await runs()).toEqual({ completed: 1, failed: 0 })
    const next = await world.storage.jobs.nextRun(PROOF_CHECK, name)
    expect(next!.getTime() - world.clock.now().getTime()).toBeLessThanOrEqual(2 * MINUTE)
    world.dns.publish(...world.txt(acme, name))
    await world.pass(2 * MINUTE)
    expect(await world.standing(name)).toBe('acme proven')
  })

  test('shares the look that somebody has begun', async () => {
    await world.claim(acme, name)
    const { letGo } = world.dns.hold()
    const checking = check(acme)
    await expect.poll(() => world.dns.asked.length).toBe(2)
    const job = { id: '', kind: PROOF_CHECK, key: name, payload: {}, runAt: world.clock.now(), attempts: 1, fence: 1 }
    const running = world.checks.job(job)
    await world.checks.explain(acme.id, name) // one connection, and so by now the job has read what it goes by
    letGo()
    await Promise.all([checking, running])
    expect(world.dns.asked).toHaveLength(2)
  })

  test('ends where nobody claims the name any more', async () => {
    await world.claim(acme, name)
    await world.storage.sourceDomains.remove(acme.id, name, world.act())
    await runs()
    expect(world.dns.asked).toEqual([])
    expect(await world.storage.jobs.nextRun(PROOF_CHECK, name)).toBeNull()
  })

  test('ends without asking where the operator vouches, and begins anew when that is withdrawn', async () => {
    await world.claim(acme, name)
    await world.storage.sourceDomains.vouch(acme.id, name, world.act())
    await runs()
    expect(world.dns.asked).toEqual([])
    expect(await world.storage.jobs.nextRun(PROOF_CHECK, name)).toBeNull()
    world.dns.publish(...world.txt(acme, name))
    await world.storage.sourceDomains.withdrawVouch(acme.id, name, world.act())
    expect(await world.standing(name)).toBe('acme lapsed')
    await runs()
    expect(await world.standing(name)).toBe('acme proven')
  })

  test('whose look was overtaken goes by what is known now', async () => {
    await world.claim(acme, name)
    const { flow, letGo } = world.dns.hold()
    const run = runs()
    await expect.poll(() => world.dns.asked.length).toBe(2)
    flow()
    world.clock.advance(1)
    world.dns.publish(...world.txt(acme, name))
    await world.another().check(acme.id, name, world.act())
    letGo()
    expect(await run).toEqual({ completed: 1, failed: 0 })
    const next = await world.storage.jobs.nextRun(PROOF_CHECK, name)
    expect(next!.getTime() - world.clock.now().getTime()).toBeGreaterThan(17 * HOUR)
  })
})

describe('the attacks', () => {
  test("T1: who claims a name has nothing of it while another's record is there, and loses nothing when others claim it", async () => {
    await world.claim(acme, name)
    await world.claim(zebra, name)
    world.dns.publish(...world.txt(zebra, name))
    await runs()
    expect(await world.standing(name)).toBe('acme unproven, zebra proven')
    expect(await trail(acme)).not.toContain('source-domain.prove by proof-check')
  })

  test('T1: of two whose records are both there the first has the name, and keeps it', async () => {
    await world.claim(acme, name)
    await world.claim(zebra, name)
    world.dns.publish(...world.txt(zebra, name))
    world.dns.publish(...world.txt(acme, name))
    await world.pass(DAY)
    expect(await world.standing(name)).toBe('acme proven, zebra unproven')
  })

  test('T2: an address record only, or a CNAME record to the shared edge name, is nothing', async () => {
    await world.claim(acme, name)
    world.dns.publish('CNAME', name, 'x')
    world.dns.withdraw('CNAME', name, 'x') // the name is there, with an address and without an alias
    await world.pass(HOUR)
    world.dns.publish('CNAME', name, SHARED_EDGE)
    await world.pass(DAY)
    expect(await world.standing(name)).toBe('acme unproven')
    expect((await check(acme)).advice.join(' ')).toContain('all tenants have that one in common')
  })

  test("T3: a wildcard that has everybody's token in it proves nothing", async () => {
    await world.claim(acme, name)
    await world.claim(zebra, name)
    for (const tenant of [acme, zebra]) world.dns.publish('TXT', `*.${name}`, world.txt(tenant, name)[2])
    world.dns.publish('CNAME', `*.example.com`, world.cname(acme, name)[2])
    await world.pass(DAY)
    expect(await world.standing(name)).toBe('acme unproven, zebra unproven')
  })

  test("T3: another name's token, or another tenant's, proves nothing", async () => {
    await world.claim(acme, name)
    const [type, at] = world.txt(acme, name)
    world.dns.publish(type, at, world.txt(acme, domainName('other.example.com'))[2])
    world.dns.publish(type, at, world.txt(zebra, name)[2])
    await world.pass(HOUR)
    expect(await world.standing(name)).toBe('acme unproven')
  })

  test('T4: a record that is gone lapses after 72 hours and not before, and all of that is in the audit trail', async () => {
    await world.claim(acme, name)
    world.dns.publish(...world.txt(acme, name))
    await runs()
    world.dns.withdraw(...world.txt(acme, name))
    world.clock.advance(MINUTE)
    await check(acme)
    await world.pass(72 * HOUR - MINUTE)
    expect(await world.standing(name)).toBe('acme wavering')
    await world.pass(HOUR + MINUTE)
    expect(await world.standing(name)).toBe('acme lapsed')
    expect((await trail(acme)).slice(-3)).toEqual([
      'source-domain.prove by proof-check',
      'source-domain.waver by proof-check',
      'source-domain.lapse by proof-check',
    ])
  })

  test('T4: a record that cannot be asked for during ten days is not gone', async () => {
    await world.claim(acme, name)
    world.dns.publish(...world.txt(acme, name))
    await runs()
    world.dns.weather = 'servers-dead'
    await world.pass(10 * DAY)
    expect(await world.standing(name)).toBe('acme proven')
  })

  test('T4: nor is one that only one of two servers has lost', async () => {
    await world.claim(acme, name)
    world.dns.publish(...world.txt(acme, name))
    await runs()
    world.dns.make('up', 'lagging')
    world.dns.withdraw(...world.txt(acme, name))
    await world.pass(10 * DAY)
    expect(await world.standing(name)).toBe('acme proven')
  })

  test('T4: whether it could be asked for goes by the holder, and then it is asked for again soon', async () => {
    await world.claim(acme, name)
    await world.claim(zebra, name)
    world.dns.publish(...world.txt(acme, name))
    await world.pass(40 * DAY)
    world.dns.make('up', 'lagging')
    world.dns.withdraw(...world.txt(acme, name))
    await world.pass(DAY)
    expect((await world.storage.control.lastLook(name))!.unanswered).toBeGreaterThan(5)
    world.dns.make()
    await world.pass(6 * HOUR)
    expect((await world.storage.control.lastLook(name))!.unanswered).toBe(0)
  })

  test('T4: what wavers is not lost either while nobody can be asked, and is back with the first look that finds it', async () => {
    await world.claim(acme, name)
    world.dns.publish(...world.txt(acme, name))
    await runs()
    world.dns.withdraw(...world.txt(acme, name))
    await world.pass(DAY)
    expect(await world.standing(name)).toBe('acme wavering')
    world.dns.weather = 'resolvers-dead'
    await world.pass(10 * DAY)
    expect(await world.standing(name)).toBe('acme wavering')
    world.dns.publish(...world.txt(acme, name))
    world.dns.weather = 'fair'
    await world.pass(6 * HOUR)
    expect(await world.standing(name)).toBe('acme proven')
  })

  test('T5: parent and child are two names, of two tenants', async () => {
    const parent = domainName('example.com')
    await world.claim(acme, parent)
    await world.claim(acme, name)
    await world.claim(zebra, name)
    world.dns.publish(...world.txt(acme, parent))
    world.dns.publish(...world.txt(zebra, name))
    await runs()
    expect(await world.standing(parent)).toBe('acme proven')
    expect(await world.standing(name)).toBe('acme unproven, zebra proven')
  })
})

describe('T4: the domain is sold from acme to zebra, and its name servers are not all alike', () => {
  const moved = 'acme lapsed, zebra proven'
  const waits = 'acme wavering, zebra unproven'
  const stays = 'acme proven, zebra unproven'

  async function sold(servers: number, states: ServerState[]): Promise<void> {
    await world.close()
    world = await proofWorld({ servers })
    acme = await world.storage.tenants.add('acme', world.act())
    zebra = await world.storage.tenants.add('zebra', world.act())
    await world.claim(acme, name)
    await world.claim(zebra, name)
    world.dns.publish(...world.txt(acme, name))
    await check(acme)
    world.dns.make(...states)
    world.dns.withdraw(...world.txt(acme, name))
    world.dns.publish(...world.txt(zebra, name))
    world.clock.advance(MINUTE)
    await check(zebra)
  }

  test.each<[is: string, servers: number, states: ServerState[], atOnce: string, later: string]>([
    ['one is old for ever', 4, ['lagging'], moved, moved],
    ['one is old and one silent', 5, ['lagging', 'silent'], moved, moved],
    ['one is silent', 3, ['silent'], moved, moved],
    ['half are silent', 2, ['silent'], waits, moved],
    ['half are silent', 4, ['silent', 'silent'], waits, moved],
    ['half are old', 2, ['lagging'], stays, stays],
    ['more than half are silent', 3, ['silent', 'silent'], stays, stays],
    ['one is old, and half speak for zebra', 4, ['lagging', 'silent'], stays, stays],
  ])('%s of %i, %j: %s, and in four days %s', async (_is, servers, states, atOnce, later) => {
    await sold(servers, states)
    expect(await world.standing(name)).toBe(atOnce)
    if (atOnce === waits) {
      await world.pass(70 * HOUR)
      expect(await world.standing(name)).toBe(waits)
    }
    await world.pass(4 * DAY)
    expect(await world.standing(name)).toBe(later)
  })

  test('what nobody holds is proven though half of the servers are dead for good', async () => {
    world.dns.make('up', 'silent')
    await world.claim(acme, name)
    world.dns.publish(...world.txt(acme, name))
    expect((await check(acme)).state).toBe('proven')
  })
})

describe('the log', () => {
  const said = (level: string) => world.lines.filter((line) => line.level === level).map(({ msg }) => msg)

  test('says once that a held name could not be asked for a day', async () => {
    await world.claim(acme, name)
    world.dns.publish(...world.txt(acme, name))
    await runs()
    world.dns.weather = 'servers-dead'
    await world.pass(23 * HOUR)
    expect(said('warn')).toEqual([])
    await world.pass(10 * DAY)
    expect(said('warn')).toEqual([expect.stringContaining('could not be asked for a day')])
    expect(said('error')).toEqual([])
  })

  test('and again when it happens again', async () => {
    await world.claim(acme, name)
    world.dns.publish(...world.txt(acme, name))
    for (let time = 0; time < 2; time++) {
      world.dns.weather = 'fair'
      await world.pass(DAY)
      world.dns.weather = 'servers-dead'
      await world.pass(3 * DAY)
    }
    expect(said('warn')).toHaveLength(2)
  })

  test('says nothing of names that nobody holds', async () => {
    await world.claim(acme, name)
    world.dns.weather = 'servers-dead'
    await world.pass(10 * DAY)
    expect(world.lines).toEqual([])
  })

  describe('has a line for each change of state, and none where nothing changes:', () => {
    const held = { sourceDomain: name }
    /** What the look of now has added. */
    const lines = async (tenant = acme) => {
      world.lines.splice(0)
      world.clock.advance(MINUTE)
      await check(tenant)
      return world.lines
    }
    const info = (fields: object): unknown[] => [expect.objectContaining({ level: 'info', ...held, ...fields })]
    const warn = (fields: object): unknown[] => [expect.objectContaining({ level: 'warn', ...held, ...fields })]

    test('a name is proven, lost from sight, and back', async () => {
      const about = { tenantId: acme.id }
      await world.claim(acme, name)
      expect(await lines()).toEqual([])
      world.dns.publish(...world.txt(acme, name))
      expect(await lines()).toEqual(info({ ...about, before: 'unproven', after: 'proven', proof: 'txt' }))
      expect(await lines()).toEqual([])
      world.dns.withdraw(...world.txt(acme, name))
      expect(await lines()).toEqual(
        warn({
          ...about,
          ...{ before: 'proven', after: 'wavering', why: 'TXT absent, CNAME absent' },
          lapsesAt: new Date(world.clock.now().getTime() + 72 * HOUR).toISOString(),
        }),
      )
      expect(await lines()).toEqual([])
      world.dns.weather = 'servers-dead'
      expect(await lines()).toEqual([])
      world.dns.weather = 'fair'
      world.dns.publish(...world.cname(acme, name))
      expect(await lines()).toEqual(info({ ...about, before: 'wavering', after: 'proven', proof: 'cname' }))
      world.dns.publish(...world.txt(acme, name))
      expect(await lines()).toEqual([]) // proven before and after, though by the other record
    })

    test('a name lapses, since a wildcard has taken the place of its record', async () => {
      await world.claim(acme, name, { mode: 'external' })
      world.dns.publish(...world.txt(acme, name))
      await runs()
      world.dns.withdraw(...world.txt(acme, name))
      world.dns.publish('TXT', `*.${name}`, world.txt(acme, name)[2])
      world.dns.publish('TXT', `_waypost-challenge.${name}`, world.txt(acme, name)[2])
      world.clock.advance(MINUTE)
      await check(acme)
      world.clock.advance(71 * HOUR)
      await check(acme)
      world.clock.advance(HOUR)
      const why = 'TXT wildcard'
      expect(await lines()).toEqual(warn({ tenantId: acme.id, before: 'wavering', after: 'lapsed', why }))
      expect(JSON.stringify(world.lines)).not.toContain(world.txt(acme, name)[2])
    })

    test('a name goes from one tenant to another, whoever has asked for the look', async () => {
      await world.claim(acme, name)
      await world.claim(zebra, name)
      world.dns.publish(...world.txt(acme, name))
      await runs()
      world.dns.withdraw(...world.txt(acme, name))
      world.dns.publish(...world.txt(zebra, name))
      const why = 'another tenant has proven that it controls the name'
      expect(await lines(acme)).toEqual([
        ...warn({ tenantId: acme.id, before: 'proven', after: 'lapsed', why }),
        ...info({ tenantId: zebra.id, before: 'unproven', after: 'proven', proof: 'txt' }),
      ])
      const lost = (await world.storage.audit.list(acme.id, { limit: 100, subject: name })).find(
        ({ action }) => action === 'source-domain.lose',
      )
      expect(lost?.detail).toMatchObject({ why })
    })

    test('but not for a look that was overtaken, nor for one that could not be taken in', async () => {
      await world.claim(acme, name)
      world.dns.publish(...world.txt(acme, name))
      const overtaken = world.another(async (look, decide) => {
        decide(await world.storage.control.claimsTo(look.name))
        return undefined
      })
      await overtaken.check(acme.id, name, world.act())
      const failing = world.another(async (look, decide) => {
        decide(await world.storage.control.claimsTo(look.name))
        throw new Error('the database is away')
      })
      await expect(failing.check(acme.id, name, world.act())).rejects.toThrow('is away')
      expect(world.lines).toEqual([])
    })
  })

  test('S36: says once that no resolver answers, and once that they are back', async () => {
    const names = Array.from({ length: 5 }, (_, index) => domainName(`n${index}.example.com`))
    for (const one of names) {
      await world.claim(acme, one)
      world.dns.publish(...world.txt(acme, one))
    }
    await runs()
    world.lines.splice(0)
    world.dns.weather = 'resolvers-dead'
    await world.pass(3 * DAY)
    expect(said('error')).toEqual(['no DNS resolver answers; no name is lost by that'])
    expect(said('info')).toEqual([])
    world.dns.weather = 'fair'
    await world.pass(DAY)
    expect(said('info')).toHaveLength(1)
    expect(said('warn')).toEqual([])
    world.dns.weather = 'resolvers-dead'
    await world.pass(DAY)
    expect(said('error')).toHaveLength(2)
  })
})

test.each(['servers-dead', 'resolvers-dead', 'one-lagging'] as const)(
  'S36: %s for 48 hours and for ten days, no name is lost',
  async (trouble) => {
    const names = Array.from({ length: 4 }, (_, index) => domainName(`n${index}.example.com`))
    for (const [index, one] of names.entries()) {
      await world.claim(acme, one)
      await world.claim(zebra, one)
      world.dns.publish(...(index % 2 ? world.txt : world.cname)(acme, one))
    }
    await world.pass(HOUR)
    if (trouble === 'one-lagging') world.dns.make('up', 'lagging')
    else world.dns.weather = trouble
    // What becomes of the records meanwhile changes nothing: nobody says so, or one says so and the other does not
    for (const [index, one] of names.entries()) {
      world.dns.withdraw(...(index % 2 ? world.txt : world.cname)(acme, one))
      world.dns.publish(...world.txt(zebra, one))
    }
    for (const days of [2, 8]) {
      await world.pass(days * DAY)
      for (const one of names) expect(await world.standing(one)).toBe('acme proven, zebra unproven')
    }
    const losses = (await trail(acme)).filter((action) => /lapse|lose|waver/.test(action))
    expect(losses).toEqual([])
    if (trouble === 'resolvers-dead')
      expect(world.lines.filter(({ level }) => level === 'error').map(({ msg }) => msg)).toHaveLength(1)
    else expect(world.lines.filter(({ level }) => level === 'warn')).toHaveLength(4)
  },
)

test('S28: 100 names move from one tenant to another: with one check each the former is not served, its keys are gone, and the other holds it by its own record only', async () => {
  const { storage } = world
  const names = Array.from({ length: 100 }, (_, index) => domainName(`n${index}.example.com`))
  const directory = storage.directory({ adminHost: null, maxEntries: 1000, maxBytes: 10e6, log: world.log })
  const keys: string[] = []
  for (const one of names) {
    await world.claim(acme, one)
    world.dns.publish(...world.txt(acme, one))
  }
  await world.runner.runDue(1000)
  for (const one of names) {
    const lineage = await storage.lineages.create(acme.id, { name: `front ${one}`, source: 'import' }, world.act())
    const certificate = { chain: aChain(), privateKey: Buffer.from('key') }
    const { id } = await storage.lineages.stage(acme.id, lineage.id, certificate, world.act())
    const active = await storage.lineages.activate(acme.id, id, world.clock.now(), world.act())
    await storage.sourceDomains.setFrontLineage(acme.id, one, lineage.id, world.act())
    keys.push(active.privateKeyId!)
    await world.claim(zebra, one)
    world.dns.withdraw(...world.txt(acme, one))
    // Of every second name the new owner has not published anything yet
    if (names.indexOf(one) % 2) world.dns.publish(...world.txt(zebra, one))
  }
  world.clock.advance(5_000)
  await directory.poll()
  for (const one of names) expect((await directory.findHost(one)).frontLineageId).not.toBeNull()
  for (const [index, one] of names.entries()) {
    await world.checks.check(zebra.id, one, world.act())
    await directory.poll()
    const host = await directory.findHost(one)
    expect(await world.standing(one)).toBe(index % 2 ? 'acme lapsed, zebra proven' : 'acme wavering, zebra unproven')
    if (index % 2) {
      expect(host).toMatchObject({ frontLineageId: null, sourceDomain: { delegations: [] } })
      await expect(storage.privateKeys.open(keys[index]!)).rejects.toThrow()
    }
  }
  for (const [index, one] of names.entries())
    if (index % 2 === 0) {
      world.dns.publish(...world.txt(zebra, one))
      world.clock.advance(5_000)
      await world.checks.check(zebra.id, one, world.act())
      expect(await world.standing(one)).toBe('acme lapsed, zebra proven')
      await expect(storage.privateKeys.open(keys[index]!)).rejects.toThrow()
    }
  await directory.close()
})

describe('a page that somebody waits at', () => {
  const attend = (tenant: Tenant, given: { mayLook?: boolean; waitsForMore?: boolean; pressedAt?: Date } = {}) =>
    world.checks.attend(tenant.id, name, { pressedAt: null, waitsForMore: false, mayLook: true, ...given }, world.act())

  test('has a look made that it does not wait for, and none before that one is five seconds old', async () => {
    await world.claim(acme, name, { mode: 'external' })
    expect(await attend(acme)).toBe(3)
    await expect.poll(async () => (await world.checks.explain(acme.id, name)).lookedAt).not.toBeNull()
    world.dns.publish(...world.txt(acme, name))
    world.clock.advance(4_999)
    for (let time = 0; time < 10; time++) await attend(acme)
    expect(world.dns.asked).toHaveLength(1)
    world.clock.advance(1)
    await attend(acme)
    await expect.poll(() => world.standing(name)).toBe('acme proven')
    expect(await attend(acme)).toBeNull()
  })

  test('has none made where who sees it may not', async () => {
    await world.claim(acme, name)
    expect(await attend(acme, { mayLook: false })).toBe(3)
    expect(await world.checks.explain(acme.id, name)).toMatchObject({ lookedAt: null })
    expect(world.dns.asked).toEqual([])
  })

  test('is of no use to who claims what the operator vouches for another', async () => {
    await world.claim(zebra, name, { isVouched: true })
    await world.claim(acme, name)
    expect(await attend(acme)).toBeNull()
    expect(world.dns.asked).toEqual([])
  })

  test('of a tenant with many names holds no more than two looks', async () => {
    const { letGo } = world.dns.hold()
    const names = ['a', 'b', 'c', 'd'].map((label) => domainName(`${label}.example.com`))
    for (const one of names) await world.claim(acme, one, { mode: 'external' })
    for (const one of names)
      await world.checks.attend(acme.id, one, { pressedAt: null, waitsForMore: false, mayLook: true }, world.act())
    await expect.poll(() => world.dns.asked.length).toBe(2)
    letGo()
    expect(world.lines.filter(({ level }) => level === 'warn')).toEqual([])
  })
})

describe('the records that prove nothing', () => {
  const srv = `_xmpp-server._tcp.${name}`

  test('are looked for where somebody asks, and what was found is kept by the looks that nobody has asked for', async () => {
    await world.close()
    world = await proofWorld({ furtherRecords: async () => [{ name: srv, type: 'SRV' }] })
    acme = await world.storage.tenants.add('acme', world.act())
    await world.claim(acme, name, { mode: 'external' })
    await world.pass(MINUTE)
    expect(world.dns.asked.splice(0)).toEqual([`TXT _waypost-challenge.${name}`])
    expect((await world.checks.explain(acme.id, name)).further).toBeNull()

    world.dns.publish('SRV', srv, '0 5 5269 hosting.example.net')
    const askedAt = world.clock.now()
    const { further } = await check(acme)
    expect(further).toMatchObject({ at: askedAt, looks: [{ name: srv, type: 'SRV' }] })
    expect(further?.looks[0]?.replies[0]?.values).toEqual(['0 5 5269 hosting.example.net'])

    world.dns.asked.length = 0
    await world.pass(HOUR)
    expect(world.dns.asked.length).toBeGreaterThan(0)
    expect(world.dns.asked.filter((question) => question.startsWith('SRV'))).toEqual([])
    expect((await world.checks.explain(acme.id, name)).further).toEqual(further)
  })
})
