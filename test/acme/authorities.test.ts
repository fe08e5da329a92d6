import { createServer } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { acmeSessions } from '../../src/acme/acme-session.ts'
import { authorities, type AuthorityWish } from '../../src/acme/authorities.ts'
import { systemClock as clock } from '../../src/clock.ts'
import { domainName } from '../../src/name.ts'
import { authorityExchange } from '../../src/outside/authority-exchange.ts'
import { ProblemError } from '../../src/problem.ts'
import { makeCertificate } from '../support/certificates.ts'
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts'
import { newestPebble, pebbles, startPebble, type Pebble } from '../support/pebble.ts'
import { acmeParts, wishFor } from './pebble-rig.ts'

const EAB_KEY = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'

describe.skipIf(pebbles().length === 0)('authorities', () => {
  let pebble: Pebble
  let strict: Pebble // wants an external account
  let proxy: FaultProxy
  let parts: Awaited<ReturnType<typeof acmeParts>>
  beforeAll(async () => {
    pebble = await startPebble({ pebble: newestPebble() })
    strict = await startPebble({ pebble: newestPebble(), eab: { 'kid-1': EAB_KEY } })
    proxy = await startFaultProxy(pebble)
  })
  afterAll(async () => {
    await proxy.stop()
    await pebble.stop()
    await strict.stop()
  })
  beforeEach(async () => {
    parts = await acmeParts()
    proxy.clear()
  })
  afterEach(() => parts.storage.close())

  const add = (wish: AuthorityWish) => parts.operator.add(wish, parts.act())
  const reserved = () => parts.storage.authorities.find('pebble')
  const refusalOf = async (wish: AuthorityWish) => {
    const error: unknown = await add(wish).catch((thrown: unknown) => thrown)
    if (!(error instanceof ProblemError)) throw new Error(`not refused: ${String(error)}`)
    return `${error.code}: ${error.message}`
  }

  test('one is added with an account, and found well', async () => {
    const added = await add(wishFor(pebble))
    expect(added).toMatchObject({ name: 'pebble', termsOfService: 'data:text/plain,Do%20what%20thou%20wilt' })
    expect(await parts.storage.authorities.list()).toEqual([added])
    expect(await parts.operator.test('pebble')).toMatchObject({
      ...{ accountUrl: added.accountUrl, fault: null, pausedUntil: null },
      directory: { profiles: pebble.hasProfiles ? { default: 'What there is' } : null },
    })
  })

  test('20 that add the same at once make one account', async () => {
    const added = await Promise.all(Array.from({ length: 20 }, () => add(wishFor(proxy)).catch(() => undefined)))
    const urls = new Set(added.flatMap((one) => (one ? [one.accountUrl] : [])))
    expect(urls.size).toBe(1)
    expect(
      new Set(
        proxy.log.filter(({ kind }) => kind === 'newAccount').map(({ protected: jws }) => JSON.stringify(jws!['jwk'])),
      ).size,
    ).toBe(1)
    expect(await parts.storage.authorities.list()).toHaveLength(1)
  })

  test('one that wants an external account gets it, in either alphabet of base64', async () => {
    const eab = { eabKeyId: 'kid-1', eabKey: `${EAB_KEY.replaceAll('-', '+').replaceAll('_', '/')}==` }
    expect(await add(wishFor(strict, eab))).toMatchObject({ eabKeyId: 'kid-1' })
  })

  const elsewhere = () => wishFor(pebble)
  const cases: [string, () => Partial<AuthorityWish>, RegExp][] = [
    [
      'a URL without https',
      () => ({ directoryUrl: pebble.directoryUrl.replace('https', 'http') }),
      /^malformed-request: .*no https URL/,
    ],
    ['no URL', () => ({ directoryUrl: 'letsencrypt' }), /^malformed-request: .*no https URL/],
    [
      'what is no directory',
      () => ({ directoryUrl: `https://localhost:${pebble.port}/nonce-plz` }),
      /no ACME directory/,
    ],
    ['a private CA without its root', () => ({ caPem: null }), /not trusted.*root certificate/],
    ['a root that is no certificate', () => ({ caPem: 'trust me' }), /no PEM certificates/],
    [
      'nobody there',
      () => ({ directoryUrl: 'https://localhost:1/dir' }),
      /^authority-unreachable: .*cannot be reached/,
    ],
    ['terms that are not agreed to', () => ({ agreesToTerms: false }), /terms of service, data:text.*agree/],
    ['no external account where one is wanted', () => strict, /wants an external account/],
    [
      'a wrong key of the external account',
      () => ({ ...strict, eabKeyId: 'kid-1', eabKey: EAB_KEY.replace('z', 'y') }),
      /key id and (the )?key/,
    ],
    ['an unknown external account', () => ({ ...strict, eabKeyId: 'kid-2', eabKey: EAB_KEY }), /key id and (the )?key/],
    ['an external account without a key', () => ({ ...strict, eabKeyId: 'kid-1' }), /give both, or neither/],
    ['a key that is no base64', () => ({ ...strict, eabKeyId: 'kid-1', eabKey: 'no key!' }), /no base64/],
    [
      'a profile that is required and not offered',
      () => ({ profile: { name: 'tlsserver', isRequired: true } }),
      /it offers default/,
    ],
    ['a contact that is no address', () => ({ contact: ['hostmaster@example.net'] }), /mailto:hostmaster@example.net/],
  ]
  test.each(cases)('%s: is refused with the reason, and nothing is kept', async (_, changes, words) => {
    const { directoryUrl, caPem, ...others } = { ...elsewhere(), ...changes() }
    expect(await refusalOf(wishFor({ directoryUrl, caPem }, others as Partial<AuthorityWish>))).toMatch(words)
    expect(await reserved()).toBeUndefined()
  })

  test('a contact that the authority refuses: is refused in its words', async () => {
    proxy.fault('newAccount', { do: 'problem', status: 400, type: 'invalidContact', detail: 'example.net has no MX' })
    expect(await refusalOf(wishFor(proxy))).toMatch(/example\.net has no MX; give another contact/)
    expect(await reserved()).toBeUndefined()
  })

  test('HTTPS that is no ACME authority is refused as such', async () => {
    const { pem, keyPem } = await makeCertificate({
      names: ['localhost'],
      isCa: true,
      subject: 'CN=x',
      notBefore: '2020-01-01T00:00:00Z',
      notAfter: '2049-01-01T00:00:00Z',
    })
    const server = createServer({ key: keyPem, cert: pem }, (_, response) => response.end('<h1>Welcome</h1>'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const directoryUrl = `https://localhost:${(server.address() as AddressInfo).port}/`
    expect(await refusalOf(wishFor({ directoryUrl, caPem: pem }))).toMatch(/no ACME directory/)
    server.closeAllConnections()
    server.close()
  })

  test('after an answer that was lost, the next try finds the account that was made', async () => {
    proxy.fault('newAccount', { do: 'drop', after: true })
    expect(await refusalOf(wishFor(proxy))).toMatch(/^authority-unreachable/)
    expect(await parts.storage.authorities.list()).toEqual([])
    await add(wishFor(proxy))
    const made = proxy.log.filter(({ kind }) => kind === 'newAccount')
    expect(made.map(({ status }) => status)).toEqual([0, 200])
  })

  test('its account gets another key, and the one before is worth nothing any more', async () => {
    const { id } = await add(wishFor(pebble))
    const before = await parts.storage.authorities.accountKey(id)
    await parts.operator.changeAccountKey('pebble', parts.act())
    expect(await parts.storage.authorities.accountKey(id)).not.toEqual(before)
    expect(await parts.operator.test('pebble')).toMatchObject({ fault: null })
  })

  test.each([
    ['before it was done', { do: 'drop' } as const],
    ['though it was done', { do: 'drop', after: true } as const],
  ])(
    'where the answer to a change of key is lost %s, another try ends with a key that the account has',
    async (_, fault) => {
      await add(wishFor(proxy))
      proxy.fault('keyChange', fault)
      await parts.operator.changeAccountKey('pebble', parts.act()).catch(() => undefined)
      await parts.operator.changeAccountKey('pebble', parts.act())
      expect(await parts.operator.test('pebble')).toMatchObject({ fault: null })
    },
  )

  /** The authority has said yes, and nobody has noted it. @returns the key that the account has */
  async function killedInChange(id: string): Promise<Uint8Array> {
    const store = { ...parts.storage.authorities, replaceAccountKey: () => Promise.reject(new Error('killed')) }
    const killed = authorities({ store, open: acmeSessions({ exchange: authorityExchange(), clock }), clock })
    await expect(killed.changeAccountKey('pebble', parts.act())).rejects.toThrow('killed')
    return (await parts.storage.authorities.preparedAccountKey(id))!
  }
  const isAccountKey = async (id: string, key: Uint8Array) =>
    Buffer.from(await parts.storage.authorities.accountKey(id)).equals(key)

  test('killed between the authority and the database, the next change of key goes on', async () => {
    const { id } = await add(wishFor(pebble))
    const changed = await killedInChange(id)
    await parts.operator.changeAccountKey('pebble', parts.act())
    expect(await isAccountKey(id, changed)).toBe(true)
    expect(await parts.operator.test('pebble')).toMatchObject({ fault: null })
  })

  test('or the next start does, as soon as the authority can be asked', async () => {
    const { id } = await add(wishFor(proxy))
    const changed = await killedInChange(id)
    proxy.fault('account', { do: 'drop' })
    await parts.operator.finishKeyChanges(parts.act())
    expect(await isAccountKey(id, changed)).toBe(false)
    await parts.operator.finishKeyChanges(parts.act())
    expect(await isAccountKey(id, changed)).toBe(true)
    expect(await parts.operator.test('pebble')).toMatchObject({ fault: null })
  })

  test('or the first order that is refused: the next goes through, and nobody is paused', async () => {
    const { storage, issuer, act } = parts
    const { id } = await add(wishFor(pebble))
    const { id: lineageId } = await storage.lineages.create(null, { name: 'front', source: 'acme' }, act())
    const changed = await killedInChange(id)
    const wanted = { tenantId: null, lineageId, identifiers: [domainName('im.example.com')], replaces: null }
    await issuer.issue(wanted)
    expect(await isAccountKey(id, changed)).toBe(true)
    await issuer.issue(wanted)
    expect(await storage.issuance.memory(lineageId)).toBeUndefined()
    expect(await storage.orders.underWay(lineageId)).toMatchObject({ url: expect.any(String) as string })
    expect(await storage.authorities.list()).toMatchObject([{ pausedUntil: null }])
  })

  test('before that it is not removed, for the account would be lost with both keys; else it is', async () => {
    const { id } = await add(wishFor(proxy))
    await killedInChange(id)
    const remove = () => parts.operator.remove('pebble', parts.act())
    await expect(remove()).rejects.toMatchObject({ code: 'still-in-use' })
    await parts.operator.finishKeyChanges(parts.act())
    // A key that the authority was never told of is worth nothing; but that has to be known
    await parts.storage.authorities.prepareAccountKey(id, (await makeCertificate()).keyDer)
    proxy.fault('account', { do: 'drop' })
    await expect(remove()).rejects.toMatchObject({ code: 'still-in-use' })
    await parts.operator.finishKeyChanges(parts.act())
    await remove()
    expect(await parts.storage.authorities.list()).toEqual([])
  })

  test('one whose account is gone, or whose profile, is found so', async () => {
    await add(wishFor(proxy, { profile: { name: 'short', isRequired: false } }))
    expect((await parts.operator.test('pebble')).fault).toMatch(
      /does not offer the profile short; it offers (default|none)/,
    )
    proxy.fault('account', { do: 'problem', status: 400, type: 'accountDoesNotExist', detail: 'no such account' })
    expect((await parts.operator.test('pebble')).fault).toMatch(/no such account.*add it again/)
    proxy.fault('account', { do: 'drop' })
    expect((await parts.operator.test('pebble')).fault).toMatch(/could not be reached/)
  })

  test('what is changed is asked for first', async () => {
    await add(wishFor(pebble))
    const change = (changes: Parameters<typeof parts.operator.update>[1]) =>
      parts.operator.update('pebble', changes, parts.act())
    expect(await change({ rank: 3, contact: ['mailto:new@example.net'] })).toMatchObject({ rank: 3 })
    await expect(change({ profile: { name: 'short', isRequired: true } })).rejects.toThrow(/it offers (default|none)/)
    await expect(change({ contact: ['new@example.net'] })).rejects.toThrow('mailto:')
  })

  test('one that is removed is gone, and one that is not there is not found', async () => {
    await add(wishFor(pebble))
    await parts.operator.remove('pebble', parts.act())
    await expect(parts.operator.test('pebble')).rejects.toThrow('there is no authority pebble')
  })
})
