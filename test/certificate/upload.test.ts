import { X509Certificate } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { readLeaf } from '../../src/certificate/chain.ts'
import { cutPem, encodePem } from '../../src/certificate/pem.ts'
import {
  extension,
  makeCertificate,
  makeChain,
  USAGE,
  type MadeCertificate,
  type MadeChain,
} from '../support/certificates.ts'
import { readPasted, ruleFor, type Pasted } from '../support/uploads.ts'

let chain: MadeChain
let selfSigned: MadeCertificate

beforeAll(async () => {
  chain = await makeChain()
  selfSigned = await makeCertificate()
})

describe('case 72: what is pasted in another order or dress is normalised', () => {
  const wanted = () => chain.leaf.pem + chain.intermediate.pem
  test.each<[string, () => Pasted]>([
    ['leaf first', () => wanted()],
    ['issuers first', () => chain.intermediate.pem + chain.leaf.pem],
    ['with its root, which is left out', () => chain.root.pem + chain.leaf.pem + chain.intermediate.pem],
    ['each of them twice', () => (chain.intermediate.pem + chain.leaf.pem).repeat(2)],
    ['with CRLF and text around', () => `Here it is:\r\n${wanted().replaceAll('\n', '\r\n')}\r\nBye`],
    ['indented', () => wanted().replaceAll(/^/gm, '\t')],
    ['in UTF-16, as editors of Windows save it', () => Buffer.from(`\ufeff${wanted()}`, 'utf16le')],
    [
      'with a request and parameters beside',
      () => `${encodePem('EC PARAMETERS', Buffer.from('06082a8648ce3d030107', 'hex'))}${wanted()}`,
    ],
  ])('%s', (_, pasted) => {
    expect(readPasted(pasted())).toMatchObject({
      chain: { pem: wanted() },
      privateKey: null,
      isNotYetValid: false,
      warnings: [],
    })
  })

  test('as DER: the same bytes come out', () => {
    const { chain: read1 } = readPasted(selfSigned.der)
    expect(read1.pem).toBe(selfSigned.pem)
    expect(Buffer.from(readLeaf(read1.pem).der)).toEqual(selfSigned.der)
  })

  test('case 23: the leaf is the first block, and never a private key with it', () => {
    const { chain: made } = readPasted(chain.leaf.keyPem + chain.root.pem + chain.intermediate.pem + chain.leaf.pem)
    expect(cutPem(made.pem).map(({ label }) => label)).toEqual(['CERTIFICATE', 'CERTIFICATE'])
    expect(Buffer.from(readLeaf(made.pem).der)).toEqual(chain.leaf.der)
  })

  test('a root that an older one signed too: the longer way is kept', async () => {
    const older = await makeCertificate({ isCa: true, subject: 'CN=Older root' })
    const crossed = await makeCertificate({
      isCa: true,
      subject: 'CN=Some root',
      issuer: older,
      keys: chain.root.issuer.keys,
    })
    const all = [chain.root, older, crossed, chain.intermediate, chain.leaf].map(({ pem }) => pem).join('')
    expect(readPasted(all).chain.pem).toBe(chain.leaf.pem + chain.intermediate.pem + crossed.pem)
  })

  test('an expired issuer is left out, with a warning', async () => {
    const expired = await makeCertificate({
      isCa: true,
      subject: 'CN=Old',
      issuer: chain.root,
      notAfter: '2026-05-01T00:00:00Z',
    })
    const leaf = await makeCertificate({ issuer: expired })
    const { chain: made, warnings } = readPasted(leaf.pem + expired.pem)
    expect(made.pem).toBe(leaf.pem)
    expect(warnings).toEqual([expect.stringContaining('expired at 2026-05-01')])
  })

  test('an old root, which does not call itself an authority, is no second leaf', async () => {
    const root = await makeCertificate({ subject: 'CN=Old root', names: [] })
    const leaf = await makeCertificate({ issuer: root })
    expect(readPasted(root.pem + leaf.pem).chain.pem).toBe(leaf.pem)
  })

  test('a leaf without its issuers is taken, with a warning', () => {
    expect(readPasted(chain.leaf.pem).warnings).toEqual([expect.stringContaining('CN=Some intermediate')])
  })

  test('a self-signed certificate that calls itself an authority is taken alone, as `openssl req -x509` writes it', async () => {
    const alone = await makeCertificate({ isCa: true, names: ['im.example.com'] })
    expect(ruleFor(alone.pem)).toBe('accepted')
  })

  test('case 73: one that names another domain is taken; what it names is told', async () => {
    const other = await makeCertificate({ names: ['Hosting.Example.COM', '*.example.net'] })
    expect(readPasted(other.pem).chain.leaf.dnsNames).toEqual(['hosting.example.com', '*.example.net'])
  })

  test('one that is not valid yet is taken and said to be', async () => {
    const early = await makeCertificate({ notBefore: '2026-07-01T00:00:00Z' })
    expect(readPasted(early.pem).isNotYetValid).toBe(true)
  })
})
test('the signature of a root does not matter where it is not the leaf', async () => {
  const root = await makeCertificate({ isCa: true, subject: 'CN=Old root', hash: 'SHA-1' })
  const leaf = await makeCertificate({ issuer: root })
  expect(readPasted(leaf.pem + root.pem).chain.pem).toBe(leaf.pem)
})

test('any usage, and none said, are for servers too', async () => {
  expect(ruleFor((await makeCertificate({ eku: [USAGE.any] })).pem)).toBe('accepted')
  expect(ruleFor((await makeCertificate({ eku: [USAGE.client, USAGE.server] })).pem)).toBe('accepted')
})

test('a certificate that carries the PEM of another is not taken for the other', async () => {
  const comment = extension('2.16.840.1.113730.1.13', false, `\n${chain.leaf.pem}`)
  const carrier = await makeCertificate({ extensions: [comment] })
  expect(new X509Certificate(carrier.der).raw).toEqual(chain.leaf.der) // what Node makes of it
  expect(ruleFor(carrier.der)).toBe('unreadable')
  expect(ruleFor(carrier.pem)).toBe('unreadable')
})
