import { createHash } from 'node:crypto'
import type { Request } from 'express'
import type { Clock } from '../../clock.ts'
import { ProblemError } from '../../problem.ts'
import type { IdempotencyStore } from '../../tenant/idempotency.ts'
import { exchangeOf } from '../exchange.ts'
import type { RouteAnswer, RouteDeclaration } from './route.ts'

const KEY = /^[\x21-\x7e]{1,255}$/
/** Whoever began has been answered, or has died. */
const LONGEST_REQUEST_MS = 60_000

/** Whether a route takes an Idempotency-Key: what adds something, for a caller that it can be kept for. */
export function takesIdempotencyKey({ method, access, answer }: RouteDeclaration): boolean {
  return method === 'post' && access !== 'public' && !('setsSession' in answer) && !('mediaTypes' in answer)
}

/**
 * Carries a request out once, however often it is sent with the same Idempotency-Key: the answer of the first is given
 * again for a day. A refusal is not kept, since it has changed nothing (draft-ietf-httpapi-idempotency-key-header-07).
 */
export async function onceOnly(
  req: Request,
  declaration: RouteDeclaration,
  { idempotency, clock }: { idempotency: IdempotencyStore; clock: Clock },
  perform: () => Promise<RouteAnswer>,
): Promise<RouteAnswer> {
  const key = req.get('idempotency-key')
  const { caller } = exchangeOf(req)
  if (key === undefined) return perform()
  if (!takesIdempotencyKey(declaration) || !caller)
    throw new ProblemError('malformed-request', 'this request takes no Idempotency-Key')
  if (!KEY.test(key))
    throw new ProblemError('malformed-request', 'Idempotency-Key should be 1 to 255 visible ASCII characters')
  const owner = caller.principal.key
  const now = clock.now()
  const request = createHash('sha256')
    .update(JSON.stringify([req.method, req.originalUrl, (req.body as unknown) ?? null]))
    .digest('hex')
  const begun = await idempotency.begin(owner, key, request, now)
  if (begun !== 'begun') return again(begun, request, now)
  const done = await perform().catch(async (err: unknown) => {
    // Where the database went away nobody knows whether it had committed
    if (err instanceof ProblemError && err.code !== 'unavailable') await idempotency.abandon(owner, key)
    throw err
  })
  await idempotency.answer(owner, key, Buffer.from(JSON.stringify(done)))
  return done
}

function again(
  first: { requestHash: string; beganAt: Date; answer: Uint8Array | null },
  request: string,
  now: Date,
): RouteAnswer {
  if (first.requestHash !== request)
    throw new ProblemError(
      'idempotency-key-reused',
      'this Idempotency-Key was sent with another request; choose a new one',
    )
  if (first.answer) return JSON.parse(Buffer.from(first.answer).toString()) as RouteAnswer
  if (now.getTime() - first.beganAt.getTime() < LONGEST_REQUEST_MS)
    throw new ProblemError('request-in-progress', 'the first request with this Idempotency-Key is still under way', {
      retryAfterMs: 1000,
    })
  throw new ProblemError(
    'outcome-unknown',
    'the first request with this Idempotency-Key was never answered: look whether it was carried out, then choose a new key',
  )
}
