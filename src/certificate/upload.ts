import { sign, verify, type KeyObject } from 'node:crypto'
import { chainPem, type Chain } from './chain.ts'
import { derElement, TAG } from './der.ts'
import { isPrivateKey, kindOf, nothingToRead, refuseContainers, type BlockKind } from './block-kind.ts'
import { checkLeaf, leafOf, nameOf } from './leaf.ts'
import { linkChain } from './link-chain.ts'
import { parseCertificate, type ParsedCertificate } from './parsed-certificate.ts'
import {
  cutPem,
  MOST_BLOCKS,
  MOST_CERTIFICATE_BYTES,
  MOST_UPLOAD_BYTES,
  tooLarge,
  tooManyBlocks,
  type PemBlock,
} from './pem.ts'
import { openPrivateKey } from './private-key.ts'
import { refusal } from './refusal.ts'
import { checkKeyIsNotHuge } from './strength.ts'

export interface Upload {
  certificate: Uint8Array
  privateKey?: Uint8Array | undefined // where it is a file of its own
  password?: string | undefined
  now: Date
}

export interface ReadUpload {
  chain: Chain
  privateKey: Uint8Array | null // PKCS#8 DER, in clear; null: none was given
  isNotYetValid: boolean
  warnings: string[]
}

/**
 * Reads a certificate as people have it: PEM or DER, the chain in any order, the key before, behind or in a file of its
 * own. Gives back leaf first, then its issuers in order, without the root.
 * @throws ProblemError certificate-refused, with the rule
 */
export function readUpload({ certificate, privateKey, password, now }: Upload): ReadUpload {
  if (certificate.length + (privateKey?.length ?? 0) > MOST_UPLOAD_BYTES) throw tooLarge()
  const blocks = [...blocksOf(certificate), ...(privateKey ? blocksOf(privateKey) : [])].map((block) => ({
    ...block,
    kind: kindOf(block),
  }))
  if (blocks.length > MOST_BLOCKS) throw tooManyBlocks()
  // To open one may take as long as the rounds that are allowed
  if (blocks.filter(({ kind }) => kind === 'encrypted-pkcs8').length > 1)
    throw refusal('several-private-keys', "there are several encrypted private keys; give only the certificate's own")
  const bag = certificatesOf(blocks.filter(({ kind }) => kind === 'certificate'))
  if (bag.length === 0) throw nothingToRead(blocks.map(({ kind }) => kind))
  refuseContainers(blocks.map(({ kind }) => kind))
  const key = privateKeyOf(blocks, password || null)

  for (const each of bag) checkKeyIsNotHuge(each, nameOf(each))
  const leaf = leafOf(bag, key)
  checkLeaf(leaf, now)
  if (key) checkPair(key, leaf, bag)
  const { chain, warnings } = linkChain(leaf, bag, now)
  return {
    chain: { pem: chainPem(chain.map(({ der }) => der)), leaf: leaf.facts },
    privateKey: key ? key.export({ type: 'pkcs8', format: 'der' }) : null,
    isNotYetValid: leaf.facts.notBefore > now,
    warnings,
  }
}

function blocksOf(bytes: Uint8Array): PemBlock[] {
  if (bytes[0] === TAG.sequence && isOneElement(bytes)) return [{ label: '', headers: [], bytes }]
  const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe // as Windows' editors save it
  return cutPem(Buffer.from(bytes).toString(isUtf16 ? 'utf16le' : 'latin1'))
}

function isOneElement(bytes: Uint8Array): boolean {
  try {
    return derElement(bytes).raw.length > 0
  } catch {
    return false
  }
}

function certificatesOf(blocks: PemBlock[]): ParsedCertificate[] {
  const bag = new Map<string, ParsedCertificate>()
  for (const { bytes, label } of blocks) {
    if (label.startsWith('TRUSTED'))
      throw refusal(
        'unreadable',
        'this is OpenSSL\'s own "trusted certificate"; convert it: openssl x509 -in old.pem -out new.pem',
      )
    if (bytes.length > MOST_CERTIFICATE_BYTES)
      throw refusal('too-large', `a certificate is larger than ${MOST_CERTIFICATE_BYTES / 1024} KiB; ${AS_ISSUED}`)
    try {
      const parsed = parseCertificate(bytes)
      bag.set(parsed.facts.sha256, parsed)
    } catch (cause) {
      throw refusal('unreadable', `a certificate is damaged and cannot be read; ${AS_ISSUED}`, cause)
    }
  }
  return [...bag.values()]
}

const AS_ISSUED = 'give the file as the authority issued it'

function privateKeyOf(blocks: (PemBlock & { kind: BlockKind })[], password: string | null): KeyObject | null {
  if (blocks.some(({ label }) => label === 'OPENSSH PRIVATE KEY'))
    throw refusal('private-key-unreadable', 'this is an SSH key; give the key that the certificate was requested with')
  const keys: KeyObject[] = []
  for (const block of blocks) {
    if (!isPrivateKey(block.kind)) continue
    const key = openPrivateKey(block.kind, block, password)
    if (keys.some((known) => known.equals(key))) continue
    if (keys.length > 0)
      throw refusal('several-private-keys', "there are different private keys; give only the certificate's own")
    keys.push(key)
  }
  return keys[0] ?? null
}

function checkPair(key: KeyObject, leaf: ParsedCertificate, bag: ParsedCertificate[]): void {
  if (!leaf.x509.checkPrivateKey(key)) {
    const other = bag.find(({ x509 }) => x509.checkPrivateKey(key))
    throw refusal(
      'private-key-mismatch',
      other
        ? `the private key is that of ${nameOf(other)}; give the key of ${nameOf(leaf)}`
        : `the private key is not that of ${nameOf(leaf)}; give the key that it was requested with`,
    )
  }
  // checkPrivateKey compares the public halves, and a key file states its own: only a signature proves the other half
  if (!canSign(key, leaf.publicKey))
    throw refusal('private-key-unreadable', 'the private key is damaged: what it signs cannot be verified')
}

function canSign(key: KeyObject, publicKey: KeyObject): boolean {
  const hash = key.asymmetricKeyType?.startsWith('ed') ? null : 'sha256'
  const text = Buffer.from('waypost')
  try {
    return verify(hash, text, publicKey, sign(hash, text, key))
  } catch {
    return false
  }
}
