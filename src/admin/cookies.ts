import type { CookieOptions, Request, Response } from 'express'
import { SESSION_LIFE_MS } from '../tenant/session.ts'
import type { Words } from './pages/said.tsx'

// __Host-: no other host, however near, can set it (RFC 6265bis §4.1.3.2)
const SESSION = '__Host-session'
const NOTICE = '__Host-notice'
const LANGUAGE = '__Host-language'
const THEME = '__Host-theme'
const OPTIONS: CookieOptions = { path: '/', secure: true, httpOnly: true, sameSite: 'lax' }
const MOST_NOTICE_BYTES = 3000
const PREFERENCE_LIFE_MS = 365 * 86_400_000

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
  warnings: Words[]
}

export function setNotice(res: Response, notice: Notice): void {
  const { text, warnings } = notice
  // Other rooms' words, which are English, stand in a list of their own
  const fitting = warnings.map((words) => (typeof words === 'string' ? words : [words.english]))
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
    if (!Array.isArray(lines)) return undefined
    const [text, ...warnings] = lines.map(wordsFrom)
    return typeof text === 'string' ? { text, warnings } : undefined
  } catch {
    return undefined
  }
}

function wordsFrom(line: unknown): Words {
  if (typeof line === 'string') return line
  const english: unknown = Array.isArray(line) && line.length === 1 ? line[0] : undefined
  if (typeof english !== 'string') throw new TypeError('no line of a notice')
  return { english }
}

/** What somebody chose by the forms in the foot of a page; a stranger's text as all cookies are. */
export function preferencesOf(req: Request): { language: string | undefined; theme: string | undefined } {
  return { language: cookie(req, LANGUAGE), theme: cookie(req, THEME) }
}

export function setLanguage(res: Response, language: string): void {
  res.cookie(LANGUAGE, language, { ...OPTIONS, maxAge: PREFERENCE_LIFE_MS })
}

/** @param theme undefined: as the visitor's system has it */
export function setTheme(res: Response, theme: string | undefined): void {
  if (theme === undefined) res.clearCookie(THEME, OPTIONS)
  else res.cookie(THEME, theme, { ...OPTIONS, maxAge: PREFERENCE_LIFE_MS })
}

function cookie(req: Request, name: string): string | undefined {
  for (const pair of req.get('cookie')?.split(';') ?? []) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}
