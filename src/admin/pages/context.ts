import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { texts, type Texts } from './texts.ts'

/** What every part of a page may need: the words, and the instant that "in 3 days" counts from. */
export interface PageContext {
  texts: Texts
  now: Date
}

const Context = createContext<PageContext>({ texts, now: new Date(0) })

export const PageContextProvider = Context.Provider

export function useTexts(): Texts {
  return useContext(Context).texts
}

export function useNow(): Date {
  return useContext(Context).now
}
