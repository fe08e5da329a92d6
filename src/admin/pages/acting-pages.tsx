import { z } from 'zod'
import type { Principal } from '../../tenant/principal.ts'
import type { AdminDeps } from '../deps.ts'
import { exchangeOf } from '../exchange.ts'
import { line, tenantNameField } from '../input.ts'
import { confirmed } from './confirmed.tsx'
import { useTexts } from './context.ts'
import { Icon } from './icons.tsx'
import { START } from './own-path.ts'
import { form, type Page } from './page.tsx'
import { TextField, When } from './parts.tsx'
import { problemView } from './problem-page.tsx'
import { tenantPath } from './tenant-heading.tsx'

const MOST_REASON_CHARACTERS = 300

/** An operator who sees what an owner of a tenant sees. What that takes from them is decided in tenant/principal.ts. */
export function actingPages({ sessions }: AdminDeps): Page[] {
  return [
    ...confirmed(
      {
        path: '/tenants/:tenant/act',
        access: 'operator',
        isGrave: true,
        params: z.strictObject({ tenant: tenantNameField }),
        form: z.strictObject({ reason: line(MOST_REASON_CHARACTERS).trim().optional() }),
      },
      async ({ tenant, texts: { acting: t } }, refusal) => ({
        title: t.beginTitle(tenant!.name),
        lines: [t.beginWhat],
        button: t.begin,
        isHarmless: true,
        back: tenantPath(tenant!),
        area: 'tenants',
        fields: <TextField name="reason" label={t.reason} hint={t.reasonHint} refusal={refusal} />,
        labels: { reason: t.reason },
      }),
      async ({ reason = '' }, { tenant, session, act, texts }) => {
        await sessions.beginActing(session.id, tenant!, reason === '' ? null : reason, act)
        return { to: START, notice: { text: texts.acting.begun(tenant!.name), warnings: [] } }
      },
    ),
    form(
      { path: '/acting/stop', access: 'signed-in', goesOn: true, form: z.strictObject({}) },
      async (_form, { principal: { acting }, session, act, texts }) => {
        await sessions.stopActing(session.id, act)
        const to = acting ? tenantPath(acting.tenant) : START
        return { to, notice: { text: texts.acting.stopped, warnings: [] } }
      },
      async ({ problem }, { texts, req }) => problemView(texts, problem, exchangeOf(req).requestId),
    ),
  ]
}

/** Above every page, so that nobody forgets whose things they change. */
export function ActingBanner({ acting: { tenant, until } }: { acting: NonNullable<Principal['acting']> }) {
  const { acting: t } = useTexts()
  return (
    <section class="strip" aria-label={t.banner(tenant.name)}>
      <p>
        <Icon name="tenants" /> <strong>{t.banner(tenant.name)}</strong> {t.ends} <When at={until} />.
      </p>
      <form method="post" action="/acting/stop">
        <button type="submit" class="small">
          {t.stop}
        </button>
      </form>
    </section>
  )
}
