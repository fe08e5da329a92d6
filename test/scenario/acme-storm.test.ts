import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { acmeSessions } from '../../src/acme/acme-session.ts'
import { authorities } from '../../src/acme/authorities.ts'
import { budget } from '../../src/acme/budget.ts'
import { acmeIssuer } from '../../src/acme/issuer.ts'
import { limitsOf } from '../../src/acme/limits.ts'
import { renewals } from '../../src/acme/renewals.ts'
import { sessions } from '../../src/acme/sessions.ts'
import { domainName, type DomainName } from '../../src/name.ts'
import { authorityExchange } from '../../src/outside/authority-exchange.ts'
import { openDatabase, type Database } from '../../src/storage/database.ts'
import { openStorage } from '../../src/storage/storage.ts'
import { wishFor } from '../acme/pebble-rig.ts'
import { certificateWork, unobstructed } from '../support/certificate-work.ts'
import { emptyDatabase } from '../support/databases.ts'
import { dice } from '../support/dice.ts'
import { spoiltCertificate, startFaultProxy, type Fault, type RequestKind } from '../support/fault-proxy.ts'
import { isLong } from '../support/long.ts'
import { pebbles, startPebble } from '../support/pebble.ts'
import { testSealer } from '../support/sealer.ts'

// Every fifteenth answer of the authority is wrong, half of the nonces are refused, and whoever is to wait has the time that it
// takes: where nothing is due, the clock goes forward to what is due next.

const NAMES = isLong ? 1000 : 30
const SEED = 27
const FAULT_EVERY = 15 // requests of a kind, on average
const VALIDITY_MS = 40 * 3_600_000
const SHORT_MS = 5000
const AUTHORITY_MS = 100
const TOGETHER_MS = 20_000 // what is due soon after is waited for as well
const IN_FLIGHT_MS = 3000 // whoever had asked already when the authority wanted to be left alone

type Wrong = { fault: Fault; retryAfterSeconds?: number; isForAll?: boolean }

const limited = (detail: string, isForAll: boolean): Wrong => ({
  fault: { do: 'problem', status: 429, type: 'rateLimited', detail, headers: { 'retry-after': '90' } },
  ...{ retryAfterSeconds: 90, isForAll },
})
const refused = (status: number, type: string): Wrong => ({ fault: { do: 'problem', status, type } })
const drop: Wrong = { fault: { do: 'drop' } }
const dropAfter: Wrong = { fault: { do: 'drop', after: true } }
const truncate: Wrong = { fault: { do: 'truncate' } }

const WRONG: Partial<Record<RequestKind, Wrong[]>> = {
  newOrder: [
    ...[refused(500, 'serverInternal'), refused(503, 'serverInternal'), dropAfter, truncate],
    limited('too many certificates already issued for this exact set of identifiers', false),
    limited('too many new orders recently for this account', true),
    {
      fault: { do: 'problem', status: 503, detail: 'Service busy', headers: { 'retry-after': '120' } },
      ...{ retryAfterSeconds: 120, isForAll: true },
    },
  ],
  authz: [refused(500, 'serverInternal'), drop, truncate],
  challenge: [refused(500, 'serverInternal'), dropAfter],
  order: [refused(500, 'serverInternal'), { fault: { do: 'json', edit: (json) => ({ ...json, status: 'invalid' }) } }],
  finalize: [refused(500, 'serverInternal'), refused(400, 'badPublicKey'), drop, dropAfter],
  cert: [truncate, { fault: spoiltCertificate('wrong-key') }, { fault: spoiltCertificate('wrong-name') }],
  newNonce: [refused(503, 'serverInternal'), drop],
}

const isPossible = pebbles().length > 0
if (!isPossible) test.skip('an authority')

const toClose: (() => unknown)[] = []
afterAll(async () => {
  for (const close of toClose.reverse()) await close()
})

test.skipIf(!isPossible)(
  `whatever goes wrong, ${NAMES} names get and renew their certificates, and nobody asks sooner than told`,
  { timeout: isLong ? 1_200_000 : 240_000 },
  async () => {
    const clock = forwardClock()
    const roll = dice(SEED)
    const random = () => roll(2 ** 31) / 2 ** 31
    const place = await emptyDatabase('sqlite')
    const storage = await openStorage({ ...place, sealer: testSealer, clock })
    await storage.migrate()
    const db = await openDatabase({ ...place, isReadOnly: false })
    toClose.push(
      place.remove,
      () => storage.close(),
      () => db.knex.destroy(),
    )

    const edge = createServer((request, response) => {
      const host = domainName((request.headers.host ?? '').replace(/:\d+$/, ''))
      const token = (request.url ?? '').replace('/.well-known/acme-challenge/', '')
      void storage.challenges
        .find(host, token, clock.now())
        .then((answer) => (answer === undefined ? response.writeHead(404).end() : response.end(answer)))
    }).listen(0, '127.0.0.1')
    await once(edge, 'listening')
    const pebble = await startPebble({
      httpPort: (edge.address() as AddressInfo).port,
      validitySeconds: VALIDITY_MS / 1000,
      env: { PEBBLE_WFE_NONCEREJECT: '50', PEBBLE_AUTHZREUSE: '100' },
    })
    const proxy = await startFaultProxy(pebble)
    toClose.push(
      () => edge.close(),
      () => pebble.stop(),
      () => proxy.stop(),
    )

    const open = acmeSessions({ exchange: authorityExchange(), clock })
    const act = () => ({ at: clock.now(), actor: 'test', address: null })
    await authorities({ store: storage.authorities, open, clock }).add(wishFor(proxy), act())
    const sessionOf = sessions({ open, authorities: storage.authorities, clock })
    const problems = new Map<string, number>()
    const issuer = acmeIssuer({
      ...{ ...storage, ...unobstructed, challengeTypes: ['http-01'], sessionOf, clock, random },
      issuance: {
        ...storage.issuance,
        async failed(memory, by) {
          const named = `${memory.whose}: ${memory.problem.type}`
          problems.set(named, (problems.get(named) ?? 0) + 1)
          await storage.issuance.failed(memory, by)
        },
      },
      budget: budget({
        buckets: storage.budgets,
        limitsOf: async () => limitsOf(proxy.directoryUrl),
        registeredDomain: (name) => name.split('.').slice(-2).join('.'),
        random,
      }),
      renewal: renewals({ ...storage, sessionOf, clock, random }),
    })
    const work = await certificateWork({ storage, issuer, clock, elapsedMs: () => performance.now(), random })
    for (let i = 0; i < NAMES; i++)
      await storage.targetHosts.add({ name: `h${i}.example.com` as DomainName, port: 443 }, act())

    const rules: { kind: RequestKind; wrong: Wrong }[] = []
    for (const [kind, wrongs] of Object.entries(WRONG) as [RequestKind, Wrong[]][])
      for (let i = 0; i < NAMES; i++) {
        const wrong = wrongs[roll(wrongs.length)]!
        rules.push({ kind, wrong })
        proxy.fault(kind, wrong.fault, { after: roll(2 * FAULT_EVERY - 1) })
      }

    /** Until everybody has so many certificates, or so much time is over. @returns who has not, and a failure says why */
    async function all(have: number, mostHours: number): Promise<string[]> {
      for (;;) {
        const without = await withFewer(db, have)
        if (without.length === 0 || clock.forwardHours() > mostHours) return without
        if ((await work.round()) > 0) continue
        const next = await db.knex('job').whereNull('finished_at').min({ at: 'run_at' }).first<{ at: number }>()
        const wait = next.at - clock.now().getTime()
        // What the authority does meanwhile takes real time
        if (wait < SHORT_MS) await delay(Math.min(Math.max(wait, 0), AUTHORITY_MS))
        clock.forwardTo(next.at + TOGETHER_MS)
      }
    }
    const began = performance.now()
    await work.round() // whose names get their lineages
    const withoutFirst = await all(1, 8)
    const issuedWithin = performance.now() - began
    const challenges = proxy.requests('challenge').length
    const withoutSecond = await all(2, 36)
    const renewedWithin = performance.now() - began - issuedWithin

    const faults = proxy.log.filter(({ fault }) => fault !== null)
    console.log(
      `seed ${SEED}: ${NAMES + 1} names issued in ${Math.round(issuedWithin / 1000)} s and renewed in ` +
        `${Math.round(renewedWithin / 1000)} s, ${clock.forwardHours().toFixed(1)} h of waiting left out; ` +
        `${withoutFirst.length} and ${withoutSecond.length} fail still; ${proxy.log.length} requests, ${faults.length} of them gone wrong, ` +
        `${proxy.requests('newOrder').length} newOrder; failures ${[...problems].map(([type, n]) => `${n} ${type}`).join(', ')}`,
    )
    expect(faults.length).toBeGreaterThan(NAMES / 2)
    // Who has failed again and again is tried daily, and is told why; who got the first one late is not due
    expect(withoutFirst.length + withoutSecond.length).toBeLessThan(NAMES / 3)
    const remembered = await db.knex('issuance').pluck<string[]>('lineage_id')
    const late = await db
      .knex('certificate')
      .where('not_after', '>', clock.now().getTime())
      .pluck<string[]>('lineage_id')
    expect(withoutSecond.filter((one) => !remembered.includes(one) && !late.includes(one))).toEqual([])
    for (const named of problems.keys()) expect(named).toMatch(/^(authority|operator): [a-zA-Z-]+$/)
    expect(proxy.requests('challenge').length, 'of renewals whose authorizations are valid still').toBe(challenges)
    expect(proxy.reusedNonces()).toEqual([])
    expect(tooSoon()).toEqual([])

    /** Orders that came while the authority wanted to be left alone, about a name or altogether. */
    function tooSoon(): string[] {
      const orders = proxy.requests('newOrder')
      const wrongs = rules.filter(({ kind }) => kind === 'newOrder').map(({ wrong }) => wrong)
      const wronged = orders.filter(({ fault }) => fault !== null)
      return wronged.flatMap((one, i) => {
        const { retryAfterSeconds, isForAll } = wrongs[i]!
        if (retryAfterSeconds === undefined) return []
        const from = clock.at(one.at)
        const isSame = (other: typeof one) => JSON.stringify(other.payload) === JSON.stringify(one.payload)
        return orders
          .filter((other) => other.at > one.at && (isForAll || isSame(other)))
          .map((other) => clock.at(other.at) - from)
          .filter((after) => after > (isForAll ? IN_FLIGHT_MS : 0) && after < retryAfterSeconds * 1000)
          .map((after) => `${JSON.stringify(one.payload)}: another after ${after} ms`)
      })
    }
  },
)

/** The system's clock, which is put forward where there is nothing to do but wait. */
function forwardClock() {
  const steps: { at: number; offset: number }[] = [{ at: -Infinity, offset: 0 }]
  const origin = Date.now() - performance.now()
  /** @param at as `performance.now()` has it */
  const at = (instant: number) => origin + instant + steps.findLast((step) => step.at <= instant)!.offset
  return {
    now: () => new Date(at(performance.now())),
    at,
    forwardTo(instant: number): void {
      const now = performance.now()
      const missing = Math.max(0, instant - at(now)) + 1
      steps.push({ at: now, offset: steps.at(-1)!.offset + missing })
    },
    forwardHours: () => steps.at(-1)!.offset / 3_600_000,
  }
}

/** Ids of lineages. */
async function withFewer({ knex }: Database, count: number): Promise<string[]> {
  const enough = knex('certificate')
    .whereIn('id', knex('acme_order').whereNotNull('certificate_id').select('certificate_id'))
    .whereNotNull('activated_at')
    .groupBy('lineage_id')
    .havingRaw('count(*) >= ?', [count])
    .select('lineage_id')
  return knex('lineage').whereNotIn('id', enough).pluck<string[]>('id')
}
