import type { Request } from 'express'
import { preferencesOf } from '../cookies.ts'
import { isolating } from './isolation.ts'
import { german } from './texts-de.ts'
import { texts, type Texts } from './texts.ts'

const english = isolating(texts, texts.direction)

/** The catalogues by their language's tag, RFC 5646, in lower case. */
export const LANGUAGES: ReadonlyMap<string, Texts> = new Map([
  [english.language, english],
  [german.language, isolating(german, german.direction)],
])

/** The words for a visitor: in the language that they chose, else the one that their browser asks for, else English. */
export function textsOf(req: Request): Texts {
  const chosen = LANGUAGES.get(preferencesOf(req).language ?? '')
  return chosen ?? accepted(req.get('accept-language') ?? '') ?? english
}

/** The best of a list such as "de-AT, en;q=0.7" that there is a catalogue of (RFC 9110 §12.5.4, RFC 4647 §3.4). */
export function accepted(list: string): Texts | undefined {
  const ranges = list.split(',').slice(0, MOST_RANGES).flatMap(parseRange)
  // The sort is stable: of two that are equally welcome, the one that stands first
  for (const { tag } of ranges.filter(({ q }) => q > 0).sort((a, b) => b.q - a.q)) {
    const found = tag === '*' ? english : (LANGUAGES.get(tag) ?? LANGUAGES.get(tag.replace(/-.*$/, '')))
    if (found) return found
  }
  return undefined
}

const MOST_RANGES = 30

function parseRange(text: string): { tag: string; q: number }[] {
  const [, tag, q = '1'] =
    /^\s*(\*|[a-z]{1,8}(?:-[a-z0-9]{1,8})*)\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?$/i.exec(text) ?? []
  return tag === undefined ? [] : [{ tag: tag.toLowerCase(), q: Number(q) }]
}
