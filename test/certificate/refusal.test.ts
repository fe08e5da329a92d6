import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodePem } from '../../src/certificate/pem.ts'
import {
  extension,
  makeCertificate,
  makeChain,
  USAGE,
  type MadeCertificate,
  type MadeChain,
} from '../support/certificates.ts'
import { opensslFolder, type OpensslFolder } from '../support/openssl.ts'
import { readPasted, ruleFor, type Pasted } from '../support/uploads.ts'

let folder: OpensslFolder
let chain: MadeChain
let selfSigned: MadeCertificate

beforeAll(async () => {
  folder = opensslFolder()
  chain = await makeChain()
  selfSigned = await makeCertificate()
})
afterAll(() => folder.remove())

describe('refuses by rule, with a text that says how to mend it', () => {
  const refused = (expected: string, what: string, pasted: () => Promise<Pasted> | Pasted, text: RegExp) =>
    test(`${expected}: ${what}`, async () => {
      const upload = await pasted()
      expect(ruleFor(upload)).toBe(expected)
      expect(() => readPasted(upload)).toThrow(text)
    })

  refused('no-certificate', 'nothing', () => '', /BEGIN CERTIFICATE/)
  refused('no-certificate', 'only a private key', () => selfSigned.keyPem, /private key but no certificate/)
  refused('no-certificate', 'words', () => 'please publish this', /BEGIN CERTIFICATE/)
  refused('too-large', '1 MB of BEGIN', () => '-----BEGIN '.repeat(100_000), /64 KiB/)
  refused('too-large', 'more than 64 KiB', () => selfSigned.pem + ' '.repeat(65_536), /64 KiB/)
  refused(
    'too-large',
    'a certificate of more than 16 KiB',
    async () => {
      const padded = await makeCertificate({
        extensions: [extension('2.16.840.1.113730.1.13', false, 'x'.repeat(16_000))],
      })
      return padded.pem
    },
    /16 KiB/,
  )
  refused('too-many-blocks', 'eleven blocks', () => selfSigned.pem.repeat(11), /more than 10/)
  refused(
    'unreadable',
    'a certificate that is cut off',
    () => encodePem('CERTIFICATE', selfSigned.der.subarray(0, 200)),
    /damaged/,
  )
  refused(
    'unreadable',
    'bytes behind a certificate',
    () => encodePem('CERTIFICATE', Buffer.concat([selfSigned.der, Buffer.of(0)])),
    /damaged/,
  )
  refused(
    'unreadable',
    "OpenSSL's own form with trust settings",
    () => folder.openssl('x509', '-addtrust', 'serverAuth', '-in', folder.write('own.pem', selfSigned.pem)),
    /openssl x509 -in/,
  )
  refused('no-certificate', 'a list of revoked ones', () => encodePem('X509 CRL', selfSigned.der), /BEGIN CERTIFICATE/)
  refused(
    'two-leaves',
    'two server certificates',
    async () => selfSigned.pem + (await makeCertificate({ names: ['b.example'] })).pem,
    /im\.example\.com.*b\.example/,
  )
  refused('no-leaf', 'only authorities', () => chain.intermediate.pem + chain.root.pem, /add the server's own/)
  refused('no-leaf', 'an intermediate alone', () => chain.intermediate.pem, /add the server's own/)
  refused(
    'ca-certificate',
    "an authority's certificate with its key",
    () => chain.intermediate.pem + chain.intermediate.keyPem,
    /CA:TRUE/,
  )
  refused(
    'ca-certificate',
    "a server's certificate that calls itself an authority",
    async () => {
      const wrong = await makeCertificate({ isCa: true, names: ['im.example.com'], issuer: chain.root })
      return wrong.pem + chain.root.pem + wrong.keyPem
    },
    /CA:TRUE/,
  )
  refused(
    'chain-broken',
    'a certificate that has nothing to do with the leaf',
    async () => {
      return (
        chain.leaf.pem + chain.intermediate.pem + (await makeCertificate({ isCa: true, subject: 'CN=Stranger' })).pem
      )
    },
    /CN=Stranger does not belong/,
  )
  refused(
    'chain-broken',
    'an issuer of the right name with another key',
    async () => {
      return (
        chain.leaf.pem +
        (await makeCertificate({ isCa: true, subject: 'CN=Some intermediate', issuer: chain.root })).pem
      )
    },
    /another key/,
  )
  refused('chain-broken', 'a gap in the chain', () => chain.leaf.pem + chain.root.pem, /does not belong/)
  refused(
    'chain-broken',
    "a self-signed one whose signature is another's",
    async () => {
      const impostor = await makeCertificate({ subject: 'CN=Some root', issuer: chain.root })
      return impostor.pem
    },
    /signed by another key/,
  )
  refused(
    'expired',
    'an expired certificate',
    async () => (await makeCertificate({ notAfter: '2026-05-31T23:59:59Z' })).pem,
    /expired at 2026-05-31/,
  )
  refused(
    'key-size',
    'RSA of 1024 bits',
    async () => (await makeCertificate({ key: 'rsa-1024' })).pem,
    /2048 are the least/,
  )
  refused(
    'key-size',
    'RSA of 8200 bits',
    async () => (await makeCertificate({ publicKey: rsaPublicKey(8200), issuer: chain.intermediate })).pem,
    /8192 are the most/,
  )
  refused(
    'key-size',
    'RSA of 1024 bits in an intermediate',
    async () => {
      const weak = await makeCertificate({ isCa: true, subject: 'CN=Weak', key: 'rsa-1024', issuer: chain.root })
      return (await makeCertificate({ issuer: weak })).pem + weak.pem
    },
    /the issuer CN=Weak/,
  )
  refused(
    'key-type',
    'a curve that TLS clients do not know',
    async () => {
      await folder.openssl(
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:secp256k1',
        '-nodes',
        '-keyout',
        'k1.key',
        '-out',
        'k1.pem',
        '-subj',
        '/CN=x',
        '-days',
        '9000',
      )
      return folder.read('k1.pem')
    },
    /secp256k1/,
  )
  refused(
    'key-type',
    'DSA',
    async () => {
      const { publicKey } = generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 })
      const spki = publicKey.export({ type: 'spki', format: 'der' })
      return (await makeCertificate({ publicKey: spki, issuer: chain.intermediate })).pem
    },
    /DSA/,
  )
  refused(
    'signature-algorithm',
    'a leaf that is signed with SHA-1',
    async () => {
      return (await makeCertificate({ hash: 'SHA-1', key: 'rsa-2048' })).pem
    },
    /SHA-1/,
  )
  refused(
    'signature-algorithm',
    'a leaf that is signed with ECDSA and SHA-1',
    async () => (await makeCertificate({ hash: 'SHA-1' })).pem,
    /SHA-1/,
  )
  refused(
    'signature-algorithm',
    'a leaf that is signed with PSS and SHA-1',
    async () => {
      return (await makeCertificate({ hash: 'SHA-1', key: 'rsa-pss-2048' })).pem
    },
    /algorithm that clients do not accept/,
  )
  refused(
    'signature-algorithm',
    'a leaf that is signed with MD5',
    async () => {
      await folder.openssl(
        'req',
        '-x509',
        '-md5',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        'md5.key',
        '-out',
        'md5.pem',
        '-subj',
        '/CN=x',
        '-days',
        '9000',
      )
      return folder.read('md5.pem')
    },
    /MD5/,
  )
  refused(
    'signature-algorithm',
    'an intermediate that is signed with SHA-1',
    async () => {
      const weak = await makeCertificate({ isCa: true, subject: 'CN=Weak', issuer: chain.root, hash: 'SHA-1' })
      return (await makeCertificate({ issuer: weak })).pem + weak.pem
    },
    /the issuer CN=Weak/,
  )
  refused(
    'extended-key-usage',
    'one for clients only',
    async () => (await makeCertificate({ eku: [USAGE.client] })).pem,
    /no serverAuth/,
  )
  refused(
    'critical-extension',
    'a critical extension that nobody knows',
    async () => {
      return (await makeCertificate({ extensions: [extension('1.3.6.1.4.1.99999.1', true, 'x')] })).pem
    },
    /1\.3\.6\.1\.4\.1\.99999\.1/,
  )
  refused(
    'critical-extension',
    'a precertificate',
    async () => {
      return (
        await makeCertificate({
          extensions: [extension('1.3.6.1.4.1.11129.2.4.3', true, '')],
        })
      ).pem
    },
    /precertificate/,
  )
  refused(
    'public-key',
    'a bare public key',
    () => createPublicKey(selfSigned.key).export({ type: 'spki', format: 'pem' }).toString(),
    /bare public key/,
  )
  refused(
    'certificate-request',
    'a request',
    async () => {
      return folder.openssl(
        'req',
        '-new',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        'csr.key',
        '-subj',
        '/CN=im.example.com',
      )
    },
    /certificate request/,
  )
  refused(
    'certificate-request',
    'a request as DER, under another label',
    async () => {
      return encodePem(
        'CERTIFICATE',
        await folder.openssl(
          'req',
          '-new',
          '-newkey',
          'rsa:2048',
          '-nodes',
          '-keyout',
          'csr.key',
          '-subj',
          '/CN=x',
          '-outform',
          'DER',
        ),
      )
    },
    /certificate request/,
  )
  refused('pkcs12', 'PKCS#12, as DER', async () => pkcs12(), /openssl pkcs12 -in/)
  refused(
    'pkcs12',
    'PKCS#12 in a PEM block',
    async () => encodePem('CERTIFICATE', await pkcs12()),
    /openssl pkcs12 -in/,
  )
  refused(
    'pkcs7',
    'PKCS#7, as PEM',
    async () => folder.openssl('crl2pkcs7', '-nocrl', '-certfile', folder.write('leaf.pem', chain.leaf.pem)),
    /openssl pkcs7/,
  )
  refused(
    'pkcs7',
    'PKCS#7, as DER',
    async () =>
      folder.openssl('crl2pkcs7', '-nocrl', '-outform', 'DER', '-certfile', folder.write('leaf.pem', chain.leaf.pem)),
    /openssl pkcs7/,
  )

  async function pkcs12() {
    return folder.openssl(
      'pkcs12',
      '-export',
      '-passout',
      'pass:x',
      '-in',
      folder.write('own.pem', selfSigned.pem + selfSigned.keyPem),
    )
  }
})
test('what the text of a refusal tells to do works: PKCS#12 becomes PEM that is accepted', async () => {
  await folder.openssl(
    'pkcs12',
    '-export',
    '-passout',
    'pass:x',
    '-in',
    folder.write('own.pem', selfSigned.pem + selfSigned.keyPem),
    '-out',
    'own.p12',
  )
  await folder.openssl('pkcs12', '-in', 'own.p12', '-out', 'back.pem', '-noenc', '-passin', 'pass:x')
  expect(readPasted(folder.read('back.pem')).privateKey).toEqual(selfSigned.keyDer)
})

/** A number that looks like a modulus; nobody has its factors. */
function rsaPublicKey(bits: number): Buffer {
  const modulus = Buffer.alloc(bits / 8, 0xa5)
  return createPublicKey({ key: { kty: 'RSA', n: modulus.toString('base64url'), e: 'AQAB' }, format: 'jwk' }).export({
    type: 'spki',
    format: 'der',
  })
}
