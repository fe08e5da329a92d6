import { describe, expect, test } from 'vitest'
import { certId, windowFault } from '../../src/acme/renewal-info.ts'
import { readLeaf } from '../../src/certificate/chain.ts'
import { makeCertificate, makeChain } from '../support/certificates.ts'

/** RFC 9773, Appendix A */
const EXAMPLE = `-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
`

describe('what names a certificate to its authority, RFC 9773 §4.1', () => {
  test("the RFC's own example, whose serial number begins with 00 since its first bit is set", () => {
    expect(certId(readLeaf(EXAMPLE).der)).toBe('aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE')
  })

  test('the bytes of the two fields, of any certificate', async () => {
    const { leaf } = await makeChain()
    const id = certId(leaf.der)!
    const [keyId, serial, ...rest] = id.split('.').map((part) => Buffer.from(part, 'base64url'))
    expect(rest).toEqual([])
    expect(keyId).toHaveLength(20)
    expect(leaf.der.includes(Buffer.concat([Buffer.from([0x80, 20]), keyId!]))).toBe(true)
    expect(leaf.der.includes(Buffer.concat([Buffer.from([0x02, serial!.length]), serial!]))).toBe(true)
  })

  test('nothing where the certificate does not name the key of its issuer', async () => {
    expect(certId((await makeCertificate()).der)).toBeNull()
  })

  test.each([
    ['no bytes', Buffer.alloc(0)],
    ['no certificate', Buffer.from('3003020101', 'hex')],
    ['a cut one', readLeaf(EXAMPLE).der.subarray(0, 100)],
  ])('an error for %s', (_, der) => expect(() => certId(der)).toThrow())
})

describe('a window is not relied on', () => {
  const at = (day: number) => new Date(Date.parse('2026-11-23T12:00:00Z') + day * 86_400_000)
  const certificate = { notBefore: at(0), notAfter: at(90) }
  test.each([
    ['that begins at expiry', 90, 91, 'the window begins when the certificate has expired'],
    ['that is longer than the certificate', -200, 80, 'the window is longer than the certificate is valid'],
    ['that is turned round', 61, 60, 'the window ends before it begins'],
  ])('%s', (_, start, end, why) => expect(windowFault({ start: at(start), end: at(end) }, certificate)).toBe(why))

  test.each([
    ['two thirds on', 60, 62],
    ['that is over: the certificate will be revoked', 1, 2],
    ['that was over before the certificate was made', -2, -1],
    ['that began a moment before expiry', 89.9, 90.5],
  ])('but on one %s', (_, start, end) =>
    expect(windowFault({ start: at(start), end: at(end) }, certificate)).toBeNull(),
  )
})
