import type { ProblemError } from '../../problem.ts'
import { useTexts } from './context.ts'
import { legible, sentence } from './visible.ts'

/** Words of another room: they are English, whatever language the page is in. */
export interface English {
  english: string
}

export type Words = string | English

export function inEnglish(text: string): English {
  return { english: text }
}

/** What a refusal says, in the reader's language where it was said by a page. */
export function wordsOfProblem({ message, language }: Pick<ProblemError, 'message' | 'language'>): Words {
  return inReadersLanguage(message, language)
}

/** @param language of the text; undefined: it is another room's */
export function inReadersLanguage(text: string, language: string | undefined): Words {
  return language === undefined ? inEnglish(text) : text
}

/**
 * Another room's words, marked as English where the page is not (WCAG 2.2, 3.1.2), or the catalogue's.
 * @param props.isClause they go on with what stands before them; else they begin a sentence
 */
export function Said(props: { words: Words; most?: number; isClause?: boolean }) {
  const { words, most = 1000, isClause = false } = props
  const { language } = useTexts()
  const text = (isClause ? legible : sentence)(typeof words === 'string' ? words : words.english, most)
  return typeof words === 'string' || language === 'en' ? <>{text}</> : <span lang="en">{text}</span>
}
