import { ProblemError, type ProblemCode } from '../problem.ts'

/** Status and title of every refusal; `internal` is what a bug of ours looks like from outside. */
export const PROBLEMS = {
  'malformed-request': { status: 400, title: 'The request is malformed' },
  'malformed-name': { status: 400, title: 'The name is malformed' },
  'name-refused': { status: 422, title: 'The name may not be registered' },
  'certificate-refused': { status: 422, title: 'The certificate was refused' },
  'not-found': { status: 404, title: 'Not found' },
  'already-exists': { status: 409, title: 'It exists already' },
  'control-unproven': { status: 409, title: 'Nobody has proven control of the source domain' },
  'source-domain-taken': { status: 409, title: 'Another tenant holds the source domain' },
  'still-in-use': { status: 409, title: 'It is still in use' },
  'too-early': { status: 409, title: 'It is too early for that' },
  'sign-in-required': { status: 401, title: 'Sign in first' },
  'sign-in-refused': { status: 401, title: 'Signing in was refused' },
  'fresh-sign-in-required': { status: 403, title: 'Confirm that it is you' },
  forbidden: { status: 403, title: 'That is not yours to do' },
  'link-spent': { status: 410, title: 'The link is spent' },
  'password-refused': { status: 422, title: 'The password was refused' },
  'registration-closed': { status: 403, title: 'Registration is closed' },
  'tenant-suspended': { status: 403, title: 'The tenant is suspended' },
  'quota-reached': { status: 409, title: 'The quota is reached' },
  'last-owner': { status: 409, title: 'Somebody has to remain' },
  'too-many-requests': { status: 429, title: 'Too many requests' },
  'precondition-failed': { status: 412, title: 'It has changed in the meantime' },
  'idempotency-key-reused': { status: 422, title: 'The Idempotency-Key belongs to another request' },
  'request-in-progress': { status: 409, title: 'The first request is not answered yet' },
  'outcome-unknown': { status: 409, title: 'Nobody knows how the first request ended' },
  'cross-site-request': { status: 403, title: 'The request came from another site' },
  'too-large': { status: 413, title: 'The request is too large' },
  'unsupported-media-type': { status: 415, title: 'The media type is not supported' },
  'method-not-allowed': { status: 405, title: 'The method is not allowed here' },
  'misdirected-request': { status: 421, title: 'This is another host' },
  'authority-refused': { status: 502, title: 'The certificate authority refused' },
  'authority-unreachable': { status: 504, title: 'The certificate authority does not answer' },
  configuration: { status: 500, title: 'The server is not configured for that' },
  maintenance: { status: 503, title: 'Under maintenance' },
  unavailable: { status: 503, title: 'Temporarily unavailable' },
  internal: { status: 500, title: 'Internal error' },
} satisfies Record<ProblemCode | 'internal', { status: number; title: string }>

export type PublicCode = keyof typeof PROBLEMS

export function isPublicCode(code: string): code is PublicCode {
  return Object.hasOwn(PROBLEMS, code)
}

/** The body of `application/problem+json`, RFC 9457 §3. */
export interface ProblemDetails {
  type: string
  title: string
  status: number
  detail?: string
  instance: string // the request's id, which the log has too
  code: PublicCode
  rule?: string
  errors?: { pointer: string; detail: string }[]
}

export function problemDetails(problem: ProblemError | undefined, requestId: string): ProblemDetails {
  const code = problem?.code ?? 'internal'
  return {
    type: `/problems/${code}`,
    ...PROBLEMS[code],
    ...(problem ? { detail: problem.message } : {}),
    instance: `urn:uuid:${requestId}`,
    code,
    ...(problem?.rule === undefined ? {} : { rule: problem.rule }),
    ...(problem && problem.fields.length > 0 ? { errors: [...problem.fields] } : {}),
  }
}

/**
 * What a thrown value is to the caller: a refusal they may read, or undefined for a bug of ours. Express and its body
 * parsers refuse by errors of their own, which are translated here; their texts are not passed on.
 */
export function refusalOf(err: unknown): ProblemError | undefined {
  if (err instanceof ProblemError) return err
  if (!(err instanceof Error)) return undefined
  // express decodes path parameters itself and throws a URIError with a status
  if (err instanceof URIError)
    return new ProblemError('malformed-request', 'the path has a % that is not followed by two hexadecimal digits', {
      cause: err,
    })
  const [code, detail] = BODY_PARSER[(err as { type?: unknown }).type as string] ?? []
  return code && detail ? new ProblemError(code, detail, { cause: err }) : undefined
}

const BODY_PARSER: Record<string, [ProblemCode, string] | undefined> = {
  'entity.parse.failed': ['malformed-request', 'the body is no JSON object'],
  'entity.too.large': ['too-large', 'the body is larger than this request may be'],
  'parameters.too.many': ['too-large', 'the form has too many fields'],
  'querystring.parse.rangeError': ['malformed-request', 'the form cannot be read'],
  'encoding.unsupported': ['unsupported-media-type', 'send the body without a Content-Encoding'],
  'charset.unsupported': ['unsupported-media-type', 'send the body as UTF-8'],
  'request.size.invalid': ['malformed-request', 'the body is not as long as Content-Length says'],
  'request.aborted': ['malformed-request', 'the body ended too early'],
}
