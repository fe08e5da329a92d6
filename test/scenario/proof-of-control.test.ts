import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dnsWorld, type DnsWorld } from '../support/dns-servers.ts'
import { ask } from '../support/https-client.ts'
import { isLeftOut } from '../support/left-out.ts'
import { until } from '../support/until.ts'
import { newWaypost, type Outcome, type Waypost } from '../support/waypost.ts'

// Romeo's and Juliet's houses both claim one name, Paris only points it here. The server, the zone's name servers and
// whoever fetches are real; a look that is due in minutes is asked for instead of waited for.
const NAME = 'im.example.org'
const TARGETS = { montague: 'hosting.example.com', capulet: 'hosting.example.net' }
const PATH = `/.well-known/tls/_xmpp-server._tcp.${NAME}`
const SERVED_WITHIN_MS = 1000
const STANDS_MS = 5000
const BACK_WITHIN_MS = 3000

interface Control {
  state: string
  proof: string | null
  isHeldByAnother: boolean
  advice: string[]
  summary: string
  lastLook: { at: string; outcome: string; looks: { replies: { server: string; reply: string; values: string[] }[] }[] }
  dnsRecords: { type: string; name: string; value: string }[]
}

describe.skipIf(isLeftOut('knot'))('who may speak for a name', { timeout: 60_000 }, () => {
  let dns: DnsWorld
  let site: Waypost

  beforeAll(async () => {
    dns = await dnsWorld()
    site = await newWaypost({
      WAYPOST_OUTSIDE_RESOLVERS: `${dns.resolver.address}:${dns.resolver.port}`,
      WAYPOST_OUTSIDE_NAME_SERVER_PORT: String(dns.nameServerPort),
      WAYPOST_OUTSIDE_ALLOW_NETWORKS: '127.0.0.0/8',
    })
    const pem = join(site.folder, 'xmpp.pem')
    execFileSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
      ...['-subj', '/CN=xmpp.example.com', '-keyout', join(site.folder, 'xmpp.key'), '-out', pem],
    ])
    await dns.setZone('example.org', '')
    await done('certificate', 'import', pem, '--lineage', 'xmpp')
    for (const tenant of ['montague', 'capulet', 'paris']) await done('tenant', 'add', tenant)
    for (const target of Object.values(TARGETS)) await done('target', 'add', target, '--port', String(site.ports.https))
    for (const tenant of ['montague', 'capulet', 'paris']) await done('domain', 'add', NAME, '--tenant', tenant)
    for (const [tenant, target] of Object.entries({ ...TARGETS, paris: TARGETS.capulet }))
      await done('delegation', 'add', NAME, '--tenant', tenant, '--target', target, '--certificate', 'xmpp')
    await site.start()
  })
  afterAll(async () => {
    await site.remove()
    await dns.close()
  })

  async function done(...command: string[]): Promise<Outcome> {
    const outcome = await site.waypost(...command)
    expect(outcome.code, outcome.stderr).toBe(0)
    return outcome
  }

  const check = async (tenant: string) => {
    await isOver()
    const { code, stdout, stderr } = await site.waypost('domain', 'check', NAME, '--tenant', tenant, '--json')
    expect(stderr).toBe('')
    return { code, control: JSON.parse(stdout) as Control }
  }
  const explain = async (tenant: string) =>
    JSON.parse((await done('domain', 'explain', NAME, '--tenant', tenant, '--json')).stdout) as Control
  /** What was found stands for a few seconds: the time from which another look is made is waited for. */
  async function isOver(): Promise<void> {
    const { lastLook } = await explain('paris')
    const over = lastLook === null ? 0 : Date.parse(lastLook.at) + STANDS_MS
    await until(async () => new Date().getTime() > over, STANDS_MS + 1000)
  }
  const recordOf = async (tenant: string, type: 'TXT' | 'CNAME') =>
    (await explain(tenant)).dnsRecords.find((record) => record.type === type)!.value
  const txt = async (tenant: string) => `_waypost-challenge.im TXT ${await recordOf(tenant, 'TXT')}`
  /** 'alert': TLS is refused, as for a name that nobody serves. */
  const locationOf = () =>
    ask(site, NAME, PATH).then(
      ({ headers }) => String(headers['location']),
      (error: Error) => {
        if (/handshake failure/.test(error.message)) return 'alert'
        throw error
      },
    )
  const leadsTo = (host: string) => `https://${host}:${site.ports.https}${PATH}`
  const auditOf = async (tenant: string) =>
    (await done('audit', 'list', '--tenant', tenant, '--json')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { action: string; actor: string; subject: string })
      .map(({ action, subject }) => `${action} ${subject}`)

  test('T2: nothing is served for a name that only points here', async () => {
    await dns.setZone('example.org', `im A 127.0.0.1\n* A 127.0.0.1`)
    const { code, control } = await check('paris')
    expect(code).toBe(1)
    expect(control).toMatchObject({ state: 'unproven', proof: null, isHeldByAnother: false })
    expect(await locationOf()).toBe('alert')
  })

  test('T1: of those who claim it the one who proves it is served, and nobody else', async () => {
    await dns.setZone('example.org', `im A 127.0.0.1\n${await txt('montague')}`)
    const { code, control } = await check('montague')
    expect(code).toBe(0)
    expect(control).toMatchObject({ state: 'proven', proof: 'txt' })
    expect(control.lastLook.looks[0]!.replies.map(({ reply }) => reply)).toEqual(['answer', 'answer'])
    await until(async () => (await locationOf()) === leadsTo(TARGETS.montague), 5000) // with its first certificate
    for (const tenant of ['capulet', 'paris'])
      expect(await explain(tenant)).toMatchObject({ state: 'unproven', isHeldByAnother: true, proof: null })
    expect(await auditOf('montague')).toContain(`source-domain.prove ${NAME}`)
    expect(JSON.stringify(await auditOf('capulet'))).not.toContain('prove')
  })

  test('a record that says the same to everybody proves nothing: T3, a wildcard', async () => {
    const [, token] = (await txt('capulet')).split(' TXT ')
    await dns.setZone('example.org', `*.im TXT ${token}\n${await txt('montague')}`)
    expect((await check('capulet')).control.state).toBe('unproven')
    expect(await locationOf()).toBe(leadsTo(TARGETS.montague))
  })

  test('dead name servers take nothing from anybody', async () => {
    dns.setBehaviour('all', 'servfail')
    const { code, control } = await check('montague')
    expect(code).toBe(2)
    expect(control).toMatchObject({ state: 'proven', lastLook: { outcome: 'could-not-ask' } })
    expect(await locationOf()).toBe(leadsTo(TARGETS.montague))
    dns.setBehaviour('all', 'normal')
  })

  test('name servers that contradict each other neither: the one that was moved and the one that was not', async () => {
    await dns.setZone('example.org', await txt('montague'))
    await dns.setZoneAt('ns2', 'example.org', await txt('capulet'))
    const { code, control } = await check('capulet')
    expect(code).toBe(2)
    expect(control.advice.join(' ')).toContain('ns2')
    expect(await locationOf()).toBe(leadsTo(TARGETS.montague))
  })

  test('S28: where the proof moves the name moves with it, within one check, and the former tenant is told', async () => {
    await dns.setZone('example.org', await txt('capulet'))
    expect((await check('capulet')).control).toMatchObject({ state: 'proven', proof: 'txt' })
    await until(async () => ['alert', leadsTo(TARGETS.capulet)].includes(await locationOf()), SERVED_WITHIN_MS)
    await until(async () => (await locationOf()) === leadsTo(TARGETS.capulet), 5000)
    const explained = await done('domain', 'explain', NAME, '--tenant', 'montague')
    expect(explained.stdout).toContain('another tenant')
    expect(explained.stdout).not.toContain('capulet')
    const trail = await auditOf('montague')
    expect(trail).toContain(`source-domain.lose ${NAME}`)
    expect(trail).toContain(`private-key.destroy ${NAME}`)
  })

  test("a CNAME record to the tenant's own edge name proves it too, and one to the shared name does not", async () => {
    await dns.setZone('example.org', `im CNAME edge.example.net.`)
    expect((await check('montague')).control.proof).toBeNull()
    await dns.setZone('example.org', `im CNAME ${await recordOf('montague', 'CNAME')}`)
    expect((await check('montague')).control).toMatchObject({ state: 'proven', proof: 'cname' })
    await until(async () => (await locationOf()) === leadsTo(TARGETS.montague), 5000)
  })

  test('a tenant whose record stands is not served for moments only when the operator vouches no longer', async () => {
    await done('domain', 'vouch', NAME, '--tenant', 'montague')
    const notServedAt: number[] = []
    let isOver = false
    const watch = async () => {
      const at = performance.now()
      if ((await locationOf()) !== leadsTo(TARGETS.montague)) notServedAt.push(at)
      return isOver
    }
    const watching = until(watch, 30_000)
    await done('domain', 'unvouch', NAME, '--tenant', 'montague')
    await until(async () => (await explain('montague')).proof === 'cname', 10_000)
    await until(async () => (await locationOf()) === leadsTo(TARGETS.montague))
    isOver = true
    await watching
    const [first = 0] = notServedAt
    const last = notServedAt.at(-1) ?? 0
    expect(last - first).toBeLessThan(BACK_WITHIN_MS)
    expect(await auditOf('montague')).toContain(`source-domain.withdraw-vouch ${NAME}`)
  })

  test('all that was asked went to the name servers of the zone, and nothing elsewhere', () => {
    const asked = dns.queries().filter(({ name }) => name.startsWith('_waypost-challenge.im'))
    expect(asked.filter(({ where, type }) => where === 'resolver' && type === 'TXT')).toEqual([])
    expect(new Set(asked.filter(({ type }) => type === 'TXT').map(({ where }) => where))).toEqual(
      new Set(['ns1', 'ns2']),
    )
  })
})
