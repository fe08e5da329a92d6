import { z } from 'zod'
import { exchangeOf } from '../exchange.ts'
import { setLanguage, setTheme } from '../cookies.ts'
import { usePageContext } from './context.ts'
import { LANGUAGES } from './language.ts'
import { ownPath } from './own-path.ts'
import { form, type Page } from './page.tsx'
import { problemView } from './problem-page.tsx'
import { THEMES } from './theme.ts'

/** What is no choice is as if nothing was chosen. */
const choices = z.object({
  language: z
    .enum([...LANGUAGES.keys()])
    .optional()
    .catch(undefined),
  theme: z.enum(THEMES).optional().catch(undefined),
  next: z.string().optional().catch(undefined).transform(ownPath),
})

/** What the forms in the foot of every page are sent to. */
export function preferencePages(): Page[] {
  return [
    form(
      { path: '/preferences', access: 'public', goesOn: true, form: choices },
      async ({ language, theme, next }, { res }) => {
        if (language !== undefined) setLanguage(res, language)
        if (theme !== undefined) setTheme(res, theme === 'system' ? undefined : theme)
        return { to: next }
      },
      async ({ problem }, { texts, req }) => problemView(texts, problem, exchangeOf(req).requestId),
    ),
  ]
}

/** The languages and the colours to choose from, one press each. */
export function Preferences() {
  const { texts: t, theme, here } = usePageContext()
  if (here === null) return null
  return (
    // The whole document is another one: it is not swapped into the present one
    <form method="post" action="/preferences" class="preferences" hx-boost="false">
      <input type="hidden" name="next" value={here} />
      <div role="group" aria-label={t.preferences.language}>
        {[...LANGUAGES.values()].map(({ language, languageName }) => (
          <button
            key={language}
            type="submit"
            class="quiet small"
            name="language"
            value={language}
            lang={language}
            aria-pressed={language === t.language}
          >
            {languageName}
          </button>
        ))}
      </div>
      <div role="group" aria-label={t.preferences.theme}>
        {THEMES.map((each) => (
          <button key={each} type="submit" class="quiet small" name="theme" value={each} aria-pressed={each === theme}>
            {t.preferences.themes[each]}
          </button>
        ))}
      </div>
    </form>
  )
}
