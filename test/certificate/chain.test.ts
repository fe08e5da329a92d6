import { createHash, createPublicKey } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeCertificate } from '../../src/certificate/chain.ts'
import { makeCertificate, makeChain, ruleOf } from '../support/certificates.ts'
import { opensslFolder, type OpensslFolder } from '../support/openssl.ts'

let folder: OpensslFolder
beforeAll(() => void (folder = opensslFolder()))
afterAll(() => folder.remove())

describe('describeCertificate', () => {
  test('tells the names that XMPP clients look at, as openssl wrote them', async () => {
    const names =
      'DNS:IM.example.com,otherName:1.3.6.1.5.5.7.8.7;IA5:_xmpp-server.im.example.com,otherName:1.3.6.1.5.5.7.8.5;UTF8:im.example.com,email:a@example.com,IP:192.0.2.1'
    await folder.openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-384',
      '-nodes',
      '-keyout',
      'x.key',
      '-out',
      'x.pem',
      '-days',
      '30',
      '-subj',
      '/C=DE/O=A, B \\+ C/CN=im.example.com',
      '-addext',
      `subjectAltName=${names}`,
    )
    await folder.openssl('x509', '-in', 'x.pem', '-outform', 'DER', '-out', 'x.der')
    const facts = describeCertificate(folder.read('x.der'))
    expect(facts).toMatchObject({
      subject: 'CN=im.example.com,O=A\\, B \\+ C,C=DE',
      issuer: facts.subject,
      keyType: 'EC P-384',
      dnsNames: ['im.example.com'],
      xmppNames: {
        dnsIds: ['im.example.com'],
        srvIds: ['_xmpp-server.im.example.com'],
        xmppAddrs: ['im.example.com'],
        commonNames: ['im.example.com'],
      },
      isSelfSigned: true,
      serial: (await folder.openssl('x509', '-in', 'x.pem', '-noout', '-serial'))
        .toString()
        .trim()
        .slice('serial='.length)
        .toLowerCase(),
      sha256: createHash('sha256').update(folder.read('x.der')).digest('hex'),
    })
    const spki = createPublicKey(folder.read('x.pem')).export({ type: 'spki', format: 'der' })
    expect(facts.spkiSha256).toBe(createHash('sha256').update(spki).digest('hex'))
    expect(facts.subject).toBe(
      (await folder.openssl('x509', '-in', 'x.pem', '-noout', '-subject', '-nameopt', 'RFC2253'))
        .toString()
        .trim()
        .slice('subject='.length),
    )
  })

  test('the CN counts only where the certificate is self-signed', async () => {
    const chain = await makeChain()
    expect(describeCertificate(chain.leaf.der)).toMatchObject({ isSelfSigned: false, xmppNames: { commonNames: [] } })
  })

  test('a name with a NUL in it is no name', async () => {
    const made = await makeCertificate({ names: ['im.example.com\0.evil.example', 'b.example'] })
    expect(describeCertificate(made.der).dnsNames).toEqual(['b.example'])
  })

  test('refuses what is no certificate', () =>
    expect(ruleOf(() => describeCertificate(Buffer.of(0x30, 0)))).toBe('unreadable'))
})
