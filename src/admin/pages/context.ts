import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Theme } from './theme.ts'
import type { Texts } from './texts.ts'

/** What every part of a page may need: the words, and the instant that "in 3 days" counts from. */
export interface PageContext {
  texts: Texts
  now: Date
  theme: Theme
  here: string | null // where who chooses another language comes back to; null: what the page shows is shown this once
}

const Context = createContext<PageContext | null>(null)

export const PageContextProvider = Context.Provider

export function usePageContext(): PageContext {
  const context = useContext(Context)
  if (!context) throw new Error('a part of a page is rendered outside of its frame')
  return context
}

export function useTexts(): Texts {
  return usePageContext().texts
}

export function useNow(): Date {
  return usePageContext().now
}
