import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodePem } from '../../src/certificate/pem.ts'
import { readUpload } from '../../src/certificate/upload.ts'
import { makeCertificate, makeChain, type MadeCertificate, type MadeChain } from '../support/certificates.ts'
import { opensslFolder, type OpensslFolder } from '../support/openssl.ts'
import { readPasted, ruleFor, type Pasted } from '../support/uploads.ts'

const TOPK8 = ['pkcs8', '-topk8', '-passout', 'pass:secret', '-in', 'plain.pem']

let folder: OpensslFolder
let chain: MadeChain
let selfSigned: MadeCertificate

beforeAll(async () => {
  folder = opensslFolder()
  chain = await makeChain()
  selfSigned = await makeCertificate()
})
afterAll(() => folder.remove())

describe('keys of every kind that TLS uses', () => {
  test.each(['p-256', 'p-384', 'p-521', 'rsa-2048', 'rsa-pss-2048', 'ed25519'] as const)('%s', async (key) => {
    const made = await makeCertificate({ key })
    expect(readPasted(made.pem + made.keyPem).privateKey).toEqual(made.keyDer)
  })

  test('Ed448', async () => {
    await folder.openssl(
      'req',
      '-x509',
      '-newkey',
      'ed448',
      '-nodes',
      '-keyout',
      'ed448.key',
      '-out',
      'ed448.pem',
      '-subj',
      '/CN=x',
      '-days',
      '365',
    )
    const { chain: made } = readUpload({
      certificate: folder.read('ed448.pem'),
      privateKey: folder.read('ed448.key'),
      now: new Date(),
    })
    expect(made.leaf.keyType).toBe('Ed448')
  })
})
describe('a private key in each form, before or behind the certificate or in a file of its own', () => {
  let ec: MadeCertificate
  let rsa: MadeCertificate
  beforeAll(async () => {
    ec = selfSigned
    rsa = await makeCertificate({ key: 'rsa-2048' })
  })
  const sec1 = () => ec.key.export({ type: 'sec1', format: 'pem' }).toString()

  test.each<[string, () => MadeCertificate, () => Pasted, string?]>([
    ['PKCS#8', () => ec, () => ec.keyPem],
    ['PKCS#8 as DER', () => ec, () => ec.keyDer],
    ['SEC1', () => ec, sec1],
    ['SEC1 as DER', () => ec, () => ec.key.export({ type: 'sec1', format: 'der' })],
    ['PKCS#1', () => rsa, () => rsa.key.export({ type: 'pkcs1', format: 'pem' }).toString()],
    ['PKCS#1 as DER', () => rsa, () => rsa.key.export({ type: 'pkcs1', format: 'der' })],
    [
      'encrypted PKCS#8',
      () => ec,
      () => ec.key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' }).toString(),
      'secret',
    ],
    [
      'encrypted PKCS#8 as DER',
      () => rsa,
      () => rsa.key.export({ type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: 'secret' }),
      'secret',
    ],
    [
      'encrypted in the traditional form',
      () => ec,
      () => ec.key.export({ type: 'sec1', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'secret' }).toString(),
      'secret',
    ],
    [
      'encrypted PKCS#1 in the traditional form',
      () => rsa,
      () => rsa.key.export({ type: 'pkcs1', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'secret' }).toString(),
      'secret',
    ],
    ['with a password that it does not need', () => ec, () => ec.keyPem, 'secret'],
  ])('%s', (_, certificate, privateKey, password) => {
    const { privateKey: opened } = readPasted(certificate().pem, {
      privateKey: privateKey(),
      ...(password ? { password } : {}),
    })
    expect(opened).toEqual(certificate().keyDer)
  })

  test('the key first, in the same file', () => expect(readPasted(sec1() + ec.pem).privateKey).toEqual(ec.keyDer))

  test('the same key twice is one key', () => {
    expect(readPasted(ec.pem + sec1(), { privateKey: ec.keyPem }).privateKey).toEqual(ec.keyDer)
  })

  test('PKCS#8 with scrypt', async () => {
    folder.write('plain.pem', ec.keyPem)
    const privateKey = await folder.openssl(...TOPK8, '-scrypt')
    expect(readPasted(ec.pem, { privateKey, password: 'secret' }).privateKey).toEqual(ec.keyDer)
  })

  test.each<[string, string, () => Pasted, string?]>([
    ['private-key-encrypted', 'an encrypted one without its password', () => encrypted()],
    ['private-key-encrypted', 'an encrypted one with an empty password', () => encrypted(), ''],
    ['private-key-encrypted', 'one encrypted in the traditional form without its password', () => traditional()],
    ['private-key-password', 'an encrypted one with a wrong password', () => encrypted(), 'wrong'],
    [
      'private-key-password',
      'one encrypted in the traditional form with a wrong password',
      () => traditional(),
      'wrong',
    ],
    ['private-key-mismatch', "another certificate's", () => rsa.keyPem],
    ['private-key-mismatch', "another certificate's of the same kind", () => chain.leaf.keyPem],
    [
      'several-private-keys',
      'more than one encrypted one, which cost time to open',
      () => `${String(encrypted())}${String(encrypted())}`,
      'secret',
    ],
    ['too-many-blocks', 'ten beside the certificate', () => ec.keyPem.repeat(10)],
    ['several-private-keys', 'two', () => ec.keyPem + rsa.keyPem],
    ['private-key-unreadable', 'a damaged one', () => encodePem('PRIVATE KEY', ec.keyDer.subarray(0, -8))],
    ['private-key-unreadable', 'one of SSH', () => encodePem('OPENSSH PRIVATE KEY', Buffer.from('openssh-key-v1\0'))],
  ])('%s: %s is refused', (expected, _, privateKey, password) => {
    expect(ruleFor(ec.pem, { privateKey: privateKey(), ...(password === undefined ? {} : { password }) })).toBe(
      expected,
    )
  })

  test('private-key-unreadable: one whose public half is right but whose private half is not', () => {
    const damaged = Buffer.from(ec.key.export({ type: 'sec1', format: 'der' }))
    damaged[20]! ^= 1 // in the scalar; the point behind it stays
    expect(ruleFor(ec.pem, { privateKey: damaged })).toBe('private-key-unreadable')
  })

  test.each([
    ['PBKDF2', ['-v2', 'aes-256-cbc', '-iter', '1000001']],
    ['the PBE of PKCS#12', ['-v1', 'PBE-SHA1-3DES', '-iter', '1000001']],
    ['scrypt', ['-scrypt', '-scrypt_N', '16384', '-scrypt_r', '8', '-scrypt_p', '9']],
  ])('private-key-derivation: %s with so many rounds that all others would wait', async (_, options) => {
    folder.write('plain.pem', ec.keyPem)
    const privateKey = await folder.openssl(...TOPK8, ...options)
    expect(ruleFor(ec.pem, { privateKey, password: 'secret' })).toBe('private-key-derivation')
  })

  test('private-key-unreadable: one under a cipher that OpenSSL no longer has', async () => {
    folder.write('plain.pem', ec.keyPem)
    const privateKey = await folder.openssl(
      ...TOPK8,
      '-v1',
      'PBE-MD5-DES',
      '-provider',
      'legacy',
      '-provider',
      'default',
    )
    expect(ruleFor(ec.pem, { privateKey, password: 'secret' })).toBe('private-key-unreadable')
  })

  function encrypted(): Pasted {
    return ec.key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' }).toString()
  }
  function traditional(): Pasted {
    return ec.key.export({ type: 'sec1', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'secret' }).toString()
  }
})
