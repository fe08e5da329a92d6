import { serviceName, supportHref } from '../../tenant/branding.ts'
import type { Principal } from '../../tenant/principal.ts'
import type { Standing } from '../../tenant/settings.ts'
import { brandAssets } from '../brand.ts'
import type { Notice } from '../cookies.ts'
import { ActingBanner } from './acting-pages.tsx'
import { PageContextProvider } from './context.ts'
import { Icon, Mark, type IconName } from './icons.tsx'
import { isolated } from './isolation.ts'
import type { Area, Assets, View } from './page.tsx'
import { Warnings } from './parts.tsx'
import { Preferences } from './preferences.tsx'
import type { Texts } from './texts.ts'
import type { Theme } from './theme.ts'
import { legible, visible } from './visible.ts'

const AREAS: readonly [Exclude<Area, 'account'>, IconName][] = [
  ['overview', 'overview'],
  ['delegations', 'delegations'],
  ['source-domains', 'domains'],
  ['certificates', 'certificate'],
  ['authorities', 'key'],
  ['target-hosts', 'target'],
  ['tenants', 'tenants'],
  ['users', 'user'],
  ['jobs', 'clock'],
  ['audit', 'audit'],
  ['settings', 'settings'],
]
const AREAS_OF_THE_OPERATOR: ReadonlySet<Area> = new Set([
  'authorities',
  'target-hosts',
  'users',
  'jobs',
  'audit',
  'settings',
])

export interface Framed {
  texts: Texts
  theme: Theme
  here: string | null // as of PageContext
  now: Date
  assets: Assets
  principal: Principal | null // null: nobody has signed in
  standing: Standing
  isWithoutOperators: boolean // nobody has an operator's account yet
  mayCheck: boolean // any domain, as an initiating entity
  notice: Notice | undefined
  view: View
}

/** The whole document around a page's heart. */
export function PageFrame(framed: Framed) {
  const { texts: t, theme, here, now, assets, principal, standing, isWithoutOperators, mayCheck, notice, view } = framed
  const { settings, maintenance } = standing
  const product = visible(serviceName(settings), 100)
  const brand = brandAssets(settings)
  return (
    <PageContextProvider value={{ texts: t, theme, here, now }}>
      <html lang={t.language} dir={t.direction} {...(theme === 'system' ? {} : { 'data-theme': theme })}>
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content={theme === 'system' ? 'light dark' : theme} />
          <title>{`${isolated(legible(view.title, 100), t.direction)} · ${isolated(product, t.direction)}`}</title>
          {brand.logo === null ? (
            <link rel="icon" href={assets.icon} type="image/svg+xml" />
          ) : (
            <link rel="icon" href={brand.logo} />
          )}
          <link rel="stylesheet" href={assets.css} />
          {brand.css === null ? null : <link rel="stylesheet" href={brand.css} />}
          <script src={assets.htmx} defer />
          <script src={assets.js} defer />
          <script src={assets.passkey} defer />
        </head>
        {/* Who signs in or out gets a new document */}
        <body {...(principal ? { 'hx-boost:inherited': 'true' } : {})}>
          <header class="banner">
            <a class="skip" href="#main">
              {t.skip}
            </a>
            {principal?.acting ? <ActingBanner acting={principal.acting} /> : null}
            {maintenance ? (
              <div class="strip" role="status">
                <p>
                  <Icon name="stop" /> <strong>{t.maintenance.isOn}</strong>{' '}
                  <bdi>{visible(maintenance.reason, 300)}</bdi>
                  {' · '}
                  {principal?.isOperator ? t.maintenance.operatorsMay : t.maintenance.nothingChanges}
                </p>
                {principal?.isOperator ? <a href="/settings#maintenance">{t.maintenance.end}</a> : null}
              </div>
            ) : null}
            <div class="banner-row">
              <a class="product" href="/">
                {brand.logo === null ? <Mark /> : <img class="logo" src={brand.logo} alt="" />}
                <bdi>{product}</bdi>
              </a>
              {principal ? (
                <div class="own">
                  <OwnName t={t} principal={principal} isCurrent={view.area === 'account'} />
                  <form method="post" action="/sign-out" hx-boost="false">
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
                    <p>{legible(notice.text, 500)}</p>
                  </div>
                  <Warnings
                    title={t.withWarnings}
                    warnings={notice.warnings}
                    links={{ [t.account.secondFactorWanted]: ['/account#second-factor', t.account.addSecondFactor] }}
                  />
                </>
              ) : null}
            </div>
            {isWithoutOperators && !view.isSetUp && !principal?.acting ? (
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
            <p>
              <a href="/api">{t.reference.title}</a>
              {mayCheck ? (
                <>
                  {' · '}
                  <a href="/check">{t.check.title}</a>
                </>
              ) : null}
              {settings.support === null ? null : (
                <>
                  {' · '}
                  <a href={supportHref(settings.support)}>{t.support}</a>
                </>
              )}
              {settings.footLine === null ? null : (
                <>
                  {' · '}
                  <bdi>{visible(settings.footLine, 300)}</bdi>
                </>
              )}
            </p>
            <Preferences />
          </footer>
        </body>
      </html>
    </PageContextProvider>
  )
}

/** As a tenant nobody comes to what is their own: the name alone says who they are. */
function OwnName({ t, principal, isCurrent }: { t: Texts; principal: Principal; isCurrent: boolean }) {
  const name = <bdi class="own-name">{visible(principal.name, 100)}</bdi>
  if (principal.acting) return <span class="row">{name}</span>
  return (
    <a class="button quiet" href="/account" {...(isCurrent ? { 'aria-current': 'page' as const } : {})}>
      <Icon name="user" />
      <span class="visually-hidden">{t.account.title}: </span>
      {name}
    </a>
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
