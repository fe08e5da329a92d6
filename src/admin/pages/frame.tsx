import type { Notice } from '../cookies.ts'
import { PageContextProvider } from './context.ts'
import { Icon, Mark, type IconName } from './icons.tsx'
import type { Area, Assets, View } from './page.tsx'
import { Warnings } from './parts.tsx'
import type { Texts } from './texts.ts'
import { visible } from './visible.ts'

const AREAS: readonly [Area, IconName][] = [
  ['delegations', 'delegations'],
  ['source-domains', 'domains'],
  ['certificates', 'certificate'],
  ['target-hosts', 'target'],
  ['tenants', 'tenants'],
]

export interface Framed {
  texts: Texts
  now: Date
  assets: Assets
  isSignedIn: boolean
  notice: Notice | undefined
  view: View
}

/** The whole document around a page's heart. */
export function PageFrame({ texts: t, now, assets, isSignedIn, notice, view }: Framed) {
  return (
    <PageContextProvider value={{ texts: t, now }}>
      <html lang={t.language}>
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>{`${visible(view.title, 100)} · ${t.product}`}</title>
          <link rel="icon" href={assets.icon} type="image/svg+xml" />
          <link rel="stylesheet" href={assets.css} />
          <script src={assets.js} defer />
        </head>
        <body>
          <header class="banner">
            <a class="skip" href="#main">
              {t.skip}
            </a>
            <div class="banner-row">
              <a class="product" href="/">
                <Mark />
                {t.product}
              </a>
              {isSignedIn ? <Navigation t={t} current={view.area} /> : null}
              {isSignedIn ? (
                <form class="sign-out" method="post" action="/sign-out">
                  <button type="submit" class="quiet">
                    <Icon name="out" />
                    {t.signOut}
                  </button>
                </form>
              ) : null}
            </div>
          </header>
          <main id="main" tabIndex={-1}>
            <div role="status" class="notices">
              {notice ? (
                <>
                  <div class="message good">
                    <Icon name="check" />
                    <p>{visible(notice.text, 500)}</p>
                  </div>
                  <Warnings title={t.withWarnings} warnings={notice.warnings} />
                </>
              ) : null}
            </div>
            {view.main}
          </main>
        </body>
      </html>
    </PageContextProvider>
  )
}

function Navigation({ t, current }: { t: Texts; current: Area | undefined }) {
  return (
    <nav class="areas" aria-label={t.navigation}>
      <ul>
        {AREAS.map(([area, icon]) => (
          <li key={area}>
            <a href={`/${area}`} {...(area === current ? { 'aria-current': 'page' as const } : {})}>
              <Icon name={icon} />
              {t.areas[area]}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}
