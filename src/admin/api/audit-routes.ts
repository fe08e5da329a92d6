import { z } from 'zod'
import { ProblemError } from '../../problem.ts'
import type { AuditEvent, AuditHead, AuditPage } from '../../tenant/audit.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { line, parsedBy, tenantNameField } from '../input.ts'
import { EXPORTS, exported, type ExportedEvent } from './audit-export.ts'
import { nextUrl, pageOf, pageQuery, readPage } from './paging.ts'
import { route, type Route } from './route.ts'

const resource = z
  .object({
    sequence: z.int().meta({ description: '1, 2, 3 … over all tenants' }),
    at: z.iso.datetime(),
    tenant: z
      .string()
      .nullable()
      .meta({ description: 'Its name, or its id where it is gone; null: an affair of the operator' }),
    actor: z.string(),
    address: z.string().nullable(),
    action: z.string().meta({ example: 'delegation.register' }),
    subject: z.string().meta({ description: 'The name of what was acted on' }),
    detail: z.record(z.string(), z.unknown()).meta({ description: 'What it was before, what it is after, and more' }),
    hash: z.string().meta({ description: 'HMAC-SHA-256 over the hash before and this event, hexadecimal' }),
  })
  .meta({ id: 'AuditEvent' })

const head = z.object({ sequence: z.int(), hash: z.string() })
const verdict = z
  .object({
    isWhole: z.boolean(),
    events: z.int().optional().meta({ description: 'How many, where the trail is whole' }),
    head: head.optional().meta({ description: 'Where it ends; write it down elsewhere' }),
    sequence: z.int().optional().meta({ description: 'The first event that is missing or not as it was written' }),
    why: z.string().optional(),
  })
  .meta({ id: 'AuditVerdict' })

const instant = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  .optional()
const filters = {
  from: instant,
  until: instant.meta({ description: 'Not included' }),
  action: line(100).optional().meta({ description: 'delegation.register, or delegation for all that begin with it' }),
  actor: line(300).optional(),
  subject: line(300).optional(),
}
const listQuery = z.strictObject({
  limit: pageQuery.limit,
  after: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, { error: 'should be the sequence of an event' })
    .transform(Number)
    .optional()
    .meta({ description: 'The sequence of the last event of the page before, as its `next` has it', example: '1000' }),
  ...filters,
})
const exportQuery = z.strictObject({ ...filters, format: z.enum(['csv', 'json']).default('json') })

/** Whose trail: a tenant's own, or all there is. */
const TRAILS = [
  {
    path: '/tenants/{tenant}/audit',
    params: { params: z.strictObject({ tenant: tenantNameField }) },
    what: 'done in a tenant',
    access: 'admin',
  },
  { path: '/audit', params: {}, what: 'done at all', access: 'operator' },
] as const

export function auditRoutes({ audit }: AdminDeps, find: LookUps): Route[] {
  return [
    ...TRAILS.flatMap(({ path, params, what, access }) => [
      route(
        {
          method: 'get',
          path,
          summary: `What was ${what}, newest first`,
          access,
          scope: 'audit:read',
          ...params,
          query: listQuery,
          answer: { status: 200, schema: pageOf(resource) },
        },
        async ({ tenant, query: { limit, ...asked }, url }) => {
          const page = await readPage(
            limit,
            (limit) => audit.list(trailOf(tenant), { ...asked, limit }),
            ({ sequence }) => String(sequence),
          )
          return { body: { items: await named(page.items), next: nextUrl(url, page.after) } }
        },
      ),
      route(
        {
          method: 'get',
          path: `${path}/export`,
          summary: `What was ${what}, oldest first, as CSV or as one JSON object a line`,
          access,
          scope: 'audit:read',
          ...params,
          query: exportQuery,
          answer: { status: 200, mediaTypes: Object.values(EXPORTS).map(({ type }) => type) },
        },
        async ({ tenant, query: { format, ...asked } }) => {
          const list = (page: AuditPage) => audit.list(trailOf(tenant), { ...asked, ...page, isOldestFirst: true })
          const chunks = exported(format, list, named)
          return { text: { type: EXPORTS[format].type, fileName: `audit.${format}`, chunks } }
        },
      ),
    ]),
    route(
      {
        method: 'get',
        path: '/audit/verification',
        summary: 'Whether the audit trail is as it was written, from its beginning to its end',
        access: 'operator',
        scope: 'audit:read',
        query: z.strictObject({
          head: line(100)
            .transform(parsedBy(parseHead))
            .optional()
            .meta({ description: 'One that was written down elsewhere and has to be in it: <sequence>:<hash>' }),
        }),
        answer: { status: 200, schema: verdict },
      },
      async ({ query: { head } }) => ({ body: await audit.verify(head ? [head] : []) }),
    ),
  ]

  async function named(events: AuditEvent[]): Promise<ExportedEvent[]> {
    const names = await find.tenantNames(events)
    return events.map(({ sequence, at, tenantId, actor, address, action, subject, detail, hash }) => ({
      sequence,
      at: at.toISOString(),
      tenant: tenantId === null ? null : (names.get(tenantId) ?? tenantId),
      ...{ actor, address, action, subject, detail, hash },
    }))
  }
}

function trailOf(tenant: Tenant | null): string | 'all' {
  return tenant?.id ?? 'all'
}

/** @throws ProblemError malformed-request */
function parseHead(text: string): AuditHead {
  const { sequence, hash } = /^(?<sequence>\d{1,15}):(?<hash>[0-9a-f]{64})$/.exec(text)?.groups ?? {}
  if (sequence === undefined || hash === undefined)
    throw new ProblemError(
      'malformed-request',
      'head should be <sequence>:<hash>, as the log or an earlier answer has it',
    )
  return { sequence: Number(sequence), hash }
}
