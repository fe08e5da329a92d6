import http from 'node:http'
import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { adminServer, type AdminServer } from './admin-server.ts'

let server: AdminServer
beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
  for (const name of ['acme', 'rival']) await server.api('POST', '/tenants', { name })
  for (const tenant of ['acme', 'rival'])
    for (const number of [1, 2, 3])
      await server.api('POST', `/tenants/${tenant}/source-domains`, { name: `${tenant}-${number}.example.com` })
})
afterAll(() => server.close())

interface Event {
  sequence: number
  at: string
  tenant: string | null
  actor: string
  address: string | null
  action: string
  subject: string
  detail: unknown
  hash: string
}
const events = async (path: string) => (await server.api('GET', path)).json().items as Event[]

describe('the audit trail', () => {
  test('tells who did what from where, newest first, page after page without a gap', async () => {
    const seen: Event[] = []
    for (let next: string | null = '/api/v1/audit?limit=3'; next !== null;) {
      const page = (await server.api('GET', next.slice('/api/v1'.length))).json()
      expect((page.items as Event[]).length).toBeLessThanOrEqual(3)
      seen.push(...(page.items as Event[]))
      next = page.next as string | null
    }
    expect(seen[0]).toMatchObject({
      tenant: 'rival',
      actor: 'operator',
      address: '127.0.0.1',
      subject: 'rival-3.example.com',
      hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    })
    expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_, at) => seen.length - at))
  })

  test('is filtered by action, actor, subject and time', async () => {
    expect((await events('/audit?action=tenant')).map(({ action }) => action)).toEqual(['tenant.add', 'tenant.add'])
    expect(await events('/audit?action=tena')).toEqual([])
    expect((await events('/audit?subject=acme-2.example.com')).length).toBe(1)
    expect(await events('/audit?actor=nobody')).toEqual([])
    const at = server.clock.now().toISOString()
    expect(await events(`/audit?until=${at}`)).toEqual([])
    expect((await events(`/audit?from=${at}`)).length).toBeGreaterThan(7)
    for (const query of ['from=yesterday', 'after=0', 'after=x', 'limit=0', 'tenant=acme'])
      expect([query, (await server.api('GET', `/audit?${query}`)).status]).toEqual([query, 400])
  })

  test('of a tenant holds its own events only, and is for its admins', async () => {
    const admin = await server.person({ roles: { acme: 'admin' } })
    const own = (await admin.api('GET', '/tenants/acme/audit')).json().items as Event[]
    expect(new Set(own.map(({ tenant }) => tenant))).toEqual(new Set(['acme']))
    expect(own.some(({ subject }) => subject === 'acme-1.example.com')).toBe(true)
    const viewer = await server.person({ roles: { acme: 'viewer' } })
    for (const path of ['/tenants/acme/audit', '/tenants/acme/audit/export'])
      expect((await viewer.api('GET', path)).json().code).toBe('forbidden')
    for (const path of ['/tenants/rival/audit', '/tenants/rival/audit/export'])
      expect((await admin.api('GET', path)).json().code).toBe('not-found')
    for (const path of ['/audit', '/audit/export', '/audit/verification'])
      expect((await admin.api('GET', path)).json().code).toBe('forbidden')
  })

  test('is whole, as the head that was written down before says too', async () => {
    const before = (await server.api('GET', '/audit/verification')).json() as {
      isWhole: boolean
      events: number
      head: { sequence: number; hash: string }
    }
    expect(before).toMatchObject({ isWhole: true, events: before.head.sequence })
    await server.api('POST', '/tenants', { name: 'later' })
    const { sequence, hash } = before.head
    const head = (text: string) => server.api('GET', `/audit/verification?head=${text}`)
    expect((await head(`${sequence}:${hash}`)).json().isWhole).toBe(true)
    expect((await head(`${sequence}:${'0'.repeat(64)}`)).json()).toMatchObject({ isWhole: false, sequence })
    expect((await head(`${sequence + 1000}:${hash}`)).json()).toMatchObject({ isWhole: false })
    for (const text of ['', '1', `1:${'g'.repeat(64)}`, `-1:${hash}`]) expect((await head(text)).status).toBe(400)
  })
})

describe('an export', () => {
  test('has the same events, oldest first, as one JSON object a line', async () => {
    const answer = await server.api('GET', '/audit/export?format=json')
    expect(answer.headers['content-type']).toBe('application/x-ndjson')
    expect(answer.headers['content-disposition']).toBe('attachment; filename=audit.json')
    const lines = answer.text.trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual((await events('/audit?limit=200')).reverse())
  })

  test('has them as CSV too, filtered as the list', async () => {
    const answer = await server.api('GET', '/tenants/acme/audit/export?format=csv&action=source-domain')
    expect(answer.headers['content-type']).toBe('text/csv; charset=utf-8')
    const rows: Record<string, string>[] = parse(answer.text, { columns: true })
    expect(rows.map((row) => row['subject'])).toEqual([1, 2, 3].map((number) => `acme-${number}.example.com`))
    expect(Object.keys(rows[0]!)).toEqual([
      'sequence',
      'at',
      'tenant',
      'actor',
      'address',
      'action',
      'subject',
      'detail',
      'hash',
    ])
    expect(JSON.parse(rows[0]!['detail']!)).toBeTypeOf('object')
  })

  test('of nothing is a header, or nothing', async () => {
    const none = '/audit/export?actor=nobody&format='
    expect((await server.api('GET', `${none}csv`)).text).toMatch(/^sequence,.*,hash\r\n$/)
    expect((await server.api('GET', `${none}json`)).text).toBe('')
  })

  test('reads the trail page by page, however long it is, and no more of it than somebody takes', async () => {
    const { storage, act } = server
    const TOTAL = 20_000
    const sizes: number[] = []
    let most = 0
    const long = await adminServer({
      audit: {
        ...storage.audit,
        async list(_tenantId, { after = 0, limit }) {
          sizes.push(limit)
          most = after + limit
          const rest = Math.min(limit, TOTAL - after)
          return Array.from({ length: rest }, (_, at) => ({
            ...{ sequence: after + at + 1, id: '', at: act().at, tenantId: null, actor: 'x'.repeat(1000) },
            ...{ address: null, action: 'test', subject: 's', detail: {}, hash: '' },
          }))
        },
      },
    })
    try {
      await long.signIn()
      const answer = await long.api('GET', '/audit/export')
      expect(answer.text.split('\n')).toHaveLength(TOTAL + 1)
      expect(Math.max(...sizes)).toBeLessThanOrEqual(1000)
      expect(sizes.length).toBeGreaterThan(19)

      most = 0
      await new Promise<void>((resolve, reject) => {
        const headers = { host: 'admin.example.net', cookie: long.cookie() }
        http
          .get(
            { host: '127.0.0.1', port: long.port, path: '/api/v1/audit/export', headers, agent: false },
            (response) => {
              response.once('data', () => {
                response.destroy()
                resolve()
              })
            },
          )
          .on('error', reject)
      })
      let last = -1
      await until(() => {
        const isStill = most === last
        last = most
        return isStill
      })
      expect(most).toBeLessThan(TOTAL)
    } finally {
      await long.close()
    }
  })

  test('that fails before its first line is a problem, and not an empty success', async () => {
    const broken = await adminServer({
      audit: { ...server.storage.audit, list: () => Promise.reject(new Error('the disk is gone')) },
    })
    try {
      await broken.signIn()
      const answer = await broken.api('GET', '/audit/export')
      expect([answer.status, answer.json().code]).toEqual([500, 'internal'])
      expect(answer.headers['content-disposition']).toBeUndefined()
    } finally {
      await broken.close()
    }
  })
})
