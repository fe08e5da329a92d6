import { constants } from 'node:crypto'
import { createServer, type SecureContext, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import type { PublishedCertificate } from '../certificate/lineage.ts'
import type { Clock } from '../clock.ts'
import type { Host, HostDirectory } from '../delegation/host.ts'
import { nameFromBytes, type DomainName } from '../name.ts'
import type { ChallengeContexts } from './challenge-contexts.ts'
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
  noDelay: true,
}

const HTTP = 'http/1.1'
const ACME = 'acme-tls/1' // RFC 8737 §6.2

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
  challengeContexts: ChallengeContexts
  clock: Clock
  unavailable: (fault: unknown, name: DomainName) => void
  unverifiable: (fault: FrontFault, name: DomainName) => void
}): Server {
  const { directory, contexts, challengeContexts, clock, unavailable, unverifiable } = deps
  const validators = new WeakSet<TLSSocket>()

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

  /**
   * In TLS 1.2 the certificate is chosen before ALPN is looked at, and then nothing waits any more. So only a challenge
   * that was asked for seconds ago is answered, and only where the front certificate's key is of the same type.
   */
  function answerTls12(socket: TLSSocket, name: DomainName | null): typeof ACME | undefined {
    if (name === null) return undefined
    const context = challengeContexts.recent(name)
    if (context) {
      socket.setKeyCert(context)
      return ACME
    }
    challengeContexts.give(name, () => undefined).catch((fault: unknown) => unavailable(fault, name))
    return undefined
  }

  return createServer({
    ...OPTIONS,
    // Undefined is the alert no_application_protocol
    ALPNCallback(this: TLSSocket, { servername, protocols }) {
      // RFC 8737 §3: who validates offers nothing else, so that nobody else is ever presented a challenge certificate
      if (protocols.length !== 1 || protocols[0] !== ACME) return protocols.includes(HTTP) ? HTTP : undefined
      if (this.getProtocol() === 'TLSv1.2') return answerTls12(this, nameFromBytes(String(servername)))
      validators.add(this) // in TLS 1.3 SNICallback follows
      return ACME
    },
    // A rejected promise in here would end the process, and a callback that is never called hold the connection.
    // Undefined is handed wherever there is no context, and an error never: Node then closes without an alert.
    SNICallback(this: TLSSocket, serverName, callback) {
      const hand: Hand = (context) => callback(null, context)
      const name = nameFromBytes(serverName)
      if (name === null) return hand(undefined)
      const isValidator = validators.has(this)
      if (!isValidator && giveFromMemory(name, hand)) return
      const given = isValidator ? challengeContexts.give(name, hand) : give(name, hand)
      given.catch((fault: unknown) => {
        unavailable(fault, name)
        hand(undefined)
      })
    },
  })
}

/**
 * Whether HTTP is spoken on the connection, as also with who knows no ALPN. ALPNCallback is shown seven bits of each byte
 * only, so that something else may have been agreed to.
 */
export function speaksHttp({ alpnProtocol }: TLSSocket): boolean {
  return alpnProtocol === HTTP || alpnProtocol === false
}

function needsFront({ isAdmin, targetHost, sourceDomain }: Host): boolean {
  return isAdmin || targetHost !== null || sourceDomain?.mode === 'hosted'
}
