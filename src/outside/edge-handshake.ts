import { X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import type { AskEdge, ServedReply } from '../verify/served-certificates.ts'

const TIMEOUT_MS = 5_000

/** A handshake with an edge of this machine. Whether the certificate is trusted is not the question, only which it is. */
export function edgeHandshake({
  host,
  port,
  timeoutMs = TIMEOUT_MS,
}: {
  host: string // an IP address
  port: number
  timeoutMs?: number
}): AskEdge {
  return (name) =>
    new Promise<ServedReply>((resolve) => {
      const socket = connect({ host, port, servername: name, rejectUnauthorized: false })
      const end = (reply: ServedReply) => {
        socket.destroy()
        clearTimeout(deadline)
        resolve(reply)
      }
      const deadline = setTimeout(
        () => end({ outcome: 'could-not-ask', why: 'no handshake came about in time' }),
        timeoutMs,
      )
      socket.on('error', ({ code = '', message }: NodeJS.ErrnoException) => {
        const isAlert = code.startsWith('ERR_SSL') // of the edge, to a name that it has nothing for
        end({ outcome: isAlert ? 'wrong' : 'could-not-ask', why: isAlert ? 'the handshake was refused' : message })
      })
      socket.on('close', () => end({ outcome: 'could-not-ask', why: 'the connection ended within the handshake' }))
      socket.on('secureConnect', () => {
        const { raw } = socket.getPeerCertificate()
        const { fingerprint256, validFrom, validTo } = new X509Certificate(raw)
        const sha256 = fingerprint256.replaceAll(':', '').toLowerCase()
        end({ outcome: 'ok', sha256, notBefore: new Date(validFrom), notAfter: new Date(validTo) })
      })
    })
}
