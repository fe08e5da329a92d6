import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { ChildProcess } from 'node:child_process'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase, type Database } from '../../src/storage/database.ts'
import { acmeSite, ADMIN_HOST, killTree, settingsOfAnother, type AcmeSite } from '../support/acme-site.ts'
import { isLeftOut } from '../support/left-out.ts'
import { isLong } from '../support/long.ts'
import { pebbles } from '../support/pebble.ts'
import { until } from '../support/until.ts'
import { newWaypost } from '../support/waypost.ts'

// From the registration of a domain to the end of its certificates, with a real authority, real name servers and real TLS:
// what the operator and the owner do is in here, and nothing else is done.

const NAME = 'im.example.org'
const TARGET = 'hosting.example.com'

interface Control {
  dnsRecords: { type: string; name: string; value: string }[]
}

const isPossible = !isLeftOut('knot') && pebbles().length > 0
if (!isPossible) test.skip('an authority and name servers')

// The suites of test/acme run with all of them
const RESTARTS = isLong ? 20 : 5
const versions = isLong ? pebbles() : pebbles().slice(-1)

describe.skipIf(!isPossible).each(versions)('the life of a certificate with Pebble $version', (version) => {
  let acme: AcmeSite
  let server: ChildProcess

  beforeAll(async () => {
    acme = await acmeSite({ pebble: version })
    server = await acme.site.start()
  })
  afterAll(() => acme.close())

  const figure = (text: string) => console.log(`Pebble ${version.version}: ${text}`)
  /** In ms, until another certificate than `former` of this Pebble is shown. */
  const isShown = (host: string, former?: string) =>
    until(async () => {
      const shown = await acme.presented(host)
      return shown !== null && shown.isTrusted && shown.serial !== former
    }, 20_000).catch(async (cause: unknown) => {
      throw new Error(JSON.stringify(await acme.explain(host), null, 2), { cause })
    })

  test('an authority that is added by one command issues for the admin host', async () => {
    expect(await acme.addAuthority()).toContain('added authority pebble')
    figure(`admin host ${ms(await isShown(ADMIN_HOST))} after the authority was added`)
    expect(await acme.explain(ADMIN_HOST)).toMatchObject({ state: 'valid', authority: 'pebble', failure: null })
  })

  test('a target host that is added gets its certificate without another command', async () => {
    await acme.done('target', 'add', TARGET, '--port', String(acme.site.ports.https))
    figure(`target host ${ms(await isShown(TARGET))} after it was added`)
  })

  test('a domain that is registered and proven gets its certificate without another command', async () => {
    await acme.dns.setZone('example.org', '')
    await acme.done('tenant', 'add', 'montague')
    await acme.done('domain', 'add', NAME, '--tenant', 'montague')
    expect(await acme.presented(NAME)).toBeNull()
    expect(acme.proxy.requests('newOrder')).toHaveLength(2)
    const { dnsRecords } = await acme.json<Control>('domain', 'explain', NAME, '--tenant', 'montague')
    const alias = dnsRecords.find(({ type }) => type === 'CNAME')!.value
    await acme.dns.setZone('example.org', `im CNAME ${alias}\nchat CNAME ${alias}\nlate CNAME ${alias}`)
    const publishedAt = performance.now()
    // The owner's page says "look now"; who does not, waits for the next look, two minutes at most
    await until(async () => (await acme.site.waypost('domain', 'check', NAME, '--tenant', 'montague')).code === 0)
    const provenAt = performance.now()
    await isShown(NAME)
    const now = performance.now()
    figure(`${NAME} ${ms(now - publishedAt)} after its record, ${ms(now - provenAt)} after its proof was seen`)
  })

  test('where the record is there before the name is registered, nothing at all is to be done', async () => {
    await acme.done('domain', 'add', 'chat.example.org', '--tenant', 'montague')
    figure(`chat.example.org ${ms(await isShown('chat.example.org'))} after its registration`)
    expect(acme.proxy.requests('newOrder')).toHaveLength(4)
  })

  /** What a client that shakes hands every 20 ms is shown while something happens. */
  async function shownWhile(host: string, happening: () => Promise<unknown>): Promise<string[]> {
    const seen: string[] = []
    let isOver = false
    const client = (async () => {
      for (; !isOver; await delay(20)) {
        const shown = await acme.presented(host).catch((error: unknown) => String(error))
        seen.push(typeof shown === 'string' ? shown : shown?.isTrusted ? shown.serial : 'refused, or not trusted')
      }
    })()
    await happening().finally(() => (isOver = true))
    await client
    figure(`${seen.length} handshakes with ${host}`)
    return seen.filter((one, i) => one !== seen[i - 1])
  }

  test.runIf(version.hasRenewalInfo)(
    'when ARI wants it sooner, it is replaced under a client that notices nothing',
    async () => {
      const { certificate, serial } = (await acme.presented(NAME))!
      const [start, end] = [-2, -1].map((hours) => new Date(Date.now() + hours * 3_600_000).toISOString())
      const explanationURL = 'https://example.com/an-incident'
      await acme.pebble.setRenewalInfo(
        certificate.toString(),
        JSON.stringify({ suggestedWindow: { start, end }, explanationURL }),
      )
      acme.proxy.clear()
      await sixHoursLater(acme, (await acme.explain(NAME)).certificate!.id)
      const seen = await shownWhile(NAME, async () => {
        figure(`${NAME} ${ms(await isShown(NAME, serial))} from the look at ARI to its successor`)
        await delay(300)
      })
      const successor = (await acme.presented(NAME))!.serial
      expect(seen).toEqual([serial, successor])
      expect(successor).not.toBe(serial)
      const ariId = acme.proxy.requests('renewalInfo')[0]!.path.split('/').at(-1)
      expect(acme.proxy.requests('newOrder').map(({ payload }) => (payload as { replaces?: string }).replaces)).toEqual(
        [ariId],
      )
    },
  )

  test('a person renews it by a command, under a client that notices nothing', async () => {
    const { serial } = (await acme.presented(NAME))!
    acme.proxy.clear()
    const seen = await shownWhile(NAME, async () => {
      await acme.done('certificate', 'renew', NAME)
      await isShown(NAME, serial)
      await delay(300)
    })
    expect(seen).toEqual([serial, (await acme.presented(NAME))!.serial])
    expect(acme.proxy.requests('newOrder')).toHaveLength(1)
  })

  test.each([NAME, ADMIN_HOST])(
    'that of %s is revoked: replaced first, and nobody is shown a revoked one',
    async (host) => {
      const { serial } = (await acme.presented(host))!
      const seen = await shownWhile(host, async () => {
        const told = await acme.done('certificate', 'revoke', host, '--reason', 'key-compromise', '--yes')
        expect(told).toContain('it is being replaced')
        await isShown(host, serial)
        await lookNow('certificate-revocation')
        await until(async () => (await acme.pebble.certificateStatus(serial)) === 'Revoked')
      })
      const successor = await acme.presented(host)
      expect(seen).toEqual([serial, successor!.serial])
      expect(await acme.pebble.certificateStatus(successor!.serial)).toBe('Valid')
    },
  )

  /** Whether a successor is in use is looked at every minute. */
  async function lookNow(kind: string): Promise<void> {
    const [job] = (await acme.done('jobs', 'list', '--kind', kind, '--json')).trim().split('\n')
    await acme.done('jobs', 'retry', (JSON.parse(job!) as { id: string }).id)
  }

  test('killed between authorization and finalize, the server goes on with the same order', async () => {
    acme.proxy.clear()
    acme.proxy.fault('finalize', { do: 'hang' })
    await acme.done('domain', 'add', 'late.example.org', '--tenant', 'montague', '--vouch')
    await until(() => acme.proxy.requests('finalize').length === 1, 20_000)
    const exited = once(server, 'exit')
    killTree(server.pid!)
    await exited
    await leasesRunOut(acme)
    server = await acme.site.start()
    figure(`late.example.org ${ms(await isShown('late.example.org'))} after the restart`)
    const ours = acme.proxy.requests('newOrder').filter(({ payload }) => JSON.stringify(payload).includes('late.'))
    expect(ours).toHaveLength(1)
    expect(acme.proxy.requests('finalize').filter(({ status }) => status === 200)).toHaveLength(1)
    expect(acme.proxy.reusedNonces()).toEqual([])
  })

  test('restarts order nothing, and what was under way is issued by the orders that there were', async () => {
    acme.proxy.clear()
    const added = ['h1.example.com', 'h2.example.com', 'h3.example.com']
    for (const name of added) await acme.done('target', 'add', name)
    for (let i = 0; i < RESTARTS; i++) {
      await acme.site.stop()
      server = await acme.site.start()
    }
    for (const name of added) await isShown(name)
    expect(acme.proxy.requests('newOrder')).toHaveLength(added.length)
    for (const name of [NAME, ADMIN_HOST, TARGET]) expect((await acme.presented(name))?.isTrusted, name).toBe(true)
  }, 180_000)
})

describe.skipIf(!isPossible)('other ways to a certificate', () => {
  const sites: Pick<AcmeSite, 'close'>[] = []
  afterAll(async () => {
    for (const one of sites.reverse()) await one.close()
  })

  async function started(...args: Parameters<typeof acmeSite>): Promise<AcmeSite> {
    const acme = await acmeSite(...args)
    sites.push(acme)
    await acme.site.start()
    return acme
  }

  test('where port 80 does not answer it is proven by TLS, and no other client is shown the challenge', async () => {
    const acme = await started({ isWithoutPort80: true })
    await acme.addAuthority()
    const shown = new Set<boolean>()
    await until(async () => {
      const { certificate, isTrusted } = (await acme.presented(ADMIN_HOST))!
      shown.add(certificate.issuer === certificate.subject) // as a challenge's certificate is
      return isTrusted
    }, 20_000)
    expect([...shown]).toEqual([false])
    expect(await inDatabase(acme, (db) => db.knex('acme_order').pluck('authorizations'))).toEqual([
      expect.stringContaining('"type":"tls-alpn-01"'),
    ])
  })

  test('a backup that is restored goes on where it was made: nothing is ordered again', async () => {
    const acme = await started({}, { WAYPOST_MASTER_KEY: randomBytes(32).toString('base64') })
    await acme.addAuthority()
    await until(async () => (await acme.presented(ADMIN_HOST))?.isTrusted === true, 20_000)
    acme.proxy.fault('cert', { do: 'hang' })
    await acme.done('target', 'add', TARGET)
    await until(() => acme.proxy.requests('cert').length === 2, 20_000)
    const backup = join(acme.site.folder, 'backup.db')
    await inDatabase(acme, (db) => db.knex.raw('vacuum into ?', [backup]))
    const { serial } = (await acme.presented(ADMIN_HOST))!
    await acme.site.stop()

    const { WAYPOST_EDGE_HTTPS = '', WAYPOST_EDGE_HTTP = '' } = acme.site.env
    const site = await newWaypost({ ...settingsOfAnother(acme.site), WAYPOST_EDGE_HTTPS, WAYPOST_EDGE_HTTP })
    sites.push({ close: () => site.remove() })
    copyFileSync(backup, join(site.dataFolder, 'waypost.db'))
    await leasesRunOut({ site })
    acme.proxy.clear()
    await site.start()
    await until(async () => (await acme.presented(TARGET))?.isTrusted === true, 20_000)
    expect((await acme.presented(ADMIN_HOST))?.serial).toBe(serial)
    await delay(1500) // whatever would be asked for
    expect(acme.proxy.requests('newOrder')).toEqual([])
    expect(acme.proxy.requests('finalize')).toEqual([])
  })

  test('an authority that wants an external account is given one, and what it refuses is told in its words', async () => {
    const key = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'
    const acme = await started({ eab: { 'kid-1': key } })
    const refusal = async (...options: string[]) => {
      const outcome = await acme.addAuthority(...options).catch((error: Error) => error.message)
      expect(await acme.json('authority', 'list').catch(() => [])).toEqual([])
      return outcome
    }
    expect(await refusal()).toMatch(/external account/i)
    const file = join(acme.site.folder, 'eab.key')
    writeFileSync(file, key.replace('z', 'y'))
    expect(await refusal('--eab-key-id', 'kid-1', '--eab-key-file', file)).toMatch(/refused/)
    writeFileSync(file, key)
    await acme.addAuthority('--eab-key-id', 'kid-1', '--eab-key-file', file)
    await until(async () => (await acme.presented(ADMIN_HOST))?.isTrusted === true, 20_000)
  })
})

async function inDatabase<T>({ site }: Pick<AcmeSite, 'site'>, act: (db: Database) => Promise<T>): Promise<T> {
  const db = await openDatabase({ url: undefined, file: join(site.dataFolder, 'waypost.db'), isReadOnly: false })
  try {
    return await act(db)
  } finally {
    await db.knex.destroy()
  }
}

/** What time alone would do: the next look at the authority's renewal information is due. */
function sixHoursLater(acme: AcmeSite, certificateId: string): Promise<void> {
  return inDatabase(acme, async ({ knex }) => {
    await knex('renewal_info').where({ certificate_id: certificateId }).update({ poll_at: 0 })
    const lineage = knex('certificate').where({ id: certificateId }).select('lineage_id')
    await knex('job').whereIn('key', lineage).whereNull('finished_at').update({ run_at: 0 })
  })
}

/** What a minute would do to the jobs of a process that was killed. */
function leasesRunOut(acme: Pick<AcmeSite, 'site'>): Promise<void> {
  return inDatabase(acme, async ({ knex }) => {
    await knex('job').whereNotNull('lease_until').update({ lease_until: 0 })
  })
}

function ms(span: number): string {
  return `${Math.round(span)} ms`
}
