import { createServer, type RequestListener, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { hasBody } from './host-line.ts'
import { rawRefusal, refuse, type RefusalStatus } from './refusals.ts'

export interface Limits {
  maxHeaderSize: number // bytes
  headersTimeout: number // ms, as the two that follow
  requestTimeout: number
  keepAliveTimeout: number
  requestsPerConnection: number
  hasBodies: boolean
}

const CHECK_MS = 1_000
const LINGER_MS = 2_000

/**
 * An HTTP/1.1 server with limits, that says what was wrong with a request that Node cannot read.
 * @param isClosing whether every answer shall be the last of its connection
 */
export function httpListener(limits: Limits, isClosing: () => boolean, handler: RequestListener): Server {
  const { requestsPerConnection, hasBodies, ...options } = limits
  const server = createServer({
    ...options,
    connectionsCheckingInterval: CHECK_MS,
    insecureHTTPParser: false,
    requireHostHeader: false, // judged, and answered, in host-line.ts
    noDelay: true,
  })
  // Node does not refuse the headers past its limit but drops them, a second Host line perhaps; maxHeaderSize bounds them
  server.maxHeadersCount = 0

  // Node's own maxRequestsPerSocket announces the end but does not close: a client that goes on stays for ever
  const served = new WeakMap<Duplex, number>()
  const answer: RequestListener = (request, response) => {
    const count = (served.get(request.socket) ?? 0) + 1
    served.set(request.socket, count)
    // A body that nobody asked for is not read to its end, so no request can be told from it afterwards
    const isLast = count >= requestsPerConnection || isClosing() || (!hasBodies && hasBody(request))
    if (isLast) response.setHeader('Connection', 'close')
    handler(request, response)
  }
  server.on('request', answer)
  server.on('checkContinue', hasBodies ? withContinue(answer) : answer)
  server.on('checkExpectation', (_request, response) => refuse(response, 417))
  server.on('connect', (_request, socket) => close(socket, 405))
  server.on('clientError', (fault: ClientError, socket) => {
    // Bytes would land in the middle of an answer that has begun
    if (socket.writable && socket.writableLength === 0) close(socket, statusOf(fault))
    else socket.destroy()
  })
  return server
}

function withContinue(answer: RequestListener): RequestListener {
  return (request, response) => {
    response.writeContinue()
    answer(request, response)
  }
}

/** Where the parser gave up, `bytesParsed`, is an offset in `rawPacket`. */
type ClientError = NodeJS.ErrnoException & { reason?: string; rawPacket?: Buffer; bytesParsed?: number }

// RFC 9112 §3, with any method
const REQUEST_LINE = /^[!#$%&'*+.^_`|~\dA-Za-z-]+ [\x21-\x7e]+ HTTP\/1\.\d\r\n/

function statusOf(fault: ClientError): RefusalStatus {
  const { code, reason } = fault
  if (code === 'HPE_HEADER_OVERFLOW') return 431
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408
  if (code === 'HPE_INVALID_METHOD' || reason === 'Invalid method for HTTP/x.x request')
    return REQUEST_LINE.test(faultyLine(fault)) ? 405 : 400 // XMPP, TLS and junk have no method at all
  // Of the same code are line ends that are none
  return code === 'HPE_INVALID_VERSION' && reason === 'Invalid HTTP version' ? 505 : 400
}

/** The packet from the start of the line that the parser gave up in: whole requests may stand before it. */
function faultyLine({ rawPacket, bytesParsed = 0 }: ClientError): string {
  const text = rawPacket?.toString('latin1') ?? ''
  return text.slice(text.slice(0, bytesParsed).lastIndexOf('\n') + 1)
}

/** Says it and closes; who does not read it is cut off all the same. */
function close(socket: Duplex, status: RefusalStatus): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.on('close', () => clearTimeout(timer))
  socket.on('error', () => socket.destroy())
  socket.end(rawRefusal(status), () => socket.destroy())
}
