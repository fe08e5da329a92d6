import axe, { type AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import { challengeName, edgeNameOf, proofToken } from '../../src/tenant/proof-token.ts'
import { isLeftOut } from '../support/left-out.ts'
import { until } from '../support/until.ts'
import { adminBrowser, sidewaysScroll, type AdminBrowser } from './admin-browser.ts'
import { ORIGIN, type Somebody } from './admin-server.ts'
import { ownerWorld, type OwnerWorld } from './owner-world.ts'

const TURNS_MS = 15_000
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

// Chromium before the real pages, and knotd behind them: what stands in DNS is looked for while somebody waits
describe.skipIf(isLeftOut('knot'))('the owner of a domain', { timeout: 60_000 }, () => {
  let world: OwnerWorld
  let browser: AdminBrowser
  let owner: Somebody
  let page: Page

  beforeAll(async () => {
    world = await ownerWorld()
    const { server } = world
    await server.api('POST', '/tenants', { name: 'acme' })
    owner = await server.person({ roles: { acme: 'owner' } })
    browser = await adminBrowser(server)
    const context = await browser.context()
    const [name = '', ...value] = owner.headers['cookie']!.split('=')
    await context.addCookies([{ name, value: value.join('='), url: ORIGIN }])
    page = await context.newPage()
  })
  afterAll(async () => {
    await browser.close()
    await world.close()
  })
  afterEach(() => expect(browser.complaints.splice(0)).toEqual([]))

  const acme = async () => (await world.server.storage.tenants.findByName('acme'))!
  const tokenOf = async (name: string) => proofToken(world.server.deps.proofKey, (await acme()).id, domainName(name))
  const step = (name: string) => page.locator(`#standing [data-step="${name}"]`)
  const stateOf = (name: string) => step(name).getAttribute('class')
  /** The clock of the server stands still: that of whoever waits before the page does not. */
  const turns = (is: () => Promise<boolean>) =>
    until(async () => {
      if (await is()) return true
      world.server.clock.advance(1000)
      return false
    }, TURNS_MS)

  async function add(typed: string, mode: 'hosted' | 'external'): Promise<void> {
    await page.goto(`${ORIGIN}/source-domains/add`)
    await page.fill('[name=name]', typed)
    await page.click('main button.primary')
    await page.check(`[value=${mode}]`)
    await page.click('main button.primary')
    await page.waitForSelector('#standing')
  }

  test('pastes an address, is asked in plain words where it is served, and sees the record appear', async () => {
    const { dns } = world
    await dns.setZone('example.com', '')
    await page.goto(`${ORIGIN}/source-domains/add`)
    await page.fill('[name=name]', ' <Juliet@IM.Example.com/balcony> ')
    await page.click('main button.primary')
    await page.waitForSelector('[value=hosted]')
    expect(await page.textContent('h1')).toBe('im.example.com')
    expect(await page.isChecked('[value=hosted]')).toBe(true)
    expect(await page.textContent('#why')).toContain('nowhere yet')
    await page.click('main button.primary')
    await page.waitForSelector('#standing')
    expect(page.url()).toBe(`${ORIGIN}/tenants/acme/source-domains/im.example.com`)
    expect(await stateOf('proven')).toBe('is-waiting')

    await turns(async () => (await page.textContent('#record-1'))!.includes('Not found'))
    expect(await page.textContent('#record-1')).toContain('ns1.name-servers.test (127.0.0.11)')
    const details = page.locator('details.in-card', { hasText: 'All of them as a file' })
    await details.locator('summary').click()

    await dns.setZone('example.com', `im CNAME ${edgeNameOf(await acme(), domainName('edge.example.net'))}.`)
    await turns(async () => (await stateOf('proven')) === 'is-done')
    expect(await page.textContent('#record-1')).toContain('Found')
    expect(await page.textContent('#control-summary')).toContain('Proven')
    // What was opened stays open: parts of the page are replaced, not the page
    expect(await details.getAttribute('open')).not.toBeNull()
  })

  test('nobody is asked any more once nothing is waited for', async () => {
    await turns(async () => (await page.locator('#standing').getAttribute('hx-get')) === null)
    const asked = world.dns.queries().length
    world.server.clock.advance(60_000)
    await page.reload()
    expect(await page.locator('#standing').getAttribute('hx-get')).toBeNull()
    expect(world.dns.queries().length).toBe(asked)
  })

  test('sees what is there in place of the record, and who was asked', async () => {
    await world.dns.setZone('example.com', `_waypost-challenge.other TXT "waypost-of-somebody-else"`)
    await add('other.example.com', 'external')
    await turns(async () => (await page.textContent('#record-1'))!.includes('Another value'))
    expect(await page.textContent('#record-1')).toMatch(/Found instead: waypost-of-somebody-else.*Asked:.*ns1/)
    expect(await page.textContent('main')).toContain(await tokenOf('other.example.com'))
    expect(await stateOf('proven')).toBe('is-wrong')
  })

  test('is told where the name servers could not be asked', async () => {
    world.dns.setBehaviour('all', 'servfail')
    await add('silent.example.com', 'external')
    await turns(async () => (await page.textContent('#record-1'))!.includes('Could not ask'))
    expect(await stateOf('proven')).toBe('is-could-not-ask')
    world.dns.setBehaviour('all', 'normal')
  })

  test('reads the records in the words of the panel of who runs the zone', async () => {
    for (const server of ['amir', 'dina'])
      world.dns.setHost(`${server}.ns.cloudflare.com`, [world.dns.addresses['ns1']!])
    await world.dns.setZone('example.org', '', {
      nameServers: ['amir.ns.cloudflare.com', 'dina.ns.cloudflare.com'],
      servedBy: ['ns1', 'ns2'],
    })
    await add('im.example.org', 'hosted')
    await turns(async () => (await page.textContent('#record-1'))!.includes('Not found'))
    await page.reload()
    const control = (await page.textContent('section[aria-labelledby=control]'))!
    expect(control).toContain('The zone is at Cloudflare')
    expect(control).toContain('choose “DNS only”')
    expect(await page.locator('[data-copy="_waypost-challenge.im"]').count()).toBe(1)
    expect(await page.locator('[data-copy="im"]').count()).toBeGreaterThan(0)
    expect(await sidewaysScroll(page)).toBe(0)
  })

  test.each([
    ['dark', 320],
    ['light', 1280],
  ] as const)(
    'whatever stands on them, the pages keep WCAG 2.2 AA and fit (%s, %i pixels)',
    async (colorScheme, width) => {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 900 })
      const faults: string[] = []
      const look = async (what: string) => {
        await page.evaluate(axe.source)
        const { violations } = await page.evaluate<AxeResults>(
          `axe.run(document, ${JSON.stringify({ runOnly: RULES })})`,
        )
        faults.push(...violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${what}: ${id} ${html}`)))
        faults.push(...((await sidewaysScroll(page)) > 0 ? [`${what}: is wider than the window`] : []))
      }
      for (const name of ['im.example.com', 'other.example.com', 'silent.example.com', 'im.example.org']) {
        await page.goto(`${ORIGIN}/tenants/acme/source-domains/${name}`)
        for (const summary of await page.locator('summary').all()) await summary.click()
        await look(name)
      }
      await page.goto(`${ORIGIN}/source-domains/add`)
      await page.fill('[name=name]', 'another.example.org')
      await page.click('main button.primary')
      await page.waitForSelector('[value=hosted]')
      await look('the question')
      expect(faults).toEqual([])
    },
  )

  test('many who wait at one page make this server look no more often', async () => {
    const name = 'crowd.example.com'
    await world.dns.setZone('example.com', '')
    await page.goto('about:blank')
    await owner.api('POST', '/tenants/acme/source-domains', { name, mode: 'external' })
    await owner.api('POST', `/tenants/acme/source-domains/${name}/check`)
    const looks = () =>
      world.dns.queries('ns1').filter((query) => query.type === 'TXT' && query.name === challengeName(domainName(name)))
    const before = looks().length
    for (let time = 0; time < 20; time++) await owner.page(`/tenants/acme/source-domains/${name}`)
    expect(looks().length).toBe(before)
    world.server.clock.advance(5000)
    await Promise.all(Array.from({ length: 10 }, () => owner.page(`/tenants/acme/source-domains/${name}`)))
    await until(async () => looks().length > before)
    expect(looks().length).toBe(before + 1)
  })
})
