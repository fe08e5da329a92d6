import { createSecureContext, type SecureContext } from 'node:tls'
import { LRUCache } from 'lru-cache'
import type { PublishedCertificate, PublishedLineage } from '../certificate/lineage.ts'
import { encodePem } from '../certificate/pem.ts'
import { active } from '../certificate/rollover.ts'

type Hand = (context: SecureContext) => void

interface Made {
  certificateId: string
  context: SecureContext
}

interface Flight {
  lineageId: string
  waiting: Hand[]
  isForgotten: boolean // the key that is being opened may be gone by then: the context is handed over and not kept
  done: Promise<void>
}

/** The certificate that a lineage presents. */
export interface Presented extends PublishedCertificate {
  lineageId: string
}

/**
 * TLS contexts, of each lineage that of the certificate it presents, made when a name is first asked for and freed when
 * they are evicted. A freed context that is given to a handshake crashes Node: `hand` has to pass it on before it returns.
 */
export interface Contexts {
  /** False where the context is not in memory. */
  giveFromMemory(certificate: Presented, hand: Hand): boolean
  /** Makes it where it is not in memory; many who ask at once wait for one. */
  give(certificate: Presented, hand: Hand): Promise<void>
  /** Keeps nothing of the lineage: its private key may have been destroyed. Null: of none. */
  forget(lineageId: string | null): void
  readonly size: number
}

/** Undefined where the lineage has no active certificate, or the key is not here. */
export function presented({ id: lineageId, certificates }: PublishedLineage): Presented | undefined {
  const certificate = active(certificates)
  return certificate?.privateKeyId ? { ...certificate, lineageId } : undefined
}

/** @param most how many are kept; each takes about 30 kB outside of V8's sight */
export function contexts(deps: {
  most: number
  privateKeys: { open(privateKeyId: string): Promise<Uint8Array> }
}): Contexts {
  const made = new LRUCache<string, Made>({ max: deps.most, dispose: ({ context }) => free(context) })
  const inFlight = new Map<string, Flight>()

  async function make({ id, lineageId, chainPem, privateKeyId }: Presented, flight: Flight): Promise<void> {
    try {
      if (privateKeyId === null) throw new Error('the private key of the certificate is not here')
      const context = contextOf(chainPem, await deps.privateKeys.open(privateKeyId))
      made.set(lineageId, { certificateId: id, context })
      for (const hand of flight.waiting) hand(context)
      if (flight.isForgotten) made.delete(lineageId)
    } finally {
      inFlight.delete(id)
    }
  }

  function giveFromMemory({ id, lineageId }: Presented, hand: Hand): boolean {
    const kept = made.get(lineageId)
    if (kept?.certificateId !== id) return false
    hand(kept.context)
    return true
  }

  return {
    giveFromMemory,
    async give(certificate, hand) {
      if (giveFromMemory(certificate, hand)) return
      const pending = inFlight.get(certificate.id)
      if (pending) {
        pending.waiting.push(hand)
        return pending.done
      }
      const { id, lineageId } = certificate
      const flight: Flight = { lineageId, waiting: [hand], isForgotten: false, done: Promise.resolve() }
      inFlight.set(id, flight)
      return (flight.done = make(certificate, flight))
    },
    forget(lineageId) {
      for (const flight of inFlight.values())
        if (lineageId === null || flight.lineageId === lineageId) flight.isForgotten = true
      if (lineageId === null) made.clear()
      else made.delete(lineageId)
    },
    get size() {
      return made.size
    },
  }
}

/** Of a certificate and its private key, PKCS#8 DER, which is wiped. */
export function contextOf(chainPem: string, keyDer: Uint8Array): SecureContext {
  const key = Buffer.from(encodePem('PRIVATE KEY', keyDer))
  try {
    return createSecureContext({ cert: chainPem, key })
  } finally {
    keyDer.fill(0)
    key.fill(0)
  }
}

/** V8 sees 90 bytes of a context's 30 kB and would collect too late; OpenSSL keeps what a connection still uses. */
export function free(context: SecureContext): void {
  const handle = context.context as { close?: () => void }
  if (typeof handle.close === 'function') handle.close()
}
