import { afterEach, beforeEach, expect, test } from 'vitest'
import { FRONT_CERTIFICATE } from '../../src/certificate/issuance.ts'
import { serviceLineages, type ServiceLineages } from '../../src/delegation/service-lineages.ts'
import { domainName } from '../../src/name.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import { testSealer } from '../support/sealer.ts'
import { stoppedClock } from '../support/stopped-clock.ts'

const POLICY = {
  adminHost: domainName('admin.example.net'),
  edgeName: domainName('edge.example.net'),
  allow: ['example.com', 'example.net'],
}

const clock = stoppedClock('2026-11-23T12:00:00Z')
const act = () => ({ at: clock.now(), actor: 'test', address: null })
let storage: Storage
let services: ServiceLineages

beforeEach(async () => {
  storage = await openStorage({ url: undefined, file: ':memory:', sealer: testSealer, clock })
  await storage.migrate()
  services = serviceLineages({ ...storage, policy: POLICY })
})
afterEach(() => storage.close())

const create = (names: string[], lineage?: string) => services.create({ names, lineage, source: 'acme' }, act())

test('one is made for names however they are written, called as the first of them, and its job is due', async () => {
  const made = await create(['XMPP.example.net.', 'bücher.example.net', 'xmpp.example.net'])
  expect(made).toMatchObject({
    ...{ tenantId: null, name: 'xmpp.example.net', source: 'acme' },
    identifiers: ['xmpp.example.net', 'xn--bcher-kva.example.net'],
  })
  expect(await storage.lineages.find(null, made.id)).toMatchObject({ identifiers: made.identifiers, certificates: [] })
  expect(await storage.jobs.nextRun(FRONT_CERTIFICATE, made.id)).toEqual(clock.now())
  expect((await storage.audit.list('all', { limit: 1 }))[0]).toMatchObject({
    ...{ action: 'lineage.create', subject: 'xmpp.example.net' },
    detail: { after: { source: 'acme', identifiers: made.identifiers } },
  })
  await expect(create(['xmpp.example.net'])).rejects.toMatchObject({ code: 'already-exists' })
  expect(await create(['xmpp.example.net'], 'a second')).toMatchObject({ name: 'a second' })
})

test.each<[string, string[], string | undefined, object]>([
  ['no name', [], undefined, { code: 'malformed-request' }],
  [
    'more names than an order may have',
    Array.from({ length: 26 }, (_, n) => `n${n}.example.net`),
    undefined,
    { code: 'malformed-request' },
  ],
  ['no domain name', ['not a name'], undefined, { code: 'malformed-name' }],
  ['an address', ['192.0.2.1'], undefined, { code: 'malformed-name' }],
  ['a wildcard', ['*.example.net'], undefined, { code: 'malformed-name' }],
  ['a public suffix', ['xmpp.example.net', 'co.uk'], undefined, { code: 'name-refused', rule: 'public-suffix' }],
  ['the admin host', ['admin.example.net'], undefined, { code: 'name-refused', rule: 'admin-host' }],
  [
    "a tenant's name",
    ['xmpp.example.net', 'im.example.com'],
    undefined,
    { code: 'name-refused', rule: 'source-domain' },
  ],
  ['a target host alone', ['hosting.example.net'], undefined, { code: 'name-refused', rule: 'target-host' }],
  ['a name of the server’s own lineages', ['xmpp.example.net'], 'front:x', { code: 'malformed-request' }],
])('%s is refused, and nothing is made', async (_what, names, lineage, refusal) => {
  const { id } = await storage.tenants.add('acme', act())
  await storage.sourceDomains.add(id, { name: domainName('im.example.com'), mode: 'hosted', isVouched: true }, act())
  await storage.targetHosts.add({ name: domainName('hosting.example.net'), port: 443 }, act())
  await expect(create(names, lineage)).rejects.toMatchObject(refusal)
  expect(await storage.lineages.list('all', { limit: 9 })).toEqual([])
})

test('a target host may be one of several names, and a claim without proof keeps nobody from a name', async () => {
  const { id } = await storage.tenants.add('acme', act())
  await storage.sourceDomains.add(id, { name: domainName('im.example.com'), mode: 'hosted', isVouched: false }, act())
  await storage.targetHosts.add({ name: domainName('hosting.example.net'), port: 443 }, act())
  await create(['hosting.example.net', 'im.example.com'])
})
