import { ProblemError } from '../problem.ts'

const AGAIN_MS = 5000

/**
 * A bound on what tenants have this server ask of others at once, in this process: whoever asks often holds up neither others nor
 * what is due by itself. Beyond it, who asks is refused.
 * @param doing what is done to a name: "looked for", read after "are"
 */
export function atOnce({ ofTenant, inAll, doing }: { ofTenant: number; inAll: number; doing: string }) {
  const tenants: string[] = [] // one entry for each that is under way

  /** @throws ProblemError too-many-requests */
  return async <T>(tenantId: string, ask: () => Promise<T>): Promise<T> => {
    const own = tenants.filter((one) => one === tenantId)
    if (own.length >= ofTenant) throw tooMany(`${own.length} names of this tenant are`, doing)
    if (tenants.length >= inAll) throw tooMany('as many names as can be at once are', doing)
    tenants.push(tenantId)
    try {
      return await ask()
    } finally {
      tenants.splice(tenants.indexOf(tenantId), 1)
    }
  }
}

function tooMany(which: string, doing: string): ProblemError {
  const detail = `${which} ${doing} at this moment; check this one again in a few seconds, or leave it to the look that is due by itself`
  return new ProblemError('too-many-requests', detail, { retryAfterMs: AGAIN_MS })
}
