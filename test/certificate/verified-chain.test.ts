import { beforeAll, describe, expect, test } from 'vitest'
import { createRequest, type KeyType } from '../../src/certificate/certificate-request.ts'
import { verifiedChain } from '../../src/certificate/verified-chain.ts'
import { domainName } from '../../src/name.ts'
import { DURING, makeCertificate, makeChain, type MadeChain } from '../support/certificates.ts'

const identifiers = [domainName('im.example.com')]
const verify = (chainPem: string, privateKey: Uint8Array, now = DURING) =>
  verifiedChain({ chainPem, identifiers, privateKey, now: new Date(now) })

describe('the chain of an authority', () => {
  let made: MadeChain
  beforeAll(async () => void (made = await makeChain()))
  const chain = () => made.leaf.pem + made.intermediate.pem

  test('is taken as it came, but for the root', () => {
    expect(verify(chain(), made.leaf.keyDer).pem).toBe(chain())
    expect(verify(chain() + made.root.pem, made.leaf.keyDer).pem).toBe(chain())
  })

  const refused: [string, () => string, RegExp][] = [
    ['the leaf comes last', () => made.intermediate.pem + made.leaf.pem, /another order/],
    [
      'the root comes before the intermediate',
      () => made.leaf.pem + made.root.pem + made.intermediate.pem,
      /another order/,
    ],
    ['the leaf comes alone', () => made.leaf.pem, /without its issuer/],
    ['it is none', () => 'hello', /./],
  ]
  test.each(refused)('is refused where %s', (_, pem, words) => {
    expect(() => verify(pem(), made.leaf.keyDer)).toThrow(words)
  })

  test.each([
    ['an hour', '2026-06-01T01:00:00Z', true],
    ['an hour and a second', '2026-06-01T01:00:01Z', false],
  ])('is refused where it is valid for an hour at most: %s', async (_, notAfter, isRefused) => {
    const leaf = await makeCertificate({ issuer: made.intermediate, notBefore: DURING, notAfter })
    const attempt = () => verify(leaf.pem + made.intermediate.pem, leaf.keyDer)
    if (isRefused) expect(attempt).toThrow('an hour or less')
    else expect(attempt().leaf.notAfter).toEqual(new Date(notAfter))
  })
})

test.each<[KeyType, string]>([
  ['ec-p256', 'EC'],
  ['ec-p384', 'EC'],
  ['rsa-2048', 'RSA'],
])('a request for a key of type %s is signed by that key', async (keyType) => {
  const { csrDer, privateKey } = await createRequest(identifiers, { keyType })
  const { Pkcs10CertificateRequest } = await import('@peculiar/x509')
  const { createPrivateKey } = await import('node:crypto')
  const request = new Pkcs10CertificateRequest(new Uint8Array(csrDer))
  expect(await request.verify()).toBe(true)
  const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey({
    key: Buffer.from(privateKey),
    format: 'der',
    type: 'pkcs8',
  })
  expect([asymmetricKeyType, asymmetricKeyDetails?.namedCurve ?? asymmetricKeyDetails?.modulusLength]).toEqual(
    { 'ec-p256': ['ec', 'prime256v1'], 'ec-p384': ['ec', 'secp384r1'], 'rsa-2048': ['rsa', 2048] }[keyType],
  )
})
