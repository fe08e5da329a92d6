import type { ServerResponse } from 'node:http'

/** What is said to who is refused: the same words whatever the name or the path, so that they tell nothing about tenants. */
const WORDS = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  431: 'Request Header Fields Too Large',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
} as const
export type RefusalStatus = keyof typeof WORDS

const RETRY_SECONDS = 5

/** Text and no JSON: Conversations reads POSH out of a body without looking at the status. */
function headersFor(status: RefusalStatus, allow: string): Record<string, string | number> {
  return {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': WORDS[status].length + 1,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(status === 405 ? { Allow: allow } : {}),
    ...(status === 503 ? { 'Retry-After': RETRY_SECONDS } : {}),
    // Only after these is it certain where the next request begins
    ...(status === 404 || status === 503 ? {} : { Connection: 'close' }),
  }
}

/** @param allow what is allowed where the method is not */
export function refuse(response: ServerResponse, status: RefusalStatus, allow = 'GET, HEAD'): void {
  response.writeHead(status, WORDS[status], headersFor(status, allow))
  response.end(`${WORDS[status]}\n`)
}

/** The same for a socket whose request could not be read, and which is closed after it. */
export function rawRefusal(status: RefusalStatus): string {
  const headers = { ...headersFor(status, 'GET, HEAD'), Connection: 'close' }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${WORDS[status]}\r\n${lines.join('')}\r\n${WORDS[status]}\n`
}
