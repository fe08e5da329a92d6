import type { IncomingMessage, OutgoingHttpHeaders, RequestListener, ServerResponse } from 'node:http'
import type { PublishedLineage } from '../certificate/lineage.ts'
import type { Clock } from '../clock.ts'
import { maxAgeSeconds, type Document, type Documents } from '../delegation/documents.ts'
import type { Host, HostDirectory } from '../delegation/host.ts'
import { askedSourceDomain, respond, type Answer } from '../delegation/respond.ts'
import { parseWellKnownPath, type WellKnownPath } from '../delegation/well-known-path.ts'
import type { DomainName } from '../name.ts'
import { requestTarget } from './host-line.ts'
import { refuse } from './refusals.ts'

interface Question {
  host: DomainName
  path: WellKnownPath
  rawPath: string
}

/** What is sent; null: there is nothing. */
type Outcome = { redirect: string } | { document: Document; since: Date; isForAllOrigins: boolean } | null

/**
 * Answers on source domains and target hosts. What is in memory is answered without waiting for a promise.
 * @param serverName what SNI named on the connection
 * @param unavailable is told why there was no answer
 */
export function requestHandler(deps: {
  directory: HostDirectory
  documents: Documents
  clock: Clock
  maxAgeSeconds: number
  serverName: (request: IncomingMessage) => DomainName | undefined
  unavailable: (fault: unknown, name: DomainName) => void
}): RequestListener {
  const { directory, documents, clock } = deps

  function fromMemory({ host: name, path, rawPath }: Question, now: Date): Outcome | undefined {
    const host = directory.peekHost(name)
    const asked = host && askedSourceDomain(host, path)
    if (!host || !asked) return asked === null ? null : undefined
    const source = asked === host.name ? host : directory.peekHost(asked)
    if (!source) return undefined
    const answer = respond({ host, source, path, rawPath })
    const lineages = lineageIds(answer).map((id) => directory.peekLineage(id))
    return lineages.includes(undefined) ? undefined : outcome(answer, lineages.filter(isThere), source, now)
  }

  async function fromDirectory({ host: name, path, rawPath }: Question, now: Date): Promise<Outcome> {
    const host = await directory.findHost(name)
    const asked = askedSourceDomain(host, path)
    if (asked === null) return null
    const source = asked === host.name ? host : await directory.findHost(asked)
    const answer = respond({ host, source, path, rawPath })
    const lineages = await Promise.all(lineageIds(answer).map((id) => directory.findLineage(id)))
    return outcome(answer, lineages.filter(isThere), source, now)
  }

  function outcome(answer: Answer, lineages: PublishedLineage[], { sourceDomain }: Host, now: Date): Outcome {
    const [lineage] = lineages
    if (sourceDomain === null) return null
    const since = sourceDomain.changedAt
    const known = (document: Document | null) => document && { document, since, isForAllOrigins: false }
    switch (answer.kind) {
      case 'redirect':
        return { redirect: answer.location }
      case 'pem':
        return lineage ? known(documents.pem(lineage, now)) : null
      case 'fingerprints':
        return known(documents.posh(lineages, now))
      case 'reference':
        return known(documents.reference(answer.url))
      case 'host-meta':
        return { document: documents.hostMeta(answer.hostMeta, answer.format), since, isForAllOrigins: true }
      case 'none':
        return null
    }
  }

  function send(request: IncomingMessage, response: ServerResponse, what: Outcome, now: Date): void {
    if (what === null) return refuse(response, 404)
    if ('redirect' in what) {
      response.writeHead(302, {
        Location: what.redirect,
        'Content-Length': 0,
        'Cache-Control': `max-age=${deps.maxAgeSeconds}`,
        'X-Content-Type-Options': 'nosniff',
      })
      return void response.end()
    }
    const { document, since, isForAllOrigins } = what
    const modified = lastModified(document, since, now)
    const headers: OutgoingHttpHeaders = {
      ETag: document.etag,
      'Cache-Control': `max-age=${maxAgeSeconds(document, now, deps.maxAgeSeconds)}`,
      'X-Content-Type-Options': 'nosniff',
      ...(modified === undefined ? {} : { 'Last-Modified': modified }),
      ...(isForAllOrigins ? { 'Access-Control-Allow-Origin': '*' } : {}),
    }
    if (isKnownToClient(request, document.etag, modified)) {
      response.writeHead(304, headers)
      return void response.end()
    }
    response.writeHead(200, {
      'Content-Type': document.contentType,
      'Content-Length': document.body.length,
      ...headers,
    })
    response.end(document.body)
  }

  return (request, response) => {
    const target = requestTarget(lineOf(request), 'https')
    if ('status' in target) return refuse(response, target.status)
    // RFC 9110 §7.4: a connection is for the name that its certificate was asked for
    if (target.host !== deps.serverName(request)) return refuse(response, 421)
    const path = parseWellKnownPath(target.path)
    const allow = path?.kind === 'host-meta' ? 'GET, HEAD, OPTIONS' : 'GET, HEAD'
    if (request.method === 'OPTIONS' && path?.kind === 'host-meta') {
      response.writeHead(204, PREFLIGHT)
      return void response.end()
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, allow)
    const now = clock.now()
    if (path === null) return send(request, response, null, now)
    const question = { host: target.host, path, rawPath: target.path }
    try {
      const known = fromMemory(question, now)
      if (known !== undefined) return send(request, response, known, now)
    } catch (fault) {
      return fail(fault) // thrown out of here, it would end the process for everybody
    }
    fromDirectory(question, now)
      .then((found) => send(request, response, found, now))
      .catch(fail)

    function fail(fault: unknown): void {
      deps.unavailable(fault, question.host)
      if (response.headersSent) response.destroy()
      else refuse(response, 503)
    }
  }
}

const PREFLIGHT = {
  Allow: 'GET, HEAD, OPTIONS',
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'GET, HEAD, OPTIONS',
  'X-Content-Type-Options': 'nosniff',
}

function lineOf({ url = '', httpVersion, rawHeaders }: IncomingMessage) {
  return { url, httpVersion, rawHeaders }
}

function lineageIds(answer: Answer): string[] {
  switch (answer.kind) {
    case 'pem':
      return [answer.lineageId]
    case 'fingerprints':
      return answer.lineageIds
    case 'redirect':
    case 'reference':
    case 'host-meta':
    case 'none':
      return []
  }
}

function isThere<T>(value: T | undefined): value is T {
  return value !== undefined
}

/**
 * When the lineage, or who delegates to it, last changed. Nothing in the second of the change itself: the next change
 * may come within the same second (RFC 9110 §8.8.2.2).
 */
function lastModified({ changedAt }: Document, since: Date, now: Date): string | undefined {
  const at = changedAt !== null && changedAt > since ? changedAt : since
  return Math.floor(now.getTime() / 1000) > Math.floor(at.getTime() / 1000) ? at.toUTCString() : undefined
}

/** RFC 9110 §13.2.2. A date counts only where it is the very same: another lineage's document may well be older. */
function isKnownToClient({ headers }: IncomingMessage, etag: string, modified: string | undefined): boolean {
  const tags = headers['if-none-match']
  if (tags !== undefined) return tags === '*' || tags.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
  return modified !== undefined && headers['if-modified-since'] === modified
}
