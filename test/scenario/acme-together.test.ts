import { execFileSync } from 'node:child_process'
import { createPrivateKey, randomBytes } from 'node:crypto'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { sealer } from '../../src/certificate/sealing.ts'
import { systemClock } from '../../src/clock.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { openStorage } from '../../src/storage/storage.ts'
import { acmeSite, ADMIN_HOST, settingsOfAnother, type AcmeSite } from '../support/acme-site.ts'
import { emptyDatabase, type TestPlace } from '../support/databases.ts'
import { signIn } from '../support/https-client.ts'
import { isLeftOut } from '../support/left-out.ts'
import { pebbles } from '../support/pebble.ts'
import { until } from '../support/until.ts'
import { newWaypost, type Waypost } from '../support/waypost.ts'

type Api = Awaited<ReturnType<typeof signIn>>

const isPossible = !isLeftOut('knot') && pebbles().length > 0
if (!isPossible) test.skip('an authority and name servers')

describe.skipIf(!isPossible || inject('postgres') === null)('many at once, with two nodes on one database', () => {
  const NAME = 'hosting.example.com'
  let acme: AcmeSite
  let other: Waypost
  let place: TestPlace
  let apis: Api[]
  const masterKey = randomBytes(32)
  beforeAll(async () => {
    place = await emptyDatabase('postgresql')
    acme = await acmeSite(
      {},
      {
        WAYPOST_MASTER_KEY: masterKey.toString('base64'),
        WAYPOST_STORAGE_URL: place.url ?? '',
        WAYPOST_LOG_LEVEL: 'debug',
      },
    )
    other = await newWaypost(settingsOfAnother(acme.site))
  })
  afterAll(async () => {
    await other?.remove()
    await acme?.close()
    await place?.remove()
  })

  test('twenty who add an authority make one account', { timeout: 120_000 }, async () => {
    const sites = [acme.site, other]
    await Promise.all(sites.map((site) => site.start()))
    const root = await acme.pebble.root()
    for (const { rootFile } of sites) appendFileSync(rootFile, root)
    apis = await Promise.all(sites.map(signIn))
    const { directoryUrl, caPem } = acme.proxy
    const wish = { name: 'pebble', directoryUrl, caPem, agreesToTerms: true }
    const answers = await Promise.all(many(20, (api) => api('POST', '/authorities', wish)))
    expect(answers.map(({ status }) => status).filter((status) => status !== 409)).toContain(201)
    for (const { status, body } of answers) expect([201, 409], body).toContain(status)
    const keys = acme.proxy.requests('newAccount').map((one) => JSON.stringify(one.protected?.['jwk']))
    const accounts = acme.pebble.log().match(/There are now \d+ accounts in memory/g)
    console.log(`20 who add an authority: ${keys.length} newAccount with ${new Set(keys).size} key`)
    expect(new Set(keys).size).toBe(1)
    expect(accounts?.at(-1)).toBe('There are now 1 accounts in memory')
  })

  test('fifty who ask for one certificate cause one order', { timeout: 120_000 }, async () => {
    await until(async () => (await acme.presented(ADMIN_HOST))?.isTrusted === true, 30_000)
    const from = acme.proxy.requests('newOrder').length
    expect((await apis[0]!('POST', '/target-hosts', { name: NAME, port: 443 })).status).toBe(201)
    const issue = `/operator/lineages/front:${NAME}/issue`
    await until(async () => (await apis[1]!('POST', issue)).status === 200)
    for (const { status, body } of await Promise.all(many(50, (api) => api('POST', issue))))
      expect([200, 429], body).toContain(status)
    await until(async () => (await acme.presented(NAME))?.isTrusted === true, 30_000)
    expect(acme.proxy.requests('newOrder').length - from).toBe(1)

    const { serial } = (await acme.presented(NAME))!
    const renew = `/operator/lineages/front:${NAME}/renew`
    await Promise.all(many(50, (api) => api('POST', renew)))
    await until(async () => ![serial, undefined].includes((await acme.presented(NAME))?.serial), 30_000)
    console.log(`50 who issue and 50 who renew: ${acme.proxy.requests('newOrder').length - from} newOrder`)
    expect(acme.proxy.requests('newOrder').length - from).toBe(2)
  })

  test('a dump of the database and the logs of both hold no key that could be used', async () => {
    const keys = await keysIn(place, masterKey)
    const dump = execFileSync('pg_dump', [place.url ?? ''], { encoding: 'latin1', maxBuffer: 2 ** 28 })
    expect(dump).toContain(acme.proxy.directoryUrl)
    const logs = [acme.site, other].map(({ logFile }) => readFileSync(logFile, 'latin1'))
    expectNone([dump, ...logs], [...formsOfBytes(masterKey), ...keys.flatMap(formsOf)])
  })

  /** By both nodes in turn. */
  function many<T>(count: number, act: (api: Api) => Promise<T>): Promise<T>[] {
    return Array.from({ length: count }, (_, i) => act(apis[i % apis.length]!))
  }
})

describe.skipIf(!isPossible)('what lies on the disk', () => {
  let acme: AcmeSite
  afterAll(() => acme?.close())

  test(
    'neither the database, nor a copy of it, nor the log holds a key that could be used',
    { timeout: 60_000 },
    async () => {
      const masterKey = randomBytes(32)
      const hmac = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'
      acme = await acmeSite(
        { eab: { 'kid-1': hmac } },
        { WAYPOST_MASTER_KEY: masterKey.toString('base64'), WAYPOST_LOG_LEVEL: 'debug' },
      )
      await acme.site.start()
      const file = join(acme.site.folder, 'hmac')
      writeFileSync(file, hmac)
      const printed = await acme.addAuthority('--eab-key-id', 'kid-1', '--eab-key-file', file, '--json')
      acme.proxy.fault('cert', { do: 'hang' }) // one order stays under way, with its key
      await until(() => acme.proxy.requests('cert').length === 1, 20_000)
      await acme.done('target', 'add', 'hosting.example.com')
      await until(async () => (await acme.presented('hosting.example.com'))?.isTrusted === true, 30_000)

      const place = { url: undefined, file: join(acme.site.dataFolder, 'waypost.db') }
      const backup = join(acme.site.folder, 'backup.db')
      const db = await openDatabase({ ...place, isReadOnly: false })
      await db.knex.raw('vacuum into ?', [backup])
      await db.knex.destroy()
      const keys = await keysIn(place, masterKey)
      // The account's, the authority's own, those in use and that of the order under way
      expect(keys.length).toBeGreaterThanOrEqual(4)

      const places = [place.file, `${place.file}-wal`, backup, acme.site.logFile]
      const texts = [...places.map((one) => readFileSync(one).toString('latin1')), printed]
      const raw = formsOfBytes(Buffer.from(hmac, 'base64url'))
      expectNone(texts, [hmac, ...raw, ...formsOfBytes(masterKey), ...keys.flatMap(formsOf)])
      // The same search finds what is there
      expect(texts[places.indexOf(backup)]).toContain(acme.proxy.directoryUrl)
    },
  )
})

/** Every private key that an installation has, PKCS#8 DER in clear. */
async function keysIn(place: { url: string | undefined; file: string }, masterKey: Buffer): Promise<Buffer[]> {
  const storage = await openStorage({ ...place, sealer: sealer(masterKey, randomBytes), clock: systemClock })
  const { knex } = await openDatabase({ ...place, isReadOnly: false })
  const underWay = await knex('acme_order').whereNull('finished_at').pluck<string[]>('id')
  const inUse = await knex('private_key').pluck<string[]>('id')
  const keys = await Promise.all([
    ...(await storage.authorities.list()).map(({ id }) => storage.authorities.accountKey(id)),
    ...underWay.map((id) => storage.orders.privateKey(id)),
    ...inUse.map((id) => storage.privateKeys.open(id)),
  ])
  await storage.close()
  await knex.destroy()
  return keys.map((one) => Buffer.from(one))
}

function expectNone(texts: string[], secrets: string[]): void {
  for (const [i, text] of texts.entries()) {
    expect(text.length).toBeGreaterThan(100)
    expect(text).not.toMatch(/-----BEGIN [A-Z ]*PRIVATE KEY-----/)
    const found = secrets.findIndex((secret) => text.includes(secret))
    expect(found, `text ${i} has secret ${found}`).toBe(-1)
  }
}

/** As it would be written by somebody: of DER, PEM and JWK the part that is secret. */
function formsOf(der: Buffer): string[] {
  const { d = '' } = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' })
  return formsOfBytes(Buffer.from(d, 'base64url'))
}

/** Bytes, hexadecimal, and base64 of either kind at each of the three offsets. */
function formsOfBytes(secret: Buffer): string[] {
  const offsets = [0, 1, 2].map((skipped) => {
    const whole = secret.subarray(skipped, secret.length - ((secret.length - skipped) % 3))
    return whole.toString('base64')
  })
  const urlSafe = offsets.map((one) => one.replaceAll('+', '-').replaceAll('/', '_'))
  return [secret.toString('latin1'), secret.toString('hex'), ...offsets, ...urlSafe]
}
