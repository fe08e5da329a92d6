import type { RequestListener } from 'node:http'
import type { Clock } from '../clock.ts'
import { parseWellKnownPath } from '../delegation/well-known-path.ts'
import type { DomainName } from '../name.ts'
import { requestTarget } from './host-line.ts'
import { refuse } from './refusals.ts'

/** Key authorizations (RFC 8555 §8.1) of challenges that are live at an instant. */
export interface Challenges {
  /** Of http-01, RFC 8555 §8.3. */
  find(host: DomainName, token: string, now: Date): Promise<string | undefined>
  /** Of tls-alpn-01, RFC 8737; the one to be answered first. */
  findForTls(host: DomainName, now: Date): Promise<string[]>
}

/**
 * Answers on port 80: challenges of exactly the host and token that an order waits for, the way to HTTPS for the admin
 * host, and nothing else. What is delegated never travels in clear.
 */
export function plainHandler(deps: {
  challenges: Challenges
  clock: Clock
  admin: { host: DomainName; httpsPort: number }
  unavailable: (fault: unknown, name: DomainName) => void
}): RequestListener {
  const { challenges, clock, admin } = deps
  const adminOrigin = `https://${admin.host}${admin.httpsPort === 443 ? '' : `:${admin.httpsPort}`}`

  return (request, response) => {
    const { url = '', httpVersion, rawHeaders } = request
    const target = requestTarget({ url, httpVersion, rawHeaders }, 'http')
    if ('status' in target) return refuse(response, target.status)
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405)
    const path = parseWellKnownPath(target.path)
    if (path?.kind === 'acme-challenge') {
      challenges
        .find(target.host, path.token, clock.now())
        .then((keyAuthorization) => {
          if (keyAuthorization === undefined) return refuse(response, 404)
          response.writeHead(200, {
            'Content-Type': 'text/plain; charset=utf-8',
            'Content-Length': Buffer.byteLength(keyAuthorization),
            'Cache-Control': 'no-store',
            'X-Content-Type-Options': 'nosniff',
          })
          response.end(keyAuthorization)
        })
        .catch((fault: unknown) => {
          deps.unavailable(fault, target.host)
          refuse(response, 503)
        })
      return
    }
    if (target.host !== admin.host || !target.path.startsWith('/')) return refuse(response, 404)
    response.writeHead(308, {
      Location: `${adminOrigin}${target.path}${target.query}`,
      'Content-Length': 0,
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
    })
    response.end()
  }
}
