import type { Request } from 'express'
import { preferencesOf } from '../cookies.ts'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

/** The colours that a visitor chose, or those of their system. */
export function themeOf(req: Request): Theme {
  const { theme } = preferencesOf(req)
  return THEMES.find((known) => known === theme) ?? 'system'
}
