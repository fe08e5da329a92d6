import { z } from 'zod'
import type { AuditEvent, AuditHead, AuditPage } from '../../tenant/audit.ts'
import type { Principal } from '../../tenant/principal.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { line, tenantNameField } from '../input.ts'
import { useTexts } from './context.ts'
import { given, pageOfList, withQuery, type ListView } from './list.tsx'
import { page, type Page, type View } from './page.tsx'
import { Copyable, Empty, Foreign, Heading, Paging, TextField, When } from './parts.tsx'
import { TenantHeading, tenantPath } from './tenant-heading.tsx'
import { texts } from './texts.ts'

const DAY_MS = 86_400_000
/** What a date field sends; empty: not filled in. */
const day = z.union([z.iso.date(), z.literal('')]).optional()
const auditQuery = z.strictObject({
  after: z
    .string()
    .regex(/^\d{1,15}$/, { error: 'should come from the link to the next page' })
    .optional(),
  action: line(100).trim().optional(),
  actor: line(300).trim().optional(),
  subject: line(300).trim().optional(),
  from: day,
  until: day,
})
type AuditQuery = z.output<typeof auditQuery>

export function auditPages({ audit }: AdminDeps, find: LookUps): Page[] {
  const auditView = async (tenant: Tenant | null, principal: Principal, query: AuditQuery): Promise<View> => {
    const path = `${tenant ? tenantPath(tenant) : ''}/audit`
    const list = await pageOfList<AuditEvent, number>(
      path,
      query,
      ({ after, limit }) => audit.list(tenant?.id ?? 'all', { ...filters(query), after, limit }),
      ({ sequence }) => String(sequence),
      Number,
    )
    return {
      title: texts.audit.title,
      area: tenant ? 'tenants' : 'audit',
      main: (
        <AuditTrailPage
          tenant={tenant}
          principal={principal}
          query={query}
          list={list}
          tenants={await find.tenantNames(list.items)}
          head={tenant ? null : await audit.head()}
        />
      ),
    }
  }

  return [
    page({ path: '/audit', access: 'operator', query: auditQuery }, ({ principal, query }) =>
      auditView(null, principal, query),
    ),
    page(
      {
        path: '/tenants/:tenant/audit',
        access: 'admin',
        params: z.strictObject({ tenant: tenantNameField }),
        query: auditQuery,
      },
      ({ tenant, principal, query }) => auditView(tenant, principal, query),
    ),
  ]
}

/** Days are those of UTC, as everywhere in the pages; the last one counts whole. */
function filters({ action, actor, subject, from, until }: AuditQuery): Omit<AuditPage, 'limit'> {
  return {
    ...given({ action, actor, subject }),
    ...(from ? { from: new Date(from) } : {}),
    ...(until ? { until: new Date(Date.parse(until) + DAY_MS) } : {}),
  }
}

interface AuditTrailProps {
  tenant: Tenant | null
  principal: Principal
  query: AuditQuery
  list: ListView<AuditEvent>
  tenants: ReadonlyMap<string, string>
  head: AuditHead | null
}

function AuditTrailPage({ tenant, principal, query, list, tenants, head }: AuditTrailProps) {
  const all = useTexts()
  const t = all.audit
  const { from, until, ...others } = filters(query)
  const asked = given({
    ...(others as Record<string, string>),
    from: from?.toISOString(),
    until: until?.toISOString(),
  })
  const exported = `/api/v1${list.path}/export`
  return (
    <>
      {tenant ? (
        <TenantHeading tenant={tenant} principal={principal} part="audit" />
      ) : (
        <Heading title={t.title} lead={t.lead} />
      )}
      <form method="get" action={list.path} class="card padded filters">
        <TextField name="action" label={t.action} value={query.action} />
        <TextField name="actor" label={t.actor} value={query.actor} />
        <TextField name="subject" label={t.subject} value={query.subject} />
        <TextField name="from" label={t.from} value={query.from} type="date" />
        <TextField name="until" label={t.until} value={query.until} type="date" />
        <div class="form-actions">
          <button type="submit">{all.show}</button>
          <a class="button" href={list.path}>
            {all.showAll}
          </a>
        </div>
      </form>
      <section class="card" aria-label={t.title}>
        {list.items.length === 0 ? (
          <Empty title={t.none}>
            <p>{t.noneWhy}</p>
          </Empty>
        ) : (
          <ol class="events">
            {list.items.map((event) => (
              <Event key={event.id} event={event} tenant={tenant ? undefined : tenants.get(event.tenantId ?? '')} />
            ))}
          </ol>
        )}
        <Paging first={list.first} next={list.next} />
      </section>
      <section class="card padded stack" aria-labelledby="export">
        <h2 id="export">{t.export}</h2>
        <p>{t.exportLead}</p>
        <div class="form-actions">
          <a class="button" href={withQuery(exported, { format: 'csv', ...asked })} download>
            CSV
          </a>
          <a class="button" href={withQuery(exported, { format: 'json', ...asked })} download>
            JSON
          </a>
        </div>
        {head ? (
          <div>
            <p>{t.head}</p>
            <Copyable text={`${head.sequence}:${head.hash}`} label={t.headLabel} />
          </div>
        ) : null}
      </section>
    </>
  )
}

/** @param props.tenant its name; undefined: it is the page's own, or none */
function Event({ event, tenant }: { event: AuditEvent; tenant: string | undefined }) {
  const { audit: t } = useTexts()
  const { at, action, subject, actor, address, detail, sequence } = event
  const { before, after, ...others } = detail
  const facts = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])
  return (
    <li>
      <p class="event-head">
        <code class="plain">{action}</code>{' '}
        <strong>
          <Foreign text={subject} />
        </strong>
        {tenant === undefined ? null : <span class="quiet-text"> · {tenant}</span>}
      </p>
      <p class="quiet-text">
        <When at={at} /> · <Foreign text={actor} />
        {address === null ? null : ` · ${address}`} · <span class="sequence">#{sequence}</span>
      </p>
      {facts.size + Object.keys(others).length > 0 ? (
        <details>
          <summary>{t.detail}</summary>
          <dl class="facts">
            {[...facts].map((fact) => (
              <div key={fact} class="wide">
                <dt>{fact}</dt>
                <dd>
                  <del>
                    <Foreign text={shown(before?.[fact])} />
                  </del>{' '}
                  →{' '}
                  <ins>
                    <Foreign text={shown(after?.[fact])} />
                  </ins>
                </dd>
              </div>
            ))}
            {Object.entries(others).map(([fact, value]) => (
              <div key={fact} class="wide">
                <dt>{fact}</dt>
                <dd>
                  <Foreign text={shown(value)} />
                </dd>
              </div>
            ))}
          </dl>
        </details>
      ) : null}
    </li>
  )
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return '–'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
