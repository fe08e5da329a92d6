import type { Order, OrderAuthorization } from './order.ts'

/** What was learnt and done since the present call began; what the row says is as old as the last call. */
export interface Seen {
  isOrderRead: boolean // since it was last finalized
  isFinalized: boolean
  authorizations: ReadonlySet<string> // URLs of those that were read
}

export type Step =
  | { do: 'ask' } // newOrder
  | { do: 'authorize'; authorization: OrderAuthorization }
  | { do: 'look' } // at the order
  | { do: 'finalize' }
  | { do: 'download' }
  | { do: 'wait' } // for the authority
  | { do: 'explain' } // it is invalid; the authorizations say why
  | { do: 'begin-anew' } // the authority has forgotten it, or will
  | { do: 'give-up' }

/** An answer to newOrder that was lost may have been an order: another one is made once, and no third. */
const MOST_NEW_ORDERS = 2
/** Whoever has not come to an end by then never will; classic orders would be kept for a week. */
const LONGEST_MS = 24 * 3_600_000

/**
 * What is to be done next for an order, RFC 8555 §7.1.6. Leaves it to the authority to say what is final.
 * @param skewMs by which the authority's clock, which says when an order expires, is ahead
 */
export function nextStep(order: Order, seen: Seen, now: Date, skewMs: number): Step {
  const lookOr = (step: Step): Step => (seen.isOrderRead ? step : { do: 'look' })
  switch (order.status) {
    case 'new':
      return { do: order.newOrders < MOST_NEW_ORDERS ? 'ask' : 'give-up' }
    case 'invalid':
      return { do: 'explain' }
    case 'valid':
      return { do: 'download' }
    case 'pending':
    case 'ready':
    case 'processing':
      // It may have become valid since, and is then to be had still
      if (order.expiresAt !== null && order.expiresAt.getTime() <= now.getTime() + skewMs)
        return lookOr({ do: 'begin-anew' })
      if (isTooOld(order, now)) return lookOr({ do: 'give-up' })
      if (order.status === 'pending') return nextAuthorization(order, seen) ?? lookOr({ do: 'wait' })
      if (order.status === 'ready' && !seen.isFinalized) return { do: 'finalize' }
      return lookOr({ do: 'wait' })
  }
}

/** Also one that was begun in what is the future by now: its age would be none for as long. */
export function isTooOld({ createdAt }: Pick<Order, 'createdAt'>, now: Date): boolean {
  return Math.abs(now.getTime() - createdAt.getTime()) > LONGEST_MS
}

/** Undefined: all are valid. */
function nextAuthorization({ authorizations }: Order, seen: Seen): Step | undefined {
  const left = authorizations.filter(({ status }) => status !== 'valid')
  const unread = left.find(({ url }) => !seen.authorizations.has(url))
  if (unread) return { do: 'authorize', authorization: unread }
  if (left.some(({ status }) => status === 'invalid')) return { do: 'explain' }
  if (left.some(({ status }) => status !== 'pending')) return { do: 'begin-anew' } // none of its orders can be finalized
  return left.length > 0 ? { do: 'wait' } : undefined
}
