/** Where people begin. */
export const START = '/overview'

/**
 * Where a sign-in leads to: the path of ours that was asked for, or the start. Browsers drop tabs and line ends from a
 * Location and read "\" as "/", so that more than "//" could lead elsewhere.
 */
export function ownPath(next: string | undefined): string {
  return next !== undefined && /^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/.test(next) && next !== '/' ? next : START
}

export function withNext(path: string, next: string): string {
  return next === START ? path : `${path}?${new URLSearchParams({ next }).toString()}`
}
