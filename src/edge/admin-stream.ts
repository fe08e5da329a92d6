import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import { pipeline } from 'node:stream'
import type { DomainName } from '../name.ts'
import { hasBody, requestTarget } from './host-line.ts'
import { refuse } from './refusals.ts'

/** RFC 9110 §7.6.1: about this connection alone. */
const HOP_BY_HOP = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade', 'expect'],
])
/** What the admin plane believes of the client comes from here alone. */
const SET_HERE = /^(?:x-forwarded-.*|forwarded|x-real-ip|x-original-url|x-rewrite-url|host)$/

/**
 * Streams requests of the admin host to the admin plane's Unix socket and its answers back.
 * @param adminSocket a path in the file system
 * @param serverName what SNI named on the connection
 */
export function adminStream(deps: {
  adminSocket: string
  serverName: (request: IncomingMessage) => DomainName | undefined
  unavailable: (fault: unknown, name: DomainName) => void
}): RequestListener {
  return (request, response) => {
    const { url = '', httpVersion, rawHeaders } = request
    const target = requestTarget({ url, httpVersion, rawHeaders }, 'https')
    if ('status' in target) return refuse(response, target.status)
    if (target.host !== deps.serverName(request)) return refuse(response, 421)
    if (!target.path.startsWith('/')) return refuse(response, 404)

    const headers = endToEnd(rawHeaders)
    // Node frames a body by itself for some methods only. For GET, HEAD, DELETE and OPTIONS it would write the bytes
    // bare, and the admin plane read them as the next request, with headers that nobody has cleaned
    if (hasBody(request) && headers['content-length'] === undefined) headers['transfer-encoding'] = ['chunked']

    const upstream = httpRequest({
      socketPath: deps.adminSocket,
      agent: false,
      method: request.method,
      path: target.path + target.query,
      headers: {
        ...headers,
        Host: target.host,
        // Else an answer before the end of the body, 413 say, is followed by a close, and lost with the next write
        Connection: 'keep-alive',
        'X-Forwarded-For': request.socket.remoteAddress ?? '',
        // With its port: it is part of the Origin that the admin plane compares (RFC 6454 §4)
        'X-Forwarded-Host': target.port === 443 ? target.host : `${target.host}:${target.port}`,
        'X-Forwarded-Proto': 'https',
      },
    })
    let isAnswered = false
    upstream.on('response', (answer) => {
      isAnswered = true
      request.unpipe(upstream)
      response.writeHead(answer.statusCode ?? 502, endToEnd(answer.rawHeaders))
      pipeline(answer, response, () => undefined) // which destroys both where one of them fails
    })
    upstream.on('error', (fault) => {
      if (isAnswered || response.destroyed) return
      deps.unavailable(fault, target.host)
      refuse(response, 502)
    })
    response.on('close', () => upstream.destroy())
    request.pipe(upstream)
    request.on('error', () => upstream.destroy())
  }
}

function endToEnd(rawHeaders: readonly string[]): Record<string, string[]> {
  const pairs: [string, string][] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) pairs.push([rawHeaders[i] ?? '', rawHeaders[i + 1] ?? ''])
  const named = new Set(
    pairs
      .filter(([name]) => name.toLowerCase() === 'connection')
      .flatMap(([, value]) => value.split(',').map((token) => token.trim().toLowerCase())),
  )
  const kept: Record<string, string[]> = Object.create(null) as Record<string, string[]>
  for (const [name, value] of pairs) {
    const key = name.toLowerCase()
    if (HOP_BY_HOP.has(key) || SET_HERE.test(key) || named.has(key)) continue
    kept[key] = [...(kept[key] ?? []), value]
  }
  return kept
}
