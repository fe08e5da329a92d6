/** When a certificate is due to be replaced: a fraction of its lifetime and never a number of days, since lifetimes shrink. */
export function renewAt({ notBefore, notAfter }: { notBefore: Date; notAfter: Date }, fraction = 2 / 3): Date {
  return new Date(notBefore.getTime() + (notAfter.getTime() - notBefore.getTime()) * fraction)
}
