import { axios, Client, crypto as keys, type Authorization } from 'acme-client'
import https from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import { edgeRig, HOUR, type EdgeRig } from '../support/edge-rig.ts'
import { pebbles, startPebble, type Pebble } from '../support/pebble.ts'

const NAMES = ['im.example.com', 'xn--bcher-kva.example', `${'a'.repeat(63)}.${'b'.repeat(63)}.example.com`]

describe.each(pebbles())('Pebble $version', (version) => {
  let rig: EdgeRig
  let pebble: Pebble
  let client: Client
  beforeAll(async () => {
    rig = await edgeRig()
    pebble = await startPebble({ pebble: version, httpPort: rig.plainPort, tlsPort: rig.tlsPort })
    axios.defaults.httpsAgent = new https.Agent({ ca: pebble.caPem, family: 4 })
    const accountKey = await keys.createPrivateEcdsaKey()
    client = new Client({ directoryUrl: pebble.directoryUrl, accountKey, backoffMin: 50, backoffMax: 200 })
    await client.createAccount({ termsOfServiceAgreed: true, contact: ['mailto:operator@example.net'] })
    await rig.addTarget('served.example.com')
    await rig.settle()
  })
  afterAll(async () => {
    await pebble?.stop()
    await rig?.close()
  })

  /** Resolves once the authority has seen the answer, and rejects with its words where it has seen something else. */
  async function validate(
    name: string,
    type: 'http-01' | 'tls-alpn-01',
    answer: (keyAuthorization: string) => string | null = (keyAuthorization) => keyAuthorization,
  ): Promise<void> {
    let authorization: Authorization | undefined
    // One in a hundred Pebble takes again, though it is told to take none
    do {
      const order = await client.createOrder({ identifiers: [{ type: 'dns', value: name }] })
      ;[authorization] = await client.getAuthorizations(order)
    } while (authorization!.status === 'valid')
    const challenge = authorization!.challenges.find((each) => each.type === type)!
    const keyAuthorization = answer(await client.getChallengeKeyAuthorization(challenge))
    const host = domainName(name)
    const expiresAt = new Date(rig.clock.now().getTime() + HOUR)
    if (keyAuthorization !== null)
      await rig.storage.challenges.put({ host, token: challenge.token, type, keyAuthorization, expiresAt })
    try {
      await client.completeChallenge(challenge)
      await client.waitForValidStatus(challenge)
    } finally {
      await rig.storage.challenges.remove(host, challenge.token)
    }
  }

  describe.each(['http-01', 'tls-alpn-01'] as const)('%s', (type) => {
    test.each([...NAMES, 'served.example.com'])('is answered at %s', (name) => validate(name, type))

    test('is not answered where no challenge is live', async () => {
      const why = type === 'http-01' ? /404/ : /failed to connect/i
      await expect(validate(NAMES[0]!, type, () => null)).rejects.toThrow(why)
    })

    test('is not answered with what belongs to another account', async () => {
      await expect(validate(NAMES[0]!, type, (text) => `${text}x`)).rejects.toThrow(/key authorization|extension/i)
    })
  })

  test('many names are answered at the same time, and one name time after time', async () => {
    await Promise.all(Array.from({ length: 8 }, (_, n) => validate(`n${n}.example.com`, 'tls-alpn-01')))
    for (let n = 0; n < 3; n++) await validate('served.example.com', 'tls-alpn-01')
    expect((await rig.get('served.example.com', '/')).status).toBe(404)
  })
})
