import { constants } from 'node:crypto'
import { createServer, type SecureContext, type Server, type TlsOptions } from 'node:tls'
import type { PublishedCertificate } from '../certificate/lineage.ts'
import type { Clock } from '../clock.ts'
import type { Host, HostDirectory } from '../delegation/host.ts'
import { nameFromBytes, type DomainName } from '../name.ts'
import { presented, type Contexts } from './contexts.ts'

const OPTIONS: TlsOptions = {
  // The server's own settings count: those of the contexts by SNI are ignored
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
  honorCipherOrder: true,
  ecdhCurve: 'X25519:P-256:P-384',
  // Without tickets there is no resumption: Node would resume a session of one name for another, without SNI
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
  handshakeTimeout: 5_000,
  ALPNProtocols: ['http/1.1'],
  noDelay: true,
}

type Hand = (context: SecureContext | undefined) => void

/** What is wrong at a name that is registered here. An expired certificate is presented all the same. */
export type FrontFault = 'no front certificate' | 'expired'

/**
 * A TLS server without a certificate of its own: an unknown name, or none, is refused with the alert
 * handshake_failure, never with somebody's certificate.
 * @param unavailable is told why a name could not be looked up or its key not be opened
 * @param unverifiable is told, at each handshake, of a registered name whose certificate nobody can verify
 */
export function tlsListener(deps: {
  directory: HostDirectory
  contexts: Contexts
  clock: Clock
  unavailable: (fault: unknown, name: DomainName) => void
  unverifiable: (fault: FrontFault, name: DomainName) => void
}): Server {
  const { directory, contexts, clock, unavailable, unverifiable } = deps

  function giveFromMemory(name: DomainName, hand: Hand): boolean {
    const lineageId = directory.peekHost(name)?.frontLineageId
    const lineage = lineageId ? directory.peekLineage(lineageId) : undefined
    const certificate = lineage && presented(lineage)
    if (certificate === undefined || !contexts.giveFromMemory(certificate, hand)) return false
    noteExpiry(certificate, name)
    return true
  }

  async function give(name: DomainName, hand: Hand): Promise<void> {
    const host = await directory.findHost(name)
    const lineage = host.frontLineageId === null ? undefined : await directory.findLineage(host.frontLineageId)
    const certificate = lineage && presented(lineage)
    if (!certificate) {
      if (needsFront(host)) unverifiable('no front certificate', name)
      return hand(undefined)
    }
    noteExpiry(certificate, name)
    return contexts.give(certificate, hand)
  }

  function noteExpiry({ notAfter }: PublishedCertificate, name: DomainName): void {
    if (notAfter <= clock.now()) unverifiable('expired', name)
  }

  return createServer({
    ...OPTIONS,
    // A rejected promise in here would end the process, and a callback that is never called hold the connection.
    // Undefined is handed wherever there is no context, and an error never: Node then closes without an alert.
    SNICallback(serverName, callback) {
      const hand: Hand = (context) => callback(null, context)
      const name = nameFromBytes(serverName)
      if (name === null) return hand(undefined)
      if (giveFromMemory(name, hand)) return
      give(name, hand).catch((fault: unknown) => {
        unavailable(fault, name)
        hand(undefined)
      })
    },
  })
}

function needsFront({ isAdmin, targetHost, sourceDomain }: Host): boolean {
  return isAdmin || targetHost !== null || sourceDomain?.mode === 'hosted'
}
