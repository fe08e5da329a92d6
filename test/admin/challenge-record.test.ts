import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { challengeAlias } from '../../src/acme/dns-challenges.ts'
import { adminServer, type AdminServer } from './admin-server.ts'

let withZone: AdminServer
let without: AdminServer
beforeAll(async () => {
  withZone = await adminServer({ challengeAlias: challengeAlias(randomBytes(32), 'acme.hosting.example') })
  without = await adminServer()
  for (const { signIn, api } of [withZone, without]) {
    await signIn()
    for (const name of ['acme', 'other']) {
      await api('POST', '/tenants', { name })
      await api('PUT', `/tenants/${name}/source-domains/im.example`, { mode: 'hosted' })
    }
    await api('PUT', '/target-hosts/hosting.example', { port: 443 })
  }
})
afterAll(async () => {
  await withZone.close()
  await without.close()
})

type Resource = { dnsRecords: { name: string; type: string; value: string; purpose: string; zone: string }[] }

async function challengeRecords({ api }: AdminServer, path: string) {
  const { dnsRecords } = (await api('GET', path)).json() as unknown as Resource
  return dnsRecords.filter(({ name }) => name.startsWith('_acme-challenge.'))
}
const DOMAIN = '/tenants/acme/source-domains/im.example'

test('an owner is shown the record that leads the DNS challenge here, where the operator has a zone for it', async () => {
  const [record, ...others] = await challengeRecords(withZone, DOMAIN)
  expect(others).toEqual([])
  expect(record).toMatchObject({
    ...{ name: '_acme-challenge.im.example', type: 'CNAME', zone: 'source domain' },
    value: expect.stringMatching(/^[0-9a-f]{32}\.acme\.hosting\.example\.$/) as string,
    purpose: expect.stringMatching(/^optional: /) as string,
  })
  expect((await withZone.page('/tenants/acme/source-domains/im.example')).text).toContain(record!.value)
  expect(await challengeRecords(without, DOMAIN)).toEqual([])
  expect((await without.page('/tenants/acme/source-domains/im.example')).text).not.toContain('_acme-challenge')
})

test('no two tenants are shown the same, nor a tenant and the operator', async () => {
  const paths = [DOMAIN, '/tenants/other/source-domains/im.example', '/target-hosts/hosting.example']
  const all = await Promise.all(paths.map((path) => challengeRecords(withZone, path)))
  expect(all.map(({ length }) => length)).toEqual([1, 1, 1])
  expect(new Set(all.flat().map(({ value }) => value)).size).toBe(3)
  expect(all[2]).toMatchObject([{ name: '_acme-challenge.hosting.example', zone: 'target host' }])
  expect((await without.api('GET', '/target-hosts/hosting.example')).json()).toMatchObject({ dnsRecords: [] })
})

test('it is none of the records that prove control', async () => {
  const { dnsRecords } = (await withZone.api('GET', `${DOMAIN}/control`)).json() as unknown as Resource
  expect(dnsRecords.map(({ name, type }) => `${name} ${type}`)).toEqual([
    'im.example CNAME',
    '_waypost-challenge.im.example TXT',
  ])
})
