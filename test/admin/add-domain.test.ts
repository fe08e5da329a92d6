import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NameSight } from '../../src/delegation/mode-advice.ts'
import { adminServer, selfSigned, type AdminServer, type Somebody } from './admin-server.ts'
import { expectOnlyOurMarkup } from './only-our-markup.ts'

const ADD = '/source-domains/add'
let server: AdminServer
let admin: Somebody
let ofBoth: Somebody
let sight: NameSight
const looked: string[] = []

beforeAll(async () => {
  server = await adminServer({
    async lookAtName(_tenantId, name) {
      looked.push(name)
      return sight
    },
  })
  await server.signIn()
  for (const name of ['acme', 'rival']) await server.api('POST', '/tenants', { name })
  await server.api('POST', '/target-hosts', { name: 'hosting.example.com' })
  await server.api('POST', '/target-hosts', { name: 'other.example.com' })
  await server.api('POST', '/operator/certificates', { ...selfSigned(), lineage: 'hosting' })
  admin = await server.person({ roles: { acme: 'admin' } })
  ofBoth = await server.person({ roles: { acme: 'admin', rival: 'admin' } })
})
afterAll(() => server.close())

/** The values of the radio buttons, those that are chosen with a star. */
function choices(html: string): string[] {
  return [...html.matchAll(/<input type="radio" name="mode" value="(\w+)"[^>]*?( checked)?\/?>/g)].map(
    ([, value, isChosen]) => `${value}${isChosen ? '*' : ''}`,
  )
}

describe('adding a domain', () => {
  test.each<[leads: NameSight['leads'], web: NameSight['web'], shown: string[], reason: string]>([
    ['nowhere', null, ['hosted*', 'external'], 'nothing is lost'],
    ['here', null, ['hosted*', 'external'], 'leads the name to this server already'],
    ['elsewhere', 'answers', ['hosted', 'external*'], 'probably a website'],
    ['elsewhere', 'silent', ['hosted*', 'external'], 'nobody accepts connections'],
    ['elsewhere', 'could-not-ask', ['hosted', 'external'], 'so nothing is recommended'],
    ['could-not-ask', null, ['hosted', 'external'], 'so nothing is recommended'],
  ])('where it leads %s (%s), one is recommended and the reason told', async (leads, web, shown, reason) => {
    sight = { isApex: null, leads, web }
    const { status, text } = await admin.submit(ADD, { tenant: 'acme', name: 'juliet@im.example.com/balcony' })
    expect(status).toBe(200)
    expectOnlyOurMarkup(text)
    expect(text).toContain('This is the domain of the address.')
    expect(text).toContain('<input type="hidden" name="name" value="im.example.com"/>')
    expect(choices(text)).toEqual(shown)
    expect(text.includes('Recommended')).toBe(shown.some((one) => one.endsWith('*')))
    expect(text).toContain(reason)
    expect(text).not.toContain('top of a DNS zone')
  })

  test('the top of a zone is told that it can be no alias', async () => {
    sight = { isApex: true, leads: 'elsewhere', web: 'answers' }
    const { text } = await admin.submit(ADD, { tenant: 'acme', name: 'https://example.com/' })
    expect(text).toContain('top of a DNS zone, where no CNAME record can stand')
  })

  test.each([
    ['no name at all', 'what is that', 'is no domain name'],
    ['nothing', '', 'is no domain name'],
    ['a public suffix', 'co.uk', 'public suffix'],
    ['the admin host', 'https://admin.example.net/source-domains', 'admin host'],
  ])('%s is refused at the field, and nobody is asked about it', async (_what, name, fault) => {
    looked.length = 0
    const { status, text } = await admin.submit(ADD, { tenant: 'acme', name })
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
    expectOnlyOurMarkup(text)
    expect(/id="name-fault">.*?<\/p>/s.exec(text)?.[0]).toContain(fault)
    expect(looked).toEqual([])
  })

  test('what was added before leads to its page', async () => {
    sight = { isApex: null, leads: 'nowhere', web: null }
    await admin.submit('/source-domains', { tenant: 'acme', name: 'there.example.com', mode: 'hosted' })
    const answer = await admin.submit(ADD, { tenant: 'acme', name: 'xmpp:juliet@THERE.example.com' })
    expect([answer.status, answer.headers.location]).toEqual([303, '/tenants/acme/source-domains/there.example.com'])
  })

  test('a member of several tenants says whose it is, of one nobody asks', async () => {
    expect((await ofBoth.page(ADD)).text).toContain('<select id="tenant" name="tenant" required')
    const { text } = await admin.page(ADD)
    expect(text).toContain('<input type="hidden" name="tenant" value="acme"/>')
    sight = { isApex: null, leads: 'nowhere', web: null }
    const { status } = await ofBoth.submit(ADD, { tenant: 'rival', name: 'im.example.com' })
    expect(status).toBe(200)
    expect((await admin.submit(ADD, { tenant: 'rival', name: 'im.example.com' })).status).toBe(404)
  })
})

describe('the records as a file', () => {
  test.each([
    ['zone', /^zone\.example\.com\. 3600 IN CNAME t\w+\.edge\.example\.net\.$/m, 'zone.example.com.zone'],
    ['bind', /^\$ORIGIN example\.com\.\nzone 3600 IN CNAME/m, 'zone.example.com.bind.zone'],
    ['nsupdate', /^update add zone\.example\.com\. 3600 IN CNAME .*\nsend$/m, 'zone.example.com.nsupdate'],
  ])('as %s', async (format, text, file) => {
    await admin.submit('/source-domains', { tenant: 'acme', name: 'zone.example.com', mode: 'hosted' })
    const answer = await admin.api('GET', `/tenants/acme/source-domains/zone.example.com/zone-file?format=${format}`)
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toMatch(/^text\/plain/)
    expect(answer.headers['content-disposition']).toBe(`attachment; filename=${file}`)
    expect(answer.text).toMatch(text)
    const page = await admin.page('/tenants/acme/source-domains/zone.example.com')
    expect(page.text.replaceAll('&quot;', '"')).toContain(answer.text)
  })
})

describe('changing a delegation', () => {
  test('its page shows how it is, and what is sent becomes of it', async () => {
    await admin.submit('/source-domains', { tenant: 'acme', name: 'change.example.com', mode: 'hosted' })
    const request = {
      sourceDomain: 'change.example.com',
      service: '_xmpp-server._tcp',
      targetHost: 'hosting.example.com',
    }
    const made = await admin.api('POST', '/tenants/acme/delegations', { ...request, lineage: 'hosting', srvPort: 5299 })
    const path = `/tenants/acme/delegations/${String(made.json()['id'])}`
    const { text } = await admin.page(`${path}/change`)
    expectOnlyOurMarkup(text)
    expect(text).toMatch(/name="targetHost"[^>]*value="hosting.example.com"/)
    expect(text).toMatch(/name="srvPort"[^>]*value="5299"/)
    const etag = /name="etag" value="([^"]*)"/.exec(text)![1]!.replaceAll('&quot;', '"')
    const terms = { targetHost: 'other.example.com', lineage: 'hosting', tlsAnswer: 'possession', poshAnswer: 'off' }
    const sent = await admin.submit(`${path}/change`, { ...terms, srvPort: '', etag })
    expect([sent.status, sent.headers.location]).toEqual([303, path])
    const changed = (await admin.api('GET', path)).json()
    expect(changed).toMatchObject({ ...terms, srvPort: null })

    const again = await admin.submit(`${path}/change`, { ...terms, srvPort: '', etag })
    expect(again.status).toBe(412)
    expect(again.text).toContain('Somebody changed it in the meantime')
    const wrong = await admin.submit(`${path}/change`, {
      ...terms,
      targetHost: 'nowhere.example.com',
      srvPort: '0',
      etag,
    })
    expect(wrong.status).toBe(400)
    expect(wrong.text).toContain('id="srvPort-fault"')
  })
})
