import { createHash } from 'node:crypto'
import type { ProblemError } from '../problem.ts'
import { embeddedProblem, httpsOf, isObject, objectOf, retryAfterMs } from './acme-problem.ts'
import type { AuthorizationReply, Challenge, ChallengeType, Directory, OrderReply, RenewalInfo } from './session.ts'

// Answers as RFC 8555 §7.1 has them. What is missing or of the wrong shape makes an answer worthless; what is not known
// here is passed over.

type Malformed = (detail: string) => ProblemError

interface Answer {
  headers: Readonly<Record<string, string>>
  body: string
}

const ORDER = ['pending', 'ready', 'processing', 'valid', 'invalid'] as const
const AUTHORIZATION = ['pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked'] as const
const CHALLENGE = ['pending', 'processing', 'valid', 'invalid'] as const
const CHALLENGE_TYPES: readonly ChallengeType[] = ['http-01', 'tls-alpn-01', 'dns-01']
const MAX_CERTIFICATE_BYTES = 65_536
const TOKEN = /^[A-Za-z0-9_-]{1,512}$/ // RFC 8555 §8.1; it becomes part of a path

export function directory(document: Record<string, unknown>): Directory {
  const meta = isObject(document['meta']) ? document['meta'] : {}
  const { profiles } = meta
  return {
    termsOfService: urlOf(meta['termsOfService']),
    isExternalAccountRequired: meta['externalAccountRequired'] === true,
    profiles: isObject(profiles)
      ? Object.fromEntries(
          Object.entries(profiles).map(([name, words]) => [name, typeof words === 'string' ? words : '']),
        )
      : null,
    renewalInfo: httpsOf(document['renewalInfo']),
    caaIdentities: namesOf(meta['caaIdentities']),
  }
}

export function order(orderUrl: string, answer: Answer, now: Date, malformed: Malformed): OrderReply {
  const document = json(answer, 'the order', malformed)
  const status = oneOf(ORDER, document['status'], 'the order', malformed)
  const { authorizations } = document
  if (!Array.isArray(authorizations)) throw malformed('the order has no authorizations')
  return {
    url: orderUrl,
    status,
    expiresAt: instant(document['expires']),
    authorizationUrls: authorizations.map((one: unknown) => httpsUrl(one, 'an authorization of the order', malformed)),
    finalizeUrl: url(document, 'finalize', malformed),
    certificateUrl: status === 'valid' ? url(document, 'certificate', malformed) : null,
    problem: embeddedProblem(document['error']),
    retryAfterMs: retryAfterMs(answer.headers, now),
  }
}

/** PEM as it came; what is in it is for others to see. */
export function chainPem({ body }: Answer, malformed: Malformed): string {
  if (Buffer.byteLength(body) > MAX_CERTIFICATE_BYTES)
    throw malformed(`the certificate is longer than ${MAX_CERTIFICATE_BYTES} bytes`)
  if (!body.includes('-----BEGIN CERTIFICATE-----')) throw malformed('the certificate is no PEM')
  return body
}

/** Where the same certificate is to be had with other issuers, RFC 8555 §7.4.2; anything but https is passed over. */
export function alternates({ headers }: Answer): string[] {
  const links = (headers['link'] ?? '').matchAll(/<([^<>]*)>([^<]*)/g)
  return [...links].flatMap(([, url, parameters = '']) =>
    /;\s*rel\s*=\s*"?alternate"?\s*(?:[;,]|$)/i.test(parameters) ? (httpsOf(url) ?? []) : [],
  )
}

export function authorization(
  authorizationUrl: string,
  answer: Answer,
  jwk: Record<string, string>,
  now: Date,
  malformed: Malformed,
): AuthorizationReply {
  const document = json(answer, 'the authorization', malformed)
  const { identifier, challenges } = document
  const name = isObject(identifier) ? identifier['value'] : undefined
  if (typeof name !== 'string') throw malformed('the authorization has no identifier')
  if (!Array.isArray(challenges)) throw malformed('the authorization has no challenges')
  const offered = challenges.filter(isObject)
  return {
    url: authorizationUrl,
    identifier: name,
    status: oneOf(AUTHORIZATION, document['status'], 'the authorization', malformed),
    expiresAt: instant(document['expires']),
    challenges: offered.flatMap((one) => {
      const type = CHALLENGE_TYPES.find((known) => known === one['type'])
      return type === undefined ? [] : [challenge(type, one, jwk, malformed)]
    }),
    problem: offered.map((one) => embeddedProblem(one['error'])).find((problem) => problem !== null) ?? null,
    retryAfterMs: retryAfterMs(answer.headers, now),
  }
}

export function renewalInfo(answer: Answer, now: Date, malformed: Malformed): RenewalInfo {
  const document = json(answer, 'the renewal information', malformed)
  const window = isObject(document['suggestedWindow']) ? document['suggestedWindow'] : {}
  const [start, end] = [instant(window['start']), instant(window['end'])]
  if (start === null || end === null || end <= start)
    throw malformed('the suggested window has no start before its end')
  return {
    start,
    end,
    explanationUrl: httpsOf(document['explanationURL']),
    retryAfterMs: retryAfterMs(answer.headers, now),
  }
}

export function location({ headers }: Answer, malformed: Malformed): string {
  return httpsUrl(headers['location'], 'Location', malformed)
}

export function url(document: Record<string, unknown>, member: string, malformed: Malformed): string {
  return httpsUrl(document[member], member, malformed)
}

const MOST_CAA_IDENTITIES = 20

/** None is as good as not said: what they are compared with is never empty. */
function namesOf(value: unknown): string[] | null {
  if (!Array.isArray(value)) return null
  const names = value.filter((one): one is string => typeof one === 'string' && /^[A-Za-z0-9.-]{1,253}$/.test(one))
  return names.length > 0 ? names.slice(0, MOST_CAA_IDENTITIES) : null
}

/** Of any scheme: whether there are terms to agree to does not hang on it. */
function urlOf(value: unknown): string | null {
  return typeof value === 'string' && /^[!-~]{1,2000}$/.test(value) && URL.canParse(value) ? value : null
}

/** Of any host: authorities use several. */
function httpsUrl(value: unknown, what: string, malformed: Malformed): string {
  const https = httpsOf(value)
  if (https === null) throw malformed(`${what} is no https URL`)
  return https
}

function challenge(
  type: ChallengeType,
  document: Record<string, unknown>,
  jwk: Record<string, string>,
  malformed: Malformed,
): Challenge {
  const { token } = document
  if (typeof token !== 'string' || !TOKEN.test(token)) throw malformed(`the token of the ${type} challenge is none`)
  // RFC 7638 §3.3: acme-client sorts the members, and has no others than the required ones
  const thumbprint = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url')
  return {
    type,
    url: url(document, 'url', malformed),
    token,
    status: oneOf(CHALLENGE, document['status'], `the ${type} challenge`, malformed),
    keyAuthorization: `${token}.${thumbprint}`,
  }
}

function json({ body }: Answer, what: string, malformed: Malformed): Record<string, unknown> {
  const document = objectOf(body)
  if (document === null) throw malformed(`${what} is no JSON object`)
  return document
}

function oneOf<Value extends string>(
  values: readonly Value[],
  value: unknown,
  what: string,
  malformed: Malformed,
): Value {
  const found = values.find((one) => one === value)
  if (found === undefined) throw malformed(`the status of ${what} is none that RFC 8555 knows`)
  return found
}

/** RFC 3339 §5.6; null: it is none. */
function instant(value: unknown): Date | null {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(value))
    return null
  const date = new Date(value)
  return Number.isNaN(date.getTime()) ? null : date
}
