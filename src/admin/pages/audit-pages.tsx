import { z } from 'zod'
import type { ProblemError } from '../../problem.ts'
import type { AuditEvent, AuditHead, AuditPage } from '../../tenant/audit.ts'
import type { Principal } from '../../tenant/principal.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { line, tenantNameField } from '../input.ts'
import { useTexts } from './context.ts'
import { given, pageOfList, withQuery, type ListView } from './list.tsx'
import { page, type Page, type Refusal, type View } from './page.tsx'
import { Copyable, Empty, Foreign, Heading, Paging, TextField, When } from './parts.tsx'
import { refusalIn } from './refusals.ts'
import { TenantHeading, tenantPath } from './tenant-heading.tsx'
import type { Texts } from './texts.ts'
import { titleOf } from './whose.tsx'

const DAY_MS = 86_400_000
/** What a date field sends; empty: not filled in. */
const day = z.union([z.iso.date(), z.literal('')]).optional()
const typedDay = line(40).trim().optional()
const auditQuery = z.strictObject({
  after: z
    .string()
    .regex(/^\d{1,15}$/, { error: 'should come from the link to the next page' })
    .optional(),
  action: line(100).trim().optional(),
  actor: line(300).trim().optional(),
  subject: line(300).trim().optional(),
  from: typedDay,
  until: typedDay,
})
type AuditQuery = z.output<typeof auditQuery>

export function auditPages({ audit }: AdminDeps, find: LookUps): Page[] {
  const auditView = async (
    texts: Texts,
    tenant: Tenant | null,
    principal: Principal,
    query: AuditQuery,
  ): Promise<View> => {
    const path = `${tenant ? tenantPath(tenant) : ''}/audit`
    const problem = dayProblem(texts, query)
    const list = await pageOfList<AuditEvent, number>(
      path,
      query,
      async ({ after, limit }) => (problem ? [] : audit.list(tenant?.id ?? 'all', { ...filters(query), after, limit })),
      ({ sequence }) => String(sequence),
      Number,
    )
    return {
      title: titleOf(texts.audit.title, tenant),
      ...(problem && { status: 400 }),
      area: tenant ? 'tenants' : 'audit',
      main: (
        <AuditTrailPage
          tenant={tenant}
          principal={principal}
          query={query}
          refusal={problem && { typed: {}, problem }}
          list={list}
          tenants={await find.tenantNames(list.items)}
          head={tenant ? null : await audit.head()}
        />
      ),
    }
  }

  return [
    page({ path: '/audit', access: 'operator', query: auditQuery }, ({ principal, query, texts }) =>
      auditView(texts, null, principal, query),
    ),
    page(
      {
        path: '/tenants/:tenant/audit',
        access: 'admin',
        params: z.strictObject({ tenant: tenantNameField }),
        query: auditQuery,
      },
      ({ tenant, principal, query, texts }) => auditView(texts, tenant, principal, query),
    ),
  ]
}

function dayProblem(texts: Texts, { from, until }: AuditQuery): ProblemError | undefined {
  const fields = Object.entries({ from, until }).flatMap(([field, typed]) =>
    day.safeParse(typed).success ? [] : [field],
  )
  return fields.length === 0 ? undefined : refusalIn(texts, 'malformed-request', texts.audit.noDay, { fields })
}

/** What a date field takes: browsers complain of anything else. */
function typedIn(text: string | undefined): string | undefined {
  return day.safeParse(text).data
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
  refusal: Refusal | undefined
  list: ListView<AuditEvent>
  tenants: ReadonlyMap<string, string>
  head: AuditHead | null
}

function AuditTrailPage({ tenant, principal, query, refusal, list, tenants, head }: AuditTrailProps) {
  const all = useTexts()
  const t = all.audit
  const { from, until, ...others } = filters(refusal ? {} : query)
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
        <TextField name="action" label={t.action} hint={t.actionHint} value={query.action} />
        <TextField name="actor" label={t.actor} hint={t.actorHint} value={query.actor} />
        <TextField name="subject" label={t.subject} hint={t.subjectHint} value={query.subject} />
        <TextField name="from" label={t.from} value={typedIn(query.from)} refusal={refusal} type="date" />
        <TextField name="until" label={t.until} value={typedIn(query.until)} refusal={refusal} type="date" />
        <div class="form-actions">
          <button type="submit">{all.show}</button>
          <a class="button" href={list.path}>
            {all.showAll}
          </a>
        </div>
      </form>
      {refusal ? null : (
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
      )}
      <section class="card padded stack" aria-labelledby="export">
        <h2 id="export">{t.export}</h2>
        <p>{t.exportLead}</p>
        <div class="form-actions">
          <a class="button" href={withQuery(exported, { format: 'csv', ...asked })} download>
            {t.formats.csv}
          </a>
          <a class="button" href={withQuery(exported, { format: 'json', ...asked })} download>
            {t.formats.json}
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
  const { audit: t, acting } = useTexts()
  const { at, action, subject, actor, address, detail, sequence } = event
  const { before, after, actingAs, ...others } = detail
  const facts = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].filter(
    (fact) => !isNothing(before?.[fact]) || !isNothing(after?.[fact]),
  )
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
        {typeof actingAs === 'string' ? ` ${acting.asTenant(actingAs)}` : null}
        {address === null ? null : ` · ${address}`} · <span class="sequence">#{sequence}</span>
      </p>
      {facts.length + Object.keys(others).length > 0 ? (
        <details>
          <summary>{t.detail}</summary>
          <dl class="facts">
            {facts.map((fact) => (
              <div key={fact} class="wide">
                <dt>
                  <Foreign text={fact} />
                </dt>
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
                <dt>
                  <Foreign text={fact} />
                </dt>
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

function isNothing(value: unknown): value is null | undefined {
  return value === undefined || value === null
}

function shown(value: unknown): string {
  if (isNothing(value)) return '–'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
