import type { CookieOptions, Request, Response } from 'express'
import { SESSION_LIFE_MS } from '../tenant/session.ts'

// __Host-: no other host, however near, can set it (RFC 6265bis §4.1.3.2)
const SESSION = '__Host-session'
const NOTICE = '__Host-notice'
const OPTIONS: CookieOptions = { path: '/', secure: true, httpOnly: true, sameSite: 'lax' }
const MOST_NOTICE_BYTES = 3000

export function sessionToken(req: Request): string | undefined {
  return cookie(req, SESSION)
}

export function setSessionToken(res: Response, token: string): void {
  res.cookie(SESSION, token, { ...OPTIONS, maxAge: SESSION_LIFE_MS })
}

export function clearSessionToken(res: Response): void {
  res.clearCookie(SESSION, OPTIONS)
}

/** What the next page tells: a form that succeeded answers with a redirect, which has no room for words. */
export interface Notice {
  text: string
  warnings: string[]
}

export function setNotice(res: Response, notice: Notice): void {
  const { text, warnings } = notice
  const fitting = [...warnings]
  const encoded = () => Buffer.from(JSON.stringify([text.slice(0, 500), ...fitting])).toString('base64url')
  while (fitting.length > 0 && encoded().length > MOST_NOTICE_BYTES) fitting.pop()
  res.cookie(NOTICE, encoded(), { ...OPTIONS, maxAge: 60_000 })
}

/** Reads it once. Its content is a stranger's: whoever sits at the browser may write it. */
export function takeNotice(req: Request, res: Response): Notice | undefined {
  const value = cookie(req, NOTICE)
  if (value === undefined) return undefined
  res.clearCookie(NOTICE, OPTIONS)
  try {
    const lines: unknown = JSON.parse(Buffer.from(value, 'base64url').toString())
    if (!Array.isArray(lines) || !lines.every((text) => typeof text === 'string')) return undefined
    const [text, ...warnings] = lines
    return text === undefined ? undefined : { text, warnings }
  } catch {
    return undefined
  }
}

function cookie(req: Request, name: string): string | undefined {
  for (const pair of req.get('cookie')?.split(';') ?? []) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}
