import { createSecureContext, type SecureContext } from 'node:tls'
import { LRUCache } from 'lru-cache'
import type { PublishedCertificate, PublishedLineage } from '../certificate/lineage.ts'
import { encodePem } from '../certificate/pem.ts'
import { active } from '../certificate/rollover.ts'

type Hand = (context: SecureContext) => void

/**
 * TLS contexts by certificate, made when a name is first asked for and freed when they are evicted. A freed context
 * that is given to a handshake crashes Node: `hand` has to pass it on before it returns.
 */
export interface Contexts {
  /** False where the context is not in memory. */
  giveFromMemory(certificate: PublishedCertificate, hand: Hand): boolean
  /** Makes it where it is not in memory; many who ask at once wait for one. */
  give(certificate: PublishedCertificate, hand: Hand): Promise<void>
  readonly size: number
}

/** The certificate that a lineage presents; undefined where it has none, or the key is not here. */
export function presented({ certificates }: PublishedLineage): PublishedCertificate | undefined {
  const certificate = active(certificates)
  return certificate?.privateKeyId ? certificate : undefined
}

/** @param most how many are kept; each takes about 30 kB outside of V8's sight */
export function contexts(deps: {
  most: number
  privateKeys: { open(privateKeyId: string): Promise<Uint8Array> }
}): Contexts {
  const made = new LRUCache<string, SecureContext>({ max: deps.most, dispose: free })
  const inFlight = new Map<string, { waiting: Hand[]; done: Promise<void> }>()

  async function make({ id, chainPem, privateKeyId }: PublishedCertificate, waiting: Hand[]): Promise<void> {
    try {
      if (privateKeyId === null) throw new Error('the private key of the certificate is not here')
      const context = contextOf(chainPem, await deps.privateKeys.open(privateKeyId))
      made.set(id, context)
      for (const hand of waiting) hand(context)
    } finally {
      inFlight.delete(id)
    }
  }

  function giveFromMemory({ id }: PublishedCertificate, hand: Hand): boolean {
    const context = made.get(id)
    if (context) hand(context)
    return context !== undefined
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
      const waiting = [hand]
      const done = make(certificate, waiting)
      inFlight.set(certificate.id, { waiting, done })
      return done
    },
    get size() {
      return made.size
    },
  }
}

function contextOf(chainPem: string, keyDer: Uint8Array): SecureContext {
  const key = Buffer.from(encodePem('PRIVATE KEY', keyDer))
  try {
    return createSecureContext({ cert: chainPem, key })
  } finally {
    keyDer.fill(0)
    key.fill(0)
  }
}

/** V8 sees 90 bytes of a context's 30 kB and would collect too late; OpenSSL keeps what a connection still uses. */
function free(context: SecureContext): void {
  const handle = context.context as { close?: () => void }
  if (typeof handle.close === 'function') handle.close()
}
