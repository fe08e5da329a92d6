import type { ChildProcess } from 'node:child_process'
import { createHash, createPrivateKey, createPublicKey, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { sealer } from '../../src/certificate/sealing.ts'
import { systemClock } from '../../src/clock.ts'
import type { DomainName } from '../../src/name.ts'
import { openDatabase, type Database } from '../../src/storage/database.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import { acmeSite, ADMIN_HOST, killTree, settingsOfAnother, type AcmeSite } from '../support/acme-site.ts'
import { emptyDatabase } from '../support/databases.ts'
import { dice } from '../support/dice.ts'
import type { RequestKind } from '../support/fault-proxy.ts'
import { isLeftOut } from '../support/left-out.ts'
import { isLong } from '../support/long.ts'
import { beginMain } from '../support/main-process.ts'
import { pebbles } from '../support/pebble.ts'
import { until } from '../support/until.ts'
import { newWaypost, type Waypost } from '../support/waypost.ts'

// Processes are killed at random instants while names get their certificates, each at its own and the others living on. Which
// instants is by WAYPOST_SEED; when the processes come to them is not.

const SEED = Number(process.env['WAYPOST_SEED'] ?? 20_261_123)
const LEAST_NAMES = 50
const LEAST_WAITING = 24 // names without a certificate, so that there is always something to be killed in
/** A node is killed soon after the authority sees one of the next of these, or, null, soon after its start. */
const STEPS: (RequestKind | null)[] = ['newOrder', 'authz', 'challenge', 'order', 'finalize', 'cert', null]
const NEXT = 3
const LATEST_AFTER_MS = 120
const LATEST_AFTER_START_MS = 1000
const LONGEST_LIFE_MS = 6000 // of one that is ready

const isPossible = !isLeftOut('knot') && pebbles().length > 0
if (!isPossible) test.skip('an authority and name servers')

describe.skipIf(!isPossible)('killed at any instant', () => {
  const toClose: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of toClose.splice(0).reverse()) await close()
  })

  test.each([
    // The whole program: supervisor, main process and edge
    {
      engine: 'sqlite' as const,
      nodes: 1,
      kills: isLong ? 50 : 6,
      killsARound: 1,
      begin: (site: Waypost) => site.begin(),
    },
    // The main processes of two nodes
    { engine: 'postgresql' as const, nodes: 2, kills: isLong ? 500 : 12, killsARound: 2, begin: beginMain },
  ])(
    'every name gets one certificate of one finalized order, and its key: $kills kills of $nodes node(s), $engine',
    { timeout: isLong ? 5_400_000 : 480_000 },
    async ({ engine, nodes, kills: wanted, killsARound, begin }) => {
      if (engine === 'postgresql' && inject('postgres') === null) return
      const masterKey = randomBytes(32)
      const remote = engine === 'postgresql' ? await emptyDatabase(engine) : undefined
      if (remote) toClose.push(remote.remove)
      // Nobody can look at the answer to a challenge while everything is down
      const acme = await acmeSite(
        { env: { PEBBLE_VA_NOSLEEP: '1', PEBBLE_VA_ALWAYS_VALID: '1' } },
        {
          WAYPOST_MASTER_KEY: masterKey.toString('base64'),
          WAYPOST_LOG_LEVEL: 'warn',
          ...(remote?.url === undefined ? {} : { WAYPOST_STORAGE_URL: remote.url }),
        },
      )
      toClose.push(acme.close)
      await acme.dns.setZone('example.org', '* A 127.0.0.1')
      await acme.addAuthority()
      const sites = [acme.site]
      for (; sites.length < nodes;) sites.push(await newWaypost(settingsOfAnother(acme.site)))
      for (const site of sites.slice(1)) toClose.push(() => site.remove())
      const place = { url: remote?.url, file: join(acme.site.dataFolder, 'waypost.db') }
      const storage = await openStorage({ ...place, sealer: sealer(masterKey, randomBytes), clock: systemClock })
      toClose.push(() => storage.close())
      const db = await openDatabase({ ...place, isReadOnly: false })
      toClose.push(() => db.knex.destroy())

      const names = namesOf(storage)
      await names.add(LEAST_NAMES)
      const rolls = sites.map((_, node) => dice(SEED + node))
      const foundAt = new Map<string, number>()
      const began = performance.now()
      let kills = 0
      while (kills < wanted) {
        await names.add(LEAST_WAITING - (names.all.length - (await issued(db))))
        await Promise.all(
          sites.map((site, node) => killedAgainAndAgain(acme, { site, begin }, killsARound, rolls[node]!)),
        )
        kills += nodes * killsARound
        if (isLong && kills % 50 === 0)
          console.log(`${kills} kills, ${Math.round((performance.now() - began) / 1000)} s`)
        for (const step of await stepsUnderWay(db)) foundAt.set(step, (foundAt.get(step) ?? 0) + 1)
        await timePasses(db)
      }
      const killedWithin = performance.now() - began
      const issuedMeanwhile = await issued(db)
      await Promise.all(sites.map((site) => site.start()))
      await until(async () => (await issued(db)) >= names.all.length, 180_000 + names.all.length * 500)
      await delay(1500) // whatever would be asked for twice

      const orders = await ordersOf(db)
      const asked = acme.proxy.requests('newOrder').length
      const finalized = finalizedAt(acme)
      console.log(
        `${engine}, seed ${SEED}: ${kills} kills of ${nodes} node(s) in ${Math.round(killedWithin / 1000)} s, ` +
          `${issuedMeanwhile} of ${names.all.length} names issued by then. Under way when nobody lived: ` +
          `${[...foundAt].map(([step, count]) => `${count} ${step}`).join(', ')}. In the end ${orders.length} orders, ` +
          `${asked} newOrder, ${finalized.length} finalized, ${serialsOf(acme).length} certificates of the authority`,
      )
      const identifiers = [...names.all, ADMIN_HOST].map((name) => JSON.stringify([name]))
      const fruitful = orders.filter(({ outcome }) => outcome === 'issued')
      expect(fruitful.map((order) => order.identifiers).sort()).toEqual(identifiers.sort())
      // Asked for again, in the same row or another, only where no answer had come
      expect(Math.max(...orders.map(({ new_orders }) => new_orders))).toBeLessThanOrEqual(2)
      expect(asked).toBeLessThanOrEqual(orders.reduce((sum, { new_orders }) => sum + new_orders, 0))
      const fruitless = orders.filter(({ outcome }) => outcome !== 'issued')
      expect(fruitless.map(({ url, new_orders }) => [url, new_orders])).toEqual(fruitless.map(() => [null, 2]))
      const ours = fruitful.map(({ finalize_url }) => new URL(finalize_url!).pathname)
      expect([...finalized].sort()).toEqual(ours.sort())
      // Whatever the authority has issued is here, once, with the key that it was issued for
      const kept = await certificatesOf(db)
      expect(kept.map(({ serial }) => plain(serial)).sort()).toEqual(serialsOf(acme).sort())
      expect(kept.filter(({ superseded_at }) => superseded_at !== null)).toEqual([])
      for (const { private_key_id, spki_sha256 } of kept)
        expect(spkiOf(await storage.privateKeys.open(private_key_id!))).toBe(spki_sha256)
      for (const name of names.all) expect((await acme.presented(name))?.isTrusted, name).toBe(true)
      expect(acme.proxy.reusedNonces()).toEqual([])
    },
  )
})

/** Of a node that is dead before and after. */
async function killedAgainAndAgain(
  { proxy }: AcmeSite,
  { site, begin }: { site: Waypost; begin: (site: Waypost) => ChildProcess },
  times: number,
  roll: (sides: number) => number,
): Promise<void> {
  for (let i = 0; i < times; i++) {
    const kind = STEPS[roll(STEPS.length)] ?? null
    const waitMs = roll(kind === null ? LATEST_AFTER_START_MS : LATEST_AFTER_MS)
    const seen = () => (kind === null ? Infinity : proxy.requests(kind).length)
    const enough = seen() + 1 + roll(NEXT)
    const server = begin(site)
    const exited = once(server, 'exit')
    const isReady = () => fetch(`http://127.0.0.1:${site.ports.health}/healthz`).then(Boolean, () => false)
    await until(async () => seen() >= enough || (await isReady()), 60_000)
    await until(() => seen() >= enough, LONGEST_LIFE_MS).catch(() => undefined)
    await delay(waitMs)
    killTree(server.pid!)
    await exited
  }
}

/** Names of the operator's and of a tenant's in turn, without their certificates. */
function namesOf(storage: Storage) {
  const all: DomainName[] = []
  const act = () => ({ at: systemClock.now(), actor: 'test', address: null })
  let tenantId: string | undefined
  return {
    all,
    async add(count: number): Promise<void> {
      tenantId ??= (await storage.tenants.add('montague', act())).id
      for (let left = count; left > 0; left--) {
        const isTenants = all.length % 2 === 1
        const name = (isTenants ? `d${all.length}.example.org` : `h${all.length}.example.com`) as DomainName
        if (isTenants) await storage.sourceDomains.add(tenantId, { name, mode: 'hosted', isVouched: true }, act())
        else await storage.targetHosts.add({ name, port: 443 }, act())
        all.push(name)
      }
    },
  }
}

/** What ten minutes would do: nobody lives who holds a lease, and who has lost two answers to newOrder has waited. */
async function timePasses({ knex }: Database): Promise<void> {
  await knex('job').whereNotNull('lease_until').whereNull('finished_at').update({ lease_until: 0 })
  await knex('issuance').update({ next_at: 0 })
  await knex('job').whereIn('key', knex('issuance').select('lineage_id')).whereNull('finished_at').update({ run_at: 0 })
}

async function issued(db: Database): Promise<number> {
  const row = await db
    .knex('certificate')
    .join('lineage', 'lineage.id', 'certificate.lineage_id')
    .where('lineage.source', 'acme')
    .whereNot('lineage.name', `front:${ADMIN_HOST}`)
    .whereNotNull('activated_at')
    .countDistinct({ n: 'lineage_id' })
    .first<{ n: number | string }>()
  return Number(row.n)
}

/** As RFC 8555 §7.1.6 calls them; 'new': no answer to newOrder is known. */
function stepsUnderWay({ knex }: Database): Promise<string[]> {
  return knex('acme_order').whereNull('finished_at').pluck<string[]>('status')
}

interface OrderFacts {
  identifiers: string
  outcome: string | null
  new_orders: number
  url: string | null
  finalize_url: string | null
}

function ordersOf({ knex }: Database): Promise<OrderFacts[]> {
  return knex<OrderFacts>('acme_order').select('identifiers', 'outcome', 'new_orders', 'url', 'finalize_url')
}

interface CertificateFacts {
  serial: string
  spki_sha256: string
  private_key_id: string | null
  superseded_at: number | null
}

/** Of the authority, and not of the local one that was there before. */
function certificatesOf({ knex }: Database): Promise<CertificateFacts[]> {
  const columns = ['serial', 'spki_sha256', 'private_key_id', 'superseded_at'] as const
  return knex<CertificateFacts>('certificate')
    .whereIn('id', knex('acme_order').whereNotNull('certificate_id').select('certificate_id'))
    .select(...columns)
}

/** Whatever became certificates: a second finalize is answered by the same order, or refused. */
function finalizedAt({ proxy }: AcmeSite): string[] {
  const done = proxy.requests('finalize').filter((one) => one.reachedPebble && [200, 0].includes(one.status))
  return [...new Set(done.map(({ path }) => path))]
}

function serialsOf({ pebble }: AcmeSite): string[] {
  return [...pebble.log().matchAll(/Issued certificate serial ([0-9a-f]+)/g)].map(([, serial]) => plain(serial!))
}

function plain(serial: string): string {
  return serial.toLowerCase().replace(/^0+/, '')
}

function spkiOf(privateKeyDer: Uint8Array): string {
  const key = createPrivateKey({ key: Buffer.from(privateKeyDer), format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(spki).digest('hex')
}
