import { beforeEach, describe, expect, test } from 'vitest'
import type { User } from '../../src/tenant/user.ts'
import { authenticator, type Authenticator, type Twist } from './authenticator.ts'
import { house, refusal, type House } from './house.ts'

let home: House
let alice: User
let device: Authenticator

beforeEach(async () => {
  home = await house()
  alice = await home.person()
  device = authenticator()
})

async function register(twist: Twist = {}, user = alice, key = device) {
  return home.ceremonies.register(user, 'key ring', key.create(await home.ceremonies.creation(user), twist), home.act())
}

describe('a new passkey', () => {
  test('is asked for with user verification, kept on the device, and bound to this host', async () => {
    await register()
    const options = await home.ceremonies.creation(alice)
    expect(options).toMatchObject({
      rp: { id: 'admin.example.net', name: 'Waypost' },
      user: { id: Buffer.from(alice.id).toString('base64url'), name: 'alice@example.org' },
      attestation: 'none',
      timeout: 300_000,
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      excludeCredentials: [{ id: device.id, type: 'public-key', transports: ['internal', 'hybrid'] }],
    })
    expect(Buffer.from(options.challenge, 'base64url')).toHaveLength(32)
  })

  test('is stored with its public key', async () => {
    expect(await register()).toMatchObject({ id: device.id, userId: alice.id, name: 'key ring', counter: 0 })
    expect(await home.storage.users.find(alice.id)).toMatchObject({ passkeys: 1 })
  })

  test.each<[string, Twist]>([
    ['another origin', { origin: 'https://admin.example.net' }], // without the port
    ['an origin that looks alike', { origin: 'https://admin.example.net:8443.evil.example' }],
    ['another host', { rpId: 'example.net' }],
    ['a signature in place of a registration', { type: 'webauthn.get' }],
    ['a challenge that was not given', { challenge: Buffer.alloc(32).toString('base64url') }],
    ['something else for a challenge', { challenge: 'nonsense' }],
    ['nobody verified', { isUserVerified: false }],
    ['nobody there', { isUserPresent: false }],
  ])('is refused with %s', async (_, twist) => {
    await expect(register(twist)).rejects.toMatchObject(refusal('sign-in-refused'))
    expect(await home.storage.passkeys.list(alice.id)).toEqual([])
  })

  // The library would ask the revocation list that a certificate names, and so any address that a stranger chooses
  const chain = Buffer.concat([Buffer.of(0xa1, 0x63), Buffer.from('x5c'), Buffer.of(0x81, 0x41, 0x30)]) // { x5c: [h'30'] }
  test.each(['packed', 'fido-u2f', 'android-key', 'android-safetynet', 'apple', 'tpm', 'none'])(
    'is refused with certificates in an attestation of the kind %s',
    async (fmt) =>
      expect(register({ attestation: { fmt, statement: chain } })).rejects.toMatchObject(
        refusal('sign-in-refused', { cause: undefined }), // before the library looks at it
      ),
  )

  test('is refused for the challenge of another person, of another act, used, or of long ago', async () => {
    const bob = await home.person('bob@example.org')
    const response = device.create(await home.ceremonies.creation(bob))
    const refused = (given: unknown) =>
      expect(home.ceremonies.register(alice, 'x', given, home.act())).rejects.toMatchObject(refusal('sign-in-refused'))
    await refused(response)

    const once = device.create(await home.ceremonies.creation(alice))
    await home.ceremonies.register(alice, 'x', once, home.act())
    await refused(once)

    const late = authenticator().create(await home.ceremonies.creation(alice))
    home.clock.advance(5 * 60_000)
    await refused(late)
  })

  test('that is registered already is told so', async () => {
    await register()
    await expect(register({}, await home.person('bob@example.org'))).rejects.toMatchObject(refusal('already-exists'))
  })

  test.each([
    ...[undefined, null, 7, 'x', [], {}, { id: 'x' }, { id: 'x', response: null }, { id: {}, response: {} }],
    { id: 'x', rawId: 'x', type: 'public-key', response: { clientDataJSON: '!', attestationObject: '!' } },
    { id: 'x', rawId: 'x', type: 'public-key', response: { clientDataJSON: 'e30', attestationObject: 'oA' } },
  ])('%j is refused, not a fault', async (response) => {
    await expect(home.ceremonies.register(alice, 'x', response, home.act())).rejects.toMatchObject(
      refusal('sign-in-refused'),
    )
    expect(await home.ceremonies.verify(response, null)).toBeUndefined()
  })
})

describe('a passkey that signs', () => {
  beforeEach(() => register())

  const sign = async (twist: Twist = {}, userId: string | null = null) =>
    home.ceremonies.verify(device.get(await home.ceremonies.request(userId), twist), userId)

  test('says whose it is', async () => {
    const options = await home.ceremonies.request(null)
    expect(options).toMatchObject({ rpId: 'admin.example.net', userVerification: 'required', allowCredentials: [] })
    home.clock.advance(1000)
    expect(await sign()).toMatchObject({ id: device.id, userId: alice.id })
    expect(await home.storage.passkeys.find(device.id)).toMatchObject({ counter: 1, lastUsedAt: home.clock.now() })
  })

  test('is named to the browser where it is known who confirms', async () => {
    const options = await home.ceremonies.request(alice.id)
    expect(options.allowCredentials).toEqual([expect.objectContaining({ id: device.id })])
    expect(await sign({}, alice.id)).toBeDefined()
    expect(await sign({ userHandle: null }, alice.id)).toBeDefined() // WebAuthn §7.2 step 6: then it may be left out
  })

  test.each<[string, Twist]>([
    ['another origin', { origin: 'https://evil.example' }],
    ['another host', { rpId: 'evil.example' }],
    ['a registration in place of a signature', { type: 'webauthn.create' }],
    ['a challenge that was not given', { challenge: Buffer.alloc(32).toString('base64url') }],
    ['nobody verified', { isUserVerified: false }],
    ['nobody there', { isUserPresent: false }],
    ['the account of another', { userHandle: Buffer.from('someone else').toString('base64url') }],
    ['no account', { userHandle: null }],
    ['what was not signed', { changedAfterSigning: true }],
  ])('is refused with %s', async (_, twist) => expect(await sign(twist)).toBeUndefined())

  test('is refused where its counter does not go on: there are two of it', async () => {
    expect(await sign({ counter: 5 })).toBeDefined()
    expect(await sign({ counter: 5 })).toBeUndefined()
    expect(await sign({ counter: 4 })).toBeUndefined()
    expect(await sign({ counter: 6 })).toBeDefined()
  })

  test('counts nothing where it never does', async () => {
    for (let i = 0; i < 2; i++) expect(await sign({ counter: 0 })).toBeDefined()
  })

  test('is taken once a challenge, also where the first answer was wrong', async () => {
    const options = await home.ceremonies.request(null)
    const response = device.get(options)
    expect(await home.ceremonies.verify(response, null)).toBeDefined()
    expect(await home.ceremonies.verify(response, null)).toBeUndefined()

    const again = await home.ceremonies.request(null)
    expect(await home.ceremonies.verify(device.get(again, { rpId: 'evil.example' }), null)).toBeUndefined()
    expect(await home.ceremonies.verify(device.get(again), null)).toBeUndefined()
  })

  test('of two answers at once to one challenge, one is taken', async () => {
    const response = device.get(await home.ceremonies.request(null))
    const both = await Promise.all([1, 2].map(() => home.ceremonies.verify(response, null)))
    expect(both.filter(Boolean)).toHaveLength(1)
  })

  test('is refused for the challenge of another ceremony, or of long ago', async () => {
    const bob = await home.person('bob@example.org')
    expect(await home.ceremonies.verify(device.get(await home.ceremonies.request(alice.id)), null)).toBeUndefined()
    expect(await home.ceremonies.verify(device.get(await home.ceremonies.request(null)), alice.id)).toBeUndefined()
    expect(await home.ceremonies.verify(device.get(await home.ceremonies.request(bob.id)), bob.id)).toBeUndefined()
    const late = device.get(await home.ceremonies.request(null))
    home.clock.advance(5 * 60_000)
    expect(await home.ceremonies.verify(late, null)).toBeUndefined()
  })

  test('that is not registered, or no longer, is refused', async () => {
    const stranger = authenticator()
    stranger.create(await home.ceremonies.creation(alice))
    expect(await home.ceremonies.verify(stranger.get(await home.ceremonies.request(null)), null)).toBeUndefined()
    await home.storage.passkeys.remove(alice.id, device.id, home.act())
    expect(await sign()).toBeUndefined()
  })
})
