import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recipes, startWebServer, type WebServer } from '../delegation/web-servers.ts'
import { dnsWorld, type DnsWorld } from '../support/dns-servers.ts'
import { ask } from '../support/https-client.ts'
import { isLeftOut } from '../support/left-out.ts'
import { until } from '../support/until.ts'
import { newWaypost, type Waypost } from '../support/waypost.ts'
import { testAuthority, type TestAuthority } from '../verify/web-hosts.ts'

// A stranger checks a name whose owner's nginx redirects to this server's own edge, by the page of the admin host behind it.
const NAME = 'example.org'
const TARGET = 'hosting.example.com'

describe.skipIf(isLeftOut('knot') || isLeftOut('nginx'))('the public check', { timeout: 60_000 }, () => {
  let authority: TestAuthority
  let dns: DnsWorld
  let site: Waypost
  let web: WebServer
  let pem: string

  beforeAll(async () => {
    ;[authority, dns] = await Promise.all([testAuthority('Owners'), dnsWorld({ nameServers: 1 })])
    site = await newWaypost({
      WAYPOST_OUTSIDE_RESOLVERS: `${dns.resolver.address}:${dns.resolver.port}`,
      WAYPOST_OUTSIDE_ALLOW_NETWORKS: '127.0.0.1/32', // what stands for the public Internet
      WAYPOST_OUTSIDE_CA_FILE: authority.rootFile,
      WAYPOST_ADMIN_PUBLIC_CHECK: 'true',
    })
    pem = (await authority.issue([NAME])).certPem
    const file = join(site.folder, 'xmpp.pem')
    writeFileSync(file, pem)
    await done('tenant', 'add', 'acme')
    await done('target', 'add', TARGET, '--port', String(site.ports.https))
    await done('certificate', 'import', file, '--lineage', 'xmpp')
    await done('domain', 'add', NAME, '--external', '--vouch')
    await done('delegation', 'add', NAME, '--target', TARGET, '--certificate', 'xmpp')
    const { stdout } = await done('domain', 'rule', NAME, '--for', 'nginx', '--json')
    const [{ text: rule } = { text: '' }] = JSON.parse(stdout) as { text: string }[]
    web = await startWebServer(recipes.nginx, { name: NAME, rule, front: await authority.issue([NAME]), authority })
    site.env['WAYPOST_OUTSIDE_HTTPS_PORT'] = String(web.port)
    for (const host of [NAME, TARGET]) dns.setHost(host, ['127.0.0.1'])
    await site.start()
    // Its own host's certificate is issued by a job, after the server is ready
    await until(() =>
      ask(site, 'admin.localhost', '/sign-in').then(
        ({ status }) => status === 200,
        () => false,
      ),
    )
  }, 60_000)
  afterAll(async () => {
    await site?.remove()
    await web?.stop()
    await dns?.close()
    await authority?.remove()
  })

  async function done(...command: string[]) {
    const outcome = await site.waypost(...command)
    expect(outcome.code, outcome.stderr).toBe(0)
    return outcome
  }
  const check = async (domain: string) => {
    const { status, body, headers } = await ask(site, 'admin.localhost', `/check?domain=${encodeURIComponent(domain)}`)
    return { status, text: body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' '), headers }
  }

  test('shows a stranger what waypost verify sees by nginx and the edge', async () => {
    const { status, text, headers } = await check(`xmpp:juliet@${NAME}`)
    expect([status, headers['x-robots-tag']]).toEqual([200, 'noindex, nofollow'])
    expect(text).toMatch(/example\.org Proven/)
    expect(text).toContain(`https://${NAME}:${web.port}/.well-known/tls/_xmpp-server._tcp.${NAME}`)
    expect(text).toContain(`https://${TARGET}:${site.ports.https}/.well-known/tls/_xmpp-server._tcp.${NAME}`)
    expect(text).toContain(pem.trim().replace(/\s+/g, ' '))
    const both = join(site.folder, 'all.pem')
    writeFileSync(both, readFileSync(site.rootFile, 'utf8') + authority.rootPem)
    const { code, stdout } = await site.waypost(
      ...['verify', NAME, '--port', String(web.port), '--ca', both],
      ...[`${NAME}:${web.port}`, `${TARGET}:${site.ports.https}`].flatMap((host) => ['--resolve', `${host}:127.0.0.1`]),
    )
    expect([code, stdout.replace(/\s+/g, ' ')]).toEqual([0, expect.stringContaining(pem.trim().replace(/\s+/g, ' '))])
  })

  test('a name that leads inside is told as one without address, by the real server', async () => {
    dns.setHost('inside.example.org', ['127.0.0.9'])
    const { text } = await check('inside.example.org')
    expect(text).toContain('inside.example.org has no address, or one that is none of the public Internet')
    expect(text).not.toContain('Proven')
  })
})
