/** Beyond it nobody counts while somebody waits. */
export const MOST_COUNTED = 1000

/** What may need somebody's hand, what cannot wait first. */
export const TROUBLES = [
  'expired',
  'failing-operator',
  'wavering',
  'rule-wrong',
  'ending',
  'failing-owner',
  'unproven',
  'failing-authority',
  'failed-jobs',
] as const
export type Trouble = (typeof TROUBLES)[number]

export interface TroubleStore {
  /**
   * How many there are, to one more than `MOST_COUNTED`; of failed jobs a tenant has none.
   * @param unprovenBefore names that are unproven since later are not counted
   */
  count(whose: string | 'all', now: Date, unprovenBefore: Date): Promise<Record<Trouble, number>>
}
