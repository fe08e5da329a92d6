import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { certificateImport, type CertificateImport, type CertificateUpload } from '../../src/certificate/import.ts'
import { active, published, stateAt } from '../../src/certificate/rollover.ts'
import { domainName } from '../../src/name.ts'
import { sealer } from '../../src/certificate/sealing.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import { DURING, makeCertificate, type MadeCertificate } from '../support/certificates.ts'
import { stoppedClock } from '../support/stopped-clock.ts'

const HOUR = 3_600_000
let clock: ReturnType<typeof stoppedClock>
let storage: Storage
let imports: CertificateImport

beforeEach(async () => {
  clock = stoppedClock(DURING)
  storage = await openStorage({
    url: undefined,
    file: ':memory:',
    sealer: sealer(Buffer.alloc(32, 7), randomBytes),
    clock,
  })
  await storage.migrate()
  imports = certificateImport({ lineages: storage.lineages })
})
afterEach(() => storage.close())

const act = () => ({ at: clock.now(), actor: 'test', address: null })
const bring = ({ pem }: MadeCertificate, upload: Partial<CertificateUpload> = {}, tenantId: string | null = null) =>
  imports.importCertificate(tenantId, { certificate: Buffer.from(pem), cacheSpanMs: HOUR, ...upload }, act())
const stored = async (name = 'im.example.com') => (await storage.lineages.findByName(null, name))?.certificates ?? []

test('the first certificate makes a lineage of its first name and is in use at once', async () => {
  const made = await makeCertificate({ names: ['im.example.com', 'b.example.com'] })
  const { lineage, certificate, warnings } = await bring(made)
  expect(lineage).toMatchObject({ name: 'im.example.com', source: 'import', tenantId: null })
  expect(certificate).toMatchObject({ chainPem: made.pem, activatedAt: clock.now(), privateKeyId: null })
  expect(warnings).toEqual([])
  expect(await stored()).toEqual([certificate])
})

test('its key is kept sealed and comes back as it was', async () => {
  const made = await makeCertificate()
  const { certificate } = await bring(made, { privateKey: Buffer.from(made.keyPem) })
  expect(Buffer.from(await storage.privateKeys.open(certificate.privateKeyId!))).toEqual(made.keyDer)
})

test('the next is staged beside it: published, not in use', async () => {
  const { certificate: first } = await bring(await makeCertificate())
  clock.advance(1)
  const { certificate: second } = await bring(await makeCertificate())
  expect(stateAt(second, clock.now())).toBe('staged')
  expect(published(await stored(), clock.now()).map(({ id }) => id)).toEqual([first.id, second.id])
})

test('where the one in use has expired the next is in use at once', async () => {
  await bring(await makeCertificate({ notAfter: '2026-06-01T01:00:00Z' }))
  clock.advance(2 * HOUR)
  const { certificate } = await bring(await makeCertificate())
  expect(active(await stored())?.id).toBe(certificate.id)
})

test('one that is not valid yet is only staged, and that is said', async () => {
  const { certificate, warnings } = await bring(await makeCertificate({ notBefore: '2026-06-02T00:00:00Z' }))
  expect(certificate.activatedAt).toBeNull()
  expect(warnings).toEqual([expect.stringContaining('2026-06-02T00:00:00.000Z')])
})

test('where another was published without being in use, the next waits as well', async () => {
  await bring(await makeCertificate({ notBefore: '2026-06-01T01:00:00Z' }))
  clock.advance(HOUR)
  expect((await bring(await makeCertificate())).certificate.activatedAt).toBeNull()
})

describe('a front certificate', () => {
  const withKey = (made: MadeCertificate) => ({ privateKey: Buffer.from(made.keyPem), isFront: true })

  test('needs its key', async () => {
    await expect(bring(await makeCertificate(), { isFront: true })).rejects.toMatchObject({
      rule: 'private-key-missing',
    })
    expect(await stored()).toEqual([])
  })

  test('replaces the one before at once', async () => {
    for (const made of [await makeCertificate(), await makeCertificate()]) {
      const { certificate } = await bring(made, withKey(made))
      expect(active(await stored())?.id).toBe(certificate.id)
      clock.advance(1)
    }
  })

  test('takes its lineage over from the authority', async () => {
    await storage.lineages.create(null, { name: 'front:im.example.com', source: 'local' }, act())
    const made = await makeCertificate()
    const { lineage } = await bring(made, { ...withKey(made), lineage: 'front:im.example.com' })
    expect(lineage.source).toBe('import')
    expect(await storage.lineages.findByName(null, 'front:im.example.com')).toMatchObject({ source: 'import' })
  })

  test('may be brought again, as after a crash before it was put to use', async () => {
    const made = await makeCertificate()
    const { certificate: first } = await bring(made, withKey(made))
    clock.advance(1)
    expect((await bring(made, withKey(made))).certificate).toEqual(first)
    expect(await stored()).toEqual([first])
  })

  test('comes back where a wrong one had taken its place', async () => {
    const [good, wrong] = [await makeCertificate(), await makeCertificate({ names: ['other.example.com'] })]
    const bringFront = (made: MadeCertificate) => bring(made, { ...withKey(made), lineage: 'im.example.com' })
    const { certificate } = await bringFront(good)
    clock.advance(1)
    await bringFront(wrong)
    clock.advance(1)
    await bringFront(good)
    expect(active(await stored())?.id).toBe(certificate.id)
    expect(await stored()).toHaveLength(2)
  })

  test('that is refused leaves the authority its lineage', async () => {
    await storage.lineages.create(null, { name: 'front:im.example.com', source: 'local' }, act())
    const early = await makeCertificate({ notBefore: '2026-06-01T01:00:00Z' })
    await expect(bring(early, { ...withKey(early), lineage: 'front:im.example.com' })).rejects.toMatchObject({
      code: 'too-early',
    })
    expect(await storage.lineages.findByName(null, 'front:im.example.com')).toMatchObject({
      source: 'local',
      certificates: [],
    })
  })

  describe('in a lineage that a delegation publishes', () => {
    beforeEach(async () => {
      const tenant = await storage.tenants.add('acme', act())
      const name = domainName('im.example.com')
      const domain = await storage.sourceDomains.add(tenant.id, { name, mode: 'hosted', isVouched: true }, act())
      const target = await storage.targetHosts.add({ name: domainName('hosting.example.com'), port: 443 }, act())
      const { id: lineageId } = await storage.lineages.create(null, { name, source: 'import' }, act())
      await storage.delegations.register(
        tenant.id,
        {
          ...{ sourceDomainId: domain.id, targetHostId: target.id, lineageId, srvPort: null },
          ...{ service: '_xmpp-server', protocol: '_tcp', tlsAnswer: 'redirect', poshAnswer: 'fingerprints' },
        },
        act(),
      )
    })

    test('is refused where nothing could be presented before caches know it, and changes nothing', async () => {
      await bring(await makeCertificate()) // the XMPP server's, whose key stays there
      const before = await stored()
      const next = await makeCertificate()
      await expect(bring(next, withKey(next))).rejects.toMatchObject({ code: 'too-early' })
      expect(await stored()).toEqual(before)
    })

    test('waits its time beside one that is presented meanwhile', async () => {
      const first = await makeCertificate()
      await bring(first, withKey(first))
      clock.advance(1)
      const next = await makeCertificate()
      expect((await bring(next, withKey(next))).certificate.activatedAt).toBeNull()
    })

    test('may be the very one that is published: it is given its key', async () => {
      const made = await makeCertificate()
      const { certificate: published } = await bring(made)
      const { certificate: presented } = await bring(made, withKey(made))
      expect(presented).toEqual({ ...published, privateKeyId: expect.any(String) as string })
    })
  })
})

describe('refuses, and changes nothing', () => {
  test('the very same certificate again', async () => {
    const made = await makeCertificate()
    await bring(made)
    await expect(bring(made)).rejects.toMatchObject({ code: 'already-exists' })
    expect(await stored()).toHaveLength(1)
  })

  test('to import into what an authority issues', async () => {
    await storage.lineages.create(null, { name: 'im.example.com', source: 'local' }, act())
    await expect(bring(await makeCertificate())).rejects.toMatchObject({ code: 'still-in-use' })
    expect(await stored()).toEqual([])
  })

  test('to import into what somebody wants of an authority, also where a host is to present it', async () => {
    const identifiers = [domainName('im.example.com')]
    await storage.lineages.create(null, { name: 'im.example.com', source: 'acme', identifiers }, act())
    const made = await makeCertificate()
    await expect(bring(made, { privateKey: Buffer.from(made.keyPem), isFront: true })).rejects.toMatchObject({
      code: 'still-in-use',
    })
    expect(await stored()).toEqual([])
  })

  test.each([undefined, '', ' ', 'a\nb', 'x'.repeat(256)])(
    'a certificate without a name, in a lineage named %j',
    async (lineage) => {
      const made = await makeCertificate({ names: [] })
      await expect(bring(made, { lineage })).rejects.toMatchObject({
        code: 'malformed-request',
        fields: [{ pointer: '/lineage' }],
      })
      expect(await storage.lineages.list('all', { limit: 10 })).toEqual([])
    },
  )

  test('an upload that is refused', async () => {
    await expect(bring(await makeCertificate({ key: 'rsa-1024' }))).rejects.toMatchObject({ rule: 'key-size' })
    expect(await storage.lineages.list('all', { limit: 10 })).toEqual([])
  })
})

test("a tenant's lineage is apart from the operator's of the same name", async () => {
  const tenant = await storage.tenants.add('acme', act())
  const made = await makeCertificate()
  await bring(made)
  const { lineage } = await bring(made, {}, tenant.id)
  expect(lineage.tenantId).toBe(tenant.id)
  expect(await stored()).toHaveLength(1)
})
