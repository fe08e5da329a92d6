import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { finding } from '../../src/acme/failure.ts'
import { FRONT_CERTIFICATE } from '../../src/certificate/issuance.ts'
import { createLocalAuthority, localAuthority } from '../../src/certificate/local-authority.ts'
import { localIssuer } from '../../src/certificate/local-issuer.ts'
import { parseConfig } from '../../src/config.ts'
import { domainName } from '../../src/name.ts'
import { FRESH_MS } from '../../src/tenant/principal.ts'
import { newestPebble, pebbles, startPebble, type Pebble } from '../support/pebble.ts'
import { ADMIN_HOST, adminServer, selfSigned, type AdminServer, type Somebody } from './admin-server.ts'
import { expectOnlyOurMarkup } from './only-our-markup.ts'
import { anAuthority } from './world.ts'

const EAB_KEY = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'
const HOSTILE = '<script>alert(1)</script>\u202e'
const HOST = domainName('im.example.com')

const config = parseConfig(
  `[admin]\nhost = "${ADMIN_HOST}"\nrequests_per_minute = 1000000\n[edge]\nname = "edge.example.net"\naddresses = ["192.0.2.1"]\n[names]\nallow = ["example.com"]\n[front]\nauthority = "acme"\n[outside]\nresolvers = ["127.0.0.1:1"]\n`,
)

let server: AdminServer
beforeAll(async () => {
  server = await adminServer({ config })
  await server.signIn()
})
afterAll(() => server.close())

const link = (next: string) => `<a href="/confirm?next=${encodeURIComponent(next)}" target="_blank">`

describe.skipIf(pebbles().length === 0)('authorities on the pages', () => {
  let pebble: Pebble
  beforeAll(async () => {
    pebble = await startPebble({ pebble: newestPebble(), eab: { 'kid-1': EAB_KEY } })
  })
  afterAll(() => pebble.stop())

  const wish = (more: Record<string, string> = {}) => ({
    ...{ name: 'ours', directoryUrl: pebble.directoryUrl, contact: 'a@example.net, b@example.net', profile: '' },
    ...{
      eabKeyId: 'kid-1',
      eabKey: EAB_KEY,
      caPem: pebble.caPem,
      keyType: 'ec-p256',
      preferredChain: '',
      rank: '',
      ...more,
    },
  })

  test('who signed in long ago confirms first; what was typed stays, but for the key', async () => {
    const stale = await server.person({ isOperator: true })
    server.clock.advance(FRESH_MS)
    const added = await stale.submit('/authorities', wish({ agreesToTerms: 'yes' }))
    expect([added.status, added.text.includes(link('/authorities'))]).toEqual([403, true])
    expect(added.text).toContain('value="kid-1"')
    expect(added.text).not.toContain(EAB_KEY)
    await anAuthority(server, 'ours')
    const changed = await stale.submit('/authorities/ours/change', {
      ...{ contact: 'z@example.net', profile: '', keyType: 'ec-p256', preferredChain: '', rank: '0' },
    })
    expect([changed.status, changed.text.includes(link('/authorities/ours'))]).toEqual([403, true])
    expect(changed.text).toContain('value="z@example.net"')
    await server.storage.authorities.remove('ours', server.act())
    await server.signIn()
  })

  test('what the authority refuses is told in its words, at its field, and nothing is kept', async () => {
    const unagreed = await server.submit('/authorities', wish())
    expect(unagreed.status).toBe(400)
    expect(unagreed.text).toContain('#agreesToTerms')
    expect(unagreed.text).toContain('data:text/plain,Do%20what%20thou%20wilt')
    const wrong = await server.submit('/authorities', wish({ agreesToTerms: 'yes', eabKey: EAB_KEY.replace('z', 'y') }))
    expect(wrong.status).toBe(502)
    expect(wrong.text).toMatch(/ours refused/i)
    expect(wrong.text).toContain('value="kid-1"')
    expect(wrong.text).not.toContain(EAB_KEY.slice(1))
    expect(await server.storage.authorities.find('ours')).toBeUndefined()
    expect((await server.submit('/authorities', wish({ directoryUrl: '', name: 'unknown' }))).text).toContain(
      'no https URL',
    )
  })

  test('one is added, tested, changed, given another key and removed', async () => {
    const added = await server.submit('/authorities', wish({ agreesToTerms: 'yes' }))
    expect([added.status, added.headers.location]).toEqual([303, '/authorities/ours'])
    expect((await server.page('/authorities')).text).toMatch(/<a href="\/authorities\/ours">ours<\/a>/)
    const shown = await server.page('/authorities/ours')
    for (const text of [pebble.directoryUrl, 'kid-1', 'value="a@example.net, b@example.net"', '10 of 10 in 1 s'])
      expect(shown.text).toContain(text)
    expectOnlyOurMarkup(shown.text)
    const tested = await server.submit('/authorities/ours/test', {})
    expect([tested.status, tested.text.includes('It answers as it should.')]).toEqual([200, true])
    const change = {
      contact: 'c@example.net',
      profile: '',
      keyType: 'rsa-2048',
      preferredChain: 'ISRG Root X2',
      rank: '7',
    }
    expect((await server.submit('/authorities/ours/change', change)).status).toBe(303)
    expect(await server.storage.authorities.find('ours')).toMatchObject({
      ...{ contact: ['mailto:c@example.net'], keyType: 'rsa-2048', preferredChain: 'ISRG Root X2', rank: 7 },
    })
    const unoffered = await server.submit('/authorities/ours/change', { ...change, profile: 'x', isRequired: 'yes' })
    expect([unoffered.status, unoffered.text.includes('does not offer the profile x')]).toEqual([400, true])
    const { id } = (await server.storage.authorities.find('ours'))!
    const key = await server.storage.authorities.accountKey(id)
    expect((await server.submit('/authorities/ours/change-key', {})).headers.location).toBe('/authorities/ours')
    expect(Buffer.from(await server.storage.authorities.accountKey(id)).equals(key)).toBe(false)
    await server.storage.authorities.pause(id, new Date(server.clock.now().getTime() + 60_000), HOSTILE, server.act())
    const paused = await server.page('/authorities/ours')
    expect(paused.text).toContain('Asked for nothing until')
    expectOnlyOurMarkup(paused.text)
    expect(paused.text).toContain('action="/authorities/ours/resume"')
    expect((await server.submit('/authorities/ours/resume', {})).headers.location).toBe('/authorities/ours')
    expect((await server.page('/authorities/ours')).text).not.toMatch(/Asked for nothing until|resume/)
    expect((await server.submit('/authorities/ours/remove', {})).headers.location).toBe('/authorities')
    expect((await server.page('/authorities')).text).toContain('No authorities yet')
    expect((await server.page('/authorities/ours')).status).toBe(404)
  })

  test('the key of an external account is in no answer, and in no row', async () => {
    const made = await server.api('POST', '/authorities', {
      ...{ name: 'ours', directoryUrl: pebble.directoryUrl, caPem: pebble.caPem, agreesToTerms: true },
      ...{ eabKeyId: 'kid-1', eabKey: EAB_KEY, rank: 3 },
    })
    expect([made.status, made.json()['warnings']]).toEqual([201, []])
    const events = await server.storage.audit.list('all', { limit: 5 })
    expect(JSON.stringify([made.text, events, server.logged])).not.toContain(EAB_KEY)
    expect((await server.api('DELETE', '/authorities/ours')).status).toBe(204)
  })
})

test.each([
  ['https://authority.example/terms', true],
  ['http://authority.example/terms', false],
  ['data:text/plain,Do what thou wilt', false],
  ['javascript:alert(1)', false],
])('terms of service at %s are a link: %s', async (url, isLink) => {
  const { storage, act } = server
  await anAuthority(server, 'termed', url)
  const { text } = await server.page('/authorities/termed')
  expect(text).toContain(url)
  const link = `<a href="${url}" rel="noreferrer">`
  expect(text.includes(link)).toBe(isLink)
  expectOnlyOurMarkup(text.replace(link, '<a>'))
  await storage.authorities.remove('termed', act())
})

describe('the certificate of a host', () => {
  let admin: Somebody
  let viewer: Somebody
  let lineageId: string
  const page = '/tenants/acme/source-domains/im.example.com'
  const lineagePage = `/tenants/acme/lineages/${encodeURIComponent(`front:${HOST}`)}`

  beforeAll(async () => {
    const { api, storage, act } = server
    await api('POST', '/tenants', { name: 'acme' })
    await api('POST', '/tenants/acme/source-domains', { name: HOST, isVouched: true })
    await api('POST', '/tenants/acme/source-domains', { name: 'ext.example.com', isVouched: true, mode: 'external' })
    await anAuthority(server)
    admin = await server.person({ roles: { acme: 'admin' } })
    viewer = await server.person({ roles: { acme: 'viewer' } })
    const { id: tenantId } = (await storage.tenants.findByName('acme'))!
    lineageId = (await storage.lineages.create(tenantId, { name: `front:${HOST}`, source: 'acme' }, act())).id
    await storage.sourceDomains.setFrontLineage(tenantId, HOST, lineageId, act())
  })

  const fail = (detail: string, whose: 'owner' | 'authority' = 'owner') => {
    const at = server.clock.now()
    const memory = { lineageId, failures: 2, failedAt: at, whose, authorityId: null, failuresOfAuthority: 0 }
    const nextAt = new Date(at.getTime() + 3_600_000)
    return server.storage.issuance.failed(
      { ...memory, challengeType: 'http-01', problem: finding('connection', detail), nextAt },
      server.act(),
    )
  }

  test('stands on the page of a hosted name, and not on that of an external one', async () => {
    expect((await viewer.page(page)).text).toContain('There is no certificate for im.example.com yet')
    expect((await viewer.page('/tenants/acme/source-domains/ext.example.com')).text).not.toContain(
      'certificate-standing',
    )
  })

  test('a failure is told with whose affair it is, what to do, and when it is tried again; a stranger’s words obey nobody', async () => {
    await fail(HOSTILE)
    for (const path of [page, lineagePage]) {
      const { text } = await viewer.page(path)
      for (const words of [
        'The owner of the domain has to do something.',
        'could not reach',
        'It is tried again after 2',
      ])
        expect(text).toContain(words)
      expect(text).not.toContain('Try now')
      expectOnlyOurMarkup(text)
    }
    expect((await admin.page(page)).text).toContain('Try now')
  })

  test('an admin has it tried now, from either page; the sixth time in an hour is told when to come again', async () => {
    for (let tries = 0; tries < 5; tries++) {
      await fail('no way')
      const path = tries % 2 === 0 ? page : lineagePage
      const answer = await admin.submit(`${path}/issue`, {})
      expect([answer.status, decodeURIComponent(answer.headers.location!)]).toEqual([303, decodeURIComponent(path)])
    }
    expect(await server.storage.jobs.nextRun(FRONT_CERTIFICATE, lineageId)).toEqual(server.clock.now())
    await fail('no way')
    const refused = await admin.submit(`${page}/issue`, {})
    expect([refused.status, Number(refused.headers['retry-after']) > 0]).toEqual([429, true])
    expect(refused.text).toContain('There were too many attempts')
    const asked = await admin.api('POST', `${lineagePage}/issue`)
    expect([asked.status, asked.headers['retry-after']]).toEqual([429, refused.headers['retry-after']])
  })

  test('the API tells the same as the pages', async () => {
    const body = (await viewer.api('GET', `${page}/certificate`)).json()
    expect(body).toMatchObject({
      ...{ name: HOST, tenant: 'acme', lineage: `front:${HOST}`, state: 'missing', certificate: null, order: null },
      failure: { failures: 2, whose: 'owner', findings: [] },
    })
    expect((await viewer.api('GET', `${lineagePage}/explanation`)).json()).toEqual(body)
  })

  test('what an authority has issued is renewed and revoked when somebody wants it, and it is told how far that is', async () => {
    const { storage, act, clock } = server
    const { id: tenantId } = (await storage.tenants.findByName('acme'))!
    const { id: authorityId } = (await storage.authorities.find('nobody'))!
    const material = await createLocalAuthority(clock.now())
    const issuer = localIssuer({ authority: localAuthority({ ...material, clock }), clock })
    const stage = async () => {
      const wanted = { tenantId, lineageId, identifiers: [HOST], replaces: null }
      const issued = await issuer.issue(wanted)
      if (issued.outcome !== 'issued') throw new Error('not issued')
      const { chain, privateKey } = issued
      const wish = { tenantId, lineageId, authorityId, identifiers: [HOST], profile: null, replaces: null }
      const order = await storage.orders.begin({ ...wish, csrDer: Buffer.of(1) }, privateKey, act())
      const { id } = await storage.lineages.stage(tenantId, lineageId, { chain, privateKey, orderId: order.id }, act())
      return storage.lineages.activate(tenantId, id, clock.now(), act(), 'acme')
    }
    const first = await stage()
    await storage.issuance.forget(lineageId)
    const shown = await admin.page(lineagePage)
    expect(shown.text).toContain('Renew now')
    expect(shown.text).toContain(`certificates/${first.id}/revoke`)
    const explained = (await viewer.api('GET', `${page}/certificate`)).json()
    expect(explained).toMatchObject({ state: 'valid', authority: 'nobody', certificate: { id: first.id } })
    const renewed = await admin.api('POST', `${lineagePage}/renew`)
    expect([renewed.status, renewed.json()['state']]).toEqual([200, 'due'])
    expect((await admin.submit(`${lineagePage}/renew`, {})).status).toBe(303)
    await storage.renewalInfo.save({
      ...{ certificateId: first.id, start: null, end: null, explanationUrl: null, renewAt: null, fault: null },
      ...{ polledAt: clock.now(), pollAt: clock.now() },
    })
    expect((await viewer.page(page)).text).not.toContain('Renew now')
    expect((await admin.page(page)).text).toContain(`action="${page}/renew"`)
    expect((await admin.submit(`${page}/renew`, {})).headers.location).toBe(page)
    expect((await viewer.api('GET', `${page}/certificate`)).json()).toMatchObject({ state: 'due' })
    const asked = await storage.audit.list(tenantId, { limit: 99, action: 'certificate.request' })
    expect(asked[0]).toMatchObject({ subject: `front:${HOST}`, detail: { wanted: 'renew' } })

    const inUse = await admin.api('POST', `${lineagePage}/certificates/${first.id}/revoke`, {
      reason: 'key-compromise',
    })
    expect([inUse.status, inUse.json()['isRevoked']]).toEqual([200, false])
    expect((await admin.page(`${lineagePage}/certificates/${first.id}/revoke`)).text).toContain('It is in use')
    const later = await admin.submit(`${lineagePage}/certificates/${first.id}/revoke`, { reason: 'superseded' })
    expect(later.status).toBe(303)
    await stage()
    for (const answer of [
      await admin.api('POST', `${lineagePage}/certificates/${first.id}/revoke`, {}),
      await admin.submit(`${lineagePage}/certificates/${first.id}/revoke`, { reason: 'superseded' }),
    ])
      expect([answer.status, answer.text]).toEqual([504, expect.stringContaining('could not be reached')])
    expect((await admin.api('POST', `${lineagePage}/certificates/${first.id}/revoke`, { reason: '?' })).status).toBe(
      400,
    )
  })

  test('what comes by hand is neither issued, nor renewed, nor revoked; who presses nevertheless is told', async () => {
    const { api } = server
    const imported = await api('POST', '/tenants/acme/certificates', { ...selfSigned(), lineage: 'by-hand' })
    const { id } = imported.json()['certificate'] as { id: string }
    const own = '/tenants/acme/lineages/by-hand'
    expect((await admin.page(own)).text).not.toMatch(/Try now|Renew now|Revoke/)
    for (const verb of ['issue', 'renew']) {
      const answer = await admin.submit(`${own}/${verb}`, {})
      expect([verb, answer.status, /by hand|nothing to renew/.test(answer.text)]).toEqual([verb, 400, true])
    }
    const revoked = await admin.submit(`${own}/certificates/${id}/revoke`, { reason: 'superseded' })
    expect([revoked.status, revoked.text.includes('ask whoever issued it to revoke it')]).toEqual([400, true])
  })
})

describe('a pause of an authority', () => {
  test('is told to tenants without its reason, which may be about another’s name', async () => {
    const { api, storage, act, clock, person } = server
    await api('POST', '/tenants', { name: 'neighbour' })
    await api('POST', '/tenants/neighbour/source-domains', { name: 'next.example.com', isVouched: true })
    await anAuthority(server)
    const { id } = (await storage.authorities.find('nobody'))!
    const until = new Date(clock.now().getTime() + 3_600_000)
    await storage.authorities.pause(id, until, 'secret.example.com has failed', act())
    const owner = await person({ roles: { neighbour: 'owner' } })
    const path = '/tenants/neighbour/source-domains/next.example.com'
    const told = [await owner.page(path), await owner.api('GET', `${path}/certificate`)]
    for (const { text } of told) {
      expect(text).toContain('nobody is asked for nothing until')
      expect(text).not.toContain('secret.example.com')
    }
    expect((await server.page('/authorities/nobody')).text).toContain('secret.example.com has failed')
    const resumed = await api('POST', '/authorities/nobody/resume')
    expect([resumed.status, resumed.json()['pausedUntil']]).toEqual([200, null])
  })
})

describe('a lineage for an XMPP server', () => {
  test('is made on a page, and shows what it waits for', async () => {
    const refused = await server.submit('/certificates/new', { names: 'co.uk', lineage: '', source: 'acme' })
    expect([refused.status, refused.text.includes('it is a public suffix')]).toEqual([422, true])
    expectOnlyOurMarkup(refused.text)
    expect(refused.text).toContain('value="co.uk"')
    const wish = { names: 'xmpp.example.com, conference.xmpp.example.com', lineage: '', source: 'acme' }
    const made = await server.submit('/certificates/new', wish)
    expect([made.status, made.headers.location]).toEqual([303, '/operator/lineages/xmpp.example.com'])
    const { text } = await server.page('/operator/lineages/xmpp.example.com')
    expect(text).toContain('There is no certificate for xmpp.example.com yet.')
    expect((await server.page('/certificates')).text).toContain('href="/certificates/new"')
    expect((await server.submit('/certificates/new', wish)).status).toBe(409)
    const lineage = (await server.api('GET', '/operator/lineages/xmpp.example.com')).json()
    expect(lineage['identifiers']).toEqual(['xmpp.example.com', 'conference.xmpp.example.com'])
    const owner = await server.person({ roles: { acme: 'owner' } })
    expect((await owner.page('/certificates')).text).not.toContain('/certificates/new')
  })

  test('stays in the hands of its issuer where somebody activates what was staged', async () => {
    const { storage, act, clock, api } = server
    const names = ['forced.example.com']
    await api('POST', '/operator/lineages', { names })
    const { id } = (await storage.lineages.findByName(null, names[0]!))!
    const issuer = localIssuer({
      ...{ authority: localAuthority({ ...(await createLocalAuthority(clock.now())), clock }), clock },
    })
    const wanted = { tenantId: null, lineageId: id, identifiers: names.map((name) => domainName(name)), replaces: null }
    const issued = await issuer.issue(wanted)
    if (issued.outcome !== 'issued') throw new Error('not issued')
    const staged = await storage.lineages.stage(null, id, issued, act())
    const path = `/operator/lineages/${names[0]!}`
    expect((await api('POST', `${path}/certificates/${staged.id}/activate`, { isForced: true })).status).toBe(200)
    expect((await api('GET', path)).json()).toMatchObject({ source: 'acme', certificates: [{ state: 'active' }] })
  })
})

describe('jobs', () => {
  test('are shown with what they are about, those that failed alone where somebody asks, and run now', async () => {
    const { api, storage, clock, submit, page, act } = server
    const { id: lineageId } = await storage.lineages.create(null, { name: 'of-a-job', source: 'local' }, act())
    const later = new Date(clock.now().getTime() + 3_600_000)
    await storage.jobs.enqueue({ kind: 'certificate-revocation', key: lineageId, payload: {}, runAt: clock.now() })
    const lease = { at: clock.now(), until: new Date(clock.now().getTime() + 1000) }
    const job = (await storage.jobs.claim('w', ['certificate-revocation'], lease.at, lease.until))!
    await storage.jobs.postpone(job, later, `${HOSTILE}\n    at somewhere`)
    for (const query of ['', '?failed=yes', '?kind=certificate-revocation&failed=yes']) {
      const { text } = await page(`/jobs${query}`)
      for (const shown of ['of-a-job', 'Revoke a certificate', '&lt;script>', `/jobs/${job.id}/retry`])
        expect(text, query).toContain(shown)
      expect(text).not.toContain('at somewhere')
      expectOnlyOurMarkup(text)
    }
    expect((await page('/jobs?kind=redirect-rule')).text).toContain('No job is of that kind, or none has failed.')
    expect((await submit(`/jobs/${job.id}/retry`, {})).headers.location).toBe('/jobs')
    expect(await storage.jobs.nextRun('certificate-revocation', lineageId)).toEqual(clock.now())
    expect((await submit('/jobs/0198c2f4-7d1e-7b6a-9c1d-3f5e8a2b4c6d/retry', {})).status).toBe(404)
    for (let n = 0; n < 60; n++)
      await storage.jobs.enqueue({ kind: 'proof-check', key: `n${n}.example.com`, payload: {}, runAt: later })
    const next = /href="(\/jobs\?[^"]*after=[^"]*)"/.exec((await page('/jobs?kind=proof-check')).text)![1]!
    expect((await page(next.replaceAll('&amp;', '&'))).text).toContain('n59.example.com')
    expect((await page('/jobs?after=nonsense')).status).toBe(400)
    expect((await api('GET', '/jobs?kind=certificate-revocation&isFailed=true')).json()['items']).toMatchObject([
      { key: lineageId, about: 'of-a-job' },
    ])
  })

  test('are listed with when they are due, and made due', async () => {
    const { api, storage, clock } = server
    const runAt = new Date(clock.now().getTime() + 3_600_000)
    for (const key of ['a', 'b', 'c']) await storage.jobs.enqueue({ kind: 'listed', key, payload: {}, runAt })
    const first = (await api('GET', '/jobs?kind=listed&limit=2')).json() as {
      items: { key: string; id: string }[]
      next: string
    }
    expect(first.items.map(({ key }) => key)).toEqual(['a', 'b'])
    const rest = (await api('GET', first.next.replace('/api/v1', ''))).json() as typeof first
    expect([rest.items.map(({ key }) => key), rest.next]).toEqual([['c'], null])
    expect((await api('GET', '/jobs?kind=listed&isFailed=true')).json()).toEqual({ items: [], next: null })
    expect((await api('POST', `/jobs/${first.items[0]!.id}/retry`)).status).toBe(204)
    expect(await storage.jobs.nextRun('listed', 'a')).toEqual(clock.now())
    expect((await api('GET', '/jobs?after=nonsense')).status).toBe(400)
  })
})
