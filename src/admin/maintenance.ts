import type { Request } from 'express'
import { ProblemError } from '../problem.ts'
import { exchangeOf } from './exchange.ts'

/** Nobody knows how long it takes: when programs are to look again. */
const LOOK_AGAIN_MS = 5 * 60_000

/** Who reads the refusal. */
interface Reader {
  language: string
  maintenance: { refused: (reason: string) => string }
}

const refused = (reason: string) =>
  `nothing can be changed at the moment: ${reason}; what is published stays as it is, so try again later`

/**
 * While maintenance is on, only operators change anything. What signs people in and out goes on, so that operators come in.
 * @param reader undefined: a program, or its programmer, who reads English
 * @throws ProblemError maintenance
 */
export function refuseInMaintenance(req: Request, { goesOn = false }: { goesOn?: boolean }, reader?: Reader): void {
  const { standing, caller } = exchangeOf(req)
  const isChange = !['GET', 'HEAD', 'OPTIONS'].includes(req.method)
  if (standing.maintenance === null || goesOn || !isChange || caller?.principal.isOperator) return
  const { reason } = standing.maintenance
  throw new ProblemError('maintenance', (reader?.maintenance.refused ?? refused)(reason), {
    retryAfterMs: LOOK_AGAIN_MS,
    ...(reader && { language: reader.language }),
  })
}
