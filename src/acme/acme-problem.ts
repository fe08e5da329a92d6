import { ProblemError } from '../problem.ts'
import type { AcmeProblem } from './session.ts'

const MINUTE_MS = 60_000
const WEEK_MS = 7 * 86_400_000
const MAX_DETAIL = 2000
const MAX_SUBPROBLEMS = 100
// Of RFC 8555 and, in authorities that never changed it, of its drafts
const PREFIX = /^urn:(?:ietf:params:)?acme:error:/
const TYPE = /^[A-Za-z][A-Za-z0-9-]{0,63}$/
// C0, C1, line separators, and what turns the direction of text: a detail is shown in terminals and in pages
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g

/** Why an authority was not of use; undefined: the error is of another kind. */
export function acmeProblem(error: unknown): AcmeProblem | undefined {
  if (!(error instanceof ProblemError)) return undefined
  if (error.code !== 'authority-refused' && error.code !== 'authority-unreachable') return undefined
  return (error.cause as Refusal | undefined)?.problem
}

/** As an Error, so that a log has it with the one that it caused. */
interface Refusal extends Error {
  problem: AcmeProblem
}

/** @param host of the authority's directory */
export function authorityError(host: string, problem: AcmeProblem): ProblemError {
  const { type, detail, retryAfterMs } = problem
  const cause: Refusal = Object.assign(new Error(`${type}: ${detail}`), { problem })
  const options = { cause, ...(retryAfterMs === null ? {} : { retryAfterMs }) }
  const authority = `the authority at ${host}`
  switch (type) {
    case 'unreachable':
      return new ProblemError('authority-unreachable', `${authority} could not be asked: ${detail}`, options)
    case 'malformed-answer':
      return new ProblemError('authority-refused', `${authority} gave an answer of no use: ${detail}`, options)
    default:
      return new ProblemError('authority-refused', `${authority} refused (${type}): ${detail}`, options)
  }
}

/** What an authority answered where it did not do what it was asked, RFC 7807 with RFC 8555 §6.7. */
export function problemOf(answer: {
  status: number
  headers: Readonly<Record<string, string>>
  body: string
  now: Date
}): AcmeProblem {
  const { status, headers, body, now } = answer
  const document = objectOf(body)
  const problem = embeddedProblem(document, status) ?? {
    ...NOTHING,
    type: typeByStatus(status),
    detail: `it answered with status ${status} and without a word why`,
    status,
  }
  const wait = retryAfterMs(headers, now)
  const help = linkTo(headers['link'], 'help') ?? linkTo(headers['link'], 'terms-of-service')
  return {
    ...problem,
    status,
    retryAfterMs: wait === null ? null : Math.min(Math.max(wait, MINUTE_MS), WEEK_MS),
    url: httpsOf(document?.['instance']) ?? help ?? problem.url,
  }
}

/** A problem within an order or a challenge. Null: there is none. @param status of it where it does not say */
export function embeddedProblem(document: unknown, status = 0): AcmeProblem | null {
  if (!isObject(document)) return null
  const { type, detail, title, subproblems } = document
  if (typeof type !== 'string' && typeof detail !== 'string') return null
  const words = clean(typeof detail === 'string' ? detail : title) || 'without a word why'
  const own = typeof document['status'] === 'number' ? document['status'] : status
  return {
    type: typeOf(type) ?? typeByStatus(own),
    detail: words,
    status: own,
    retryAfterMs: null,
    url: httpsOf(document['instance']) ?? urlIn(words),
    subproblems: (Array.isArray(subproblems) ? subproblems : []).slice(0, MAX_SUBPROBLEMS).flatMap((one: unknown) => {
      if (!isObject(one)) return []
      const { identifier } = one
      const value = isObject(identifier) ? clean(identifier['value']) : ''
      return [{ identifier: value || null, type: typeOf(one['type']) ?? 'unknown', detail: clean(one['detail']) }]
    }),
  }
}

/** A problem of our own finding, such as `unreachable` and `malformed-answer`. */
export function ownProblem(type: string, detail: string, status = 0): AcmeProblem {
  return { ...NOTHING, type, detail: clean(detail), status }
}

/** Retry-After in milliseconds, RFC 9110 §10.2.3: in seconds, or until a date by the authority's own clock. Null: none. */
export function retryAfterMs(headers: Readonly<Record<string, string>>, now: Date): number | null {
  const value = headers['retry-after']?.trim() ?? ''
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const until = Date.parse(value)
  if (!/^[A-Z][a-z]{2}/.test(value) || Number.isNaN(until)) return null
  const theirNow = Date.parse(headers['date'] ?? '')
  return Math.max(until - (Number.isNaN(theirNow) ? now.getTime() : theirNow), 0)
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The JSON object that a body is; null: it is none. */
export function objectOf(body: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

/** An https URL as it was written; null: it is none. */
export function httpsOf(value: unknown): string | null {
  return typeof value === 'string' && /^https:\/\/[!-~]+$/i.test(value) && URL.canParse(value) ? value : null
}

const NOTHING: AcmeProblem = { type: '', detail: '', status: 0, retryAfterMs: null, url: null, subproblems: [] }

function typeOf(type: unknown): string | null {
  const bare = typeof type === 'string' && PREFIX.test(type) ? type.replace(PREFIX, '') : ''
  return TYPE.test(bare) ? bare : null
}

/** Of a load balancer, say, that knows nothing of ACME. */
function typeByStatus(status: number): string {
  if (status === 429) return 'rateLimited'
  return status >= 500 ? 'serverInternal' : 'malformed-answer'
}

function clean(text: unknown): string {
  if (typeof text !== 'string') return ''
  return text
    .slice(0, 2 * MAX_DETAIL)
    .replace(UNPRINTABLE, ' ')
    .trim()
    .slice(0, MAX_DETAIL)
}

/** Instructions in the words themselves, as in "…, visit https://… to unpause". */
function urlIn(words: string): string | null {
  return httpsOf(/https:\/\/[^\s"'<>()]+/.exec(words)?.[0].replace(/[.,:;]+$/, ''))
}

/** RFC 8288 §3, as far as authorities use it. */
function linkTo(header: string | undefined, relation: string): string | null {
  for (const [, url, parameters] of (header ?? '').matchAll(/<([^>]*)>([^,<]*)/g))
    if (new RegExp(`;\\s*rel="?${relation}"?(?:;|$|\\s)`, 'i').test(parameters ?? '')) return httpsOf(url)
  return null
}
