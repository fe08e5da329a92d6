import type { Principal } from '../../tenant/principal.ts'
import type { Notice } from '../cookies.ts'
import { PageContextProvider } from './context.ts'
import { Icon, Mark, type IconName } from './icons.tsx'
import type { Area, Assets, View } from './page.tsx'
import { Warnings } from './parts.tsx'
import type { Texts } from './texts.ts'
import { visible } from './visible.ts'

const AREAS: readonly [Exclude<Area, 'account'>, IconName][] = [
  ['delegations', 'delegations'],
  ['source-domains', 'domains'],
  ['certificates', 'certificate'],
  ['authorities', 'key'],
  ['target-hosts', 'target'],
  ['tenants', 'tenants'],
  ['users', 'user'],
  ['jobs', 'clock'],
  ['audit', 'audit'],
]
const AREAS_OF_THE_OPERATOR: ReadonlySet<Area> = new Set(['authorities', 'target-hosts', 'users', 'jobs', 'audit'])

export interface Framed {
  texts: Texts
  now: Date
  assets: Assets
  principal: Principal | null // null: nobody has signed in
  isWithoutOperators: boolean // nobody has an operator's account yet
  notice: Notice | undefined
  view: View
}

/** The whole document around a page's heart. */
export function PageFrame({ texts: t, now, assets, principal, isWithoutOperators, notice, view }: Framed) {
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
          {view.asksPasskey ? <script src={assets.passkey} defer /> : null}
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
              {principal ? (
                <div class="own">
                  <a
                    class="button quiet"
                    href="/account"
                    {...(view.area === 'account' ? { 'aria-current': 'page' as const } : {})}
                  >
                    <Icon name="user" />
                    <span class="visually-hidden">{t.account.title}: </span>
                    <bdi class="own-name">{visible(principal.name, 100)}</bdi>
                  </a>
                  <form method="post" action="/sign-out">
                    <button type="submit" class="quiet">
                      <Icon name="out" />
                      {t.signOut}
                    </button>
                  </form>
                </div>
              ) : null}
              {principal ? <Navigation t={t} principal={principal} current={view.area} /> : null}
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
                  <Warnings
                    title={t.withWarnings}
                    warnings={notice.warnings}
                    links={{ [t.account.secondFactorWanted]: ['/account#second-factor', t.account.addSecondFactor] }}
                  />
                </>
              ) : null}
            </div>
            {isWithoutOperators && !view.isSetUp ? (
              <div class="message wait">
                <Icon name="user" />
                <p>
                  {t.setUp.wanted} <a href="/set-up">{t.setUp.title}</a>
                </p>
              </div>
            ) : null}
            {view.main}
          </main>
          <footer class="foot">
            <a href="/api">{t.reference.title}</a>
          </footer>
        </body>
      </html>
    </PageContextProvider>
  )
}

function Navigation({ t, principal, current }: { t: Texts; principal: Principal; current: Area | undefined }) {
  return (
    <nav class="areas" aria-label={t.navigation}>
      <ul>
        {AREAS.filter(([area]) => principal.isOperator || !AREAS_OF_THE_OPERATOR.has(area)).map(([area, icon]) => (
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
