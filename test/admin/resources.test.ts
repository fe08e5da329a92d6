import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adminServer, readyToDelegate, selfSigned, type AdminServer, type Somebody } from './admin-server.ts'

let server: AdminServer
let api: Somebody['api']
let admin: Somebody
beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
  await readyToDelegate(server)
  api = server.api
  admin = await server.person({ roles: { acme: 'admin' } })
})
afterAll(() => server.close())

const reference = { targetHost: 'hosting.example.com', lineage: 'hosting' }

describe('a tenant', () => {
  test('has quotas, and counts of what they limit', async () => {
    const quotas = { sourceDomains: 2, delegations: 1, lineages: 1 }
    const made = await api('POST', '/tenants', { name: 'small', quotas: { sourceDomains: 9 } })
    expect(made.json()).toMatchObject({ suspendedAt: null, quotas: { sourceDomains: 9, delegations: null } })
    const changed = await api('PUT', '/tenants/small', { quotas })
    expect([changed.status, changed.json()]).toEqual([200, expect.objectContaining({ quotas })])
    expect((await api('PUT', '/tenants/small', { quotas: { sourceDomains: 1 } })).status).toBe(400)
    expect((await api('PUT', '/tenants/nobody', { quotas })).status).toBe(404)

    const owner = await server.person({ roles: { small: 'owner' } })
    for (const name of ['one.example', 'two.example'])
      await owner.api('PUT', `/tenants/small/source-domains/${name}`, { mode: 'hosted' })
    await owner.api('PUT', '/tenants/small/source-domains/one.example/delegations/_a', reference)
    await owner.api('POST', '/tenants/small/certificates', { ...selfSigned(), lineage: 'first' })
    for (const [method, path, body] of [
      ['POST', 'source-domains', { name: 'three.example' }],
      ['PUT', 'source-domains/three.example', { mode: 'hosted' }],
      ['PUT', 'source-domains/one.example/delegations/_b', reference],
      ['POST', 'delegations', { sourceDomain: 'two.example', service: '_b', ...reference }],
      ['POST', 'certificates', { ...selfSigned(), lineage: 'second' }],
    ] as const) {
      const refused = await owner.api(method, `/tenants/small/${path}`, body)
      expect([path, refused.status, refused.json()['code']]).toEqual([path, 409, 'quota-reached'])
    }
    const imported = await owner.api('POST', '/tenants/small/source-domain-imports', {
      domains: [{ name: 'three.example' }, { name: 'one.example' }],
    })
    expect(imported.json()['outcomes']).toMatchObject([
      { outcome: 'refused', problem: { code: 'quota-reached' } },
      { outcome: 'there already' },
    ])
    expect((await owner.api('GET', '/tenants/small')).json()).toMatchObject({
      role: 'owner',
      counts: { sourceDomains: 2, delegations: 1, lineages: 1 },
    })
  })

  test('is suspended and resumed, and removed once nothing is left of it', async () => {
    await api('POST', '/tenants', { name: 'brief' })
    await api('PUT', '/tenants/brief/source-domains/brief.example', { mode: 'hosted' })
    const at = server.clock.now().toISOString()
    expect((await api('POST', '/tenants/brief/suspend')).json()['suspendedAt']).toBe(at)
    expect((await api('POST', '/tenants/brief/suspend')).json()['suspendedAt']).toBe(at)
    expect((await api('POST', '/tenants/brief/resume')).json()['suspendedAt']).toBeNull()
    expect((await api('DELETE', '/tenants/brief')).json()['code']).toBe('still-in-use')
    await api('DELETE', '/tenants/brief/source-domains/brief.example')
    expect((await api('DELETE', '/tenants/brief')).status).toBe(204)
    expect((await api('GET', '/tenants/brief')).status).toBe(404)
  })
})

describe('a source domain', () => {
  const path = '/tenants/acme/source-domains/im.example.com'

  test('is vouched for by the operator, and no longer', async () => {
    const withdrawn = await api('DELETE', `${path}/vouch`)
    expect([withdrawn.status, withdrawn.json()['proof'], withdrawn.json()['provenAt']]).toEqual([200, null, null])
    expect((await api('DELETE', `${path}/vouch`)).status).toBe(200)
    await api('POST', '/tenants', { name: 'rival' })
    await api('POST', '/tenants/rival/source-domains', { name: 'im.example.com', isVouched: true })
    const taken = await api('POST', `${path}/vouch`)
    expect([taken.status, taken.json()['code']]).toEqual([409, 'source-domain-taken'])
    await api('DELETE', '/tenants/rival/source-domains/im.example.com')
    expect((await api('POST', `${path}/vouch`)).json()['proof']).toBe('vouched')
  })

  test('has host-meta where it is switched on', async () => {
    expect((await admin.api('GET', `${path}/host-meta`)).status).toBe(404)
    const links = [{ rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://im.example.com/ws' }]
    const put = await admin.api('PUT', `${path}/host-meta`, { links })
    expect([put.status, put.headers.location]).toEqual([201, `/api/v1${path}/host-meta`])
    expect(put.json()).toEqual({ links, hostMeta2: null })
    expect((await admin.api('GET', `${path}/host-meta`)).json()).toEqual({ links, hostMeta2: null })
    expect((await admin.api('GET', path)).json()['hostMeta']).toEqual({ links, hostMeta2: null })
    expect((await admin.api('PUT', `${path}/host-meta`, { links })).status).toBe(200)
    expect((await admin.api('DELETE', `${path}/host-meta`)).status).toBe(204)
    expect((await admin.api('GET', path)).json()['hostMeta']).toBeNull()
  })

  test.each([
    ['without links', {}, ['/links']],
    [
      'with a link in clear',
      { links: [{ rel: 'urn:xmpp:alt-connections:websocket', href: 'ws://x.example/' }] },
      ['/links/0/href'],
    ],
    ['with a link of the wrong type', { links: [{ rel: 1 }] }, ['/links/0/rel']],
    ['with an unknown field', { links: [], more: 1 }, ['/more']],
    [
      'with pins that are none',
      { links: [], hostMeta2: { ttlSeconds: 1, publicKeyPinsSha256: ['x'] } },
      ['/hostMeta2/publicKeyPinsSha256/0'],
    ],
  ])('refuses host-meta %s', async (_what, body, pointers) => {
    const answer = await admin.api('PUT', `${path}/host-meta`, body)
    expect([answer.status, answer.json()['code']]).toEqual([400, 'malformed-request'])
    expect((answer.json()['errors'] as { pointer: string }[]).map(({ pointer }) => pointer)).toEqual(pointers)
  })

  test('is given up with its delegations', async () => {
    await admin.api('PUT', '/tenants/acme/source-domains/leaving.example', { mode: 'external' })
    const made = await admin.api(
      'PUT',
      '/tenants/acme/source-domains/leaving.example/delegations/_xmpp-server',
      reference,
    )
    expect((await admin.api('DELETE', '/tenants/acme/source-domains/leaving.example')).status).toBe(204)
    expect((await admin.api('GET', `/tenants/acme/delegations/${String(made.json()['id'])}`)).status).toBe(404)
  })

  test.each([
    ['PUT', '/target-hosts/admin.example.net', { port: 443 }],
    ['PUT', '/tenants/acme/source-domains/edge.example.net', { mode: 'hosted' }],
    ['PUT', '/tenants/acme/source-domains/admin.example.net', { mode: 'hosted' }],
  ])('%s %s: no name of this server itself', async (method, path, body) => {
    const refused = await api(method, path, body)
    expect([refused.status, refused.json()['code']]).toEqual([422, 'name-refused'])
  })
})

describe('a delegation', () => {
  const path = '/tenants/acme/source-domains/im.example.com/delegations/_xmpp-client'

  test('is registered, changed, shown and withdrawn by its service', async () => {
    expect((await admin.api('GET', path)).status).toBe(404)
    const registered = await admin.api('PUT', path, { ...reference, poshAnswer: 'off', srvPort: 5299 })
    expect([registered.status, registered.headers.location]).toEqual([201, `/api/v1${path}._tcp`])
    expect(registered.json()['warnings']).toHaveLength(1)
    const { id } = registered.json() as { id: string }
    const changed = await admin.api('PUT', `${path}._tcp`, { ...reference, tlsAnswer: 'possession' })
    expect([changed.status, changed.json()]).toEqual([
      200,
      expect.objectContaining({ id, tlsAnswer: 'possession', poshAnswer: 'fingerprints', srvPort: null }),
    ])
    const shown = await admin.api('GET', path)
    expect(shown.json()).toEqual((await admin.api('GET', `/tenants/acme/delegations/${id}`)).json())
    expect(shown.json()['hops']).toMatchObject([{ status: 200 }])
    expect((await admin.api('DELETE', path)).status).toBe(204)
    expect((await admin.api('DELETE', path)).status).toBe(404)
  })

  test.each([
    ['a service that is none', '/tenants/acme/source-domains/im.example.com/delegations/xmpp', reference, 404],
    ['a target host that there is not', path, { ...reference, targetHost: 'nowhere.example' }, 404],
    ['a name that is none', path, { ...reference, targetHost: 'a..b' }, 400],
  ])('is refused for %s', async (_what, path, body, status) => {
    expect((await admin.api('PUT', path, body)).status).toBe(status)
  })
})

describe('a target host', () => {
  test('stays while a delegation leads to it, and takes another port', async () => {
    const path = '/target-hosts/moving.example.com'
    expect((await api('PUT', path, { port: 443 })).status).toBe(201)
    const delegation = '/tenants/acme/source-domains/im.example.com/delegations/_moving'
    await api('PUT', delegation, { ...reference, targetHost: 'moving.example.com' })
    expect((await api('DELETE', path)).json()['code']).toBe('still-in-use')
    expect((await api('PUT', path, { port: 8443 })).json()['port']).toBe(8443)
    const { hops } = (await api('GET', delegation)).json() as { hops: { location: string }[] }
    expect(hops[0]!.location).toMatch(/^https:\/\/moving\.example\.com:8443\//)
    await api('DELETE', delegation)
    expect((await api('DELETE', path)).status).toBe(204)
    expect((await api('DELETE', path)).status).toBe(404)
  })
})

describe('a lineage', () => {
  const importInto = async (lineage: string, upload: Record<string, unknown> = selfSigned()) =>
    (await admin.api('POST', '/tenants/acme/certificates', { ...upload, lineage })).json()['certificate'] as {
      id: string
      state: string
    }

  test('loses a staged certificate, and is removed where nothing uses it', async () => {
    await importInto('spare')
    const staged = await importInto('spare')
    const path = '/tenants/acme/lineages/spare'
    expect((await admin.api('DELETE', `${path}/certificates/${staged.id}`)).status).toBe(204)
    expect((await admin.api('DELETE', `${path}/certificates/${staged.id}`)).status).toBe(404)
    expect((await admin.api('GET', path)).json()['certificates']).toHaveLength(1)
    expect((await admin.api('DELETE', path)).status).toBe(204)
    expect((await admin.api('GET', path)).status).toBe(404)
  })

  test('that is published stays, with its active certificate', async () => {
    const { id } = await importInto('used')
    await admin.api('PUT', '/tenants/acme/source-domains/im.example.com/delegations/_used', {
      ...{ ...reference, lineage: 'used' },
    })
    for (const path of ['/tenants/acme/lineages/used', `/tenants/acme/lineages/used/certificates/${id}`]) {
      const refused = await admin.api('DELETE', path)
      expect([path, refused.status, refused.json()['code']]).toEqual([path, 409, 'still-in-use'])
    }
  })
})

describe('what the edge presents', () => {
  const front = '/tenants/acme/source-domains/im.example.com/front'

  test('is an upload with its key, for the tenant’s own domain', async () => {
    const { certificate, privateKey } = selfSigned({ dnsNames: ['im.example.com'] })
    const bare = await admin.api('POST', '/tenants/acme/certificates', { certificate, frontOf: 'im.example.com' })
    expect(bare.json()).toMatchObject({ code: 'certificate-refused', rule: 'private-key-missing' })
    const body = { certificate, privateKey, frontOf: 'IM.example.com.' }
    const imported = await admin.api('POST', '/tenants/acme/certificates', body)
    expect(imported.json()).toMatchObject({
      lineage: 'front:im.example.com',
      certificate: { state: 'active' },
      warnings: [],
    })
    const { frontLineage } = (await admin.api('GET', '/tenants/acme/source-domains/im.example.com')).json()
    expect(frontLineage).toBe('front:im.example.com')
    expect((await admin.api('POST', '/tenants/acme/certificates', body)).status).toBe(201)
  })

  test('is a lineage of the tenant’s that has a key, or nothing', async () => {
    await admin.api('POST', '/tenants/acme/certificates', { ...selfSigned(), lineage: 'with-key' })
    const { certificate } = selfSigned()
    await admin.api('POST', '/tenants/acme/certificates', { certificate, lineage: 'without-key' })
    expect((await admin.api('PUT', front, { lineage: 'with-key' })).json()).toEqual({ lineage: 'with-key' })
    const refused = await admin.api('PUT', front, { lineage: 'without-key' })
    expect(refused.json()).toMatchObject({ code: 'certificate-refused', rule: 'private-key-missing' })
    expect((await admin.api('PUT', front, { lineage: 'nothing' })).status).toBe(404)
    expect((await admin.api('PUT', front, {})).status).toBe(400)
    expect((await admin.api('DELETE', '/tenants/acme/lineages/with-key')).json()['code']).toBe('still-in-use')
    expect((await admin.api('PUT', front, { lineage: null })).status).toBe(200)
    expect((await admin.api('GET', '/tenants/acme/source-domains/im.example.com')).json()['frontLineage']).toBeNull()
  })

  test('is nothing for a domain whose web server is another’s, or whose control nobody has proven', async () => {
    await api('POST', '/tenants/acme/source-domains', { name: 'apex.example', mode: 'external', isVouched: true })
    await admin.api('PUT', '/tenants/acme/source-domains/unproven.example', { mode: 'hosted' })
    await admin.api('POST', '/tenants/acme/certificates', { ...selfSigned(), lineage: 'with-key' })
    const upload = selfSigned()
    for (const [path, method, body, status] of [
      ['certificates', 'POST', { ...upload, frontOf: 'apex.example' }, 400],
      ['source-domains/apex.example/front', 'PUT', { lineage: 'with-key' }, 400],
      ['certificates', 'POST', { ...upload, frontOf: 'unproven.example' }, 404],
      ['certificates', 'POST', { ...upload, frontOf: 'a..b' }, 400],
    ] as const) {
      const refused = await admin.api(method, `/tenants/acme/${path}`, body)
      expect([path, refused.status]).toEqual([path, status])
    }
    expect((await admin.api('PUT', '/tenants/acme/source-domains/apex.example/front', { lineage: null })).status).toBe(
      200,
    )
  })

  test('for a target host and the admin host is the operator’s', async () => {
    const names = ['hosting.example.com', 'admin.example.net']
    for (const frontOf of names) {
      const imported = await api('POST', '/operator/certificates', { ...selfSigned({ dnsNames: [frontOf] }), frontOf })
      expect([imported.status, imported.json()['lineage']]).toEqual([201, `front:${frontOf}`])
    }
    const { frontLineage } = (await api('GET', '/target-hosts/hosting.example.com')).json()
    expect(frontLineage).toBe('front:hosting.example.com')
    expect((await api('PUT', '/target-hosts/hosting.example.com/front', { lineage: 'hosting' })).status).toBe(200)
    const elsewhere = { ...selfSigned(), frontOf: 'admin.example.net', lineage: 'hosting' }
    expect((await api('POST', '/operator/certificates', elsewhere)).json()).toMatchObject({
      ...{ code: 'malformed-request', errors: [{ pointer: '/lineage' }] },
    })
    const tenants = { ...selfSigned(), frontOf: 'im.example.com' }
    expect((await api('POST', '/operator/certificates', tenants)).json()).toMatchObject({
      ...{ code: 'not-found', errors: [{ pointer: '/frontOf' }] },
    })
    const [lineage] = (await api('GET', '/operator/lineages?search=front:admin')).json()['items'] as {
      certificates: { id: string }[]
    }[]
    for (const path of ['', `/certificates/${lineage!.certificates[0]!.id}`]) {
      const refused = await api('DELETE', `/operator/lineages/front:admin.example.net${path}`)
      expect([refused.status, refused.json()['code']]).toEqual([409, 'still-in-use'])
    }
  })

  test('does not name the host: the importer is told', async () => {
    const body = { ...selfSigned({ dnsNames: ['other.example'] }), frontOf: 'hosting.example.com', lineage: 'odd' }
    const { warnings } = (await api('POST', '/operator/certificates', body)).json() as { warnings: string[] }
    expect(warnings).toEqual([expect.stringContaining('does not name hosting.example.com')])
  })
})

describe('an import', () => {
  const domains = [
    { name: 'first.example', delegations: [{ service: '_xmpp-server', ...reference }] },
    { name: 'a..b' },
    { name: 'Second.example.', mode: 'external' },
    { name: 'FIRST.example' },
    { name: 'im.example.com' },
    { name: 'admin.example.net' },
    { name: 'third.example', delegations: [{ service: 'xmpp', ...reference }] },
    { name: 'fourth.example', delegations: [{ service: '_xmpp-server', ...reference, targetHost: 'nowhere.example' }] },
    { name: 'fifth.example', delegations: [1, 2].map(() => ({ service: '_xmpp-server', ...reference })) },
    { name: 'zero\u0000.example' },
  ]
  const expected = [
    ['added'],
    ['refused', 'malformed-name'],
    ['added'],
    ['refused', 'already-exists'],
    ['there already'],
    ['refused', 'name-refused'],
    ['refused', 'malformed-name'],
    ['refused', 'not-found'],
    ['refused', 'already-exists'],
    ['refused', 'malformed-name'],
  ]
  const outcomes = (answer: Awaited<ReturnType<Somebody['api']>>) =>
    (answer.json()['outcomes'] as { outcome: string; problem?: { code: string; detail: string } }[]).map(
      ({ outcome, problem }) => (problem ? [outcome, problem.code] : [outcome]),
    )

  test('says of every line in their order what became of it, first as a rehearsal', async () => {
    const path = '/tenants/acme/source-domain-imports'
    const rehearsed = await admin.api('POST', path, { isRehearsal: true, domains })
    expect([rehearsed.status, outcomes(rehearsed)]).toEqual([200, expected])
    expect((await admin.api('GET', '/tenants/acme/source-domains/first.example')).status).toBe(404)
    expect(outcomes(await admin.api('POST', path, { domains }))).toEqual(expected)
    const again = expected.map(([outcome = '', ...code]) => [outcome === 'added' ? 'there already' : outcome, ...code])
    expect(outcomes(await admin.api('POST', path, { domains }))).toEqual(again)
    const { items } = (await admin.api('GET', '/tenants/acme/delegations?sourceDomain=first.example')).json()
    expect(items).toMatchObject([{ service: '_xmpp-server._tcp', tlsAnswer: 'redirect', srvPort: null }])
    expect((await admin.api('GET', '/tenants/acme/source-domains/second.example')).json()['mode']).toBe('external')
  })

  test('of the operator’s is for any tenants', async () => {
    await api('POST', '/tenants', { name: 'other' })
    const answer = await api('POST', '/source-domain-imports', {
      domains: [
        { tenant: 'acme', name: 'shared.example', isVouched: true },
        { tenant: 'other', name: 'shared.example', isVouched: true },
        { tenant: 'other', name: 'shared.example' },
        { tenant: 'nobody', name: 'x.example' },
        { tenant: '\u0000', name: 'x.example' },
        { name: 'x.example' },
      ],
    })
    expect(outcomes(answer)).toEqual([
      ...[['added'], ['refused', 'source-domain-taken'], ['added']],
      ...[
        ['refused', 'not-found'],
        ['refused', 'not-found'],
        ['refused', 'malformed-request'],
      ],
    ])
  })

  test.each([
    ['a mode that there is not', { domains: [{ name: 'x.example', mode: 'other' }] }],
    ['a name that is no text', { domains: [{ name: 1 }] }],
    ['a tenant in a tenant’s own', { domains: [{ name: 'x.example', tenant: 'rival' }] }],
    ['no list', {}],
    ['over 500 lines', { domains: Array.from({ length: 501 }, (_, n) => ({ name: `n${n}.example` })) }],
    [
      ...(['a lineage with a control character'] as const),
      { domains: [{ name: 'x.example', delegations: [{ service: '_a', ...reference, lineage: '\u0000' }] }] },
    ],
  ])('as a whole is refused for %s', async (_what, body) => {
    const answer = await admin.api('POST', '/tenants/acme/source-domain-imports', body)
    expect([answer.status, answer.json()['code']]).toEqual([400, 'malformed-request'])
  })

  test('takes 500 lines, and an empty list', async () => {
    const many = Array.from({ length: 500 }, (_, n) => ({ name: `n${n}.many.example` }))
    const answer = await admin.api('POST', '/tenants/acme/source-domain-imports', { domains: many })
    expect(outcomes(answer)).toEqual(many.map(() => ['added']))
    expect((await admin.api('POST', '/tenants/acme/source-domain-imports', { domains: [] })).json()).toEqual({
      outcomes: [],
    })
    const large = { domains: [{ name: 'x'.repeat(1_000_001) }] }
    expect((await admin.api('POST', '/tenants/acme/source-domain-imports', large)).status).toBe(413)
  })
})
