import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { domainName, type DomainName } from '../../src/name.ts'
import { challengeName, edgeNameOf, proofToken } from '../../src/tenant/proof-token.ts'
import { proofChecks, type ProofChecks } from '../../src/tenant/proof-checks.ts'
import type { HopReply } from '../../src/verify/ask.ts'
import { ruleChecks, type RuleChecks } from '../../src/verify/rule-checks.ts'
import { aLook, type Said } from '../tenant/dns.ts'
import { vectors } from '../support/vectors.ts'
import { adminServer, selfSigned, type AdminServer, type Somebody } from './admin-server.ts'
import { expectOnlyOurMarkup } from './only-our-markup.ts'

const HOUR_MS = 3_600_000
const TARGET = 'hosting.example.com'
const CERTIFICATE = selfSigned()

/** What the name servers say of a name and type, and the web servers of a URL. */
const dns = new Map<string, Said>()
const web = new Map<string, HopReply>()
const asked: string[] = []

let server: AdminServer
let proofs: ProofChecks
let rules: RuleChecks
let admin: Somebody
let viewer: Somebody

beforeAll(async () => {
  server = await adminServer({
    proofs: {
      check: (...args) => proofs.check(...args),
      explain: (...args) => proofs.explain(...args),
      attend: (...args) => proofs.attend(...args),
      confirm: (...args) => proofs.confirm(...args),
      job: async () => undefined,
    },
    rules: {
      verify: (delegation) => rules.verify(delegation),
      check: (delegation) => rules.check(delegation),
      verifyAndCheck: (delegation) => rules.verifyAndCheck(delegation),
      attend: (...args) => rules.attend(...args),
      job: async () => undefined,
    },
  })
  const { storage, deps, clock } = server
  proofs = proofChecks({
    ...{ control: storage.control, jobs: storage.jobs, clock, log: deps.log, proofKey: deps.proofKey },
    edgeName: deps.config.edge.name,
    random: () => 0.5,
    randomBytes: deps.randomBytes,
    nameServers: {
      async look(name, type) {
        asked.push(`${type} ${name}`)
        const said = dns.get(`${type} ${name}`) ?? 'empty'
        return aLook(type, [said, said], { name })
      },
    },
  })
  rules = ruleChecks({
    ...storage,
    ...{ httpsPort: 443, clock, random: () => 0.5, log: deps.log },
    askAt: () => async (url) => web.get(url) ?? { outcome: 'could-not-ask', why: `nobody answers at ${url}` },
  })
  await server.signIn()
  const { api } = server
  await api('POST', '/tenants', { name: 'acme' })
  await api('POST', '/tenants', { name: 'rival' })
  await api('POST', '/target-hosts', { name: TARGET })
  await api('POST', '/operator/certificates', { ...CERTIFICATE, lineage: 'hosting' })
  for (const state of ['lapsed', 'wavering', 'proven', 'unproven', 'suspended'] as const) await claim(state)
  await api('POST', '/tenants/acme/source-domains', { name: nameOf('vouched'), isVouched: true })

  await publish(nameOf('lapsed'))
  await lookAt(nameOf('lapsed'))
  unpublish(nameOf('lapsed'))
  for (let miss = 1; miss <= 3; miss++) {
    clock.advance(40 * HOUR_MS)
    await lookAt(nameOf('lapsed'))
  }
  for (const state of ['wavering', 'proven', 'suspended']) {
    await publish(nameOf(state))
    await lookAt(nameOf(state))
  }
  clock.advance(HOUR_MS)
  unpublish(nameOf('wavering'))
  await lookAt(nameOf('wavering'))

  await server.signIn()
  await api('POST', `/tenants/acme/source-domains/${nameOf('suspended')}/suspend`)
  admin = await server.person({ roles: { acme: 'admin' } })
  viewer = await server.person({ roles: { acme: 'viewer' } })
})
afterAll(() => server.close())

function nameOf(state: string): DomainName {
  return domainName(`${state}.example.com`)
}

async function claim(state: string, mode: 'hosted' | 'external' = 'hosted', tenant = 'acme'): Promise<DomainName> {
  const answer = await server.api('POST', `/tenants/${tenant}/source-domains`, { name: nameOf(state), mode })
  expect(answer.status).toBe(201)
  return nameOf(state)
}

async function tokenOf(name: DomainName, tenant = 'acme'): Promise<string> {
  return proofToken(server.deps.proofKey, (await server.storage.tenants.findByName(tenant))!.id, name)
}

async function publish(name: DomainName, tenant = 'acme'): Promise<void> {
  dns.set(`TXT ${challengeName(name)}`, [await tokenOf(name, tenant)])
}

function unpublish(name: DomainName): void {
  dns.delete(`TXT ${challengeName(name)}`)
}

async function lookAt(name: DomainName): Promise<void> {
  server.clock.advance(60_000)
  await proofs.check((await server.storage.tenants.findByName('acme'))!.id, name, server.act())
}

function domainPath(name: DomainName): string {
  return `/tenants/acme/source-domains/${name}`
}

/** A part of a page, by the id of its heading. */
function section(html: string, id: string): string {
  return new RegExp(`<section[^>]*aria-labelledby="${id}">.*?</section>`, 's').exec(html)?.[0] ?? ''
}

/** What is read, without its markup. */
function words(html: string): string {
  return html
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replace(/\s+/g, ' ')
}

/** Presses a button, and follows to the page that it leads to. */
async function press(somebody: Somebody, path: string, fields: Record<string, string> = {}) {
  const answer = await somebody.submit(path, fields)
  if (answer.status !== 303) return { to: null, status: answer.status, html: answer.text }
  const notice = String(answer.headers['set-cookie']).split(';')[0]
  const to = String(answer.headers.location)
  const shown = await server.ask(to, { headers: { cookie: `${somebody.headers['cookie']}; ${notice}` } })
  return { to, status: shown.status, html: shown.text }
}

function notices(html: string): string {
  return words(/<div role="status".*?(?=<div class="heading">)/s.exec(html)?.[0] ?? '')
}

describe('the source domain’s page', () => {
  test.each([
    ['unproven', 'Not proven', 'You have not proven yet that you control unproven.example.com', true],
    ['vouched', 'Vouched for', 'The operator vouches that you control vouched.example.com.', false],
    ['proven', 'Proven', 'You have proven that you control proven.example.com', false],
    ['wavering', 'Wavering', 'was found gone', true],
    ['lapsed', 'Lapsed', 'No proof that you control lapsed.example.com has been in force since', true],
  ])('says of a name that is %s how it stands, and shows the records where they are wanted', async (...row) => {
    const [state, badge, sentence, showsRecords] = row
    const { status, text } = await admin.page(domainPath(nameOf(state)))
    expect(status).toBe(200)
    expectOnlyOurMarkup(text)
    const control = section(text, 'control')
    expect(words(control)).toContain(`Control ${badge}`)
    expect(words(control)).toContain(sentence)
    const token = await tokenOf(nameOf(state))
    const acme = (await server.storage.tenants.findByName('acme'))!
    // A panel for DNS would keep the quotation marks of a zone file
    expect(text.split('All of them as a file')[0]).not.toContain('&quot;waypost-')
    for (const value of [token, `${edgeNameOf(acme, server.deps.config.edge.name)}.`])
      expect([value, control.includes(`data-copy="${value}"`)]).toEqual([value, showsRecords])
    // Never in two lists at once
    expect(text.split(`data-copy="${token}"`)).toHaveLength(2)
    expect(text).toContain('192.0.2.1')
  })

  test('tells when the proof was seen, when the name lapses, and when the next look is due', async () => {
    const facts = async (state: string) => words(section((await admin.page(domainPath(nameOf(state)))).text, 'control'))
    expect(await facts('proven')).toMatch(/Proven by TXT record since 1 hour ago Last seen 1 hour ago Last look/)
    expect(await facts('wavering')).toMatch(/Not found since just now Lapses at the earliest in 3 days/)
    expect(await facts('lapsed')).toMatch(/Lapsed 1 hour ago/)
    expect(await facts('vouched')).toMatch(
      /Vouched for since .* ago Next look when the operator withdraws the vouch Check now $/,
    )
    expect(await facts('unproven')).toMatch(/Last look none yet Next look any moment/)
  })

  test.each([
    [-1, 'any moment'],
    [30_000, 'any moment'],
    [120_000, 'in 2 minutes'],
    [5 * HOUR_MS, 'in 5 hours'],
  ])('says of a look, and of a lapse, that is due in %d ms: %s', async (ms, told) => {
    const { deps, clock } = server
    const at = new Date(clock.now().getTime() + ms)
    const name = nameOf('wavering')
    const explained = await proofs.explain((await tenantOf('acme')).id, name)
    const { explain } = deps.proofs
    try {
      deps.proofs.explain = async () => ({ ...explained, nextCheckAt: at, lapsesAt: at })
      const control = words(section((await admin.page(domainPath(name))).text, 'control'))
      expect(control).toContain(`Lapses at the earliest ${told} Last look`)
      expect(control).toContain(`Next look ${told} Check now`)
    } finally {
      deps.proofs.explain = explain
    }
  })

  test('says what to publish, then the records, then what was found, and last in its fold what each server said', async () => {
    const name = nameOf('unproven')
    dns.set(`TXT ${challengeName(name)}`, ['something else'])
    await lookAt(name)
    dns.delete(`TXT ${challengeName(name)}`)
    const { advice } = await proofs.explain((await tenantOf('acme')).id, name)
    const control = section((await admin.page(domainPath(name))).text, 'control')
    const token = await tokenOf(name)
    const order = [
      `<div class="records-lead"><p>${advice[0]!}</p>`,
      `data-copy="${token}"`,
      'the TXT record has another value',
      'Check now',
      '<details',
    ].map((part) => control.indexOf(part))
    expect(order).not.toContain(-1)
    expect(order).toEqual(order.toSorted((one, other) => one - other))
    for (const line of advice) expect(decoded(control).split(line)).toHaveLength(2)
  })

  test('a name that is vouched for needs no look: the last one is folded, and said to be not needed', async () => {
    const name = nameOf('vouched')
    await lookAt(name)
    const control = section((await admin.page(domainPath(name))).text, 'control')
    const [open, folded] = control.split('<details')
    expect(words(open!)).toMatch(/Control Vouched for The operator vouches/)
    expect(words(open!)).not.toMatch(/not found|Last look/)
    expect(words(folded!)).toMatch(
      /which is not needed Last look: .* The record was not found\. It is not needed while/,
    )
  })

  test('tells what the looks came to, the newest first, in the API as well', async () => {
    const shown = words(section((await admin.page(domainPath(nameOf('lapsed')))).text, 'control'))
    expect(shown).toMatch(/Check history.* not found .* [34] found, TXT record .* 1 /)
    const { history } = (await viewer.api('GET', `${domainPath(nameOf('lapsed'))}/control`)).json()
    expect(history).toMatchObject([
      { outcome: 'wrong', proof: null }, // somebody may have looked once more
      { outcome: 'ok', proof: 'txt', looks: 1 },
    ])
  })

  test('shows in a table what each name server said at the last look', async () => {
    const control = section((await admin.page(domainPath(nameOf('wavering')))).text, 'control')
    const details = /<details.*<\/details>/s.exec(control)![0]
    expect(details).not.toContain('<details open')
    expect(details).toMatch(/<th scope="col">Name server<\/th><th scope="col">Address<\/th>/)
    const txt = details.split('</table>')[0]!
    expect(words(txt)).toContain('Asked of the name servers of example.com')
    expect(words(txt)).toContain('ns1.example.net 192.0.2.1 has no such record –')
    expect(words(txt)).toContain('ns2.example.net 192.0.2.2 has no such record –')
    expect(txt).toContain('<th scope="row"><bdi class="foreign">ns1.example.net</bdi></th>')
    expect(words(details)).not.toContain('made up')
    const found = words(section((await admin.page(domainPath(nameOf('proven')))).text, 'control'))
    expect(found).toMatch(/TXT waypost-\w+\.proven\.example\.com A name that was made up for this look/)
  })

  test.each([...vectors('stored-xss.txt'), 'a\u202eb\u200bc\u0007'])(
    'T29: a TXT record of %j is shown as text and never run',
    async (value) => {
      const name = nameOf('unproven')
      dns.set(`TXT ${challengeName(name)}`, [value, `${value} again`])
      dns.set(`CNAME ${name}`, [value])
      await lookAt(name)
      const { status, text } = await admin.page(domainPath(name))
      expect(status).toBe(200)
      expectOnlyOurMarkup(text)
      if (/^[\x20-\x7e]{1,50}$/.test(value)) {
        const escaped = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
        expect(section(text, 'control')).toContain(`<bdi class="foreign">${escaped}</bdi>`)
      }
      dns.delete(`TXT ${challengeName(name)}`)
      dns.delete(`CNAME ${name}`)
    },
  )

  test('keeps little of what is endless, and of what is many', async () => {
    const name = nameOf('unproven')
    dns.set(`TXT ${challengeName(name)}`, [
      'x'.repeat(60_000),
      ...Array.from({ length: 50 }, (_, index) => `no. ${index}`),
    ])
    await lookAt(name)
    const { text } = await admin.page(domainPath(name))
    expect(text.length).toBeLessThan(40_000)
    expect(words(section(text, 'control'))).toMatch(/ x{99}… no\. 0 no\. 1 no\. 2 /)
    dns.delete(`TXT ${challengeName(name)}`)
  })

  test('"Check now" looks, and comes back with what was found', async () => {
    const name = await claim('check')
    const check = `${domainPath(name)}/check`
    const once = async () => {
      server.clock.advance(60_000)
      asked.length = 0
      const { to, html } = await press(admin, check)
      expect(to).toBe(`${domainPath(name)}?checked=${server.clock.now().getTime()}`)
      expect(asked).toContain(`TXT ${challengeName(name)}`)
      expect(section(html, 'control')).toContain(`<form method="post" action="${check}">`)
      return notices(html)
    }
    expect(await once()).toMatch(/A look was taken at check.example.com.*mind this.*your record was not found/)
    await publish(name)
    expect(await once()).toMatch(/The record was found: control of check.example.com is proven\. $/)
    dns.set(`TXT ${challengeName(name)}`, 'timeout')
    expect(await once()).toMatch(/A look was taken.*could not be asked for, and nothing is lost by that/)
    expect((await server.deps.sourceDomains.find((await tenantOf('acme')).id, name))?.proof).toBe('txt')
    await server.api('POST', `/tenants/acme/source-domains/${name}/vouch`)
    expect(await once()).toMatch(/There was no clear answer\. None is needed while the operator vouches/)
  })

  test('"Check now", pressed twice, says that what was found is of the look before', async () => {
    const name = await claim('twice')
    const check = `${domainPath(name)}/check`
    const again = async () => {
      server.clock.advance(1000)
      asked.length = 0
      const { html } = await press(admin, check)
      expect(asked).toEqual([])
      return notices(html)
    }
    expect(notices((await press(admin, check)).html)).toMatch(/A look was taken at twice.example.com\. /)
    expect(await again()).toMatch(/Somebody looked a moment ago; this is what was found\. .*your record was not found/)
    await publish(name)
    await lookAt(name)
    expect(await again()).toMatch(
      /Somebody looked a moment ago; this is what was found\. The record was found: control/,
    )
  })

  test('tells whose record was found that another tenant holds the name', async () => {
    const name = await claim('contested')
    await claim('contested', 'hosted', 'rival')
    await publish(name, 'rival')
    await proofs.check((await tenantOf('rival')).id, name, server.act())
    dns.set(`TXT ${challengeName(name)}`, [await tokenOf(name), await tokenOf(name, 'rival')])
    server.clock.advance(60_000)
    const { html } = await press(admin, `${domainPath(name)}/check`)
    expect(notices(html)).toMatch(/A look was taken.*your record was found, but another tenant holds the name/)
    expect(words(section(html, 'control'))).toContain('Control Not proven')
    // It is there already: nothing is to be published
    expect(section(html, 'control')).not.toContain('data-copy')
    expect(section(html, 'records')).toContain(`data-copy="${await tokenOf(name)}"`)
    expect(html).not.toContain('rival')
  })

  test('has its forms for admins only', async () => {
    const path = domainPath(nameOf('proven'))
    expect((await viewer.page(path)).text).toContain('Proven')
    expect((await viewer.page(path)).text).not.toContain(`${path}/check"`)
    expect((await viewer.submit(`${path}/check`, {})).status).toBe(403)
    const rival = await server.person({ roles: { rival: 'owner' } })
    expect((await rival.submit(`${path}/check`, {})).status).toBe(404)
  })

  test('a new claim leads to its page, which says what proves it', async () => {
    const { to, html } = await press(server, '/source-domains', {
      ...{ tenant: 'acme', name: 'new.example.com', mode: 'hosted' },
    })
    expect(to).toBe(domainPath(nameOf('new')))
    expect(notices(html)).toContain('by the DNS record that its page shows or by the operator’s word')
    expect(section(html, 'control')).toContain(`data-copy="${await tokenOf(nameOf('new'))}"`)
  })
})

async function tenantOf(name: string) {
  return (await server.storage.tenants.findByName(name))!
}

test('the list tells the five states apart, each with a few words, and a suspended name first of all as suspended', async () => {
  const { text } = await admin.page('/source-domains?search=ed.example.com')
  const all = text + (await admin.page('/source-domains?search=ing.example.com')).text
  const rows = [...all.matchAll(/<tr>.*?<\/tr>/gs)].map(([row]) => words(row))
  const rowOf = (state: string) => rows.find((row) => row.includes(` ${nameOf(state)} `))
  expect(rowOf('suspended')).toMatch(/Suspended nothing is served/)
  expect(rowOf('suspended')).not.toContain('Proven')
  expect(rowOf('vouched')).toMatch(/Vouched for by the operator’s word/)
  expect(rowOf('lapsed')).toMatch(/Lapsed nothing is served; lapsed/)
  expect(rowOf('wavering')).toMatch(/Wavering record not found; lapses in 3 days/)
  const rest = (await admin.page('/source-domains?search=proven.example.com')).text
  const [proven, unproven] = [...rest.matchAll(/<tr>.*?<\/tr>/gs)].slice(1).map(([row]) => words(row))
  expect(proven).toMatch(/Proven record seen/)
  expect(unproven).toMatch(/Not proven nothing is served yet/)
})

describe('of an external source domain', () => {
  const name = nameOf('external')
  let delegation: string
  const source = `https://${name}/.well-known/tls/_xmpp-server._tcp.${name}`
  const posh = `https://${name}/.well-known/posh/xmpp-server.json`
  const target = `https://${TARGET}/.well-known/tls/_xmpp-server._tcp.${name}`

  beforeAll(async () => {
    await claim('external', 'external')
    const asking = { sourceDomain: name, service: '_xmpp-server', targetHost: TARGET, lineage: 'hosting' }
    const answer = await server.api('POST', '/tenants/acme/delegations', asking)
    delegation = `/tenants/acme/delegations/${String(answer.json()['id'])}`
  })

  test('the page shows a rule for each web server, as text to be copied', async () => {
    const { text } = await viewer.page(domainPath(name))
    const rule = section(text, 'redirect-rule')
    const { items } = (await server.api('GET', `${domainPath(name)}/redirect-rules`)).json() as {
      items: { server: string; title: string; text: string }[]
    }
    expect(items.length).toBeGreaterThan(4)
    const shown = [...rule.matchAll(/<summary>(.*?)<\/summary>(.*?)<pre[^>]*><code>(.*?)<\/code>/gs)]
    expect(shown.map(([, title, , text]) => [title, decoded(text!)])).toEqual(
      items.map(({ title, text }) => [title, text]),
    )
    // What goes to several places is not copied as one
    const copied = shown.map(([, , between]) => /data-copy="(.*?)"/s.exec(between!)?.[1])
    expect(copied.map((text) => text && decoded(text))).toEqual(
      items.map(({ server, text }) => (server === 'cloudflare' || server === 'static' ? undefined : text)),
    )
    expectOnlyOurMarkup(text)
    expect((await admin.page(domainPath(nameOf('proven')))).text).not.toContain('redirect-rule')
  })

  test('nobody’s server is asked before control is proven', async () => {
    for (const path of [domainPath(name), delegation]) {
      const { text } = await admin.page(path)
      expect(words(section(text, 'redirect-rule'))).toContain('Not checked yet')
      expect(text).not.toMatch(/action="[^"]*\/(?:check-rule|verify)"/)
      expect(words(text)).toContain('It can be checked once control of the source domain is proven.')
    }
    for (const [form, fields] of [
      ['verify', {}],
      ['check-rule', { from: 'delegation' }],
    ] as const) {
      const { status, html } = await press(admin, `${delegation}/${form}`, fields)
      expect(status).toBe(409)
      expect(words(html)).toContain(`Control of ${name} is not proven`)
    }
  })

  describe('that is proven', () => {
    beforeAll(async () => {
      await publish(name)
      await lookAt(name)
    })

    test('the rule is checked from either page, and both say what was found', async () => {
      const check = (from: string) => press(admin, `${delegation}/check-rule`, { from })
      /** As the page of the delegation says it, and the list. */
      const standing = async () => {
        const page = (await viewer.page(delegation)).text
        const [row] = /<tr><th scope="row"><a href="[^"]*">(?:(?!<tr>).)*external\.example\.com.*?<\/tr>/s.exec(
          (await viewer.page('/delegations?search=external')).text,
        )!
        const shown = [/<p class="lead">.*?<\/p>/s.exec(page)![0], row]
        return shown.map((html) => `${words(html)} ${/<a href="[^"]*#redirect-rule">/.exec(html)?.[0] ?? ''}`)
      }
      const firstAnswer = async () => words(section((await viewer.page(delegation)).text, 'hops').split('</li>')[0]!)
      const rulePath = `<a href="${domainPath(name)}#redirect-rule">`
      const unseen = [
        expect.stringMatching(
          /^ Redirect not seen .* nobody has looked yet, or .* then check the rule\. .*See the rule/,
        ),
        expect.stringMatching(/ Redirect not seen put the rule on its web server and check it /),
      ]
      expect(await standing()).toEqual(unseen)
      expect((await standing())[0]).toContain(rulePath)
      const nobody = await check('source-domain')
      expect(nobody.to).toBe(`${domainPath(name)}?checked=${server.clock.now().getTime()}`)
      expect(notices(nobody.html)).toMatch(/The web server of external.example.com was asked\. .*mind this: https:\/\//)
      expect(words(section(nobody.html, 'redirect-rule'))).toMatch(/Could not ask checked just now .*nobody answers/)

      expect(await standing()).toEqual(unseen)

      web.set(source, ok(200, {}, '<script>alert(1)</script>'))
      const wrong = await check('delegation')
      expect(wrong.to).toBe(`${delegation}?checked=${server.clock.now().getTime()}`)
      expect(words(section(wrong.html, 'redirect-rule'))).toMatch(/Wrong checked just now/)
      expectOnlyOurMarkup(wrong.html)
      expect(await standing()).toEqual([
        expect.stringMatching(
          /^ Redirect wrong .* does not answer as it should\. Mend the redirect rule on it.*See the/,
        ),
        expect.stringMatching(/ Redirect wrong mend the rule on its web server /),
      ])
      expect((await standing())[0]).toContain(rulePath)
      expect(await firstAnswer()).toContain('Has to be: 302 Found')

      web.set(source, ok(302, { location: target }))
      web.set(target, ok(200, { 'content-type': 'application/pem-certificate-chain' }, CERTIFICATE.certificate))
      web.set(posh, ok(404, {}))
      const right = await check('source-domain')
      expect(notices(right.html)).toContain('The rule of external.example.com is in place.')
      expect(words(section(right.html, 'redirect-rule'))).toMatch(/In place checked just now/)
      const { text } = await viewer.page(delegation)
      expect(words(section(text, 'redirect-rule'))).toMatch(/In place checked just now/)
      expect(await standing()).toEqual([
        expect.stringMatching(/^ Served Requests are answered as shown below\. +$/),
        expect.stringMatching(/ Served hosting\.example\.com /),
      ])
      expect(await firstAnswer()).not.toContain('Has to be')
      expect(text).not.toMatch(/action="[^"]*\/(?:check-rule|verify)"/)
    })

    test('what an initiating entity met is shown step by step, the conclusion first', async () => {
      const shown = async () => {
        const { status, html } = await press(admin, `${delegation}/verify`)
        expect(status).toBe(200)
        expectOnlyOurMarkup(html)
        return html
      }
      web.set(posh, ok(404, {}))
      web.set(source, ok(302, { location: target }))
      web.set(target, ok(200, { 'content-type': 'application/pem-certificate-chain' }, CERTIFICATE.certificate))
      const { storage } = server
      const acme = (await tenantOf('acme')).id
      const id = delegation.split('/').at(-1)!
      await storage.delegations.noteRuleCheck(acme, id, { outcome: 'wrong', found: '', checkedAt: server.clock.now() })
      const proven = await shown()
      // What was seen is kept too: the page that is gone back to says the same
      expect((await storage.delegations.find(acme, id))?.ruleCheck?.outcome).toBe('ok')
      expect(words(proven)).toMatch(/Seen from outside: external.example.com Proven Servers and clients learn/)
      expect(section(proven, 'steps')).toContain(`data-copy="${source}"`)
      expect(section(proven, 'steps')).toContain(`data-copy="${target}"`)
      expect(words(proven)).toContain('/.well-known/tls: Proven. POSH: None.')

      web.set(source, ok(301, { location: '"><svg onload=alert(1)>\u202e' }))
      const disproven = await shown()
      expect(words(disproven)).toMatch(/external.example.com Disproven Servers and clients do not learn/)
      expect(words(section(disproven, 'steps'))).toContain('What to do:')

      web.set(source, { outcome: 'could-not-ask', why: '<img src=x onerror=alert(1)>' })
      const unknown = await shown()
      expect(words(unknown)).toMatch(/external.example.com Could not ask Not everything could be asked/)
    })

    test('a viewer and another tenant ask nobody', async () => {
      const rival = await server.person({ roles: { rival: 'owner' } })
      for (const [form, fields] of [
        ['verify', {}],
        ['check-rule', { from: 'delegation' }],
      ] as const) {
        expect((await viewer.submit(`${delegation}/${form}`, fields)).status).toBe(403)
        expect((await rival.submit(`${delegation}/${form}`, fields)).status).toBe(404)
        const foreign = delegation.replace('/acme/', '/rival/')
        expect((await rival.submit(`${foreign}/${form}`, fields)).status).toBe(404)
      }
    })
  })
})

test('a delegation of a hosted name has no rule to check, and says where its record stands while it is not proven', async () => {
  const asking = { service: '_xmpp-server', targetHost: TARGET, lineage: 'hosting' }
  const made = async (state: string) => {
    const answer = await server.api('POST', '/tenants/acme/delegations', { ...asking, sourceDomain: nameOf(state) })
    return `/tenants/acme/delegations/${String(answer.json()['id'])}`
  }
  const proven = await made('proven')
  expect((await admin.page(proven)).text).toContain(`action="${proven}/verify"`)
  expect((await admin.page(proven)).text).not.toContain('check-rule')
  const { status, html } = await press(admin, `${proven}/check-rule`, { from: 'delegation' })
  expect([status, words(html)]).toEqual([400, expect.stringContaining('is hosted: this server answers for it itself')])
  const { text } = await admin.page(await made('lapsed'))
  expect(words(text)).toContain('Not proven Nothing is served until control of the source domain is proven')
  expect(text).toContain(`<a href="${domainPath(nameOf('lapsed'))}">See which record</a>`)
})

function ok(status: number, headers: Record<string, string>, body = ''): HopReply {
  return {
    outcome: 'ok',
    status,
    headers: Object.entries(headers),
    body: Buffer.from(body),
    tls: { protocol: 'TLSv1.3', address: '192.0.2.80', subject: 'CN=test', names: [], sha256: '00' },
  }
}

function decoded(html: string): string {
  return html.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&')
}
