import { createHash, X509Certificate } from 'node:crypto'
import { body, type Answer } from './web-hosts.ts'

/** An answer with the fingerprints of certificates, RFC 7711 §3.1. */
export function poshOf(...pems: string[]): Answer {
  const fingerprints = pems.map((pem) => ({
    'sha-256': createHash('sha256').update(new X509Certificate(pem).raw).digest('base64'),
  }))
  const document = JSON.stringify({ fingerprints, expires: 3600 })
  return body(200, 'application/json', document, { 'cache-control': 'max-age=60' })
}
