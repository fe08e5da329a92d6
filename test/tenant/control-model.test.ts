import fc from 'fast-check'
import { expect, test } from 'vitest'
import { domainName, type DomainName } from '../../src/name.ts'
import type { StoredHostDirectory } from '../../src/storage/host-directory.ts'
import { stateOf, type ControlStore } from '../../src/tenant/control.ts'
import { PROOF_CHECK, type ProofChecks } from '../../src/tenant/proof-checks.ts'
import { challengeName } from '../../src/tenant/proof-token.ts'
import type { Tenant } from '../../src/tenant/tenant.ts'
import { DAY, HOUR, MINUTE } from './claims.ts'
import { refusal } from './house.ts'
import { proofWorld, type ProofWorld } from './proof-world.ts'
import type { ServerState, Weather } from './scripted-dns.ts'

const SEED = 4
const RUNS = 200
const TENANTS = 3
const SERVERS = 4 // an even number, so that half of them may be silent

/** Whose records stand where, as one name server has it. */
interface Zone {
  txt: Set<number>
  cname: number | null
}

/** "Surely": more than half of all name servers say so. */
type Answer = 'surely yes' | 'yes' | 'no' | 'surely no' | 'unknown'

/** What a look could know: of the records of each tenant, asked for the sake of those who claimed the name then. */
interface Evidence {
  at: number
  txt: Answer[]
  cname: Answer[]
}

interface ClaimModel {
  tenant: number
  mode: 'hosted' | 'external'
  isSuspended: boolean
}

/** What the rules say in plain words, of one name. */
interface NameModel {
  zone: Zone
  formerZone: Zone // what lagging servers have of it
  claims: ClaimModel[] // in the order in which they were made
  holder: number | null
  isVouched: boolean
  seenAt: number
  goneSince: number | null
  misses: number
  lastLookAt: number
}

interface Model {
  weather: Weather
  servers: ServerState[]
  names: NameModel[]
  late: { name: number; evidence: Evidence }[]
}

interface Real {
  world: ProofWorld
  directory: StoredHostDirectory
  tenants: Tenant[]
  targets: DomainName[]
  names: DomainName[]
  lineageId: string
  late: (() => Promise<unknown>)[] // looks that were done and not taken in yet
}

class Killed extends Error {}

function copyOf({ txt, cname }: Zone): Zone {
  return { txt: new Set(txt), cname }
}

/** What those servers have of a name that answer at all. */
function answering({ weather, servers }: Model, { zone, formerZone }: NameModel): Zone[] {
  if (weather !== 'fair') return []
  return servers.filter((state) => state !== 'silent').map((state) => (state === 'lagging' ? formerZone : zone))
}

function isYes(answer: Answer | undefined): boolean {
  return answer === 'yes' || answer === 'surely yes'
}

/** What a look begun now would learn. */
function evidence(model: Model, name: NameModel, at: number): Evidence {
  const { claims } = name
  const zones = answering(model, name)
  const answers = (has: (zone: Zone, tenant: number) => boolean) =>
    Array.from({ length: TENANTS }, (_, tenant): Answer => {
      const having = zones.filter((zone) => has(zone, tenant)).length
      const lacking = zones.length - having
      if (having > SERVERS / 2) return 'surely yes'
      if (lacking > SERVERS / 2) return 'surely no'
      if (zones.length < SERVERS / 2 || (having > 0 && lacking > 0)) return 'unknown'
      return having > 0 ? 'yes' : 'no'
    })
  // Of a record that was nobody's nobody has asked whether it is a wildcard's; and for the CNAME record only hosted ones ask
  const ifClaimed = (answers: Answer[], asking: ClaimModel[]) =>
    asking.some(({ tenant }) => isYes(answers[tenant]))
      ? answers
      : answers.map((answer) => (isYes(answer) ? 'unknown' : answer))
  const hosted = claims.filter(({ mode }) => mode === 'hosted')
  const txt = ifClaimed(
    answers(({ txt }, tenant) => txt.has(tenant)),
    claims,
  )
  const cname = ifClaimed(
    answers(({ cname }, tenant) => cname === tenant),
    hosted,
  )
  return { at, txt, cname: hosted.length > 0 ? cname : cname.map(() => 'unknown') }
}

function controls({ txt, cname }: Evidence, { tenant, mode }: ClaimModel): Answer {
  const answers = mode === 'hosted' ? [txt[tenant], cname[tenant]] : [txt[tenant]]
  return (['surely yes', 'yes', 'unknown', 'no'] as const).find((answer) => answers.includes(answer)) ?? 'surely no'
}

/** How often it came to what the rules are about: a run in which it never did would show nothing. */
const tally = { proven: 0, seen: 0, missed: 0, back: 0, lapsed: 0, moved: 0, unmoved: 0, unknown: 0, late: 0 }

/** A look is taken in. */
function learn(name: NameModel, evidence: Evidence): void {
  if (name.claims.length === 0) return
  if (evidence.at <= name.lastLookAt) return void tally.late++
  name.lastLookAt = evidence.at
  if (name.isVouched) return
  const holding = name.claims.find(({ tenant }) => tenant === name.holder)
  const answer = holding ? controls(evidence, holding) : 'surely no'
  if (answer === 'unknown') return void tally.unknown++
  const seen = name.claims.filter((claim) => isYes(controls(evidence, claim)))
  const surelySeen = seen.filter((claim) => controls(evidence, claim) === 'surely yes')
  const next = isYes(answer) ? holding : !holding ? seen[0] : answer === 'surely no' ? surelySeen[0] : undefined
  if (!next && seen.length > 0) tally.unmoved++
  if (next) {
    tally[!holding ? 'proven' : next === holding ? (name.goneSince === null ? 'seen' : 'back') : 'moved']++
    Object.assign(name, { holder: next.tenant, seenAt: evidence.at, goneSince: null, misses: 0 })
  } else if (holding) {
    name.goneSince ??= evidence.at
    name.misses++
    tally.missed++
    if (name.misses < 3 || evidence.at - name.goneSince < 72 * HOUR) return
    release(name)
    tally.lapsed++
  }
}

function release(name: NameModel): void {
  Object.assign(name, { holder: null, isVouched: false, goneSince: null, misses: 0 })
}

const nowOf = ({ world }: Real) => world.clock.now().getTime()

/** One step, and then whether all is as it should be. */
function command(words: string, act: (model: Model, real: Real) => Promise<void>): fc.AsyncCommand<Model, Real> {
  return {
    check: () => true,
    toString: () => words,
    async run(model, real) {
      real.world.clock.advance(1)
      real.world.dns.asked.splice(0)
      await act(model, real)
      for (const index of real.names.keys()) await verify(model, real, index)
    },
  }
}

async function verify(model: Model, { world, directory, names, targets, tenants }: Real, index: number) {
  const [name, expected] = [names[index]!, model.names[index]!]
  const claims = await world.storage.control.claimsTo(name)
  const holders = claims.filter(({ proof }) => proof !== null)
  expect(holders.map(({ tenantId }) => tenantId)).toEqual(
    expected.holder === null ? [] : [tenants[expected.holder]!.id],
  )
  if (holders[0])
    expect(stateOf(holders[0])).toBe(
      expected.isVouched ? 'vouched' : expected.goneSince === null ? 'proven' : 'wavering',
    )
  await directory.poll()
  const { sourceDomain } = await directory.findHost(name)
  const holding = expected.claims.find(({ tenant }) => tenant === expected.holder)
  expect(sourceDomain && { to: sourceDomain.delegations.map(({ targetHost }) => targetHost), ...sourceDomain }).toEqual(
    holding
      ? expect.objectContaining({ to: [targets[holding.tenant]], isSuspended: holding.isSuspended, mode: holding.mode })
      : null,
  )
  // A name that somebody waits for is never forgotten
  if (expected.claims.length > 0 && !expected.isVouched) {
    const next = await world.storage.jobs.nextRun(PROOF_CHECK, name)
    expect(next!.getTime() - world.clock.now().getTime()).toBeLessThanOrEqual(7 * DAY)
  }
}

/** What is seen by one look takes a name from one tenant and gives it to another only where most of all servers say both. */
async function watched(model: Model, real: Real, act: () => Promise<void>): Promise<void> {
  const holders = async () => {
    const claims = await Promise.all(real.names.map((name) => real.world.storage.control.claimsTo(name)))
    return claims.map((all) => real.tenants.findIndex(({ id }) => id === all.find(({ proof }) => proof)?.tenantId))
  }
  const before = await holders()
  await act()
  for (const [index, holder] of (await holders()).entries()) {
    const [name, former] = [model.names[index]!, before[index]!]
    if (former === -1 || holder === -1 || former === holder) continue
    const most = (says: (zone: Zone) => boolean) => answering(model, name).filter(says).length > SERVERS / 2
    const isHosted = name.claims.find(({ tenant }) => tenant === former)!.mode === 'hosted'
    expect(most(({ txt }) => !txt.has(former)) && (!isHosted || most(({ cname }) => cname !== former))).toBe(true)
    expect(most(({ txt }) => txt.has(holder)) || most(({ cname }) => cname === holder)).toBe(true)
  }
}

/** Whichever names were asked about, as far as that is taken in at once. */
function learnAsked(model: Model, real: Real): void {
  for (const [index, name] of real.names.entries())
    if (real.world.dns.asked.includes(`TXT ${challengeName(name)}`))
      learn(model.names[index]!, evidence(model, model.names[index]!, nowOf(real)))
}

// Most of what happens happens to the same few, else little would come together
const aTenant = fc.constantFrom(0, 0, 0, 1, 1, 2)
const aName = fc.constantFrom(0, 0, 0, 1)
const aMode = fc.constantFrom('hosted' as const, 'external' as const)
const aRecord = fc.constantFrom('TXT' as const, 'CNAME' as const)
const aWeather = fc.constantFrom<Weather>('fair', 'fair', 'fair', 'servers-dead', 'resolvers-dead')
const EVEN = Array<ServerState>(SERVERS).fill('up')
const unevenServers = fc.constantFrom<ServerState[]>(
  ...(['silent', 'lagging'] as const).map((state): ServerState[] => [state, 'up', 'up', 'up']),
  ...Array<ServerState[]>(3).fill(['silent', 'up', 'silent', 'up']),
  ['up', 'lagging', 'up', 'lagging'],
  ['lagging', 'up', 'silent', 'up'],
  ['silent', 'silent', 'up', 'silent'],
)
const aWhile = fc.constantFrom(MINUTE, HOUR, 6 * HOUR, DAY, 73 * HOUR, 14 * DAY)

const claim = fc.tuple(aTenant, aName, aMode).map(([tenant, index, mode]) =>
  command(`t${tenant} claims n${index} as ${mode}`, async (model, real) => {
    const name = model.names[index]!
    if (name.claims.some((claim) => claim.tenant === tenant)) return
    await claimAndDelegate(real, tenant, real.names[index]!, mode)
    name.claims.push({ tenant, mode, isSuspended: false })
  }),
)

async function claimAndDelegate(
  { world: { storage, act }, tenants, targets, lineageId }: Real,
  tenant: number,
  name: DomainName,
  mode: 'hosted' | 'external',
): Promise<void> {
  const { id } = tenants[tenant]!
  const domain = await storage.sourceDomains.add(id, { name, mode, isVouched: false }, act())
  const target = await storage.targetHosts.find(targets[tenant]!)
  await storage.delegations.register(
    id,
    {
      sourceDomainId: domain.id,
      targetHostId: target!.id,
      lineageId,
      service: '_xmpp-server',
      protocol: '_tcp',
      tlsAnswer: 'redirect',
      poshAnswer: 'off',
      srvPort: null,
    },
    act(),
  )
}

/** Something that somebody does with a claim; nothing where there is none. */
function onClaim(
  words: string,
  act: (storage: ProofWorld['storage'], id: string, name: DomainName, real: Real) => Promise<unknown>,
  effect: (name: NameModel, claim: ClaimModel) => void,
) {
  return fc.tuple(aTenant, aName).map(([tenant, index]) =>
    command(`${words} t${tenant} n${index}`, async (model, real) => {
      const name = model.names[index]!
      const own = name.claims.find((claim) => claim.tenant === tenant)
      if (!own) return
      await act(real.world.storage, real.tenants[tenant]!.id, real.names[index]!, real)
      effect(name, own)
    }),
  )
}

const remove = onClaim(
  'remove',
  ({ sourceDomains }, id, name, { world }) => sourceDomains.remove(id, name, world.act()),
  (name, own) => {
    name.claims = name.claims.filter((claim) => claim !== own)
    if (name.holder === own.tenant) release(name)
    if (name.claims.length === 0) name.lastLookAt = -Infinity // nothing is remembered of what nobody claims
  },
)

const suspend = onClaim(
  'suspend',
  ({ sourceDomains }, id, name, { world }) => sourceDomains.suspend(id, name, world.act()),
  (_name, own) => void (own.isSuspended = true),
)

const changeMode = fc.constantFrom('hosted' as const, 'external' as const).chain((mode) =>
  onClaim(
    `as ${mode}`,
    ({ sourceDomains }, id, name, { world }) => sourceDomains.setMode(id, name, mode, world.act()),
    (_name, own) => void (own.mode = mode),
  ),
)

const withdrawVouch = onClaim(
  'unvouch',
  ({ sourceDomains }, id, name, { world }) => sourceDomains.withdrawVouch(id, name, world.act()),
  (name, own) => {
    if (name.isVouched && name.holder === own.tenant) release(name)
  },
)

const vouch = fc.tuple(aTenant, aName).map(([tenant, index]) =>
  command(`vouch t${tenant} n${index}`, async (model, real) => {
    const name = model.names[index]!
    if (!name.claims.some((claim) => claim.tenant === tenant)) return
    const { world, tenants, names } = real
    const vouching = world.storage.sourceDomains.vouch(tenants[tenant]!.id, names[index]!, world.act())
    if (name.holder !== null && name.holder !== tenant)
      return expect(vouching).rejects.toMatchObject(refusal('source-domain-taken'))
    await vouching
    Object.assign(name, { holder: tenant, isVouched: true, goneSince: null, misses: 0 })
  }),
)

const publish = fc.tuple(aRecord, aTenant, aName).map(([type, tenant, index]) =>
  command(`publish ${type} t${tenant} n${index}`, async (model, { world, tenants, names }) => {
    const record = type === 'TXT' ? world.txt : world.cname
    world.dns.publish(...record(tenants[tenant]!, names[index]!))
    const { zone } = model.names[index]!
    if (type === 'TXT') zone.txt.add(tenant)
    else zone.cname = tenant
  }),
)

/** The domain changes hands, or its owner the tenant. */
const move = fc
  .tuple(aRecord, aTenant, aName)
  .map(([type, tenant, index]) =>
    command(`move n${index} to t${tenant} by ${type}`, (model, real) => moveTo(tenant, type, index, model, real)),
  )

async function moveTo(tenant: number, type: 'TXT' | 'CNAME', index: number, model: Model, real: Real): Promise<void> {
  const { world, tenants, names } = real
  const { zone } = model.names[index]!
  for (const former of tenants.keys())
    for (const record of [world.txt, world.cname]) world.dns.withdraw(...record(tenants[former]!, names[index]!))
  const record = type === 'TXT' ? world.txt : world.cname
  world.dns.publish(...record(tenants[tenant]!, names[index]!))
  zone.txt = new Set(type === 'TXT' ? [tenant] : [])
  zone.cname = type === 'CNAME' ? tenant : null
  await runAfter(DAY, model, real)
}

const unpublish = fc.tuple(aTenant, aName).map(([tenant, index]) =>
  command(`unpublish t${tenant} n${index}`, async (model, { world, tenants, names }) => {
    for (const record of [world.txt, world.cname]) world.dns.withdraw(...record(tenants[tenant]!, names[index]!))
    const { zone } = model.names[index]!
    zone.txt.delete(tenant)
    if (zone.cname === tenant) zone.cname = null
  }),
)

const changeWeather = aWeather.map((weather) =>
  command(`weather ${weather}`, async (model, { world }) => {
    world.dns.weather = weather
    model.weather = weather
  }),
)

function changeServersTo(servers: ServerState[], { world }: Real, model: Model): void {
  world.dns.make(...servers)
  model.servers = servers
  for (const name of model.names) name.formerZone = copyOf(name.zone)
}

const changeServers = fc
  .oneof(fc.constant(EVEN), unevenServers)
  .map((servers) =>
    command(`servers ${servers.join(', ')}`, async (model, real) => changeServersTo(servers, real, model)),
  )

/** The domain changes hands while its servers are not all alike. */
const moveUnevenly = fc.tuple(unevenServers, fc.constantFrom(0, 1)).map(([servers, tenant]) =>
  command(`servers ${servers.join(', ')}, and move n0 to t${tenant}`, async (model, real) => {
    changeServersTo(servers, real, model)
    await moveTo(tenant, 'TXT', 0, model, real)
  }),
)

const wait = aWhile.map((ms) =>
  command(`wait ${ms / HOUR} h`, async (_model, { world }) => {
    world.clock.advance(ms)
  }),
)

/** Time goes by, and what is due is done. */
async function runAfter(ms: number, model: Model, real: Real): Promise<void> {
  real.world.clock.advance(ms)
  real.world.dns.asked.splice(0)
  await watched(model, real, async () => expect((await real.world.runner.runDue(1000)).failed).toBe(0))
  learnAsked(model, real)
}

const run = fc.constantFrom<[number, number]>([1, 0], [1, HOUR], [1, DAY], [4, HOUR], [4, DAY]).map(([times, ms]) =>
  command(`run ${times} times after ${ms / HOUR} h each`, async (model, real) => {
    for (let time = 0; time < times; time++) await runAfter(ms, model, real)
  }),
)

/** A record is gone for a while, often nearly or just for 72 hours, or seen gone twice only; and is back. */
const aPause = fc.constantFrom<[number, number]>([1, HOUR], [3, DAY], [4, 23.75 * HOUR], [7, 12 * HOUR], [2, 73 * HOUR])
const pause = fc.tuple(aTenant, aName, aPause).map(([tenant, index, [times, ms]]) =>
  command(`pause of t${tenant} n${index}, ${times} runs after ${ms / HOUR} h each`, async (model, real) => {
    const { world, tenants, names } = real
    const { zone } = model.names[index]!
    const txt = world.txt(tenants[tenant]!, names[index]!)
    world.dns.withdraw(...txt)
    zone.txt.delete(tenant)
    for (let time = 0; time < times; time++) {
      await runAfter(ms, model, real)
      await verify(model, real, index)
    }
    world.dns.publish(...txt)
    zone.txt.add(tenant)
    await runAfter(DAY, model, real)
  }),
)

const check = fc.tuple(aTenant, aName).map(([tenant, index]) =>
  command(`check t${tenant} n${index}`, async (model, real) => {
    const { world, tenants, names } = real
    const check = () => world.checks.check(tenants[tenant]!.id, names[index]!, world.act())
    if (!model.names[index]!.claims.some((claim) => claim.tenant === tenant))
      return expect(check()).rejects.toMatchObject(refusal('not-found'))
    await watched(model, real, async () => void (await check()))
    learnAsked(model, real)
  }),
)

const confirm = fc.tuple(aTenant, aName).map(([tenant, index]) =>
  command(`confirm t${tenant} n${index}`, async (model, real) => {
    const name = model.names[index]!
    const { world, tenants, names } = real
    const isFresh = name.isVouched || (name.goneSince === null && nowOf(real) - name.seenAt < DAY)
    const mayOrder = name.holder === tenant && isFresh
    const isClaimed = name.claims.some((claim) => claim.tenant === tenant)
    expect(await world.checks.confirm(tenants[tenant]!.id, names[index]!)).toBe(
      mayOrder ? 'proven' : isClaimed ? 'not yet' : 'not claimed',
    )
    expect(world.dns.asked).toEqual([])
  }),
)

/** The process dies between the look and its taking in; or it hangs there, and comes back with it some time. */
const crash = fc.tuple(aName, fc.boolean()).map(([index, comesBack]) =>
  command(`${comesBack ? 'hang' : 'crash'} in a look at n${index}`, async (model, real) => {
    const { world, names } = real
    const taken: Parameters<ControlStore['takeIn']>[] = []
    const dying: ProofChecks = world.another(async (...look) => {
      taken.push(look)
      throw new Killed()
    })
    const job = { id: '', kind: PROOF_CHECK, key: names[index]!, payload: {}, runAt: world.clock.now() }
    await Promise.allSettled([dying.job({ ...job, attempts: 1, fence: 1 })])
    for (const look of comesBack ? taken : []) {
      model.late.push({ name: index, evidence: evidence(model, model.names[index]!, nowOf(real)) })
      real.late.push(() => world.storage.control.takeIn(...look))
    }
  }),
)

const comeBack = fc.constant(
  command('come back', async (model, real) => {
    const late = model.late.shift()
    await real.late.shift()?.()
    if (late) learn(model.names[late.name]!, late.evidence)
  }),
)

let runs = 0

test(`whatever happens in whatever order, a name is held by at most one, by a proof in force, and never lost by "could not ask" (seed ${SEED})`, async () => {
  const world = await proofWorld({ servers: SERVERS })
  const { storage, act } = world
  const tenants = await Promise.all(
    Array.from({ length: TENANTS }, (_, tenant) => storage.tenants.add(`t${tenant}`, act())),
  )
  const targets = tenants.map((_, tenant) => domainName(`t${tenant}.hosting.example`))
  for (const name of targets) await storage.targetHosts.add({ name, port: 443 }, act())
  const lineage = await storage.lineages.create(null, { name: 'service', source: 'import' }, act())
  const directory = storage.directory({ adminHost: null, maxEntries: 1000, maxBytes: 10e6, log: world.log })

  const steps = [
    ...[claim, claim, claim, publish, publish, publish, unpublish, unpublish, move, move, move, pause, pause, pause],
    ...[run, run, run, run, run, run, check, check, confirm, crash, crash, comeBack, comeBack],
    ...[
      changeWeather,
      changeServers,
      moveUnevenly,
      moveUnevenly,
      wait,
      vouch,
      withdrawVouch,
      remove,
      suspend,
      changeMode,
    ],
  ]
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 40, size: 'max' }), async (commands) => {
      const parent = domainName(`r${++runs}.example`)
      const real: Real = {
        ...{ world, directory, tenants, targets, lineageId: lineage.id, late: [] },
        names: [parent, domainName(`im.${parent}`)],
      }
      const model: Model = { weather: 'fair', servers: EVEN, names: real.names.map(nothingYet), late: [] }
      world.dns.weather = 'fair'
      world.dns.make()
      for (const tenant of [0, 1]) {
        await claimAndDelegate(real, tenant, parent, 'hosted')
        model.names[0]!.claims.push({ tenant, mode: 'hosted', isSuspended: false })
        world.clock.advance(1)
      }
      world.dns.publish(...world.txt(tenants[0]!, parent))
      model.names[0]!.zone.txt.add(0)
      await fc.asyncModelRun(() => ({ model, real }), commands)
      for (const [index, { claims }] of model.names.entries())
        for (const { tenant } of claims)
          await storage.sourceDomains.remove(tenants[tenant]!.id, real.names[index]!, act())
    }),
    { seed: SEED, numRuns: RUNS },
  )
  for (const [what, times] of Object.entries(tally))
    expect({ what, isEnough: times > 10 }).toEqual({ what, isEnough: true })
  await directory.close()
  await world.close()
}, 120_000)

function nothingYet(): NameModel {
  const zone = { txt: new Set<number>(), cname: null }
  return {
    ...{ zone, formerZone: copyOf(zone), claims: [], holder: null, isVouched: false },
    ...{ seenAt: -Infinity, goneSince: null, misses: 0, lastLookAt: -Infinity },
  }
}
