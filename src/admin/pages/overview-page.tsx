import type { ComponentChildren } from 'preact'
import { DAYS_OF_ORDERS, dayOf, type Census } from '../../census.ts'
import { FRONT_LINEAGE_PREFIX, isFrontLineage } from '../../certificate/lineage.ts'
import type { DomainName } from '../../name.ts'
import type { Trouble } from '../../trouble.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { overview, type AuthorityLine, type Example, type TroubleLine } from '../overview.ts'
import { lineagePath } from './certificate-pages.tsx'
import { useNow, useTexts } from './context.ts'
import { ExpiryPlot, OrderBars } from './expiry-plot.tsx'
import { Icon, type IconName } from './icons.tsx'
import { given, withQuery } from './list.tsx'
import { tenantListQuery } from './list-query.ts'
import { live } from './live.tsx'
import { START } from './own-path.ts'
import { page, type Page } from './page.tsx'
import { Badge, Day, Empty, Foreign, Heading, Name, When, type Tone } from './parts.tsx'
import { domainPath } from './domain-page.tsx'
import { isToChange, tenantChoices, TenantChooser, titleOf, whoseList, type Whose } from './whose.tsx'

const LOOK_EVERY_SECONDS = 60
const COUNTED_NOW_MS = 60_000

export function overviewPages(deps: AdminDeps, find: LookUps): Page[] {
  const { config, isClockSteady } = deps
  const seen = overview(deps)
  return [
    page({ path: '/', access: 'signed-in' }, async () => ({ to: START })),
    page(
      { path: START, access: 'signed-in', query: tenantListQuery.pick({ tenant: true }) },
      async ({ query, principal, act: { at: now }, texts }) => {
        const whose = await whoseList(deps, find, principal, query.tenant, now)
        const lines = whose.of === undefined ? [] : await seen.troubles(whose.of, now)
        const authorities = whose.of === 'all' ? await seen.authorities(now) : []
        return {
          title: titleOf(texts.overview.title, whose.tenant),
          area: 'overview',
          main: (
            <OverviewPage
              whose={whose}
              mayAdd={isToChange(await tenantChoices(deps, principal, whose.tenant), whose.tenant)}
              lines={lines}
              warnings={[
                ...(whose.of !== 'all' || isClockSteady() ? [] : [texts.overview.clock]),
                ...(whose.of === 'all' && config.front.authority === 'acme' && authorities.length === 0
                  ? [texts.overview.noAuthority]
                  : []),
                ...(authorities.length > 0 && authorities.every(({ isPaused }) => isPaused)
                  ? [texts.overview.allPaused]
                  : []),
              ]}
              everything={whose.of === 'all' ? { census: await seen.census(now), authorities } : null}
            />
          ),
        }
      },
    ),
  ]
}

function OverviewPage(props: {
  whose: Whose
  mayAdd: boolean
  lines: readonly TroubleLine[]
  warnings: readonly string[]
  everything: { census: Census | undefined; authorities: readonly AuthorityLine[] } | null // null: not the operator's
}) {
  const { whose, mayAdd, lines, warnings, everything } = props
  const { overview: t, tenants, domains } = useTexts()
  return (
    <>
      <Heading title={t.title} lead={everything ? t.lead : t.ownLead}>
        {mayAdd ? (
          <a class="button primary" href="/source-domains/add">
            <Icon name="plus" />
            {domains.add}
          </a>
        ) : null}
      </Heading>
      <TenantChooser action={START} whose={whose} />
      {everything?.census ? <Tiles census={everything.census} /> : null}
      {whose.of === undefined ? (
        <section class="card">
          <Empty title={tenants.emptyTitle}>
            <p>{tenants.noOwn}</p>
          </Empty>
        </section>
      ) : (
        <Hands lines={lines} warnings={warnings} tenant={whose.tenant?.name} />
      )}
      {everything?.census?.delegations === 0 ? (
        <section class="card">
          <Empty title={t.begin}>
            <p>
              <a href="/delegations">{t.firstSteps}</a>
            </p>
          </Empty>
        </section>
      ) : null}
      {everything ? (
        <div class="pair">
          {everything.census ? <Expiry census={everything.census} /> : <NotCounted />}
          <div class="pair">
            {everything.census ? <Orders census={everything.census} /> : null}
            {everything.authorities.length > 0 ? <Authorities lines={everything.authorities} /> : null}
          </div>
        </div>
      ) : null}
    </>
  )
}

const TONES: Record<Trouble, 'bad' | 'wait'> = {
  expired: 'bad',
  ending: 'wait',
  'failing-operator': 'bad',
  'failing-owner': 'wait',
  'failing-authority': 'wait',
  wavering: 'bad',
  unproven: 'wait',
  'rule-wrong': 'bad',
  'failed-jobs': 'wait',
}
const ICONS: Record<'bad' | 'wait', IconName> = { bad: 'alert', wait: 'clock' }

function listOf(trouble: Trouble, tenant: string | undefined): string {
  switch (trouble) {
    case 'failed-jobs':
      return '/jobs?failed=yes'
    case 'rule-wrong':
      return withQuery('/delegations', given({ standing: trouble, tenant }))
    case 'unproven':
    case 'wavering':
      return withQuery('/source-domains', given({ standing: trouble, tenant }))
    case 'expired':
    case 'ending':
    case 'failing-operator':
    case 'failing-owner':
    case 'failing-authority':
      return withQuery('/certificates', given({ standing: trouble, tenant }))
  }
}

function Hands(props: { lines: readonly TroubleLine[]; warnings: readonly string[]; tenant: string | undefined }) {
  const { lines, warnings, tenant } = props
  const { overview: t } = useTexts()
  return (
    <section class="card" aria-labelledby="hands-title" {...live('hands', LOOK_EVERY_SECONDS)}>
      <div class="card-head">
        <h2 id="hands-title">{t.hands}</h2>
      </div>
      {lines.length + warnings.length === 0 ? (
        <div class="empty">
          <Badge tone="good" icon="check">
            {t.nothing}
          </Badge>
          <p>{t.nothingWhy}</p>
        </div>
      ) : (
        <ul class="rows">
          {warnings.map((warning) => (
            <li key={warning}>
              <div>{warning}</div>
              <Urgency tone="bad" />
            </li>
          ))}
          {lines.map(({ trouble, count, examples }) => (
            <li key={trouble}>
              <div>
                <a href={listOf(trouble, tenant)}>
                  <strong>{t.troubles[trouble](count)}</strong>
                </a>
                <p class="quiet-text">{t.reasons[trouble]}</p>
                <ul class="examples">
                  {examples.map((example) => (
                    <li key={example.id}>
                      <ExampleText trouble={trouble} example={example} isOfTenant={tenant !== undefined} />
                    </li>
                  ))}
                </ul>
              </div>
              <Urgency tone={TONES[trouble]} />
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Urgency({ tone }: { tone: 'bad' | 'wait' }) {
  return (
    <Badge tone={tone} icon={ICONS[tone]}>
      {useTexts().overview.urgency[tone]}
    </Badge>
  )
}

function ExampleText(props: { trouble: Trouble; example: Example; isOfTenant: boolean }) {
  const { trouble, isOfTenant } = props
  const { tenantName, at } = props.example
  const { overview: t } = useTexts()
  const words = t.instants[trouble]
  return (
    <>
      <ExampleLink example={props.example} />
      <small>
        {isOfTenant || tenantName === null ? null : ` ${tenantName}`}
        {at === null ? null : (
          <>
            {isOfTenant || tenantName === null ? ' ' : ', '}
            {words} {trouble === 'unproven' ? <Day at={at} /> : <When at={at} />}
          </>
        )}
      </small>
    </>
  )
}

function ExampleLink({ example: { of, tenantName, name, id } }: { example: Example }) {
  if (of === 'job') return <Foreign text={name} />
  if (of === 'lineage')
    return (
      <a href={lineagePath(tenantName, name)}>
        {isFrontLineage({ name }) ? (
          <Name name={name.slice(FRONT_LINEAGE_PREFIX.length) as DomainName} />
        ) : (
          <Foreign text={name} />
        )}
      </a>
    )
  const href = of === 'delegation' ? `/tenants/${tenantName}/delegations/${id}` : domainPath(tenantName ?? '', name)
  return (
    <a href={href}>
      <Name name={name as DomainName} />
    </a>
  )
}

function NotCounted() {
  const { overview: t } = useTexts()
  return (
    <section class="card">
      <Empty title={t.counts}>
        <p>{t.notCounted}</p>
      </Empty>
    </section>
  )
}

function inUse({ certificates }: Census): number {
  return certificates.reduce((sum, { count }) => sum + count, 0)
}

function Tiles({ census }: { census: Census }) {
  const { overview: t } = useTexts()
  const now = useNow()
  const { at, sourceDomains: domains } = census
  const isOld = now.getTime() - at.getTime() >= COUNTED_NOW_MS
  return (
    <section aria-labelledby="counts">
      <h2 id="counts" class="visually-hidden">
        {t.counts}
      </h2>
      <dl class="tiles">
        <Tile href="/source-domains" words={t.sourceDomains} count={domains.all}>
          <a href="/source-domains?standing=unproven">{t.unproven(domains.all - domains.proven)}</a>
          {', '}
          <a href="/source-domains?standing=suspended">{t.suspended(domains.suspended)}</a>
          {', '}
          <a href="/source-domains?mode=external">{t.external(domains.external)}</a>
        </Tile>
        <Tile href="/delegations" words={t.delegations} count={census.delegations} />
        <Tile href="/certificates" words={t.inUse} count={inUse(census)}>
          {t.lineages(census.lineages)}
        </Tile>
        <Tile href="/target-hosts" words={t.targetHosts} count={census.targetHosts} />
        <Tile href="/tenants" words={t.tenants} count={census.tenants} />
      </dl>
      {isOld ? (
        <small>
          {t.counted} <When at={at} />
        </small>
      ) : null}
    </section>
  )
}

function Expiry({ census: { certificates } }: { census: Census }) {
  const { overview: t } = useTexts()
  if (certificates.length === 0) return null
  return (
    <section class="card" aria-labelledby="expiry">
      <div class="card-head">
        <h2 id="expiry">{t.expiry}</h2>
        <p>{t.expiryLead}</p>
      </div>
      <div class="padded">
        <ExpiryPlot certificates={certificates} />
      </div>
    </section>
  )
}

function Orders({ census: { at, ordersEnded } }: { census: Census }) {
  const { overview: t } = useTexts()
  if (ordersEnded.length === 0) return null
  const sum = (outcome: 'issued' | 'failed' | 'abandoned') => ordersEnded.reduce((all, day) => all + day[outcome], 0)
  return (
    <section class="card" aria-labelledby="orders">
      <div class="card-head">
        <h2 id="orders">{t.ordersOf(DAYS_OF_ORDERS)}</h2>
        <p id="orders-sum">
          {t.ended30({ issued: sum('issued'), failed: sum('failed'), abandoned: sum('abandoned') })}
        </p>
      </div>
      <div class="padded">
        <OrderBars ended={ordersEnded} lastDay={dayOf(at)} days={DAYS_OF_ORDERS} />
      </div>
    </section>
  )
}

function Tile(props: { href: string; words: string; count: number; children?: ComponentChildren }) {
  const { href, words, count, children } = props
  return (
    <div class="card">
      <dt>{words}</dt>
      <dd>
        <a class="figure" href={href}>
          {useTexts().overview.number(count)}
        </a>
        {children ? <small class="block">{children}</small> : null}
      </dd>
    </div>
  )
}

function Authorities({ lines }: { lines: readonly AuthorityLine[] }) {
  const { overview: t, authorities } = useTexts()
  return (
    <section class="card" aria-labelledby="authorities">
      <div class="card-head">
        <h2 id="authorities">{authorities.title}</h2>
        <p>{t.budgetLead}</p>
      </div>
      <ul class="rows">
        {lines.map(({ authority, isPaused, budget }) => {
          const [tone, icon, words]: [Tone, IconName, string] = isPaused
            ? ['wait', 'clock', authorities.paused]
            : ['good', 'check', authorities.inUse]
          return (
            <li key={authority.id}>
              <div>
                <a href={`/authorities/${authority.name}`}>
                  <strong>{authority.name}</strong>
                </a>
                {isPaused && authority.pausedUntil ? (
                  <p class="quiet-text">
                    {t.until} <When at={authority.pausedUntil} />: <Foreign text={authority.pauseReason ?? ''} />
                  </p>
                ) : null}
                {budget.map(({ limit, of, left }) => (
                  <p class="quiet-text" key={limit}>
                    {authorities.limits[limit]}:{' '}
                    <meter
                      min={0}
                      max={of.count}
                      low={of.count / 3}
                      optimum={of.count}
                      value={left}
                      aria-hidden="true"
                    />{' '}
                    {authorities.left(left, of.count, of.periodMs / 1000)}
                  </p>
                ))}
              </div>
              <Badge tone={tone} icon={icon}>
                {words}
              </Badge>
            </li>
          )
        })}
      </ul>
    </section>
  )
}
