/** Every refusal that a caller may read. A new code does not compile until `admin/problem-details.ts` maps it. */
export type ProblemCode =
  | 'malformed-request' // a field is missing, unknown or of the wrong shape
  | 'malformed-name' // not a DNS name that can be delegated
  | 'name-refused' // a well-formed name that may not be registered
  | 'certificate-refused' // an upload that must not be published; `rule` says by which rule
  | 'not-found' // also what another tenant's row looks like
  | 'already-exists'
  | 'source-domain-taken' // another tenant holds the name
  | 'control-unproven' // of the name, and what is asked for wants a proof in force
  | 'still-in-use'
  | 'too-early' // a staged certificate that caches may not know yet
  | 'sign-in-required'
  | 'sign-in-refused' // the e-mail address, the password, the code or the passkey: which one is not told
  | 'fresh-sign-in-required' // a grave act, and the caller has not proven lately to be there
  | 'forbidden' // in the caller's own tenant, with too low a role or too narrow a token
  | 'link-spent' // a link of ours that is unknown, used or expired
  | 'password-refused' // `rule` says by which rule
  | 'registration-closed'
  | 'tenant-suspended'
  | 'quota-reached'
  | 'last-owner' // a tenant keeps one owner, the installation one operator
  | 'too-many-requests' // `retryAfterMs` says when to come again
  | 'precondition-failed' // If-Match: somebody else was first
  | 'idempotency-key-reused' // for another request than the first
  | 'request-in-progress' // the first request with this Idempotency-Key is not answered yet
  | 'outcome-unknown' // it was begun under this Idempotency-Key and never answered
  | 'cross-site-request'
  | 'too-large'
  | 'unsupported-media-type'
  | 'method-not-allowed'
  | 'misdirected-request' // the Host line names another host than the admin host
  | 'authority-refused' // it did not do what it was asked, or answered what RFC 8555 does not know; the cause says more
  | 'authority-unreachable' // no whole answer came from it
  | 'configuration'
  | 'maintenance' // only operators change anything; `retryAfterMs` says when to look again
  | 'unavailable' // the data folder or the database cannot be used now

/** One field that was refused; `pointer` is a JSON pointer (RFC 6901) into the request's body, as RFC 9457 §3 shows. */
export interface FieldProblem {
  pointer: string
  detail: string
  language?: string // of the detail, where it is not another room's English
}

/**
 * A refusal the caller may read: `message` says what is wrong and how to mend it, and is shown to them.
 * Whatever else is thrown is a bug of ours.
 */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly code: ProblemCode
  readonly rule: string | undefined
  readonly fields: readonly FieldProblem[]
  readonly retryAfterMs: number | undefined
  readonly language: string | undefined // of the message, where a page says it in its reader's words

  constructor(
    code: ProblemCode,
    detail: string,
    options: ErrorOptions & {
      rule?: string
      fields?: readonly FieldProblem[]
      retryAfterMs?: number
      language?: string
    } = {},
  ) {
    super(detail, options)
    this.code = code
    this.rule = options.rule
    this.fields = options.fields ?? []
    this.retryAfterMs = options.retryAfterMs
    this.language = options.language
  }
}
