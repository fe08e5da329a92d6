import { z } from 'zod'
import type { TargetHost } from '../../delegation/target-host.ts'
import { displayName, parseDomainName } from '../../name.ts'
import { ProblemError } from '../../problem.ts'
import type { AdminDeps } from '../deps.ts'
import { domainNameField } from '../input.ts'
import { nextUrl, pageOf, pageQuery, readPage } from './paging.ts'
import { route, type Route } from './route.ts'

const resource = z
  .object({
    name: z.string(),
    displayName: z.string().meta({ description: 'In U-labels' }),
    port: z.int().meta({ description: 'Of HTTPS' }),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'TargetHost' })

export function targetHostRoutes({ targetHosts, registrar }: AdminDeps): Route[] {
  return [
    route(
      {
        method: 'get',
        path: '/target-hosts',
        summary: 'The target hosts, by name',
        access: 'operator',
        query: z.strictObject(pageQuery),
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ query: { limit, after, search }, url }) => {
        const from = after === undefined ? undefined : cursorName(after)
        const page = await readPage(
          limit,
          (limit) => targetHosts.list({ limit, ...(from && { after: from }), ...(search && { search }) }),
          ({ name }) => name,
        )
        return { body: { items: page.items.map(toResource), next: nextUrl(url, page.after) } }
      },
    ),
    route(
      {
        method: 'post',
        path: '/target-hosts',
        summary: 'Add a target host',
        access: 'operator',
        body: z.strictObject({ name: domainNameField, port: z.int().min(1).max(65535).default(443) }),
        answer: { status: 201, schema: resource },
        problems: ['malformed-name', 'name-refused', 'already-exists'],
      },
      async ({ body: { name, port }, act }) => {
        const target = await registrar.addTargetHost(name, port, act)
        return { body: toResource(target), location: `/api/v1/target-hosts/${target.name}` }
      },
    ),
    route(
      {
        method: 'get',
        path: '/target-hosts/{name}',
        summary: 'One target host',
        access: 'operator',
        params: z.strictObject({ name: domainNameField }),
        answer: { status: 200, schema: resource },
      },
      async ({ params: { name } }) => {
        const target = await targetHosts.find(name)
        if (!target) throw new ProblemError('not-found', `there is no target host ${name}`)
        return { body: toResource(target) }
      },
    ),
  ]
}

/** @throws ProblemError malformed-request */
export function cursorName(after: string) {
  const name = parseDomainName(after)
  if (name === null) throw new ProblemError('malformed-request', 'after should come from the `next` of another page')
  return name
}

function toResource({ name, port, createdAt }: TargetHost): z.input<typeof resource> {
  return { name, displayName: displayName(name), port, createdAt: createdAt.toISOString() }
}
