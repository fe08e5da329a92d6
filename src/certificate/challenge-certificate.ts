import 'reflect-metadata' // before @peculiar/x509, which throws without it
import { Extension, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509'
import { createHash } from 'node:crypto'
import type { DomainName } from '../name.ts'
import { chainPem } from './chain.ts'

const EC_P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
/** id-pe-acmeIdentifier, RFC 8737 §6.1. */
const ACME_IDENTIFIER = '1.3.6.1.5.5.7.1.31'
const OCTET_STRING_OF_32_BYTES = [0x04, 0x20]
/** Nobody has to look at the dates, and clocks differ by a day at most. */
const DAY_MS = 86_400_000

/**
 * The certificate, with its key, that a host presents for a tls-alpn-01 challenge, RFC 8737 §3: signed by itself and
 * worth nothing to anybody else.
 * @param keyAuthorization RFC 8555 §8.1
 * @returns one certificate; PKCS#8 DER
 */
export async function challengeCertificate(
  host: DomainName,
  keyAuthorization: string,
  { now, crypto = globalThis.crypto }: { now: Date; crypto?: Crypto },
): Promise<{ pem: string; privateKey: Uint8Array }> {
  const keys = await crypto.subtle.generateKey(EC_P256, true, ['sign', 'verify'])
  const digest = createHash('sha256').update(keyAuthorization).digest()
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=ACME challenge', // no CN of the host's: it holds 64 characters at most
      notBefore: new Date(now.getTime() - DAY_MS),
      notAfter: new Date(now.getTime() + DAY_MS),
      keys,
      signingAlgorithm: EC_P256,
      extensions: [
        new SubjectAlternativeNameExtension([{ type: 'dns', value: host }]),
        new Extension(ACME_IDENTIFIER, true, Uint8Array.from([...OCTET_STRING_OF_32_BYTES, ...digest])),
      ],
    },
    crypto,
  )
  return {
    pem: chainPem([new Uint8Array(certificate.rawData)]),
    privateKey: new Uint8Array(await crypto.subtle.exportKey('pkcs8', keys.privateKey)),
  }
}
