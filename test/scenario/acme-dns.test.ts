import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resolver } from '../../src/outside/resolver.ts'
import { acmeSite, killTree, type AcmeSite } from '../support/acme-site.ts'
import { isLeftOut } from '../support/left-out.ts'
import { newestPebble, pebbles } from '../support/pebble.ts'
import { until } from '../support/until.ts'

// A name that does not lead to the server yet: its owner publishes two records, and its certificate is there before it comes.

const NAME = 'im.example.org'
const ZONE = 'acme.example.net'

interface Records {
  dnsRecords: { type: string; name: string; value: string }[]
}

const isPossible = !isLeftOut('knot') && pebbles().length > 0
if (!isPossible) test.skip('an authority and name servers')

describe.skipIf(!isPossible)('a name that leads elsewhere', () => {
  let acme: AcmeSite
  let server: ChildProcess
  const folder = mkdtempSync(join(tmpdir(), 'waypost-update-key-'))
  const secret = randomBytes(32).toString('base64')

  beforeAll(async () => {
    const keyFile = join(folder, 'update.key')
    writeFileSync(keyFile, `key "waypost" {\n\talgorithm hmac-sha256;\n\tsecret "${secret}";\n};\n`, { mode: 0o600 })
    const updateKey = { name: 'waypost', algorithm: 'hmac-sha256', secret }
    const settings = { WAYPOST_ACME_DNS_ZONE: ZONE, WAYPOST_ACME_DNS_KEY_FILE: keyFile }
    acme = await acmeSite({ pebble: newestPebble(), updateKey }, settings)
    await acme.dns.setZone(ZONE, '@ TXT "apex"', { nameServers: ['ns1'] })
    server = await acme.site.start()
    await acme.addAuthority()
    await acme.done('tenant', 'add', 'montague')
  })
  afterAll(async () => {
    await acme.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** What the owner publishes for a name that is elsewhere: the proof, and the record for the DNS challenge. */
  async function publish(name: string): Promise<string> {
    await acme.done('domain', 'add', name, '--tenant', 'montague')
    const { dnsRecords } = await acme.json<Records>('domain', 'explain', name, '--tenant', 'montague')
    const shown = await acme.done('domain', 'show', name, '--tenant', 'montague')
    const [, alias = ''] =
      new RegExp(`_acme-challenge\\.${name}\\.?\\s.*?([0-9a-f]{32}\\.${ZONE})\\.`).exec(shown) ?? []
    const label = name.replace('.example.org', '')
    const proof = dnsRecords.find(({ type }) => type === 'TXT')!.value
    await acme.dns.setZone(
      'example.org',
      `${label} A 127.0.0.2\n_waypost-challenge.${label} TXT ${proof}\n_acme-challenge.${label} CNAME ${alias}.`,
    )
    await until(async () => (await acme.site.waypost('domain', 'check', name, '--tenant', 'montague')).code === 0)
    return alias
  }

  const values = async (name: string) => {
    const asked = resolver({ servers: [acme.dns.resolver], randomBytes })
    const found = await asked.records(name, 'TXT')
    return found.outcome === 'ok' ? found.values : [found.why]
  }
  const isShown = (host: string) =>
    until(async () => (await acme.presented(host))?.isTrusted === true, 30_000).catch(async (cause: unknown) => {
      throw new Error(JSON.stringify(await acme.explain(host), null, 2), { cause })
    })

  test('has its certificate by two records, without another command; the TXT record is gone then', async () => {
    const alias = await publish(NAME)
    expect(alias).toMatch(new RegExp(`^[0-9a-f]{32}\\.${ZONE}$`))
    await isShown(NAME)
    expect(await values(alias)).toEqual([])
    expect(await acme.explain(NAME)).toMatchObject({ state: 'valid', authority: 'pebble', failure: null })
  })

  test(
    'whose server is killed while the record is there loses it when a server runs again',
    { timeout: 120_000 },
    async () => {
      const late = 'late.example.org'
      // From when the record is written nobody learns where it is: the authority waits
      const asked = () => acme.dns.queries('ns1').filter(({ name }) => name.endsWith(ZONE)).length
      const before = asked()
      acme.dns.setBehaviour('resolver', async (query, proper) =>
        query.name === `_acme-challenge.${late}` && asked() > before ? [] : [await proper()],
      )
      const alias = await publish(late)
      await until(async () => (await values(alias)).length === 1, 20_000)
      killTree(server.pid!)
      acme.dns.setBehaviour('resolver', 'normal')
      expect(await values(alias)).toHaveLength(1)
      server = await acme.site.start()
      await until(async () => (await values(alias)).length === 0, 90_000)
    },
  )

  test('nothing of the key is in the log', () => {
    expect(readFileSync(acme.site.logFile, 'utf8')).not.toContain(secret)
  })
})
