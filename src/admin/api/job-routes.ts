import { z } from 'zod'
import type { OpenJob } from '../../open-job.ts'
import type { AdminDeps } from '../deps.ts'
import { flag, line } from '../input.ts'
import { listPage, pageOf, pageQuery, sortQuery, type Place } from './paging.ts'
import { route, type Route } from './route.ts'

const resource = z
  .object({
    id: z.uuid(),
    kind: z.string().meta({ example: 'front-certificate' }),
    key: z.string().meta({ description: 'Of open jobs of a kind, one per key' }),
    about: z.string().meta({ description: 'The name of what the key stands for, such as a lineage' }),
    runAt: z.iso.datetime().meta({ description: 'It is not run before then' }),
    isRunning: z.boolean(),
    attempts: z.int().meta({ description: 'How often it was begun' }),
    lastError: z.string().nullable().meta({ description: 'Of the last run; null: it did not fail' }),
  })
  .meta({ id: 'Job', description: 'Work that is still to be done' })

const BY_DUE: Place<OpenJob, { kind: string; runAt: Date; id: string }> = {
  of: ({ kind, runAt, id }) => ({ kind, runAt, id }),
  schema: z.strictObject({ kind: line(100), runAt: z.coerce.date(), id: z.uuid() }),
}

export function jobRoutes({ jobs, clock }: AdminDeps): Route[] {
  return [
    route(
      {
        method: 'get',
        path: '/jobs',
        summary: 'What is still to be done, by kind and when it is due',
        access: 'operator',
        scope: 'jobs:read',
        query: z.strictObject({
          limit: pageQuery.limit,
          after: pageQuery.after,
          kind: line(100).min(1).optional(),
          isFailed: flag.optional().meta({ description: 'true: only those whose last run failed' }),
          sort: sortQuery('due'),
        }),
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ query: { kind, isFailed, ...page }, url }) => {
        const wanted = { kind, ...(isFailed ? { isFailed } : {}) }
        const { items, next } = await listPage(url, page, BY_DUE, (part) =>
          jobs.listOpen({ ...part, ...wanted }, clock.now()),
        )
        return { body: { items: items.map(toResource), next } }
      },
    ),
    route(
      {
        method: 'post',
        path: '/jobs/{id}/retry',
        summary: 'Make a job due now',
        access: 'operator',
        scope: 'jobs:write',
        params: z.strictObject({ id: z.uuid() }),
        answer: { status: 204 },
      },
      async ({ params: { id }, act }) => {
        await jobs.retry(id, act)
        return {}
      },
    ),
  ]
}

function toResource({ runAt, ...job }: OpenJob): z.input<typeof resource> {
  return { ...job, runAt: runAt.toISOString() }
}
