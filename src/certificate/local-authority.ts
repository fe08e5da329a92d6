import 'reflect-metadata' // before @peculiar/x509, which throws without it
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { Clock } from '../clock.ts'
import type { DomainName } from '../name.ts'
import { chainPem, readLeaf } from './chain.ts'

const EC_P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY_MS = 86_400_000
const LEAF_MS = 90 * DAY_MS
// The root's key is thrown away, so that there is no second intermediate: both last as long as the installation may
const AUTHORITY_MS = 20 * 365 * DAY_MS
/** Peers' clocks are behind now and then. */
const BACKDATED_MS = 3_600_000
const SERIAL_BYTES = 18 // RFC 5280 §4.1.2.2: 20 at most, positive; CA/Browser Forum: 64 random bits at least

export interface LocalAuthorityMaterial {
  rootPem: string
  intermediatePem: string
  intermediateKey: Uint8Array // PKCS#8 DER
}

/** A root and an intermediate of an installation's own. The root's key is not kept: nothing more is signed with it. */
export async function createLocalAuthority(
  now: Date,
  crypto: Crypto = globalThis.crypto,
): Promise<LocalAuthorityMaterial> {
  const rootKeys = await crypto.subtle.generateKey(EC_P256, false, ['sign', 'verify'])
  const keys = await crypto.subtle.generateKey(EC_P256, true, ['sign', 'verify'])
  // A name of its own: roots of two installations in one trust store are told apart
  const suffix = Buffer.from(crypto.getRandomValues(new Uint8Array(3))).toString('hex')
  const rootName = `CN=Waypost local root ${suffix}`
  const validity = {
    notBefore: new Date(now.getTime() - BACKDATED_MS),
    notAfter: new Date(now.getTime() + AUTHORITY_MS),
  }
  const authorityUsage = new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true)

  const root = await X509CertificateGenerator.create(
    {
      ...validity,
      serialNumber: serialNumber(crypto),
      subject: rootName,
      issuer: rootName,
      publicKey: rootKeys.publicKey,
      signingKey: rootKeys.privateKey,
      signingAlgorithm: EC_P256,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        authorityUsage,
        await SubjectKeyIdentifierExtension.create(rootKeys.publicKey, false, crypto),
      ],
    },
    crypto,
  )
  const intermediate = await X509CertificateGenerator.create(
    {
      ...validity,
      serialNumber: serialNumber(crypto),
      subject: `CN=Waypost local intermediate ${suffix}`,
      issuer: rootName,
      publicKey: keys.publicKey,
      signingKey: rootKeys.privateKey,
      signingAlgorithm: EC_P256,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        authorityUsage,
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
        await AuthorityKeyIdentifierExtension.create(rootKeys.publicKey, false, crypto),
      ],
    },
    crypto,
  )
  return {
    rootPem: chainPem([new Uint8Array(root.rawData)]),
    intermediatePem: chainPem([new Uint8Array(intermediate.rawData)]),
    intermediateKey: new Uint8Array(await crypto.subtle.exportKey('pkcs8', keys.privateKey)),
  }
}

export interface LocalAuthority {
  /** @returns the chain as it was issued, leaf first */
  issue(request: { identifiers: DomainName[]; csrDer: Uint8Array }): Promise<{ chainPem: string }>
}

/** Issues for any name, at once: for trials, tests and closed networks that trust its root. */
export function localAuthority(
  deps: Pick<LocalAuthorityMaterial, 'intermediatePem' | 'intermediateKey'> & { clock: Clock; crypto?: Crypto },
): LocalAuthority {
  const { intermediateKey, clock, crypto = globalThis.crypto } = deps
  const issuer = new X509Certificate(new Uint8Array(readLeaf(deps.intermediatePem).der))
  let key: Promise<CryptoKey> | undefined

  return {
    async issue({ identifiers, csrDer }) {
      const request = new Pkcs10CertificateRequest(new Uint8Array(csrDer))
      if (!(await request.verify(crypto))) throw new Error('the certificate request is not signed by its own key')
      key ??= crypto.subtle.importKey('pkcs8', new Uint8Array(intermediateKey), EC_P256, false, ['sign'])
      const now = clock.now().getTime()
      const notBefore = new Date(Math.max(now - BACKDATED_MS, issuer.notBefore.getTime()))
      const notAfter = new Date(Math.min(notBefore.getTime() + LEAF_MS, issuer.notAfter.getTime()))
      const extensions: Extension[] = [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        // RFC 5280 §4.2.1.6: critical where the subject is empty
        new SubjectAlternativeNameExtension(
          identifiers.map((value) => ({ type: 'dns' as const, value })),
          true,
        ),
        await SubjectKeyIdentifierExtension.create(request.publicKey, false, crypto),
        await AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, crypto),
      ]
      const leaf = await X509CertificateGenerator.create(
        {
          serialNumber: serialNumber(crypto),
          issuer: issuer.subjectName,
          notBefore,
          notAfter,
          publicKey: request.publicKey,
          signingKey: await key,
          signingAlgorithm: EC_P256,
          extensions,
        },
        crypto,
      )
      return { chainPem: chainPem([new Uint8Array(leaf.rawData), new Uint8Array(issuer.rawData)]) }
    },
  }
}

function serialNumber(crypto: Crypto): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SERIAL_BYTES))
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40 // positive, and without leading zeros
  return Buffer.from(bytes).toString('hex')
}
