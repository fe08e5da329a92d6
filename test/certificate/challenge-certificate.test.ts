import { createPrivateKey, X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { challengeCertificate } from '../../src/certificate/challenge-certificate.ts'
import { domainName } from '../../src/name.ts'
import { opensslFolder, type OpensslFolder } from '../support/openssl.ts'

const NOW = new Date('2026-06-01T12:00:00Z')
const KEY_AUTHORIZATION = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI'
const LONG = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(50)}.example`

let folder: OpensslFolder
beforeAll(() => void (folder = opensslFolder()))
afterAll(() => folder.remove())

async function made(host: string) {
  const { pem, privateKey } = await challengeCertificate(domainName(host), KEY_AUTHORIZATION, { now: NOW })
  folder.write('challenge.pem', pem)
  const text = (await folder.openssl('x509', '-in', 'challenge.pem', '-noout', '-text')).toString()
  return { pem, privateKey, text }
}

test.each([
  ['im.example.com', 'im.example.com'],
  ['IM.Bücher.example.', 'im.xn--bcher-kva.example'],
  [LONG, LONG],
])('the only name of %s is its A-label form', async (host, name) => {
  const { pem, text } = await made(host)
  expect(new X509Certificate(pem).subjectAltName).toBe(`DNS:${name}`)
  expect(text).toMatch(/Subject Alternative Name: *\n/)
  expect(text).not.toMatch(/(Subject|Issuer):.*example/)
})

test('RFC 8737 §3: the critical acmeIdentifier is the SHA-256 of the key authorization', async () => {
  await made('im.example.com')
  folder.write('key-authorization', KEY_AUTHORIZATION)
  const digest = (await folder.openssl('dgst', '-sha256', '-r', 'key-authorization')).toString().slice(0, 64)
  const parsed = (await folder.openssl('asn1parse', '-in', 'challenge.pem')).toString().split('\n')
  const at = parsed.findIndex((line) => line.includes('1.3.6.1.5.5.7.1.31'))
  expect(parsed[at + 1]).toMatch(/BOOLEAN\s+:255/)
  expect(parsed[at + 2]).toContain(`OCTET STRING      [HEX DUMP]:0420${digest.toUpperCase()}`)
  expect(parsed.filter((line) => line.includes('1.3.6.1.5.5.7.1.31'))).toHaveLength(1)
})

test('it is signed by its own P-256 key, valid around now, and no authority', async () => {
  const { pem, privateKey, text } = await made('im.example.com')
  const certificate = new X509Certificate(pem)
  expect(text).toContain('NIST CURVE: P-256')
  expect(text).toContain('Version: 3')
  expect(text).not.toContain('CA:TRUE')
  expect(certificate.ca).toBe(false)
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect(certificate.issuer).toBe(certificate.subject)
  const key = createPrivateKey({ key: Buffer.from(privateKey), format: 'der', type: 'pkcs8' })
  expect(certificate.checkPrivateKey(key)).toBe(true)
  expect([certificate.validFrom, certificate.validTo].map((text) => new Date(text).toISOString())).toEqual([
    '2026-05-31T12:00:00.000Z',
    '2026-06-02T12:00:00.000Z',
  ])
})

test('each has a key and a serial number of its own', async () => {
  const [one, other] = [
    new X509Certificate((await made('im.example.com')).pem),
    new X509Certificate((await made('im.example.com')).pem),
  ]
  expect(one.serialNumber).not.toBe(other.serialNumber)
  expect(one.publicKey.equals(other.publicKey)).toBe(false)
})
