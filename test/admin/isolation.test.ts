import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isolated, isolating, withIsolates, withOwnIsolates } from '../../src/admin/pages/isolation.ts'
import { german } from '../../src/admin/pages/texts-de.ts'
import { legible, visible } from '../../src/admin/pages/visible.ts'
import { adminServer, type AdminServer, type Somebody } from './admin-server.ts'
import { lineageNamed, thingsOf } from './world.ts'
import { wordsOf } from './words-of-page.ts'

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdcf\ufe70-\ufefe]/
/** Names that people may have, and names that they give where they want a page to read otherwise. */
const NAMES = [
  ['Hebrew', 'שלום'],
  ['Arabic', 'مرحبا'],
  ['with digits behind', 'שלום 123'],
  ['with both directions', 'abc אבג def'],
  ['that ends in punctuation', 'אבג (x'],
  ['of two words', 'אבג, דהו'],
]
const CONTROLS = [
  ['an override', 'a\u202etxt.exe'],
  ['an override that is never ended', '\u202d\u202e\u202e'],
  ['isolates of its own', '\u2066hidden\u2069'],
  ['the end of an isolate', 'a\u2069\u2069b'],
  ['marks', '\u200f\u061cab\u200e'],
  ['noncharacters such as ours', 'a\ufdd1\ufdd0b\ufdd0\ufdd1'],
  ['half a character', 'a\ud800b'],
  ['an embedding around Hebrew', '\u202bאבג\u202c'],
]
const FORBIDDEN = /[\u200b-\u200f\u061c\u202a-\u202e\u2066\u2067\u{fdd0}-\u{fdef}]/u

describe('a name of the other writing direction', () => {
  let server: AdminServer
  let owner: Somebody
  let names = 0
  beforeAll(async () => {
    server = await adminServer()
    await server.signIn()
    await thingsOf(server, 'acme')
    owner = await server.person({ roles: { acme: 'owner' } })
  }, 60_000)
  afterAll(() => server.close())

  /** Every place where it is shown keeps it apart, and all isolates are closed in the same text. */
  function expectApart(html: string): void {
    for (const { text, within } of wordsOf(html)) {
      expect(text).not.toMatch(FORBIDDEN)
      expect([text, isBalanced(text)]).toEqual([text, true])
      if (!RIGHT_TO_LEFT.test(text.replace(/\u2068[^\u2068\u2069]*\u2069/g, ''))) continue
      // What a control or its label holds is apart from the page by itself
      expect([text, within]).toEqual([text, expect.stringMatching(/(?:bdi|option|textarea|visually-hidden)[^>]*$/)])
    }
  }

  test.each([...NAMES, ...CONTROLS.filter(([, name]) => !/[\ud800\ufdd0]/.test(name!))])(
    '%s: a lineage, a token, a search, a device',
    async (_what, name) => {
      const called = `${name} ${++names}`
      const lineage = await lineageNamed(server, 'acme', called)
      const issued = await owner.submit('/tenants/acme/tokens', {
        name: called,
        addresses: '',
        lives: '30',
        'audit:read': 'yes',
      })
      const renamed = await owner.submit(`/account/sessions/${(await ownSession(server, owner)).id}/rename`, {
        name: called,
      })
      for (const answer of [issued, renamed]) if (answer.status === 200) expectApart(answer.text)
      for (const language of ['en', 'de'])
        for (const path of [
          '/certificates',
          lineage,
          `${lineage}/remove`,
          '/tenants/acme/tokens',
          '/tenants/acme/audit',
          '/account',
          '/delegations/register',
          `/delegations?search=${encodeURIComponent(name.replace(/[^\p{L} ]/gu, ''))}`,
          `/source-domains?search=${encodeURIComponent(name.replace(/[^\p{L} ]/gu, ''))}`,
        ]) {
          const cookie = `${owner.headers['cookie']}; __Host-language=${language}`
          const { status, text } = await server.ask(path, { headers: { cookie } })
          expect([path, status]).toEqual([path, 200])
          expectApart(text)
        }
    },
    30_000,
  )

  test('is told of in a notice without reordering it', async () => {
    const done = await owner.submit(`/account/sessions/${(await ownSession(server, owner)).id}/rename`, { name: 'אבג' })
    const notice = /__Host-notice=[^;]+/.exec(String(done.headers['set-cookie']))?.[0]
    const { text } = await server.ask('/account', { headers: { cookie: `${owner.headers['cookie']}; ${notice}` } })
    expect(text).toContain('It is called \u2068אבג\u2069 now.')
    expectApart(text)
  })
})

describe('isolates', () => {
  test.each(NAMES)('stand around a name: %s', (_what, name) => {
    expect(withIsolates(isolating(german, 'ltr').members.removeTitle(name, 'acme'))).toBe(
      `\u2068${name}\u2069 aus acme entfernen?`,
    )
  })

  test('stand around no name that is written as the page is', () => {
    expect(isolated('acme', 'ltr')).toBe('acme')
    expect(isolated('acme', 'rtl')).not.toBe('acme')
    expect(isolated('123', 'rtl')).toBe('123')
  })

  test.each(CONTROLS)('cannot be brought by a stranger: %s', (_what, name) => {
    expect(withIsolates(visible(name))).not.toMatch(/[\u2066-\u2069\ufdd0\ufdd1]/)
    const sentence = withIsolates(legible(isolating((given: string) => `x ${given} y`, 'ltr')(name)))
    expect(sentence).not.toMatch(FORBIDDEN)
    expect(isBalanced(sentence)).toBe(true)
  })

  test('that were cut off are closed, and those that close nothing are written out', () => {
    const cut = legible(isolating((given: string) => `x ${given} y`, 'ltr')('אבג'.repeat(200)))
    expect(isBalanced(withIsolates(cut))).toBe(true)
    expect(withOwnIsolates('a\ufdd1b\ufdd0', (text) => text)).toBe('a\\u{fdd1}b\\u{fdd0}')
  })
})

function isBalanced(text: string): boolean {
  let open = 0
  for (const character of text) {
    if (character === '\u2068') open++
    if (character === '\u2069' && --open < 0) return false
  }
  return open === 0
}

async function ownSession(server: AdminServer, owner: Somebody) {
  const { user } = owner as Somebody & { user: { id: string } }
  const [session] = await server.storage.sessions.list(user.id, server.clock.now())
  return session!
}
