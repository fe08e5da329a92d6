import { constants } from 'node:crypto'
import { createServer, type SecureContext, type Server, type TlsOptions } from 'node:tls'
import type { HostDirectory } from '../delegation/host.ts'
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

/**
 * A TLS server without a certificate of its own: an unknown name, or none, is refused with the alert
 * handshake_failure, never with somebody's certificate.
 * @param unavailable is told why a name could not be looked up or its key not be opened
 */
export function tlsListener(deps: {
  directory: HostDirectory
  contexts: Contexts
  unavailable: (fault: unknown, name: DomainName) => void
}): Server {
  const { directory, contexts, unavailable } = deps

  function giveFromMemory(name: DomainName, hand: Hand): boolean {
    const lineageId = directory.peekHost(name)?.frontLineageId
    const lineage = lineageId ? directory.peekLineage(lineageId) : undefined
    const certificate = lineage && presented(lineage)
    return certificate !== undefined && contexts.giveFromMemory(certificate, hand)
  }

  async function give(name: DomainName, hand: Hand): Promise<void> {
    const { frontLineageId } = await directory.findHost(name)
    const lineage = frontLineageId === null ? undefined : await directory.findLineage(frontLineageId)
    const certificate = lineage && presented(lineage)
    return certificate ? contexts.give(certificate, hand) : hand(undefined)
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
