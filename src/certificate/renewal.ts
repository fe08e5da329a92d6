const DAY_MS = 86_400_000
const SHORT_LIVED_MS = 10 * DAY_MS
const SPREAD = 0.01

const LAST_SHARE = 9 / 10

/** When one that came by hand is not left to whoever brought it any longer: a tenth of its lifetime is left. */
export function takenOverAt({ notBefore, notAfter }: { notBefore: Date; notAfter: Date }): Date {
  return new Date(notBefore.getTime() + Math.floor((notAfter.getTime() - notBefore.getTime()) * LAST_SHARE))
}

/**
 * When a certificate is due to be replaced: after two thirds of its lifetime, or half of one that lasts less than ten
 * days; never a number of days, since lifetimes shrink. Those that were issued together are spread over a hundredth to
 * either side, each by its own digest: the same instant whenever and wherever it is asked.
 */
export function renewAt({ notBefore, notAfter, sha256 }: { notBefore: Date; notAfter: Date; sha256: string }): Date {
  const lifetimeMs = notAfter.getTime() - notBefore.getTime()
  const share = lifetimeMs < SHORT_LIVED_MS ? 1 / 2 : 2 / 3
  const chance = parseInt(sha256.slice(0, 8), 16) / 2 ** 32
  return new Date(notBefore.getTime() + Math.round(lifetimeMs * share * (1 + SPREAD * (2 * chance - 1))))
}
