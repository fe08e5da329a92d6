import { z } from 'zod'
import type { Act } from '../../act.ts'
import { withQuery } from './list.tsx'

/**
 * When somebody pressed for a look, in ms since the epoch: what they wait for is looked for the more often then. It stands in the
 * address of the page that they come back to, and what an address can bring about is bounded by who looks.
 */
export const pressedQuery = z.strictObject({
  checked: z
    .string()
    .regex(/^\d{1,15}$/, { error: 'should come from the button' })
    .transform((ms) => new Date(Number(ms)))
    .optional(),
})

export function withPressed(path: string, { at }: Pick<Act, 'at'>): string {
  return withQuery(path, { checked: String(at.getTime()) })
}

/** The last of some instants that is not ahead of now. */
export function since(instants: readonly (Date | null | undefined)[], now: Date): Date {
  const past = instants.map((at) => at?.getTime() ?? 0).filter((ms) => ms <= now.getTime())
  return new Date(Math.max(0, ...past))
}
