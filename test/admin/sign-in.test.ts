import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { issueSignInLink, signIn } from '../../src/tenant/sign-in.ts'
import { adminServer, ORIGIN, type AdminServer } from './admin-server.ts'

let server: AdminServer
beforeEach(async () => {
  server = await adminServer()
})
afterEach(() => server.close())

const HOUR_MS = 3_600_000

async function link(): Promise<URL> {
  const { url } = await issueSignInLink({ ...server.deps, adminOrigin: ORIGIN }, server.act())
  return new URL(url)
}

async function use(url: URL) {
  return server.submit('/sign-in', { token: url.searchParams.get('token')! })
}

async function isSignedIn(cookie: string): Promise<boolean> {
  return (await server.ask('/api/v1/tenants', { headers: { cookie } })).status === 200
}

describe('a sign-in link', () => {
  test('is not used up by those who only look at it', async () => {
    const url = await link()
    for (let preview = 0; preview < 3; preview++) {
      const shown = await server.ask(url.pathname + url.search)
      expect(shown.status).toBe(200)
      expect(shown.headers['set-cookie']).toBeUndefined()
      expect(shown.text).toContain('<form method="post" action="/sign-in"')
    }
    expect((await use(url)).status).toBe(303)
  })

  test('signs in once', async () => {
    const url = await link()
    expect((await use(url)).headers.location).toBe('/overview')
    const again = await use(url)
    expect(again.status).toBe(410)
    expect(again.headers['set-cookie']).toBeUndefined()
    expect(again.text).toContain('waypost sign-in')
  })

  test('signs in one of many who use it at once', async () => {
    const url = await link()
    const answers = await Promise.all(Array.from({ length: 10 }, () => use(url)))
    expect(answers.map(({ status }) => status).sort()).toEqual([303, ...Array<number>(9).fill(410)])
  })

  test('lives an hour', async () => {
    const [early, late] = [await link(), await link()]
    server.clock.advance(HOUR_MS - 1)
    expect((await use(early)).status).toBe(303)
    server.clock.advance(1)
    expect((await use(late)).status).toBe(410)
  })

  test.each(['', 'x', 'A'.repeat(43), "' or 1=1 --", '\u0000', 'A'.repeat(5000)])(
    'of the token %j is refused',
    async (token) => {
      const answer = await server.submit('/sign-in', { token })
      expect(answer.status).toBeGreaterThanOrEqual(400)
      expect(answer.status).toBeLessThan(500)
      expect(answer.headers['set-cookie']).toBeUndefined()
    },
  )

  test('is kept as a hash only, as the session is', async () => {
    const hashes: string[] = []
    const { links, sessions } = server.deps
    const spied = {
      links: {
        ...links,
        use: (...given: Parameters<typeof links.use>) => (hashes.push(given[0]), links.use(...given)),
      },
      sessions: {
        ...sessions,
        open: (...given: Parameters<typeof sessions.open>) => (hashes.push(given[0]), sessions.open(...given)),
      },
    }
    const token = (await link()).searchParams.get('token')!
    const opened = await signIn({ ...server.deps, ...server.storage, ...spied, origin: ORIGIN }).withLink(token, {
      address: null,
      device: 'a test',
    })
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
    expect(hashes).toEqual([sha256(token), sha256(opened.token)])
    expect(Buffer.from(opened.token, 'base64url')).toHaveLength(32)
  })
})

describe('a session', () => {
  test('is a cookie of this host alone that no script reads', async () => {
    const [cookie] = (await use(await link())).headers['set-cookie']!
    expect(cookie).toMatch(/^__Host-session=[A-Za-z0-9_-]{43}; /)
    const attributes = cookie!.split('; ').slice(1)
    expect(attributes).toEqual(expect.arrayContaining(['HttpOnly', 'Secure', 'SameSite=Lax', 'Path=/']))
    expect(cookie).not.toContain('Domain')
  })

  test('ends after 12 hours of silence', async () => {
    const cookie = await server.signIn()
    server.clock.advance(11 * HOUR_MS)
    expect(await isSignedIn(cookie)).toBe(true)
    server.clock.advance(12 * HOUR_MS + 1)
    expect(await isSignedIn(cookie)).toBe(false)
  })

  test('ends after 7 days, however active it is', async () => {
    const cookie = await server.signIn()
    for (let hour = 0; hour < 7 * 24 - 10; hour += 10) {
      server.clock.advance(10 * HOUR_MS)
      if (hour < 150) expect(await isSignedIn(cookie)).toBe(true)
    }
    server.clock.advance(10 * HOUR_MS)
    expect(await isSignedIn(cookie)).toBe(false)
  })

  test('T28: is another one after each sign-in, and the former ends', async () => {
    const former = await server.signIn()
    const url = await link()
    const answer = await server.submit('/sign-in', { token: url.searchParams.get('token')! })
    const present = answer.headers['set-cookie']![0]!.split(';')[0]!
    expect(present).not.toBe(former)
    expect([await isSignedIn(former), await isSignedIn(present)]).toEqual([false, true])
  })

  test('ends with the sign-out, which clears what the browser keeps', async () => {
    const cookie = await server.signIn()
    const answer = await server.submit('/sign-out', {})
    expect(answer.headers.location).toBe('/sign-in')
    expect(answer.headers['clear-site-data']).toBe('"cache", "storage"') // not "cookies": those of the whole domain would go
    expect(String(answer.headers['set-cookie'])).toMatch(/__Host-session=;.*Expires=Thu, 01 Jan 1970/)
    expect(await isSignedIn(cookie)).toBe(false)
  })

  test.each(['__Host-session=', '__Host-session=x', 'session=abc', '__Host-session=%00', ';;;=;'])(
    'is not made up by the cookie %j',
    async (cookie) => expect(await isSignedIn(cookie)).toBe(false),
  )
})
