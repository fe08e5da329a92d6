import { afterEach, beforeEach, expect, test } from 'vitest'
import { FRONT_CERTIFICATE } from '../../src/certificate/issuance.ts'
import { frontLineageName } from '../../src/certificate/lineage.ts'
import { frontCertificates } from '../../src/delegation/front-certificates.ts'
import { registrar, type ImportRequest, type Registrar } from '../../src/delegation/registrar.ts'
import type { ImportOutcome } from '../../src/delegation/source-domain.ts'
import { domainName } from '../../src/name.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import { testSealer } from '../support/sealer.ts'
import { stoppedClock } from '../support/stopped-clock.ts'

const ADMIN = domainName('admin.example.net')
const EDGE = domainName('edge.example.net')
const POLICY = { adminHost: ADMIN, edgeName: EDGE, allow: ['example.com', 'example.net'] }
const HOSTED = { mode: 'hosted', isVouched: true } as const

const clock = stoppedClock('2026-11-23T12:00:00Z')
const act = () => ({ at: clock.now(), actor: 'test', address: null })
let storage: Storage
let registry: Registrar
let acme: string
let other: string

beforeEach(async () => {
  storage = await openStorage({ url: undefined, file: ':memory:', sealer: testSealer, clock })
  await storage.migrate()
  registry = registrar({ ...storage, policy: POLICY })
  acme = (await storage.tenants.add('acme', act())).id
  other = (await storage.tenants.add('other', act())).id
})
afterEach(() => storage.close())

function imported(
  domains: { name: string; tenantId?: string; isVouched?: boolean }[],
  isRehearsal = false,
): Promise<ImportOutcome[]> {
  const requests = domains.map((domain) => ({
    ...{ tenantId: acme, isVouched: false, mode: 'hosted', delegations: [] },
    ...domain,
  }))
  return registry.importMany(requests as ImportRequest[], { isRehearsal }, act())
}

test('case 49: however a name is written, it is claimed once', async () => {
  await registry.claim(acme, 'bücher.example.com', HOSTED, act())
  for (const spelling of ['BÜCHER.example.com', 'xn--bcher-kva.example.com.', 'bu\u0308cher.example.com'])
    await expect(registry.claim(acme, spelling, HOSTED, act())).rejects.toMatchObject({ code: 'already-exists' })
  await expect(registry.claim(other, 'bücher.example.com', HOSTED, act())).rejects.toMatchObject({
    code: 'source-domain-taken',
  })
  await registry.claim(other, 'bücher.example.com', { ...HOSTED, isVouched: false }, act()) // a claim holds nothing
})

test("the operator's own names are nobody's source domain, and the admin host is no target host", async () => {
  for (const name of ['admin.example.net', 'EDGE.example.net.', 'k3v9q2.edge.example.net'])
    await expect(registry.claim(acme, name, HOSTED, act())).rejects.toMatchObject({ code: 'name-refused' })
  await expect(registry.addTargetHost('admin.example.net', 443, act())).rejects.toMatchObject({ code: 'name-refused' })
  await expect(registry.claim(acme, '192.0.2.1', HOSTED, act())).rejects.toMatchObject({ code: 'malformed-name' })
})

const EXTERNAL = { mode: 'external', isVouched: false } as const

test.each([
  ['co.uk', 'public-suffix'],
  ['im.example.org', 'special-use'],
  ['admin.example.net', 'admin-host'],
  ['k3v9q2.edge.example.net', 'edge-name'],
])('no way in leads to %s, a vouch neither', async (name, rule) => {
  const refusal = { code: 'name-refused', rule }
  expect(() => registry.claimableName(name)).toThrow(expect.objectContaining(refusal))
  await expect(registry.claim(acme, name, HOSTED, act())).rejects.toMatchObject(refusal)
  await expect(registry.claim(acme, name, EXTERNAL, act())).rejects.toMatchObject(refusal)
  await expect(registry.claimOrChange(acme, name, 'hosted', act())).rejects.toMatchObject(refusal)
  for (const isRehearsal of [true, false])
    expect(await imported([{ name, isVouched: true }, { name: 'im.example.com' }], isRehearsal)).toMatchObject([
      refusal,
      'added',
    ])
  expect(await storage.sourceDomains.claims(domainName(name))).toEqual([])
})

test('the name of a target host is registered by a vouch only', async () => {
  await registry.addTargetHost('hosting.example.com', 443, act())
  const name = 'hosting.example.com'
  const refusal = { code: 'name-refused', rule: 'target-host' }
  await expect(registry.claim(acme, name, { ...HOSTED, isVouched: false }, act())).rejects.toMatchObject(refusal)
  await expect(registry.claimOrChange(acme, name, 'external', act())).rejects.toMatchObject(refusal)
  await expect(registry.claimOrChange(acme, name, 'external', act())).rejects.toThrow(/only the operator .* vouching/)
  expect(await imported([{ name }])).toMatchObject([refusal])
  expect(await imported([{ name, isVouched: true }])).toEqual(['added'])
})

test('of very many target hosts none is overlooked', async () => {
  for (let i = 0; i < 501; i++) await registry.addTargetHost(`t${i}.example.net`, 443, act())
  expect(await imported([{ name: 't99.example.net' }, { name: 'none.example.net' }])).toMatchObject([
    { rule: 'target-host' },
    'added',
  ])
})

test('a name that is claimed already stays, and may be changed and imported again', async () => {
  const before = registrar({ ...storage, policy: { ...POLICY, allow: [...POLICY.allow, 'example.org'] } })
  await before.claim(acme, 'im.example.org', EXTERNAL, act())
  await registry.claim(acme, 'hosting.example.com', EXTERNAL, act())
  await registry.addTargetHost('hosting.example.com', 443, act())
  for (const name of ['im.example.org', 'hosting.example.com']) {
    const { domain, isNew } = await registry.claimOrChange(acme, name, 'hosted', act())
    expect([domain.mode, isNew]).toEqual(['hosted', false])
    expect(await imported([{ name }])).toEqual(['there already'])
    // For whoever has not claimed it, it is refused
    await expect(registry.claimOrChange(other, name, 'hosted', act())).rejects.toMatchObject({ code: 'name-refused' })
    expect(await imported([{ name, tenantId: other }])).toMatchObject([{ code: 'name-refused' }])
  }
})

test('of two who add the same at once, the second changes what the first has added', async () => {
  // The look-up of the second was before the first had added
  let isEarly = true
  const early = <T>(find: () => Promise<T>) => (isEarly ? ((isEarly = false), Promise.resolve(undefined)) : find())
  const racing = registrar({
    ...storage,
    sourceDomains: { ...storage.sourceDomains, find: (...args) => early(() => storage.sourceDomains.find(...args)) },
    policy: POLICY,
  })
  await registry.claim(acme, 'im.example.com', { mode: 'hosted', isVouched: false }, act())
  const { domain, isNew } = await racing.claimOrChange(acme, 'im.example.com', 'external', act())
  expect([domain.mode, isNew]).toEqual(['external', false])
  await expect(racing.claimOrChange(acme, 'a..b', 'hosted', act())).rejects.toMatchObject({ code: 'malformed-name' })
})

test('a delegation needs a source domain of the tenant, a target host and a lineage, and says which is missing', async () => {
  const request = {
    sourceDomain: 'im.example.com',
    service: '_xmpp-server',
    targetHost: 'hosting.example.com',
    lineage: 'xmpp',
  }
  const refusal = (tenantId = acme) => expect(registry.register(tenantId, request, act())).rejects
  await refusal().toMatchObject({ code: 'not-found', fields: [{ pointer: '/sourceDomain' }] })
  await registry.claim(acme, 'im.example.com', HOSTED, act())
  await refusal().toMatchObject({ code: 'not-found', fields: [{ pointer: '/targetHost' }] })
  await registry.addTargetHost('hosting.example.com', 443, act())
  await refusal().toMatchObject({ code: 'not-found', fields: [{ pointer: '/lineage' }] })
  await storage.lineages.create(other, { name: 'xmpp', source: 'import' }, act())
  await refusal().toMatchObject({ code: 'not-found', fields: [{ pointer: '/lineage' }] }) // another tenant's is none
  const { id } = await storage.lineages.create(null, { name: 'xmpp', source: 'import' }, act())

  const { delegation, warnings } = await registry.register(acme, request, act())
  expect(delegation).toMatchObject({
    ...{ sourceDomain: 'im.example.com', service: '_xmpp-server', protocol: '_tcp', lineageId: id },
    ...{ tlsAnswer: 'redirect', poshAnswer: 'fingerprints', srvPort: null },
  })
  expect(warnings).toEqual([expect.stringContaining('no certificate yet')])
  await refusal().toMatchObject({ code: 'already-exists' })
  await refusal(other).toMatchObject({ code: 'not-found', fields: [{ pointer: '/sourceDomain' }] })
})

test("the tenant's own lineage comes before the operator's of the same name; an unproven name is told of", async () => {
  await registry.claim(acme, 'im.example.com', { ...HOSTED, isVouched: false }, act())
  await registry.addTargetHost('hosting.example.com', 443, act())
  await storage.lineages.create(null, { name: 'xmpp', source: 'import' }, act())
  const own = await storage.lineages.create(acme, { name: 'xmpp', source: 'import' }, act())
  const { delegation, warnings } = await registry.register(
    acme,
    {
      sourceDomain: 'IM.example.com',
      service: '_xmpp-client._tcp',
      targetHost: 'hosting.example.com',
      lineage: 'xmpp',
    },
    act(),
  )
  expect(delegation.lineageId).toBe(own.id)
  expect(warnings[0]).toMatch(/not proven: .* DNS records .*waypost domain show im\.example\.com.* or the operator/)
})

const fronts = (authority: 'local' | 'import' | 'acme') =>
  frontCertificates({ ...storage, adminHost: ADMIN, authority })
const jobs = async () =>
  (await storage.jobs.list({ limit: 100 }))
    .filter(({ kind }) => kind === FRONT_CERTIFICATE)
    .map(({ payload }) => payload)

test('front certificates come by hand, but for that of the admin host', async () => {
  await registry.claim(acme, 'im.example.com', HOSTED, act())
  expect(await fronts('import').order(clock.now())).toBe(0)
  const admin = await storage.lineages.findByName(null, frontLineageName(ADMIN))
  expect(await jobs()).toEqual([{ tenantId: null, lineageId: admin?.id, identifiers: [ADMIN] }])
})

test('the local authority gives one to each held, hosted name and target host, once', async () => {
  await registry.claim(acme, 'im.example.com', HOSTED, act())
  await registry.claim(acme, 'external.example.com', { ...HOSTED, mode: 'external' }, act())
  await registry.claim(acme, 'unproven.example.com', { ...HOSTED, isVouched: false }, act())
  await registry.addTargetHost('hosting.example.com', 443, act())
  expect(await fronts('local').order(clock.now())).toBe(2)
  const ordered = (await jobs()).map((payload) => (payload as { identifiers: string[] }).identifiers.join())
  expect(ordered.sort()).toEqual(['admin.example.net', 'hosting.example.com', 'im.example.com'])
  const [domain] = await storage.sourceDomains.claims(domainName('im.example.com'))
  expect((await storage.lineages.find(acme, domain!.frontLineageId!))?.name).toBe('front:im.example.com')
  expect(await fronts('local').order(clock.now())).toBe(0)
  expect(await jobs()).toHaveLength(3)
})

test('where ACME authorities are to issue, all are ordered from them but that of the admin host, which is there at once', async () => {
  await registry.claim(acme, 'im.example.com', HOSTED, act())
  await registry.addTargetHost('hosting.example.com', 443, act())
  expect(await fronts('acme').order(clock.now())).toBe(2)
  const sourceOf = async (tenant: string | null, name: string) =>
    (await storage.lineages.findByName(tenant, frontLineageName(domainName(name))))?.source
  expect(await sourceOf(acme, 'im.example.com')).toBe('acme')
  expect(await sourceOf(null, 'hosting.example.com')).toBe('acme')
  expect(await sourceOf(null, ADMIN)).toBe('local')
  expect(await jobs()).toHaveLength(3)
  expect(await fronts('acme').order(clock.now())).toBe(0)
})

test('a name whose front came by hand once gets its job again when it has none any more, where ACME authorities are to issue', async () => {
  await registry.claim(acme, 'im.example.com', HOSTED, act())
  const name = domainName('im.example.com')
  const byHand = await storage.lineages.create(acme, { name: frontLineageName(name), source: 'import' }, act())
  expect(await fronts('acme').order(clock.now())).toBe(1)
  expect(await jobs()).toContainEqual({ tenantId: acme, lineageId: byHand.id, identifiers: [name] })
  expect((await storage.sourceDomains.find(acme, name))?.frontLineageId).toBe(byHand.id)
})

test("where ACME authorities are to issue, the admin host's front has its job also where it came by hand", async () => {
  const admin = await storage.lineages.create(null, { name: frontLineageName(ADMIN), source: 'import' }, act())
  await fronts('local').order(clock.now())
  expect(await jobs()).toEqual([])
  await fronts('acme').order(clock.now())
  expect(await jobs()).toEqual([{ tenantId: null, lineageId: admin.id, identifiers: [ADMIN] }])
})

test('what a crash left between the job and its use is taken up again, and ordered once', async () => {
  await registry.claim(acme, 'im.example.com', HOSTED, act())
  const crashing = frontCertificates({
    ...storage,
    sourceDomains: { ...storage.sourceDomains, setFrontLineage: () => Promise.reject(new Error('crash')) },
    adminHost: ADMIN,
    authority: 'local',
  })
  await expect(crashing.order(clock.now())).rejects.toThrow('crash')
  expect(await fronts('local').order(clock.now())).toBe(1)
  expect(await jobs()).toHaveLength(2)
  const [domain] = await storage.sourceDomains.claims(domainName('im.example.com'))
  expect(domain?.frontLineageId).not.toBeNull()
})
