import { createHash, createPublicKey, createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certId } from '../../src/acme/renewal-info.ts'
import type { AcmeSession } from '../../src/acme/session.ts'
import { makeCertificate } from '../support/certificates.ts'
import { pebbles } from '../support/pebble.ts'
import { stoppedClock } from '../support/stopped-clock.ts'
import { accountKey, EAB_KEY, failing, request, startRig, type SessionRig } from './session-rig.ts'

const here = pebbles()
if (here.length === 0) test.skip('Pebble is left out')

describe.each(here)('a session with Pebble $version', (pebble) => {
  let rig: SessionRig
  let session: AcmeSession
  const key = accountKey()
  let accountUrl: string

  beforeAll(async () => {
    rig = await startRig({ pebble, blocklist: ['blocked.example'], validitySeconds: 3600 })
    session = rig.open({ key })
    accountUrl = await session.register({ contact: ['mailto:hostmaster@example.net'], eab: null })
  })
  afterAll(() => rig.stop())

  test('reads the directory, once an hour', async () => {
    rig.proxy.clear()
    const clock = stoppedClock('2026-06-01T00:00:00Z')
    const other = rig.open({ clock })
    const directory = await other.directory()
    expect(directory).toMatchObject({ isExternalAccountRequired: false })
    expect(directory.termsOfService).toBe('data:text/plain,Do%20what%20thou%20wilt')
    expect(directory.profiles).toEqual(pebble.hasProfiles ? { default: 'What there is' } : null)
    expect(directory.renewalInfo !== null).toBe(pebble.hasRenewalInfo)
    clock.advance(59 * 60_000)
    await other.directory()
    expect(rig.proxy.requests('directory')).toHaveLength(1)
    clock.advance(2 * 60_000)
    await other.directory()
    expect(rig.proxy.requests('directory')).toHaveLength(2)
  })

  test('makes an account once: the same key finds it again and changes nothing', async () => {
    const again = rig.open({ key })
    rig.proxy.clear()
    expect(await again.register({ contact: ['mailto:other@example.net'], eab: null })).toBe(accountUrl)
    expect(rig.proxy.requests('newAccount')).toHaveLength(1)
    expect(rig.proxy.requests('account')).toEqual([])
    expect(await rig.open().register({ contact: [], eab: null })).not.toBe(accountUrl)
  })

  test('is whole from the order to the revoked certificate, and sends no nonce twice', async () => {
    rig.proxy.clear()
    const order = await session.newOrder({ identifiers: ['a.example', 'b.example'], profile: null, replaces: null })
    expect(order).toMatchObject({ status: 'pending', certificateUrl: null, problem: null })
    expect(order.authorizationUrls).toHaveLength(2)
    expect(order.expiresAt!.getTime()).toBeGreaterThan(Date.now())

    for (const url of order.authorizationUrls) {
      const authorization = await session.authorization(url)
      expect(authorization).toMatchObject({ url, status: 'pending', problem: null })
      expect(authorization.challenges.map(({ type }) => type).sort()).toEqual(['dns-01', 'http-01', 'tls-alpn-01'])
      await session.answer(authorization.challenges[0]!.url)
    }
    await expect.poll(() => session.order(order.url)).toMatchObject({ status: 'ready', url: order.url })
    const csr = await request('a.example')
    const refused = await failing(() => session.finalize(order.finalizeUrl, order.url, csr))
    expect(refused.problem).toMatchObject({ type: 'unauthorized', status: 403 }) // it is for one of the two names

    const issued = await rig.validOrder(session, 'c.example')
    const chain = await session.certificate(issued.certificateUrl!)
    const leaf = new X509Certificate(chain)
    expect(leaf.subjectAltName).toBe('DNS:c.example')
    expect(await rig.pebble.certificateStatus(leaf.serialNumber)).toBe('Valid')
    await session.revoke(leaf.raw, 4)
    await session.revoke(leaf.raw, 4)
    expect(await rig.pebble.certificateStatus(leaf.serialNumber)).toBe('Revoked')
    expect(rig.proxy.requests('revoke').map(({ status }) => status)).toEqual([200, 400])
    expect(rig.proxy.reusedNonces()).toEqual([])
    // The nonce that came with the last answer saves a request for another
    expect(rig.proxy.requests('newNonce').length).toBeLessThan(5)
  })

  test('gives the key authorization of RFC 8555 §8.1', async () => {
    const order = await session.newOrder({ identifiers: ['d.example'], profile: null, replaces: null })
    const { challenges, identifier } = await session.authorization(order.authorizationUrls[0]!)
    const { crv, kty, x, y } = createPublicKey(
      createPrivateKey({ key: Buffer.from(key), format: 'der', type: 'pkcs8' }),
    ).export({ format: 'jwk' })
    const thumbprint = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
    expect(identifier).toBe('d.example')
    for (const { token, keyAuthorization } of challenges) expect(keyAuthorization).toBe(`${token}.${thumbprint}`)
  })

  test('deactivates an authorization', async () => {
    const order = await session.newOrder({ identifiers: ['e.example'], profile: null, replaces: null })
    const [url] = order.authorizationUrls
    await session.deactivateAuthorization(url!)
    expect(await session.authorization(url!)).toMatchObject({ status: 'deactivated' })
  })

  test('changes the contact and the key; the old key is of no use from then on', async () => {
    const oldKey = accountKey()
    const newKey = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({
      type: 'pkcs8',
      format: 'der',
    })
    const changing = rig.open({ key: oldKey })
    const url = await changing.register({ contact: [], eab: null })
    await changing.updateContact(['mailto:new@example.net'])
    expect(rig.proxy.requests('account').at(-1)).toMatchObject({ payload: { contact: ['mailto:new@example.net'] } })
    await changing.changeKey(newKey)
    await changing.newOrder({ identifiers: ['f.example'], profile: null, replaces: null })
    expect(await rig.open({ key: newKey }).register({ contact: [], eab: null })).toBe(url)
    const old = rig.open({ key: oldKey, accountUrl: url })
    const { error, problem } = await failing(() =>
      old.newOrder({ identifiers: ['g.example'], profile: null, replaces: null }),
    )
    expect(error.code).toBe('authority-refused')
    expect(problem.status).toBeGreaterThanOrEqual(400)
  })

  test('has RSA keys of accounts too', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'der' })
    const other = await rig.registered({ key: rsa })
    expect((await rig.validOrder(other, 'rsa.example')).certificateUrl).toMatch(/^https:/)
  })

  test('says what the authority says of a name that it refuses', async () => {
    const { error, problem } = await failing(() =>
      session.newOrder({ identifiers: ['www.blocked.example'], profile: null, replaces: null }),
    )
    expect(problem).toMatchObject({ type: 'rejectedIdentifier', status: 400 })
    expect(error.message).toContain(problem.detail)
    expect(error.message).toContain('localhost')
  })

  test('says that an account does not exist', async () => {
    const stranger = rig.open({ accountUrl: accountUrl.replace(/[^/]*$/, '999999') })
    const { problem } = await failing(() =>
      stranger.newOrder({ identifiers: ['h.example'], profile: null, replaces: null }),
    )
    expect(problem.type).toBe('accountDoesNotExist')
  })

  test('refuses an authority whose certificate is not of a trusted CA, with the cure', async () => {
    for (const [caPem, cure] of [
      [null, 'give the CA file'],
      [await otherRoot(), 'the CA file that was given'],
    ] as const) {
      const { error, problem } = await failing(() => rig.open({ caPem }).directory())
      expect(error.code).toBe('authority-unreachable')
      expect(problem).toMatchObject({ type: 'unreachable', status: 0 })
      expect(error.message).toMatch(/trusted|self-signed/)
      expect(error.message).toContain(cure)
    }
  })

  test('gets through an authority that refuses half of all nonces', async () => {
    const other = await startRig({ pebble, env: { PEBBLE_WFE_NONCEREJECT: '50' } })
    try {
      const busy = await other.registered()
      for (let i = 0; i < 5; i++) await other.validOrder(busy, `nonce${i}.example`)
      const refused = other.proxy.log.filter(({ method, status }) => method === 'POST' && status === 400)
      expect(refused.length).toBeGreaterThan(5)
      expect(other.proxy.reusedNonces()).toEqual([])
    } finally {
      await other.stop()
    }
  })

  test('binds an external account, in either alphabet of base64, and says what is wrong with one that is refused', async () => {
    const other = await startRig({ pebble, eab: { 'kid-1': EAB_KEY } })
    try {
      const register = (eab: { keyId: string; key: string } | null, contact: string[] = []) =>
        other.open().register({ contact, eab })
      expect((await other.open().directory()).isExternalAccountRequired).toBe(true)
      expect((await failing(() => register(null))).problem.type).toBe('externalAccountRequired')
      const wrong = await failing(() => register({ keyId: 'kid-1', key: EAB_KEY.replace('z', 'y') }))
      expect(wrong.problem).toMatchObject({ type: expect.stringMatching(/unauthorized|malformed/) as string })
      expect(wrong.error.message).toContain(wrong.problem.detail)
      expect(wrong.problem.detail.length).toBeGreaterThan(10)
      expect(JSON.stringify([wrong.error.message, wrong.problem])).not.toContain(EAB_KEY.slice(2))
      for (const key of [EAB_KEY, EAB_KEY.replaceAll('-', '+').replaceAll('_', '/')])
        expect(await register({ keyId: 'kid-1', key })).toMatch(/^https:/)
    } finally {
      await other.stop()
    }
  })
})

describe.each(here.filter(({ hasRenewalInfo }) => hasRenewalInfo))('RFC 9773 with Pebble $version', (pebble) => {
  test('a renewal names what it replaces, and the renewal information is read', async () => {
    const rig = await startRig({ pebble })
    try {
      const session = await rig.registered()
      const issued = await rig.validOrder(session, 'ari.example')
      const chain = await session.certificate(issued.certificateUrl!)
      const id = certId(new X509Certificate(chain).raw)!
      rig.proxy.clear()
      const found = await session.renewalInfo(id)
      expect(found.start.getTime()).toBeLessThan(found.end.getTime())
      expect(found.retryAfterMs).toBeGreaterThan(0)
      expect(rig.proxy.requests().map(({ kind, method }) => [kind, method])).toEqual([['renewalInfo', 'GET']])
      await rig.validOrder(session, 'ari.example', id)
      const again = () => session.newOrder({ identifiers: ['ari.example'], profile: null, replaces: id })
      const { problem } = await failing(again)
      expect(problem).toMatchObject({ status: 409, type: pebble.hasProfiles ? 'alreadyReplaced' : 'malformed' })
    } finally {
      await rig.stop()
    }
  })
})

describe.each(here.filter(({ hasProfiles }) => hasProfiles))('profiles and windows with Pebble $version', (pebble) => {
  let rig: SessionRig
  let session: AcmeSession
  beforeAll(async () => {
    const profiles = {
      default: { description: 'Long', validityPeriod: 7_776_000 },
      shortlived: { description: 'Short', validityPeriod: 518_400 },
    }
    rig = await startRig({ pebble, profiles })
    session = await rig.registered()
  })
  afterAll(() => rig.stop())

  test('asks for the profile', async () => {
    expect((await session.directory()).profiles).toEqual({ default: 'Long', shortlived: 'Short' })
    const order = { identifiers: ['p.example'], replaces: null }
    await session.newOrder({ ...order, profile: 'shortlived' })
    expect(rig.proxy.requests('newOrder').at(-1)).toMatchObject({ payload: { profile: 'shortlived' } })
    const { problem } = await failing(() => session.newOrder({ ...order, profile: 'nonesuch' }))
    expect(problem.type).toBe('invalidProfile')
  })

  test.each([
    [
      'the end is before the start',
      { suggestedWindow: { start: '2026-02-02T00:00:00Z', end: '2026-02-01T00:00:00Z' } },
    ],
    ['the start is no instant', { suggestedWindow: { start: 'tomorrow', end: '2026-02-01T00:00:00Z' } }],
    ['there is no window', {}],
    ['it is no object', []],
  ])('refuses renewal information where %s', async (_what, answer) => {
    const issued = await rig.validOrder(session, 'w.example')
    const chain = await session.certificate(issued.certificateUrl!)
    await rig.pebble.setRenewalInfo(chain, JSON.stringify(answer))
    const { problem } = await failing(() => session.renewalInfo(certId(new X509Certificate(chain).raw)!))
    expect(problem.type).toBe('malformed-answer')
  })

  test('reads a window and its explanation', async () => {
    const issued = await rig.validOrder(session, 'x.example')
    const chain = await session.certificate(issued.certificateUrl!)
    const suggestedWindow = { start: '2026-02-01T00:00:00Z', end: '2026-02-03T00:00:00+02:00' }
    const explanationURL = 'https://acme.example/why'
    await rig.pebble.setRenewalInfo(chain, JSON.stringify({ suggestedWindow, explanationURL, more: 1 }))
    expect(await session.renewalInfo(certId(new X509Certificate(chain).raw)!)).toMatchObject({
      start: new Date('2026-02-01T00:00:00Z'),
      end: new Date('2026-02-02T22:00:00Z'),
      explanationUrl: explanationURL,
    })
  })
})

async function otherRoot(): Promise<string> {
  return (await makeCertificate({ isCa: true, notBefore: '2020-01-01T00:00:00Z', notAfter: '2049-01-01T00:00:00Z' }))
    .pem
}
