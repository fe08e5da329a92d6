import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { acmeSite, type AcmeSite } from '../support/acme-site.ts'
import { isLeftOut } from '../support/left-out.ts'
import { newestPebble, pebbles } from '../support/pebble.ts'
import { until } from '../support/until.ts'

// What the operator's XMPP server presents is issued by an authority as well: it names neither a source domain nor a target
// host, and is proven by the same edge.

const NAMES = ['xmpp.example.com', 'conference.xmpp.example.com']
const [XMPP] = NAMES as [string]
const TARGET = 'hosting.example.com'
const DOMAIN = 'im.example.com'

interface Shown {
  identifiers: string[]
  certificates: { id: string; state: string; dnsNames: string[]; chainPem: string }[]
}

const isPossible = !isLeftOut('knot') && pebbles().length > 0
if (!isPossible) test.skip('an authority and name servers')

describe.skipIf(!isPossible)('a lineage for an XMPP server', () => {
  let acme: AcmeSite
  beforeAll(async () => {
    acme = await acmeSite({ pebble: newestPebble() })
    await acme.dns.setZone('example.com', `* A 127.0.0.1\nxmpp A 127.0.0.1\n*.xmpp A 127.0.0.1\nstray A 9.9.9.9`)
    await acme.site.start()
    await acme.addAuthority()
  })
  afterAll(() => acme.close())

  const states = async () =>
    (await acme.json<Shown>('certificate', 'show', XMPP)).certificates.map(({ state }) => state)
  const isIssued = () =>
    until(async () => (await states()).includes('active'), 20_000).catch(async (cause: unknown) => {
      throw new Error(JSON.stringify(await acme.explain(XMPP), null, 2), { cause })
    })

  test('is issued for all its names by one command, with a key that the XMPP server can be given', async () => {
    await acme.done('certificate', 'create', ...NAMES)
    await isIssued()
    expect(await acme.explain(XMPP)).toMatchObject({
      lineage: XMPP,
      state: 'valid',
      authority: 'pebble',
      failure: null,
    })
    const file = join(acme.site.folder, 'xmpp.pem')
    await acme.done('certificate', 'export', XMPP, '--key', '--out', file)
    const pem = readFileSync(file, 'utf8')
    const certificate = new X509Certificate(pem)
    expect(certificate.subjectAltName?.split(', ').toSorted()).toEqual(NAMES.map((name) => `DNS:${name}`).toSorted())
    expect(certificate.checkPrivateKey(createPrivateKey(pem.slice(pem.indexOf('-----BEGIN PRIVATE KEY'))))).toBe(true)
  })

  test('the edge presents it to nobody; it is renewed nevertheless', async () => {
    for (const name of NAMES) expect(await acme.presented(name)).toBeNull()
    await acme.done('certificate', 'renew', XMPP)
    await until(async () => (await states()).length === 2, 20_000)
    await until(async () => (await states()).toSorted().join() === 'active,retiring')
  })

  test('a delegation publishes it, and its successor beside it as soon as that is there', async () => {
    const { site } = acme
    await acme.done('target', 'add', TARGET, '--port', String(site.ports.https))
    await acme.done('tenant', 'add', 'montague')
    await acme.done('domain', 'add', DOMAIN, '--vouch', '--tenant', 'montague')
    await acme.done('delegation', 'add', DOMAIN, '--target', TARGET, '--certificate', XMPP)
    await until(async () => (await acme.presented(TARGET))?.isTrusted === true, 20_000)
    const published = async () => {
      const body = await fetched(site.ports.https, TARGET, `/.well-known/tls/_xmpp-server._tcp.${DOMAIN}`)
      return body
        .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)!
        .map((pem) => new X509Certificate(pem).serialNumber)
    }
    await until(async () => (await published()).length === 2) // with the one before: it may be in use still
    const [serial] = await published()
    await acme.done('certificate', 'renew', XMPP)
    await until(async () => (await states()).includes('staged'), 20_000)
    await until(async () => (await published()).length === 3)
    // The one in use first, and in use still: nobody can rely on the other before caches know it
    expect((await published())[0]).toBe(serial)
    expect((await states()).toSorted()).toEqual(['active', 'retiring', 'staged'])
  })

  test('a delegation can publish as well what a target host presents', async () => {
    const client = ['--service', '_xmpp-client', '--certificate', `front:${TARGET}`]
    await acme.done('delegation', 'add', DOMAIN, '--target', TARGET, ...client)
    const { certificate } = (await acme.presented(TARGET))!
    const path = `/.well-known/tls/_xmpp-client._tcp.${DOMAIN}`
    await until(async () =>
      (await fetched(acme.site.ports.https, TARGET, path)).includes(certificate.toString().trim()),
    )
  })

  test('a name that leads elsewhere is ordered from nobody, and is told of', async () => {
    acme.proxy.clear()
    const stray = 'stray.example.com'
    await acme.done('certificate', 'create', stray)
    await until(async () => (await acme.explain(stray)).failure !== null, 20_000)
    const { state, failure } = await acme.explain(stray)
    expect([state, failure?.whose]).toEqual(['missing', 'owner'])
    expect(failure?.words).toContain('9.9.9.9')
    expect(acme.proxy.requests('newOrder')).toEqual([])
  })
})

async function fetched(port: number, host: string, path: string): Promise<string> {
  const asked = request({
    host: '127.0.0.1',
    port,
    path,
    servername: host,
    headers: { host },
    rejectUnauthorized: false,
  })
  const answered = new Promise<string>((resolve, reject) => {
    asked.on('error', reject)
    asked.on('response', (response) => void text(response).then(resolve, reject))
  })
  asked.end()
  return answered
}
