/** The only door to the present; a test hands in one that stands still until it is moved. */
export interface Clock {
  now(): Date
}

export const systemClock: Clock = { now: () => new Date() }
