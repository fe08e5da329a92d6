import { X509Certificate } from 'node:crypto'
import { ProblemError } from '../problem.ts'
import type { DomainName } from '../name.ts'
import type { Chain } from './chain.ts'
import { cutPem } from './pem.ts'
import { readUpload } from './upload.ts'

/** Nobody wants it: by the time that everybody has it, it is over. */
const SHORTEST_LIFETIME_MS = 3_600_000

/**
 * The chain that an authority gave, checked in full before it replaces anything: of this key, of exactly these names,
 * valid now and for more than an hour in all, leaf first and each signed by the next, at most 64 KiB.
 * @throws ProblemError certificate-refused: it is none that could be uploaded, or not what was asked for
 * @throws ProblemError too-early: it is not valid yet, by this clock
 */
export function verifiedChain(issued: {
  chainPem: string
  identifiers: DomainName[]
  privateKey: Uint8Array
  now: Date
}): Chain {
  const { chain, isNotYetValid } = readUpload({
    certificate: Buffer.from(issued.chainPem),
    privateKey: issued.privateKey,
    now: issued.now,
  })
  const { leaf } = chain
  if (isNotYetValid)
    throw new ProblemError('too-early', `the certificate is not valid before ${leaf.notBefore.toISOString()}`)
  const wanted = names(issued.identifiers)
  if (names(leaf.dnsNames) !== wanted)
    throw unasked(`the authority certified ${names(leaf.dnsNames) || 'no name'} instead of ${wanted}`)
  if (leaf.notAfter.getTime() - leaf.notBefore.getTime() <= SHORTEST_LIFETIME_MS)
    throw unasked('the certificate is valid for an hour or less in all')
  checkOrder(issued.chainPem, chain.pem)
  return chain
}

/** The common name of who has signed the last certificate, the root where the chain is whole; null: it has none. */
export function rootName(chainPem: string): string | null {
  try {
    const last = cutPem(chainPem).at(-1)
    return /^CN=(.*)$/m.exec(new X509Certificate(last?.bytes ?? '').issuer)?.[1] ?? null
  } catch {
    return null // as it came from an authority, and to be refused by whoever reads it in full
  }
}

/** RFC 8555 §9.1: whoever sends it in another order, or without the issuer, may have left out something else as well. */
function checkOrder(sentPem: string, orderedPem: string): void {
  const sent = cutPem(sentPem).map(({ bytes }) => Buffer.from(bytes))
  const ordered = cutPem(orderedPem).map(({ bytes }) => Buffer.from(bytes))
  if (sent.length === 1) throw unasked("the authority gave the certificate without its issuer's")
  if (!ordered.every((der, index) => sent[index]?.equals(der)))
    throw unasked('the authority gave the certificates in another order than leaf first, each signed by the next')
}

function unasked(text: string): ProblemError {
  return new ProblemError('certificate-refused', text, { rule: 'not-as-ordered' })
}

function names(dnsNames: string[]): string {
  return [...new Set(dnsNames)].sort().join(', ')
}
