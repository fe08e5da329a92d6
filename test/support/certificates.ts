import 'reflect-metadata'
import { createPrivateKey, type KeyObject } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { encodePem } from '../../src/certificate/pem.ts'
import { ProblemError } from '../../src/problem.ts'

/** Between the dates of every certificate that is made without others. */
export const DURING = '2026-06-01T00:00:00Z'
const NOT_BEFORE = '2026-01-01T00:00:00Z'
const NOT_AFTER = '2027-01-01T00:00:00Z'

/** Extended key usages (RFC 5280 §4.2.1.12). */
export const USAGE = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2', any: '2.5.29.37.0' }

export type KeyKind = 'p-256' | 'p-384' | 'p-521' | 'rsa-1024' | 'rsa-2048' | 'rsa-pss-2048' | 'ed25519'

export interface MadeCertificate {
  pem: string
  der: Buffer
  key: KeyObject
  keyPem: string // PKCS#8
  keyDer: Buffer // PKCS#8
  /** What the next certificate is issued with. */
  issuer: { subject: string; keys: CryptoKeyPair }
}

export interface CertificateWish {
  names?: string[] // dNSName entries; none where it is empty
  subject?: string // "CN=…"; by default the first name, or the authority's
  issuer?: MadeCertificate // signed by itself where left out
  keys?: CryptoKeyPair // made anew where left out
  key?: KeyKind
  publicKey?: Uint8Array // SubjectPublicKeyInfo of somebody else, in place of the pair's own
  notBefore?: string
  notAfter?: string
  isCa?: boolean // basicConstraints are left out where it is false
  eku?: string[] // left out where undefined
  hash?: 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512'
  extensions?: Extension[]
}

const ALGORITHMS: Record<KeyKind, RsaHashedKeyGenParams | EcKeyGenParams | Algorithm> = {
  'p-256': { name: 'ECDSA', namedCurve: 'P-256' },
  'p-384': { name: 'ECDSA', namedCurve: 'P-384' },
  'p-521': { name: 'ECDSA', namedCurve: 'P-521' },
  'rsa-1024': rsa('RSASSA-PKCS1-v1_5', 1024),
  'rsa-2048': rsa('RSASSA-PKCS1-v1_5', 2048),
  'rsa-pss-2048': rsa('RSA-PSS', 2048),
  ed25519: { name: 'Ed25519' },
}

export async function makeKeys(kind: KeyKind = 'p-256', hash = 'SHA-256'): Promise<CryptoKeyPair> {
  const algorithm = { ...ALGORITHMS[kind], hash } as RsaHashedKeyGenParams
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

/** A real certificate, by default self-signed, of EC P-256, for `im.example.com`, valid through 2026. */
export async function makeCertificate(wish: CertificateWish = {}): Promise<MadeCertificate> {
  const { isCa = false, hash = 'SHA-256', issuer } = wish
  const names = wish.names ?? (isCa ? [] : ['im.example.com'])
  const keys = wish.keys ?? (await makeKeys(wish.key, hash))
  const subject = wish.subject ?? (isCa ? 'CN=Some authority' : `CN=${names[0] ?? 'nobody'}`)
  const signer = issuer?.issuer ?? { subject, keys }
  const extensions = [
    ...(isCa ? [new BasicConstraintsExtension(true, undefined, true)] : []),
    ...(names.length > 0
      ? [new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value })))]
      : []),
    ...(wish.eku ? [new ExtendedKeyUsageExtension(wish.eku)] : []),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ...(issuer ? [await AuthorityKeyIdentifierExtension.create(signer.keys.publicKey)] : []),
    ...(wish.extensions ?? []),
  ]
  const certificate = await X509CertificateGenerator.create({
    subject,
    issuer: signer.subject,
    notBefore: new Date(wish.notBefore ?? NOT_BEFORE),
    notAfter: new Date(wish.notAfter ?? NOT_AFTER),
    publicKey: wish.publicKey ? new Uint8Array(wish.publicKey) : keys.publicKey,
    signingKey: signer.keys.privateKey,
    signingAlgorithm: { name: signer.keys.privateKey.algorithm.name, hash, saltLength: 32 } as EcdsaParams,
    extensions,
  })
  const der = Buffer.from(certificate.rawData)
  const keyDer = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
  return {
    pem: encodePem('CERTIFICATE', der),
    der,
    key: createPrivateKey({ key: keyDer, format: 'der', type: 'pkcs8' }),
    keyPem: encodePem('PRIVATE KEY', keyDer),
    keyDer,
    issuer: { subject, keys },
  }
}

/** An extension whose value is an IA5String; with such a value none is known. */
export function extension(oid: string, isCritical: boolean, text: string): Extension {
  const value = Buffer.from(text, 'latin1')
  const length = value.length < 128 ? [value.length] : [0x82, value.length >> 8, value.length & 0xff]
  return new Extension(oid, isCritical, Uint8Array.of(0x16, ...length, ...value))
}

export interface MadeChain {
  root: MadeCertificate
  intermediate: MadeCertificate
  leaf: MadeCertificate
}

/** A root, an intermediate and a leaf for servers. */
export async function makeChain(leaf: CertificateWish = {}): Promise<MadeChain> {
  const root = await makeCertificate({ isCa: true, subject: 'CN=Some root' })
  const intermediate = await makeCertificate({ isCa: true, subject: 'CN=Some intermediate', issuer: root })
  return {
    root,
    intermediate,
    leaf: await makeCertificate({ eku: [USAGE.server], ...leaf, issuer: intermediate }),
  }
}

function rsa(name: string, modulusLength: number): RsaHashedKeyGenParams {
  return { name, modulusLength, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }
}

/** The rule of the refusal that a call ends with; "accepted" where there is none. Anything else that is thrown is thrown on. */
export function ruleOf(call: () => unknown): string {
  try {
    call()
    return 'accepted'
  } catch (error) {
    if (error instanceof ProblemError) return error.rule ?? error.code
    throw error
  }
}
