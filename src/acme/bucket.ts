import type { Limit } from './limits.ts'

const HOUR_MS = 3_600_000

/** How much of a limit is spent, and who was turned away. */
export interface Bucket {
  key: string // of what it counts, within an authority
  fullAt: Date // nothing of it is spent from then on
  refusals: number // since `refusedSince`; what is older than an hour is forgotten
  refusedSince: Date | null
  waiting: { tenantId: string | null; at: Date }[] // the last two tenants that were turned away
}

export function untouched(key: string): Bucket {
  return { key, fullAt: new Date(0), refusals: 0, refusedSince: null, waiting: [] }
}

/** When one may be taken so that `reserve` are left for others; at once where that is past. */
export function openAt({ fullAt }: Bucket, { count, periodMs }: Limit, reserve: number): Date {
  const usable = Math.max(count - 1 - reserve, 0)
  return new Date(fullAt.getTime() - Math.floor(usable * (periodMs / count)))
}

/** What is left, in whole ones. */
export function left({ fullAt }: Bucket, { count, periodMs }: Limit, now: Date): number {
  const spentMs = Math.min(Math.max(fullAt.getTime() - now.getTime(), 0), periodMs)
  return Math.floor(count - spentMs / (periodMs / count) + 1e-9)
}

/** With one less; it never owes more than it holds. */
export function spent(bucket: Bucket, { count, periodMs }: Limit, now: Date): Bucket {
  const fullAt = Math.max(bucket.fullAt.getTime(), now.getTime()) + Math.ceil(periodMs / count)
  return { ...bucket, fullAt: new Date(Math.min(fullAt, now.getTime() + periodMs)) }
}

/** With one more; one that is full stays as it is. */
export function returned(bucket: Bucket, { count, periodMs }: Limit, now: Date): Bucket {
  if (bucket.fullAt <= now) return bucket
  return { ...bucket, fullAt: new Date(bucket.fullAt.getTime() - Math.ceil(periodMs / count)) }
}

/** As empty as can be, where it was spent in a future that a wrong clock saw: else it would stay so until then. */
export function mended(bucket: Bucket, { periodMs }: Limit, now: Date): Bucket {
  const latest = now.getTime() + periodMs
  return bucket.fullAt.getTime() > latest ? { ...bucket, fullAt: new Date(latest) } : bucket
}

/** With one more that was turned away. */
export function refused(bucket: Bucket, now: Date): Bucket {
  const isRecent = isWithinAnHour(bucket.refusedSince, now)
  return {
    ...bucket,
    refusals: isRecent ? bucket.refusals + 1 : 1,
    refusedSince: isRecent ? bucket.refusedSince : now,
  }
}

/** With one who waits; of refusals only those count that were another tenant's than the one before: they are many who wait. */
export function withWaiting(bucket: Bucket, tenantId: string | null, now: Date): Bucket {
  const isAnother = bucket.waiting[0]?.tenantId !== tenantId
  const counted = isAnother ? refused(bucket, now) : bucket
  return { ...counted, waiting: [{ tenantId, at: now }, ...without(bucket, tenantId)].slice(0, 2) }
}

export function withoutWaiting(bucket: Bucket, tenantId: string | null): Bucket {
  const waiting = without(bucket, tenantId)
  return waiting.length < bucket.waiting.length ? { ...bucket, waiting } : bucket
}

/** Whether another tenant was turned away within the last hour, and has got nothing since. */
export function areOthersWaiting({ waiting }: Bucket, tenantId: string | null, now: Date): boolean {
  return waiting.some((one) => one.tenantId !== tenantId && isWithinAnHour(one.at, now))
}

/** From when on the bucket says nothing that one which was never touched does not. */
export function idleAt({ fullAt, refusedSince, waiting }: Bucket): Date {
  const noted = [refusedSince, ...waiting.map(({ at }) => at)].map((at) => (at ? at.getTime() + HOUR_MS : 0))
  return new Date(Math.max(fullAt.getTime(), ...noted))
}

function isWithinAnHour(at: Date | null, now: Date): boolean {
  return at !== null && at <= now && now.getTime() - at.getTime() < HOUR_MS
}

function without({ waiting }: Bucket, tenantId: string | null): Bucket['waiting'] {
  return waiting.filter((one) => one.tenantId !== tenantId)
}
