import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SOURCE_DOMAIN_TROUBLES } from '../../src/delegation/source-domain.ts'
import { openDatabase, type Database } from '../../src/storage/database.ts'
import { seedDomains } from '../support/many-domains.ts'
import { adminServer, type AdminServer, type Somebody } from './admin-server.ts'
import { anAuthority } from './world.ts'

const HOUR_MS = 3_600_000

describe('the overview', () => {
  const folder = mkdtempSync(join(tmpdir(), 'waypost-overview-'))
  const file = join(folder, 'data', 'waypost.db')
  let isClockSteady = true
  let server: AdminServer
  let db: Database
  let operator: Somebody
  let owner: Somebody

  beforeAll(async () => {
    server = await adminServer({ isClockSteady: () => isClockSteady }, { file })
    db = await openDatabase({ url: undefined, file, isReadOnly: false })
    await seedDomains(db, 12_000, server.clock.now())
    operator = await server.person({ isOperator: true })
    owner = await server.person({ roles: { 'tenant-3': 'owner' } })
  })
  afterAll(async () => {
    await db.knex.destroy()
    await server.close()
    rmSync(folder, { recursive: true })
  })

  const text = async (somebody: Somebody, path: string) => {
    const { status, text } = await somebody.page(path)
    expect([path, status]).toEqual([path, 200])
    return text
  }
  const rowsIn = (page: string) => [...page.matchAll(/<th scope="row">.*?<a href="([^"]*)"/g)].map(([, href]) => href!)

  test('is where people begin, and leads to the list of each kind of trouble', async () => {
    expect((await operator.page('/')).headers.location).toBe('/overview')
    const page = await text(operator, '/overview')
    const lists = [...page.matchAll(/<a href="([^"]*)"><strong>/g)].map(([, href]) => href!)
    expect(lists).toEqual([
      '/certificates?standing=expired',
      '/certificates?standing=failing-operator',
      '/source-domains?standing=wavering',
      '/delegations?standing=rule-wrong',
      '/certificates?standing=ending',
      '/certificates?standing=failing-owner',
      '/source-domains?standing=unproven',
      '/certificates?standing=failing-authority',
      '/jobs?failed=yes',
    ])
    for (const list of lists) expect(await text(operator, list)).not.toContain('Nothing stands like that.')
  })

  test('tells an owner what of theirs needs a hand, and nothing of anybody else’s', async () => {
    const page = await text(owner, '/overview')
    expect(page).not.toMatch(/\/tenants\/tenant-[0-24-6]\b|jobs\?failed|authorities/)
    const lists = [...page.matchAll(/<a href="([^"]*)"><strong>/g)].map(([, href]) => href!.replaceAll('&amp;', '&'))
    expect(lists.length).toBeGreaterThan(3)
    for (const list of lists) {
      expect(list).toContain('tenant=tenant-3')
      const rows = rowsIn(await text(owner, list))
      expect(rows.length).toBeGreaterThan(0)
      for (const row of rows) expect(row).toContain('/tenants/tenant-3/')
    }
    expect((await owner.page('/overview?tenant=tenant-4')).status).toBe(404)
  })

  test('counts what there is much of now and then, and says when', async () => {
    const { storage, clock } = server
    expect(await text(operator, '/overview')).toContain('It is being counted for the first time.')
    await storage.census.keep(await storage.census.take(clock.now(), undefined))
    expect(await text(operator, '/overview')).not.toContain('Counted')
    clock.advance(2 * 60_000)
    const page = await text(operator, '/overview')
    expect(page).toMatch(/Counted <time[^>]*>2 minutes ago/)
    expect(page).toMatch(/>12,000<\/a>/)
    expect(page).toContain('id="expiry-title"')
    expect(page).toContain('id="orders-title"')
  })

  test('warns of a clock that was set, and of authorities that give nothing', async () => {
    const clock = 'The clock of the server was set'
    expect(await text(operator, '/overview')).not.toContain(clock)
    isClockSteady = false
    expect(await text(operator, '/overview')).toContain(clock)
    expect(await text(owner, '/overview')).not.toContain(clock)
    isClockSteady = true
    await anAuthority(server, 'one')
    const paused = 'every authority is paused'
    expect(await text(operator, '/overview')).not.toContain(paused)
    const [{ id } = { id: '' }] = await server.storage.authorities.list()
    const until = new Date(server.clock.now().getTime() + HOUR_MS)
    await server.storage.authorities.pause(id, until, 'too many <orders>', server.act())
    const page = await text(operator, '/overview')
    expect(page).toContain(paused)
    expect(page).toContain('too many &lt;orders>')
  })

  describe('lists by how things stand', () => {
    test.each([...SOURCE_DOMAIN_TROUBLES])(
      'source domains, %s: every page once, and the same as a file',
      async (standing) => {
        const found: string[] = []
        let next: string | undefined = `/source-domains?standing=${standing}`
        for (let pages = 0; next !== undefined; pages++) {
          expect(pages).toBeLessThan(10)
          const page = await text(operator, next)
          found.push(...rowsIn(page))
          next = /<a href="([^"]*)" rel="next"/.exec(page)?.[1]?.replaceAll('&amp;', '&')
        }
        expect(new Set(found).size).toBe(found.length)
        const exported = await operator.api('GET', `/overview/source-domains?standing=${standing}`)
        const [header, ...lines] = exported.text.trimEnd().split('\r\n')
        expect(header).toMatch(/^tenant,name,mode,state,/)
        expect(lines.map((line) => line.split(',').slice(0, 2))).toEqual(
          found.map((href) => /tenants\/([^/]*)\/source-domains\/(.*)/.exec(href)!.slice(1)),
        )
        expect(lines.length).toBeGreaterThan(0)
      },
    )

    test('a file is no longer than its filter, and a tenant’s holds nothing else', async () => {
      const lines = async (somebody: Somebody, path: string) =>
        (await somebody.api('GET', path)).text.trimEnd().split('\r\n').slice(1)
      expect(await lines(operator, '/overview/source-domains?mode=external')).toHaveLength(2400)
      const own = await lines(owner, '/tenants/tenant-3/overview/lineages?search=im0000000')
      expect(own).toHaveLength(1)
      expect(own[0]).toMatch(/^tenant-3,front:im00000003\.example,acme,/)
      expect((await owner.api('GET', '/tenants/tenant-4/overview/lineages')).status).toBe(404)
      expect((await owner.api('GET', '/overview/lineages')).status).toBe(403)
    })

    test.each(['/source-domains?standing=unproven', '/certificates?standing=expired'])(
      '%s: a cursor of another list is refused',
      async (path) => {
        const after = '00000000-0000-7000-8000-000000000000.im.example'
        expect((await operator.page(`${path}&after=${after}`)).status).toBe(400)
      },
    )
  })

  describe('saved filters', () => {
    const filter = { standing: 'unproven', search: 'im', filterName: 'Zombies <b>' }

    test('are links to the list as it was, until they are removed', async () => {
      const saved = await operator.submit('/source-domains/filters', filter)
      expect([saved.status, saved.headers.location]).toEqual([303, '/source-domains?search=im&standing=unproven'])
      const page = await text(operator, '/source-domains')
      expect(page).toContain('<a href="/source-domains?search=im&amp;standing=unproven"><bdi>Zombies &lt;b></bdi></a>')
      expect(await text(operator, '/certificates')).not.toContain('Zombies')
      expect(await text(owner, '/source-domains')).not.toContain('Zombies')
      const removal = /action="(\/source-domains\/filters\/[^"]*\/remove)"/.exec(page)![1]!
      expect((await owner.submit(removal, {})).status).toBe(404)
      expect((await operator.submit(removal, {})).status).toBe(303)
      expect(await text(operator, '/source-domains')).not.toContain('Zombies')
    })

    test.each([
      ['without a name', { ...filter, filterName: ' ' }, 400],
      ['that filters nothing', { filterName: 'x' }, 400],
      ['by what there is not', { ...filter, standing: 'nowhere' }, 400],
      ['under a name that is taken', { ...filter, filterName: 'taken' }, 409],
    ])('one %s is refused, and the list is shown', async (_, fields, status) => {
      await operator.submit('/source-domains/filters', { ...filter, filterName: 'taken' })
      const answer = await operator.submit('/source-domains/filters', fields)
      expect(answer.status).toBe(status)
      expect(answer.text).toContain('<h1>Source domains</h1>')
      expect(answer.text).toContain('id="problem"')
    })

    test('who has no account saves none', async () => {
      await server.signIn()
      expect(await text(server, '/source-domains?standing=unproven')).not.toContain('action="/source-domains/filters"')
      expect((await server.submit('/source-domains/filters', filter)).status).toBe(403)
    })
  })
})
