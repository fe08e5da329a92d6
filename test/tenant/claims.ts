import { domainName } from '../../src/name.ts'
import { UNPROVEN, type Claim } from '../../src/tenant/control.ts'

export const NAME = domainName('im.example.com')
export const START = new Date('2026-11-23T12:00:00Z')
export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

export function after(ms: number, from = START): Date {
  return new Date(from.getTime() + ms)
}

/** A claim of the tenant of that letter, made at the start in the order of the alphabet. */
export function aClaim(tenant: string, given: Partial<Claim> = {}): Claim {
  return {
    id: `claim-${tenant}`,
    tenantId: `tenant-${tenant}`,
    name: NAME,
    mode: 'hosted',
    edgeLabel: `t${tenant}`,
    claimedAt: START,
    ...UNPROVEN,
    ...given,
  }
}
