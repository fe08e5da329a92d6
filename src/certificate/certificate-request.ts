import 'reflect-metadata' // before @peculiar/x509, which throws without it
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509'
import type { DomainName } from '../name.ts'

const EC_P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** A new key and a request for it. No CN: it holds 64 characters at most, and nobody has read it for years (RFC 9525 §2). */
export async function createRequest(
  identifiers: DomainName[],
  crypto: Crypto = globalThis.crypto,
): Promise<{ csrDer: Uint8Array; privateKey: Uint8Array /* PKCS#8 DER */ }> {
  const keys = await crypto.subtle.generateKey(EC_P256, true, ['sign', 'verify'])
  const request = await Pkcs10CertificateRequestGenerator.create(
    {
      keys,
      signingAlgorithm: EC_P256,
      extensions: [new SubjectAlternativeNameExtension(identifiers.map((value) => ({ type: 'dns' as const, value })))],
    },
    crypto,
  )
  const privateKey = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { csrDer: new Uint8Array(request.rawData), privateKey: new Uint8Array(privateKey) }
}
