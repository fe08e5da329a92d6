import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Job } from '../../src/work/job.ts'
import { adminServer, ORIGIN, readyToDelegate, type AdminServer, type Answer, type Somebody } from './admin-server.ts'
import { expectOnlyOurMarkup } from './only-our-markup.ts'

let server: AdminServer
let owner: Somebody
let count = 0

beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
  await readyToDelegate(server)
  owner = await server.person({ roles: { acme: 'owner' } })
})
afterAll(() => server.close())

let name: string // another in each test
beforeEach(() => void (name = `d${++count}.example.org`))

const run = async (id: unknown) => server.deps.fileImports.job({ key: String(id) } as Job)
const cancelAll = async () => {
  for (const path of ['/tenants/acme/imports', '/operator/imports']) {
    const { items } = (await server.api('GET', path)).json() as { items: { id: string; state: string }[] }
    for (const { id, state } of items)
      if (state === 'ready' || state === 'running') await server.api('DELETE', `${path}/${id}`)
  }
}
beforeEach(cancelAll)

describe('by the API', () => {
  const bring = (csv: string, query = '', by = owner) => by.api('POST', `/tenants/acme/imports${query}`, { csv })
  const asText = (path: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> =>
    server.ask(`/api/v1${path}`, {
      method: 'POST',
      headers: { ...owner.headers, origin: ORIGIN, 'content-type': 'text/csv', ...headers },
      body,
    })

  test('a file is brought, carried out in the background, looked at, and its result fetched', async () => {
    const brought = await bring(`domain;target;certificate\n${name};hosting.example.com;hosting\nno name;;\n`)
    expect(brought.status).toBe(201)
    const { id } = brought.json()
    expect(brought.json()).toMatchObject({ state: 'running', tenant: 'acme', lines: 2, added: 0, refused: 0 })
    const path = String(brought.headers.location).replace('/api/v1', '')
    expect(path).toBe(`/tenants/acme/imports/${String(id)}`)
    expect((await owner.api('GET', `/tenants/acme/source-domains/${name}`)).status).toBe(404)
    await run(id)
    expect((await owner.api('GET', path)).json()).toMatchObject({
      ...{ state: 'done', added: 1, thereAlready: 0, refused: 1, columns: ['domain', 'target', 'certificate'] },
    })
    expect((await owner.api('GET', `/tenants/acme/source-domains/${name}`)).status).toBe(200)
    const delegations = (await owner.api('GET', `/tenants/acme/delegations?search=${name}`)).json()
    expect(delegations).toMatchObject({ items: [{ sourceDomain: name, targetHost: 'hosting.example.com' }] })
    const result = await owner.api('GET', `${path}/result`)
    expect(result.headers['content-type']).toMatch(/^text\/csv/)
    expect(result.headers['content-disposition']).toMatch(/^attachment; filename="?import-/)
    expect(result.text.split('\r\n')).toEqual([
      'line,domain,outcome,reason',
      `2,${name},added,`,
      expect.stringMatching(/^3,no name,refused,".*no domain name: .*"$/),
      '',
    ])
    expect((await owner.api('GET', '/tenants/acme/imports?limit=1')).json()).toMatchObject({ items: [{ id }] })
  })

  test('a rehearsal changes nothing until it is confirmed', async () => {
    const { id } = (await bring(name, '?rehearsal=true')).json()
    const path = `/tenants/acme/imports/${String(id)}`
    await run(id)
    expect((await owner.api('GET', path)).json()).toMatchObject({ state: 'ready', added: 1 })
    expect((await owner.api('GET', `${path}/result`)).text).toContain(`1,${name},would be added,\r\n`)
    expect((await owner.api('POST', `${path}/confirm`)).json()).toMatchObject({ state: 'running' })
    await run(id)
    expect((await owner.api('GET', path)).json()).toMatchObject({ state: 'done', added: 1 })
    expect((await owner.api('POST', `${path}/confirm`)).status).toBe(409)
    expect((await owner.api('DELETE', path)).status).toBe(409)
  })

  test('is cancelled: what was not done is told as such', async () => {
    const { id } = (await bring(name)).json()
    const path = `/tenants/acme/imports/${String(id)}`
    expect((await bring('other.example.org')).json()).toMatchObject({ code: 'already-exists' })
    expect((await owner.api('DELETE', path)).status).toBe(204)
    await run(id)
    expect((await owner.api('GET', path)).json()).toMatchObject({ state: 'cancelled', added: 0 })
    expect((await owner.api('GET', `${path}/result`)).text).toContain(`1,${name},not done,\r\n`)
  })

  test.each([
    ['in UTF-8', (csv: string) => Buffer.from(csv), {}, 1],
    ['with a byte order mark', (csv: string) => Buffer.from(`\ufeff${csv}`), {}, 1],
    [
      'in the encoding that its header names',
      (csv: string) => Buffer.from(csv, 'latin1'),
      { 'content-type': 'text/csv; charset=iso-8859-1' },
      1,
    ],
    ['in another encoding than it says', (csv: string) => Buffer.from(csv, 'latin1'), {}, 0],
  ])('a body of text/csv is taken %s', async (_what, bytes, headers, added) => {
    const answer = await asText('/tenants/acme/imports?rehearsal=true', bytes(`bücher.${name}\n`), headers)
    expect([answer.status, answer.json()['added']]).toEqual([201, added])
  })

  test.each([
    ['no CSV', 'domain\n"', 400],
    ['nothing', '', 400],
    ['only titles', 'domain\n', 400],
    ['more than 10 MB', 'a'.repeat(12 * 2 ** 20), 413],
    ['more lines than 100,000', 'a.example\n'.repeat(100_001), 413],
  ])('%s is refused', async (_what, body, status) => {
    expect((await asText('/tenants/acme/imports', body)).status).toBe(status)
  })

  test('cells that a spreadsheet would take for a formula are made harmless, and lines stay lines', async () => {
    const cells = ['=1+1', '+1', '-1', '@x', '＝1', '=cmd|"/c calc"!A1', 'a\u202eb', '"x\ny"', '=\u0000'.slice(0, 1)]
    const csv = ['domain', ...cells.map((cell) => (/^"/.test(cell) ? cell : `"${cell.replaceAll('"', '""')}"`))].join(
      '\n',
    )
    const { id } = (await bring(csv, '?rehearsal=true')).json()
    const { text } = await owner.api('GET', `/tenants/acme/imports/${String(id)}/result`)
    const rows = text.trim().split('\r\n').slice(1)
    expect(rows).toHaveLength(cells.length)
    for (const row of rows) expect(row).not.toMatch(/(?:^|,)"?[=+\-@\t\r＝＋－＠]/)
    expect(text).toContain(`'=1+1`)
    expect(text).not.toMatch(/[\u202e\u0000]/)
  })

  test('a token that may not register delegations imports names only', async () => {
    const program = await server.program('acme', ['source-domains:write'])
    expect((await bring(name, '', program as never)).status).toBe(201)
    await cancelAll()
    const delegating = await bring(`${name},,hosting.example.com,hosting`, '', program)
    expect([delegating.status, delegating.json()['code']]).toEqual([403, 'forbidden'])
    const { id } = (await bring(`${name},,hosting.example.com,hosting`, '?rehearsal=true')).json()
    const confirmed = await program.api('POST', `/tenants/acme/imports/${String(id)}/confirm`)
    expect([confirmed.status, confirmed.json()['code']]).toEqual([403, 'forbidden'])
  })

  test('only an operator vouches, and only an operator confirms what an operator brought', async () => {
    const csv = `domain,vouch\n${name},yes`
    expect((await bring(csv, '?rehearsal=true')).json()).toMatchObject({ added: 0, refused: 1 })
    const brought = await server.api('POST', '/tenants/acme/imports?rehearsal=true', { csv })
    expect(brought.json()).toMatchObject({ added: 1, refused: 0 })
    const path = `/tenants/acme/imports/${String(brought.json()['id'])}`
    expect((await owner.api('POST', `${path}/confirm`)).status).toBe(403)
    expect((await server.api('POST', `${path}/confirm`)).status).toBe(200)
    await run(brought.json()['id'])
    expect((await owner.api('GET', `/tenants/acme/source-domains/${name}`)).json()).toMatchObject({ proof: 'vouched' })
  })

  test('of the operator goes to the tenants that its lines name', async () => {
    await server.api('POST', '/tenants', { name: 'second' })
    const csv = `domain,tenant\n${name},acme\nx.${name},second\ny.${name},\nz.${name},nobody`
    const { id } = (await server.api('POST', '/operator/imports', { csv })).json()
    await run(id)
    const found = (await server.api('GET', `/operator/imports/${String(id)}`)).json()
    expect(found).toMatchObject({ tenant: null, added: 2, refused: 2 })
    expect((await server.api('GET', `/tenants/second/source-domains/x.${name}`)).status).toBe(200)
    expect((await owner.api('GET', `/operator/imports/${String(id)}`)).status).toBe(403)
    expect((await owner.api('GET', `/tenants/acme/imports/${String(id)}`)).status).toBe(404)
  })
})

describe('by the pages', () => {
  const multipart = (somebody: Pick<Somebody, 'headers'>, fields: Record<string, string | { file: string }>) => {
    const parts = Object.entries(fields).map(([field, value]) => {
      const isFile = typeof value !== 'string'
      const type = isFile ? '; filename="domains.csv"\r\nContent-Type: text/csv' : ''
      return `--edge\r\nContent-Disposition: form-data; name="${field}"${type}\r\n\r\n${isFile ? value.file : value}\r\n`
    })
    return server.ask('/source-domains/import', {
      method: 'POST',
      headers: {
        ...somebody.headers,
        'sec-fetch-site': 'same-origin',
        'content-type': 'multipart/form-data; boundary=edge',
      },
      body: `${parts.join('')}--edge--\r\n`,
    })
  }
  const textOf = ({ text }: Answer) => {
    expectOnlyOurMarkup(text)
    return text
      .slice(text.indexOf('<main'))
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
  }

  test('an owner pastes a file, sees what it would do, confirms, watches, and fetches the result', async () => {
    expect(textOf(await owner.page('/source-domains/import'))).toContain('Or paste it here')
    const csv = `${name}\r\n${name}\r\nim.example.com\r\nno name\r\n`
    const brought = await multipart(owner, { tenant: 'acme', csv, file: { file: '' } })
    expect(brought.status).toBe(303)
    const path = String(brought.headers.location)
    const preview = await owner.page(path)
    expect(textOf(preview)).toMatch(/Not confirmed Nothing has changed yet.* New 1 There already 1 Refused 2 Lines 4/)
    expect(textOf(preview)).toMatch(/d\d+\.example\.org 2 It stands in the file twice; leave one of the lines out/)
    expect(textOf(preview)).toMatch(/no name 4 .*no domain name/)
    expect(preview.text).not.toContain('hx-trigger')
    expect((await owner.api('GET', `/tenants/acme/source-domains/${name}`)).status).toBe(404)

    expect((await owner.submit(`${path}/confirm`, {})).headers.location).toBe(path)
    const running = await owner.page(path)
    expect(textOf(running)).toMatch(/Running .* 0 of 4 lines .*Cancel the import/)
    expect(running.text).toMatch(/<div[^>]* id="import" hx-get[^>]* hx-trigger="every 2s" hx-select="#import"/)
    await run(path.split('/').at(-1))
    const done = await owner.page(path)
    expect(textOf(done)).toMatch(/Done The file is imported.* Added 1 There already 1 Refused 2/)
    expect(done.text).not.toContain('hx-trigger')
    const [, result] = /href="([^"]*\/result)"/.exec(done.text)!
    expect((await server.ask(result!, { headers: owner.headers })).text).toContain(`1,${name},added,`)
    expect(textOf(await owner.page('/source-domains/import'))).toMatch(/acme 4 Done/)
  })

  test('a chosen file counts, and not what is pasted beside it', async () => {
    const { headers } = await multipart(owner, {
      tenant: 'acme',
      csv: 'other.example.org',
      file: { file: `${name}\n` },
    })
    expect(textOf(await owner.page(String(headers.location)))).toMatch(/New 1 There already 0 Refused 0 Lines 1/)
    await owner.submit(`${String(headers.location)}/cancel`, {})
    expect((await owner.page(String(headers.location))).status).toBe(404)
  })

  test.each([
    ['nothing', { tenant: 'acme', csv: '' }, 400, /choose a file, or paste its lines/i],
    ['an unknown column', { tenant: 'acme', csv: 'domain,colour' }, 400, /a column &quot;colour&quot;; known are/],
    ['another’s tenant', { tenant: 'nobody', csv: 'a.example.org' }, 404, /there is no tenant nobody/i],
    ['no tenant', { tenant: '', csv: 'a.example.org' }, 404, /only an owner or admin/i],
  ])('who brings %s is told beside the field', async (_what, fields, status, why) => {
    const answer = await multipart(owner, fields)
    expect(answer.status).toBe(status)
    expectOnlyOurMarkup(answer.text)
    expect(answer.text).toMatch(why)
    expect(answer.text).toMatch(fields.csv === 'a.example.org' ? /id="problem"/ : /class="field faulty"/)
  })

  test('an operator brings one for the tenants that its lines name, and vouches for it', async () => {
    const fields = { tenant: '', isVouched: 'yes', csv: `domain,tenant\n${name},acme` }
    const { headers } = await multipart(server, fields)
    const path = String(headers.location)
    expect(path).toMatch(/^\/operator\/imports\//)
    await server.submit(`${path}/confirm`, {})
    await run(path.split('/').at(-1))
    expect(textOf(await server.page(path))).toMatch(/for several tenants .*Added 1/)
    expect((await server.api('GET', `/tenants/acme/source-domains/${name}`)).json()).toMatchObject({ proof: 'vouched' })
  })

  test('hostile lines are inert, and a hundred refused lines are a page', async () => {
    const hostile = [
      '<img src=x onerror=alert(1)>',
      `a\u202eb`,
      `"${'x'.repeat(900)}"`,
      '</textarea><script>1</script>',
    ]
    const csv = ['domain', ...hostile, ...Array.from({ length: 120 }, (_, at) => `no name ${at}`)].join('\n')
    const { headers } = await multipart(owner, { tenant: 'acme', csv })
    const first = await owner.page(String(headers.location))
    expect(textOf(first)).toMatch(/&lt;img src=x onerror=alert\(1\)>/)
    expect(textOf(first)).toContain('All lines are refused')
    const [, next] = /href="([^"]*\?after=[^"]*)"/.exec(first.text)!
    expect(textOf(await owner.page(next!))).toContain('no name 119')
  })

  test('a viewer of the tenant sees no import of it', async () => {
    const viewer = await server.person({ roles: { acme: 'viewer' } })
    const { headers } = await multipart(owner, { tenant: 'acme', csv: name })
    expect((await viewer.page(String(headers.location))).status).toBe(403)
    expect((await viewer.page('/source-domains/import')).status).toBe(403)
    const rival = await server.person({ roles: { acme: 'admin' } })
    expect((await rival.page(String(headers.location))).status).toBe(200)
  })
})
