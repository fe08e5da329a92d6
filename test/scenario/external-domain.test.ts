import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recipes, startWebServer, type WebServer } from '../delegation/web-servers.ts'
import { dnsWorld, type DnsWorld } from '../support/dns-servers.ts'
import { signIn } from '../support/https-client.ts'
import { isLeftOut } from '../support/left-out.ts'
import { until } from '../support/until.ts'
import { newWaypost, type Outcome, type Waypost } from '../support/waypost.ts'
import { testAuthority, type TestAuthority } from '../verify/web-hosts.ts'

// An owner keeps their own web server (nginx), proves the name by TXT (knot), and pastes the rule that the command prints.
const NAME = 'example.org'
const TARGET = 'hosting.example.com'

interface RuleCheck {
  outcome: string
  found: string
}

describe.skipIf(isLeftOut('knot') || isLeftOut('nginx'))('an external source domain', { timeout: 60_000 }, () => {
  let authority: TestAuthority
  let dns: DnsWorld
  let site: Waypost
  let web: WebServer

  beforeAll(async () => {
    ;[authority, dns] = await Promise.all([testAuthority('Owners'), dnsWorld()])
    site = await newWaypost({
      WAYPOST_OUTSIDE_RESOLVERS: `${dns.resolver.address}:${dns.resolver.port}`,
      WAYPOST_OUTSIDE_NAME_SERVER_PORT: String(dns.nameServerPort),
      WAYPOST_OUTSIDE_ALLOW_NETWORKS: '127.0.0.0/8',
      WAYPOST_OUTSIDE_CA_FILE: authority.rootFile,
    })
    const { certPem } = await authority.issue([TARGET])
    const pem = join(site.folder, 'xmpp.pem')
    writeFileSync(pem, certPem)
    await done('tenant', 'add', 'acme')
    await done('target', 'add', TARGET, '--port', String(site.ports.https))
    await done('certificate', 'import', pem, '--lineage', 'xmpp')
    await done('domain', 'add', NAME, '--external')
    for (const service of ['_xmpp-server', '_xmpp-client'])
      await done('delegation', 'add', NAME, '--service', service, '--target', TARGET, '--certificate', 'xmpp')
    const { stdout } = await done('domain', 'rule', NAME, '--for', 'nginx', '--json')
    const [{ text: rule } = { text: '' }] = JSON.parse(stdout) as { text: string }[]
    const front = await authority.issue([NAME])
    web = await startWebServer(recipes.nginx, { name: NAME, rule, front, authority })
    site.env['WAYPOST_OUTSIDE_HTTPS_PORT'] = String(web.port)
    dns.setHost(NAME, ['127.0.0.1'])
    dns.setHost(TARGET, ['127.0.0.1'])
    await site.start()
  }, 60_000)
  afterAll(async () => {
    await site?.remove()
    await web?.stop()
    await dns?.close()
    await authority?.remove()
  })

  async function done(...command: string[]): Promise<Outcome> {
    const outcome = await site.waypost(...command)
    expect(outcome.code, outcome.stderr).toBe(0)
    return outcome
  }
  const verify = async () => {
    const { code, stdout, stderr } = await site.waypost('delegation', 'verify', NAME, '--json')
    if (stdout === '') return { code, stderr, ruleCheck: null, conclusion: null }
    const { ruleCheck, conclusion } = JSON.parse(stdout) as { ruleCheck: RuleCheck; conclusion: string }
    return { code, ruleCheck, conclusion, stderr }
  }

  test("T24: the owner's web server is not asked before control is proven", async () => {
    const { code, stderr } = await verify()
    expect(code).toBe(1)
    expect(stderr).toContain('control')
  })

  test('is proven by its TXT record, without a front certificate', async () => {
    const { stdout } = await done('domain', 'explain', NAME, '--json')
    const { dnsRecords } = JSON.parse(stdout) as { dnsRecords: { type: string; value: string }[] }
    expect(dnsRecords.map(({ type }) => type)).toEqual(['TXT'])
    await dns.setZone(NAME, `_waypost-challenge TXT ${dnsRecords[0]!.value}`)
    await until(async () => (await site.waypost('domain', 'check', NAME)).code === 0, 15_000)
    const shown = await done('domain', 'show', NAME)
    expect(shown.stdout).toMatch(/front certificate: +not needed/)
  })

  test('is looked at by itself: the rule is in place', async () => {
    const api = await signIn(site)
    const ruleChecks = async () => {
      const { body } = await api('GET', '/tenants/acme/delegations')
      return (JSON.parse(body) as { items: { ruleCheck: RuleCheck | null }[] }).items.map(({ ruleCheck }) => ruleCheck)
    }
    await until(async () => (await ruleChecks()).every((one) => one !== null), 30_000)
    expect((await ruleChecks()).map((one) => one?.outcome)).toEqual(['ok', 'ok'])
  })

  test('ok: whoever asks comes by nginx to the certificate', async () => {
    expect(await verify()).toMatchObject({ code: 0, conclusion: 'proven', ruleCheck: { outcome: 'ok' } })
  })

  test('wrong: the rule leads to another path', async () => {
    const rule = `location /.well-known/ { return 302 https://${TARGET}:${site.ports.https}/; }`
    await replaceWeb(rule)
    const { code, ruleCheck } = await verify()
    expect(code).toBe(1)
    expect(ruleCheck).toMatchObject({ outcome: 'wrong', found: expect.stringContaining('path') as string })
  })

  test('could not ask: the web server is gone, which says nothing against the rule', async () => {
    await web.stop()
    expect(await verify()).toMatchObject({ code: 2, conclusion: 'unknown', ruleCheck: { outcome: 'could-not-ask' } })
  })

  async function replaceWeb(rule: string): Promise<void> {
    await web.stop()
    web = await startWebServer(recipes.nginx, { name: NAME, rule, front: await authority.issue([NAME]), authority })
    site.env['WAYPOST_OUTSIDE_HTTPS_PORT'] = String(web.port) // of the command; the server is not asked any more
  }
})
