import { afterEach, beforeEach, expect, test } from 'vitest'
import { frontLineageName } from '../src/certificate/lineage.ts'
import { domainName } from '../src/name.ts'
import { isInUse } from '../src/parts.ts'
import { openStorage, type Storage } from '../src/storage/storage.ts'
import { testSealer } from './support/sealer.ts'
import { stoppedClock } from './support/stopped-clock.ts'

const ADMIN = domainName('admin.example.net')
const IM = domainName('im.example.com')
const clock = stoppedClock('2026-11-23T12:00:00Z')
const act = () => ({ at: clock.now(), actor: 'test', address: null })

let storage: Storage
beforeEach(async () => {
  storage = await openStorage({ url: undefined, file: ':memory:', sealer: testSealer, clock })
  await storage.migrate()
})
afterEach(() => storage.close())

async function inUse(name: string, show?: (id: string) => Promise<unknown>, identifiers?: (typeof IM)[]) {
  const asked = identifiers ? { identifiers } : {}
  const lineage = await storage.lineages.create(null, { name, source: 'acme', ...asked }, act())
  await show?.(lineage.id)
  return isInUse({ storage, config: { admin: { host: ADMIN } } })(lineage)
}

// What is renewed, and what is replaced before it is revoked: nobody is to be shown a certificate that ends
test('a lineage is in use where a host presents it, the admin host does, a delegation publishes it, or somebody wants it', async () => {
  const target = await storage.targetHosts.add({ name: domainName('hosting.example.com'), port: 443 }, act())
  const { id: tenantId } = await storage.tenants.add('acme', act())
  const { id: sourceDomainId } = await storage.sourceDomains.add(
    tenantId,
    { name: IM, mode: 'hosted', isVouched: true },
    act(),
  )
  const delegated = (lineageId: string) =>
    storage.delegations.register(
      tenantId,
      {
        ...{ sourceDomainId, targetHostId: target.id, lineageId, srvPort: null },
        ...{ service: '_xmpp-server', protocol: '_tcp', tlsAnswer: 'redirect', poshAnswer: 'fingerprints' },
      },
      act(),
    )
  expect(await inUse('nobody')).toBe(false)
  expect(await inUse(frontLineageName(ADMIN))).toBe(true)
  expect(await inUse('published', delegated)).toBe(true)
  expect(await inUse('presented', (id) => storage.targetHosts.setFrontLineage(target.name, id, act()))).toBe(true)
  expect(await inUse('wanted', undefined, [IM])).toBe(true)
})
