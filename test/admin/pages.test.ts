import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { vectors } from '../support/vectors.ts'
import { adminServer, readyToDelegate, selfSigned, type AdminServer } from './admin-server.ts'
import { expectOnlyOurMarkup } from './only-our-markup.ts'

let server: AdminServer
beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
})
afterAll(() => server.close())

async function page(path: string) {
  return server.ask(path, { headers: { cookie: server.cookie() } })
}

const registration = {
  tenant: 'acme',
  sourceDomain: 'im.example.com',
  service: '_xmpp-server._tcp',
  targetHost: 'hosting.example.com',
  lineage: 'hosting',
  tlsAnswer: 'redirect',
  poshAnswer: 'fingerprints',
  srvPort: '',
}

describe('by forms alone', () => {
  test('an operator comes from nothing to a delegation and back', async () => {
    const { submit } = server
    const empty = (await page('/delegations')).text
    expect(empty).toContain('Five steps to the first delegation')
    expect(empty).not.toContain('is-done')

    expect((await submit('/tenants', { name: 'acme' })).headers.location).toBe('/tenants')
    const domain = { tenant: 'acme', name: 'IM.Example.com', mode: 'hosted', isVouched: 'yes' }
    expect((await submit('/source-domains', domain)).status).toBe(303)
    expect((await submit('/target-hosts', { name: 'hosting.example.com', port: '' })).status).toBe(303)
    const imported = await submit('/certificates/import', {
      ...selfSigned(),
      ...{ owner: '', lineage: 'hosting', password: '' },
    })
    expect(imported.headers.location).toBe('/operator/lineages/hosting')
    expect((await page('/delegations')).text.match(/is-done/g)).toHaveLength(4)

    const registered = await submit('/delegations/register', registration)
    expect(registered.status).toBe(303)
    const notice = String(registered.headers['set-cookie']).split(';')[0]!
    const path = String(registered.headers.location)
    const shown = await server.ask(path, { headers: { cookie: `${server.cookie()}; ${notice}` } })
    expect(shown.text).toContain('The delegation of im.example.com is registered.')
    expect(shown.text).toContain('does not name im.example.com')
    expect(shown.text).toContain('https://hosting.example.com/.well-known/tls/_xmpp-server._tcp.im.example.com')
    expect(shown.text).toContain('0 5 5269 hosting.example.com.')
    expect(String(shown.headers['set-cookie'])).toMatch(/__Host-notice=;/) // it is told once

    expect((await page('/delegations')).text).toContain('Served')
    expect((await page(`${path}/withdraw`)).text).toContain('Withdraw the delegation of im.example.com?')
    expect((await submit(`${path}/withdraw`, {})).headers.location).toBe('/delegations')
    expect((await page(path)).status).toBe(404)
  })

  test('a source domain is suspended, resumed and vouched for', async () => {
    const { submit, deps } = server
    await submit('/source-domains', { tenant: 'acme', name: 'chat.example.com', mode: 'external' })
    const row = async () => (await deps.sourceDomains.list('all', { limit: 9, search: 'chat.' }))[0]
    expect(await row()).toMatchObject({ proof: null, suspendedAt: null, mode: 'external' })
    for (const verb of ['vouch', 'suspend'])
      expect((await submit(`/tenants/acme/source-domains/chat.example.com/${verb}`, {})).status).toBe(303)
    expect(await row()).toMatchObject({ proof: 'vouched', suspendedAt: deps.clock.now() })
    expect((await page('/source-domains')).text).toContain('Suspended')
    await submit('/tenants/acme/source-domains/chat.example.com/resume', {})
    expect((await row())?.suspendedAt).toBeNull()
    expect((await submit('/tenants/acme/source-domains/chat.example.com/nothing', {})).status).toBe(404)
  })

  test('an internationalised name is shown as people write it, its A-label beside it', async () => {
    await server.submit('/target-hosts', { name: 'münchen.example', port: '8443' })
    const { text } = await page('/target-hosts?search=xn--m')
    expect(text).toContain('<bdi>münchen.example</bdi>')
    expect(text).toContain('xn--mnchen-3ya.example')
  })
})

describe('a refused form', () => {
  test('keeps what was typed and says at each field what is wrong', async () => {
    const answer = await server.submit('/delegations/register', {
      ...registration,
      sourceDomain: 'im..example.com',
      service: '"http',
      srvPort: '99999',
    })
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('value="im..example.com"')
    expect(answer.text).toContain('value="&quot;http"')
    expect(answer.text).toMatch(/id="sourceDomain-fault"[^]*it has an empty label/)
    expect(answer.text).toMatch(/id="srvPort-fault"[^]*at most 65535/)
    expect(answer.text).toMatch(/<details open/)
    expect(answer.text).toContain('aria-describedby="sourceDomain-hint sourceDomain-fault"')
  })

  test.each([
    ['sourceDomain', { sourceDomain: 'missing.example.com' }],
    ['targetHost', { targetHost: 'missing.example.com' }],
    ['lineage', { lineage: 'missing' }],
    ['tenant', { tenant: 'missing' }],
  ])('points at the %s that is missing', async (field, wrong) => {
    const answer = await server.submit('/delegations/register', { ...registration, ...wrong })
    expect(answer.status).toBe(404)
    expect(answer.text).toContain(`id="${field}-fault"`)
  })

  test.each([
    ['/source-domains', 'name', { tenant: 'acme', name: 'https://im.example.org', mode: 'hosted' }],
    ['/source-domains', 'name', { tenant: 'acme', name: 'im.example.org/', mode: 'hosted' }],
    ['/target-hosts', 'name', { name: 'http://hosting.example.org/x', port: '' }],
    ['/delegations/register', 'sourceDomain', { ...registration, sourceDomain: 'https://im.example.com/' }],
    ['/delegations/register', 'targetHost', { ...registration, targetHost: 'hosting.example.com/', srvPort: 'x' }],
  ])('of %s asks for the name alone where %s is a URL', async (path, field, fields) => {
    const { status, text } = await server.submit(path, fields)
    expect(status).toBe(400)
    const hint = 'ive the name alone, without https:// and without a path'
    expect(text).toMatch(new RegExp(`id="${field}-fault"[^]{0,500}G${hint}</span></p>`))
    expect(text).toMatch(new RegExp(`<a href="#${field}">[^<]*</a>: g${hint}</li>`))
    expect(text).not.toContain('https://im&quot;')
    expect(text).toContain(`value="${(fields as Record<string, string>)[field]!}"`)
  })

  test('of a name that is no URL says what is wrong with it, and the API always does', async () => {
    const { text } = await server.submit('/target-hosts', { name: 'im_.example.org', port: '' })
    expect(text).toContain('The label &quot;im_&quot;'.slice(4))
    const refused = await server.api('POST', '/target-hosts', { name: 'https://im.example.org' })
    expect(refused.text).toContain('https://im')
    expect(refused.text).not.toContain('name alone')
  })

  test.each([
    ['a certificate without its key’s match', 'privateKey', () => ({ privateKey: selfSigned().privateKey })],
    ['text', 'certificate', () => ({ certificate: 'hello' })],
  ])('of an upload of %s points at the %s', async (_what, field, wrong) => {
    const answer = await server.submit('/certificates/import', {
      ...{ certificate: selfSigned().certificate, privateKey: '', owner: '', lineage: '', password: '', ...wrong() },
    })
    expect(answer.status).toBe(422)
    expect(answer.text).toContain(`id="${field}-fault"`)
  })

  test('T25: never sends a private key or a password back, wherever it was pasted', async () => {
    const { certificate, privateKey } = selfSigned()
    const base64 = privateKey.replace(/-----[^-]*-----|\s/g, '')
    for (const fields of [
      { certificate, privateKey, password: 'hunter2', owner: 'nobody' },
      { certificate: privateKey, privateKey: '', password: 'hunter2', owner: '' },
      { certificate: base64, privateKey: '', password: 'hunter2', owner: '' },
      { certificate: privateKey + certificate, privateKey: '', password: 'hunter2', owner: 'nobody' },
      {
        certificate: privateKey.replace('-----BEGIN PRIVATE KEY-----\n', ''),
        privateKey: '',
        password: 'hunter2',
        owner: '',
      },
    ]) {
      const answer = await server.submit('/certificates/import', { lineage: '', ...fields })
      expect(answer.status).toBeGreaterThanOrEqual(400)
      for (const secret of ['hunter2', base64.slice(20, 60), privateKey.slice(40, 80)])
        expect(answer.text).not.toContain(secret)
    }
    expect((await server.api('GET', '/lineages')).text).not.toContain('PRIVATE KEY')
  })

  test('of an unknown field, a field twice or none at all is refused and changes nothing', async () => {
    const before = await server.deps.tenants.list({ limit: 100 })
    for (const body of ['name=x1&id=1', 'name=x1&name=x2', '', 'name=', 'name[a]=x1']) {
      const answer = await server.ask('/tenants', {
        method: 'POST',
        headers: {
          cookie: server.cookie(),
          'sec-fetch-site': 'same-origin',
          'content-type': 'application/x-www-form-urlencoded',
        },
        body,
      })
      expect([body, answer.status]).toEqual([body, 400])
    }
    expect(await server.deps.tenants.list({ limit: 100 })).toEqual(before)
  })
})

describe('T29: a stranger’s text', () => {
  test.each(vectors('stored-xss.txt'))('%j is shown and never run, in certificates', async (text) => {
    const { api } = server
    await readyToDelegate(server)
    const { certificate } = selfSigned({ commonName: text.slice(0, 60), dnsNames: ['x.example.com'] })
    const lineage = `${text.slice(0, 100)} ${certificate.slice(60, 70)}`
    const imported = await api('POST', '/tenants/acme/certificates', { certificate, lineage })
    expect(imported.status).toBe(201)
    const path = String(imported.headers.location).replace('/api/v1', '')
    for (const at of ['/certificates', path, '/certificates/import', '/delegations/register']) {
      const { text: html, status } = await page(at)
      expect([at, status]).toEqual([at, 200])
      expectOnlyOurMarkup(html)
    }
  })

  test.each(vectors('stored-xss.txt'))('%j is shown and never run, in searches and forms', async (text) => {
    const search = await page(`/delegations?search=${encodeURIComponent(text)}`)
    expect(search.status).toBe(200)
    expectOnlyOurMarkup(search.text)
    for (const path of ['/tenants', '/target-hosts']) {
      const form = await server.submit(path, path === '/tenants' ? { name: text } : { name: text, port: '443' })
      expect(form.status).toBe(400)
      expectOnlyOurMarkup(form.text)
    }
    const notice = Buffer.from(JSON.stringify([text, text])).toString('base64url')
    const told = await server.ask('/tenants', { headers: { cookie: `${server.cookie()}; __Host-notice=${notice}` } })
    expectOnlyOurMarkup(told.text)
  })

  test.each(vectors('stored-xss.txt'))('%j is shown and never run, where people name what is theirs', async (text) => {
    await server.api('POST', '/tenants', { name: 'acme' })
    const { storage, act } = server
    const owner = await server.person({ roles: { acme: 'owner' } })
    const tenantId = (await storage.tenants.findByName('acme'))!.id
    const named = text.slice(0, 90)
    const hash = randomUUID()
    const token = { tenantId, name: `${named} ${hash.slice(0, 8)}`, scopes: ['audit:read' as const] }
    const { id } = await storage.tokens.add(
      hash,
      { ...token, addresses: null, expiresAt: null, createdById: null },
      act(),
    )
    const passkey = {
      id: hash,
      userId: owner.user.id,
      name: named,
      publicKey: Buffer.of(1),
      counter: 0,
      transports: [],
    }
    await storage.passkeys.add(passkey, act())
    const [session] = await storage.sessions.list(owner.user.id, act().at)
    await storage.sessions.rename(owner.user.id, session!.id, named, act())
    for (const at of [
      ...['/account', `/account/passkeys/${hash}/remove`, '/tenants/acme/tokens', `/tenants/acme/tokens/${id}/revoke`],
      ...['/tenants/acme/audit', `/tenants/acme/audit?actor=${encodeURIComponent(text)}`],
      ...[`/sign-in?next=${encodeURIComponent(text)}`, '/tenants/acme/members'],
    ]) {
      const { text: html, status } = await owner.page(at)
      expect([at, status]).toEqual([at, 200])
      expectOnlyOurMarkup(html)
    }
    const issued = await owner.submit('/tenants/acme/tokens', {
      ...{ name: `${named} ${hash.slice(9, 13)}`, addresses: '', lives: '30', 'audit:read': 'yes' },
    })
    expectOnlyOurMarkup(issued.text)
  })

  test('of a notice that is none is passed over', async () => {
    for (const notice of [
      '',
      'x',
      Buffer.from('{}').toString('base64url'),
      Buffer.from('[1]').toString('base64url'),
      '[]',
    ])
      expect(
        (await server.ask('/tenants', { headers: { cookie: `${server.cookie()}; __Host-notice=${notice}` } })).status,
      ).toBe(200)
  })

  test('is cut off where it is endless', async () => {
    const { visible } = await import('../../src/admin/pages/visible.ts')
    expect(visible('x'.repeat(64_000))).toBe(`${'x'.repeat(300)}… (64000 characters)`)
    expect(visible('a\u0000b\u202ec\u{e0001}')).toBe('a\\u{0}b\\u{202e}c\\u{e0001}')
  })
})

test('no page has anything inline that the Content-Security-Policy would have to allow', async () => {
  for (const path of [
    '/sign-in?token=x',
    '/delegations',
    '/delegations/register',
    '/source-domains',
    '/certificates',
    '/nowhere',
  ]) {
    const { text } = await page(path)
    expectOnlyOurMarkup(text)
    expect(text).not.toMatch(/<script(?! src="\/assets)/)
  }
})
