import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { accepted, LANGUAGES } from '../../src/admin/pages/language.ts'
import { START } from '../../src/admin/pages/own-path.ts'
import { german } from '../../src/admin/pages/texts-de.ts'
import { texts as english, type Texts } from '../../src/admin/pages/texts.ts'
import { adminServer, type AdminServer, type Answer } from './admin-server.ts'
import { everyPage, firstPages, type Visit } from './every-page.ts'
import { wordsOf, type Told } from './words-of-page.ts'

/** What is the same in both: names, signs, and words that German has from English. */
const SAME = (
  'audit.formats.csv audit.formats.json authorities.keyTypes.ec-p256 authorities.keyTypes.ec-p384 authorities.keyTypes.rsa-2048 authorities.name check.pem check.services._xmpp-client._tcp check.sha256 delegations.facts delegations.location ' +
  'delegations.noAnswer delegations.redirectAnswer direction domains.columnName domains.hostMetaExample fields.code fields.name fields.passphrase imports.csvExample imports.name issuance.outcomes.ok ' +
  'links.label passkeys.name passkeys.title product settings.logo signIn.command targets.columnName tenants.columnName tokens.name verification.outcomes.ok'
).split(' ')

/** A language of the test's own: English with a mark around whatever comes from the catalogue. */
const MARKED = 'x-marked'
const OF_CATALOGUE = /⟦[^⟧]*⟧/

function marked(value: unknown): unknown {
  if (typeof value === 'string') return `⟦${value}⟧`
  if (typeof value === 'function')
    return (...given: unknown[]) => `⟦${(value as (...given: unknown[]) => string)(...given).replace(/[⟦⟧]/g, '')}⟧`
  if (Array.isArray(value)) return value.map(marked)
  return Object.fromEntries(Object.entries(value as object).map(([key, each]) => [key, marked(each)]))
}

/** Elements whose text is somebody's data, or a protocol's. */
const DATA = /(?:^|\.|>)(?:bdi|code|pre|time|textarea|name|method|record-type|plain)(?:\.|$)/
const isData = (within: string) => DATA.test(within.split(' > ').at(-1) ?? '')
/** What people, machines and protocols call things in the world of the test. */
const CALLED = new Set(
  ['acme', 'acme-lineage', 'hosting', 'nobody', 'test', 'a key', 'a test', 'a token', 'Waypost'].concat([
    'English',
    'Deutsch',
    'audit:read',
    'EC',
    'P-256',
    'URL',
  ]),
)
const isCalled = (text: string) => CALLED.has(text) || /^[a-z0-9-]+[@.][a-z0-9.@-]+$/.test(text)

function isOutside({ text, within, language }: Told): boolean {
  const rest = text
    .replace(new RegExp(OF_CATALOGUE, 'g'), '')
    .split(/[\s:,;·()/]+/)
    .filter((word) => /\p{L}/u.test(word) && !isCalled(word))
  return rest.length > 0 && language === MARKED && !isCalled(text) && !isData(within)
}

async function visit(server: AdminServer, { path, session }: Visit, language: string): Promise<Answer> {
  const cookie = [`__Host-language=${language}`, ...(session === null ? [] : [`__Host-session=${session}`])].join('; ')
  return server.ask(path, { headers: { cookie } })
}

describe.each<[string, (server: AdminServer) => Promise<Visit[]>]>([
  ['every page', async (server) => (await everyPage(server)).visits],
  ['what is seen first', firstPages],
])('%s', (_what, visitsOf) => {
  let server: AdminServer
  let visits: Visit[]
  const languages = LANGUAGES as Map<string, Texts>
  beforeAll(async () => {
    languages.set(MARKED, { ...(marked(english) as Texts), language: MARKED, direction: 'ltr' })
    server = await adminServer()
    visits = await visitsOf(server)
  }, 60_000)
  afterAll(async () => {
    languages.delete(MARKED)
    await server.close()
  })

  test('has no word outside of the catalogue, but for data, and what is marked as English', async () => {
    const outside = new Map<string, string>()
    for (const each of visits)
      for (const told of wordsOf((await visit(server, each, MARKED)).text))
        // The reference is made from the API's own descriptions
        if (each.path !== '/api' && isOutside(told)) outside.set(told.text, `${each.path}: ${told.within}`)
    expect(Object.fromEntries(outside)).toEqual({})
  }, 60_000)

  test('in German has no sentence of the English catalogue', async () => {
    const germans = new Set(strings(german).map(([, text]) => text))
    const ours = new Set(strings(english).flatMap(([, text]) => (germans.has(text) ? [] : [text])))
    const left = new Map<string, string>()
    for (const each of visits) {
      const { status, text: html } = await visit(server, each, 'de')
      if (status === 303) continue
      expect([each.path, html.slice(0, 50)]).toEqual([each.path, expect.stringContaining('<html lang="de" dir="ltr"')])
      for (const { text, within, language } of wordsOf(html))
        if (language === 'de' && ours.has(text) && !isData(within)) left.set(text, `${each.path}: ${within}`)
    }
    expect(Object.fromEntries(left)).toEqual({})
  }, 60_000)
})

describe('the German catalogue', () => {
  test('has every key of the English one', () => {
    expect(shapeOf(german)).toEqual({ ...(shapeOf(english) as object), rules: shapeOf(german.rules) })
  })

  test('says nothing in English but what is the same in both', () => {
    const germans = new Map(strings(german))
    const same = strings(english).filter(([path, text]) => germans.get(path) === text)
    expect(same.map(([path]) => path).sort()).toEqual(SAME)
  })

  test('gives a text for every number and name', () => {
    for (const [path, tell] of functions(german)) {
      const told = tellWith(tell)
      expect([path, told]).toEqual([path, expect.stringMatching(/\p{L}|\d/u)])
      expect([path, told]).not.toEqual([path, expect.stringMatching(/undefined|NaN|\[object|null/)])
    }
  })

  test.each([
    ['one', (t: Texts) => t.account.endedOthers(1), 'Ein anderes Gerät ist abgemeldet.'],
    ['several', (t: Texts) => t.account.endedOthers(3), '3 andere Geräte sind abgemeldet.'],
    ['thousands', (t: Texts) => t.control.moreValues(12_345), 'und 12.345 weitere'],
    ['a day', (t: Texts) => t.day(new Date('2026-07-31T12:00:00Z')), '31.07.2026'],
    ['in days', (t: Texts) => t.relative(new Date(3 * 86_400_000), new Date(0)), 'in 3 Tagen'],
    ['a day ago', (t: Texts) => t.relative(new Date(0), new Date(86_400_000)), 'gestern'],
    ['now', (t: Texts) => t.relative(new Date(0), new Date(0)), 'gerade eben'],
  ])('counts and tells the time: %s', (_what, told, text) => expect(told(german)).toBe(text))
})

describe('the language', () => {
  test.each([
    ['', undefined],
    ['de', 'de'],
    ['DE-at', 'de'],
    ['de-DE-1996, en;q=0.9', 'de'],
    ['en;q=0.8, de;q=0.9', 'de'],
    ['en, de', 'en'],
    ['fr, de;q=0.3', 'de'],
    ['fr-CH, fr;q=0.9, *;q=0.5', 'en'],
    ['de;q=0, en', 'en'],
    ['de;q=0', undefined],
    ['fr', undefined],
    ['de;q=2', undefined],
    ['de;q=0.12345', undefined],
    ['deutsch-sprachig-und-noch-vieles-mehr', undefined],
    ['de;level=1', undefined],
    [`${'fr,'.repeat(50)}de`, undefined],
    ['__proto__', undefined],
  ])('that %j accepts is %s', (list, language) => expect(accepted(list)?.language).toBe(language))

  let server: AdminServer
  beforeAll(async () => (server = await adminServer()))
  afterAll(() => server.close())
  const shown = async (headers: Record<string, string>) => (await server.ask('/sign-in', { headers })).text

  test.each([
    ['of the browser', { 'accept-language': 'de-AT, en;q=0.5' }, 'de'],
    ['chosen, whatever the browser says', { cookie: '__Host-language=en', 'accept-language': 'de' }, 'en'],
    [
      'of the browser, where nobody knows the chosen one',
      { cookie: '__Host-language=xx', 'accept-language': 'de' },
      'de',
    ],
    ['English where nothing is known', {}, 'en'],
    [
      'English where nonsense is sent',
      { cookie: '__Host-language="><script>', 'accept-language': '\u00e9;q=,,;' },
      'en',
    ],
  ])('is the one %s', async (_what, headers, language) => {
    expect(await shown(headers)).toContain(`<html lang="${language}" dir="ltr">`)
  })

  test('is that of refusals too, and what another room says is marked as English', async () => {
    const german = { cookie: '__Host-language=de' }
    const { text, status } = await server.ask('/invitation?token=x', { headers: german })
    expect(status).toBe(410)
    expect(text).toContain('<h1>Der Link ist verbraucht</h1>')
    expect(text).toMatch(/<p><span lang="en">[A-Z]/)
    const inEnglish = await server.ask('/invitation?token=x')
    expect(inEnglish.text).not.toContain('<span lang')
  })
})

describe('the forms in the foot', () => {
  let server: AdminServer
  beforeAll(async () => (server = await adminServer()))
  afterAll(() => server.close())
  const cookies = (answer: Answer) => [answer.headers['set-cookie'] ?? []].flat()

  test.each(['/sign-in', '/account', '/api'])('stand on %s, and lead back to it', async (path) => {
    await server.signIn()
    const { text } = await server.page(path)
    const form = /<form[^>]*action="\/preferences"[^>]*>.*?<\/form>/.exec(text)?.[0] ?? ''
    expect(form).toContain(`name="next" value="${path}"`)
    expect(form).toMatch(/<button[^>]*name="language"[^>]*value="de"[^>]*lang="de"/)
  })

  test('choose a language, for whoever has signed in and whoever has not', async () => {
    for (const who of [await server.person(), server]) {
      const done = await who.submit('/preferences', { language: 'de', next: '/sign-in?next=%2Fusers' })
      expect([done.status, done.headers.location]).toEqual([303, '/sign-in?next=%2Fusers'])
      const [cookie] = cookies(done)
      expect(cookie).toMatch(/^__Host-language=de; .*Path=\/; .*HttpOnly; Secure; SameSite=Lax$/)
    }
  })

  test.each(['light', 'dark'])('choose %s colours, before anything is painted', async (theme) => {
    const done = await server.submit('/preferences', { theme, next: '/sign-in' })
    expect(cookies(done)[0]).toMatch(new RegExp(`^__Host-theme=${theme};`))
    const { text } = await server.ask('/sign-in', { headers: { cookie: `__Host-theme=${theme}` } })
    expect(text).toContain(`data-theme="${theme}"`)
    expect(text).toContain(`<meta name="color-scheme" content="${theme}"/>`)
  })

  test('give the colours back to the system', async () => {
    const done = await server.submit('/preferences', { theme: 'system', next: '/sign-in' })
    expect(cookies(done)[0]).toMatch(/^__Host-theme=; .*Expires=Thu, 01 Jan 1970/)
    const { text } = await server.ask('/sign-in', { headers: { cookie: '__Host-theme=mauve' } })
    expect(text).not.toContain('data-theme')
  })

  test.each([{ language: 'xx' }, { theme: 'mauve' }, { language: '' }, { nothing: 'x' }])(
    'take no notice of %j',
    async (fields) => {
      const done = await server.submit('/preferences', { ...fields, next: '/sign-in' })
      expect([done.status, done.headers.location, cookies(done)]).toEqual([303, '/sign-in', []])
    },
  )

  test.each([
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    'javascript:alert(1)',
    '/\t/evil.example',
    '',
  ])('never lead to %j', async (next) => {
    const done = await server.submit('/preferences', { theme: 'dark', next })
    expect([done.status, done.headers.location]).toEqual([303, START])
  })

  test('are refused from another site', async () => {
    const asked = { 'sec-fetch-site': 'cross-site', 'content-type': 'application/x-www-form-urlencoded' }
    const done = await server.ask('/preferences', { method: 'POST', headers: asked, body: 'language=de' })
    expect([done.status, cookies(done)]).toEqual([403, []])
  })

  test('do not stand beside what is shown this once', async () => {
    const owner = await server.person({ isOperator: true })
    const issued = await owner.submit('/operator/tokens', {
      name: 'x',
      addresses: '',
      lives: '30',
      'audit:read': 'yes',
    })
    expect([issued.status, issued.text]).toEqual([200, expect.stringContaining('wp_')])
    expect(issued.text).not.toContain('action="/preferences"')
  })
})

function shapeOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return typeof value
  if (Array.isArray(value)) return value.map(shapeOf)
  const sorted = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(sorted.map(([key, each]) => [key, shapeOf(each)]))
}

function strings(value: unknown, path = ''): [path: string, text: string][] {
  if (typeof value === 'string') return [[path, value]]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, each]) => strings(each, path === '' ? key : `${path}.${key}`))
}

type Tell = (...given: unknown[]) => unknown

function functions(value: unknown, path = ''): [path: string, tell: Tell][] {
  if (typeof value === 'function') return [[path, value as Tell]]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, each]) => functions(each, path === '' ? key : `${path}.${key}`))
}

/** What a function of the catalogue takes cannot be asked of it: the first of these that it can do something with. */
function tellWith(tell: Tell): string {
  const at = new Date('2026-07-31T12:00:00Z')
  const given: unknown[][] = [
    ['x.example', 'y', 'z', 'w', 'v'],
    [3, 4, 5, 6],
    [['a', 'b']],
    [at, at],
    ['no-zone', 'x.example', null, 'x.example', []],
    ['x.example', { type: 'TXT', at: 'x', seenAt: at }, 'asked'],
    ['x.example', at, at, false],
    ['x.example', 'TXT', ['a'], false, ''],
    ['x.example', ['a'], ['b']],
    ['x.example', at, true],
    [at, true],
    ['x.example', 'y', ['z']],
    ['x.example', at, at, null],
    [{ issued: 3, failed: 1, abandoned: 1 }],
    ['wrong', false],
    ['x.example', 'TXT', true, ['a']],
    ['x.example', null, ['a']],
    [null, 'x.example', ['a']],
    ['clients', false, 'x.example'],
  ]
  for (const each of given) {
    try {
      const told = tell(...each)
      if (typeof told === 'string' && !/undefined|NaN|\[object|null|Invalid/.test(told)) return told
    } catch {
      // It takes something else
    }
  }
  return ''
}
