import 'reflect-metadata' // before @peculiar/x509, which throws without it
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509'
import type { DomainName } from '../name.ts'

export type KeyType = 'ec-p256' | 'ec-p384' | 'rsa-2048'

const ALGORITHMS: Record<KeyType, (EcKeyGenParams & EcdsaParams) | RsaHashedKeyGenParams> = {
  'ec-p256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'ec-p384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  'rsa-2048': {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256',
  },
}

/** A new key and a request for it. No CN: it holds 64 characters at most, and nobody has read it for years (RFC 9525 §2). */
export async function createRequest(
  identifiers: DomainName[],
  { keyType = 'ec-p256', crypto = globalThis.crypto }: { keyType?: KeyType; crypto?: Crypto } = {},
): Promise<{ csrDer: Uint8Array; privateKey: Uint8Array /* PKCS#8 DER */ }> {
  const algorithm = ALGORITHMS[keyType]
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const request = await Pkcs10CertificateRequestGenerator.create(
    {
      keys,
      signingAlgorithm: algorithm,
      extensions: [new SubjectAlternativeNameExtension(identifiers.map((value) => ({ type: 'dns' as const, value })))],
    },
    crypto,
  )
  const privateKey = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { csrDer: new Uint8Array(request.rawData), privateKey: new Uint8Array(privateKey) }
}
