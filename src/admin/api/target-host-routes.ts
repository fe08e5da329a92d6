import { z } from 'zod'
import { entityTag } from '../../act.ts'
import { challengeRecord } from '../../delegation/dns-records.ts'
import type { TargetHost } from '../../delegation/target-host.ts'
import { displayName, parseDomainName } from '../../name.ts'
import { ProblemError } from '../../problem.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField } from '../input.ts'
import { BY_NAME, listPage, pageOf, pageQuery, sortQuery } from './paging.ts'
import { route, type Route } from './route.ts'
import { dnsRecord } from './source-domain-routes.ts'

const fields = {
  name: z.string(),
  displayName: z.string().meta({ description: 'In U-labels' }),
  port: z.int().meta({ description: 'Of HTTPS' }),
  hasFrontCertificate: z.boolean().meta({ description: 'Whether the edge presents a certificate for it' }),
  createdAt: z.iso.datetime(),
}
const resource = z.object(fields).meta({ id: 'TargetHost' })
const detailed = z
  .object({
    ...fields,
    frontLineage: z
      .string()
      .nullable()
      .meta({ description: 'Of the operator: what the edge presents; null: none yet' }),
    dnsRecords: z
      .array(dnsRecord)
      .meta({ description: 'That can be published for its certificate; none where they are of no use' }),
  })
  .meta({ id: 'TargetHostInDetail' })

const port = z.int().min(1).max(65535)
const one = z.strictObject({ name: domainNameField })

export function targetHostRoutes({ targetHosts, registrar, challengeAlias }: AdminDeps, find: LookUps): Route[] {
  return [
    route(
      {
        method: 'get',
        path: '/target-hosts',
        summary: 'The target hosts, by name',
        access: 'signed-in',
        scope: 'target-hosts:read',
        query: z.strictObject({ ...pageQuery, sort: sortQuery('name', '-name') }),
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ query: { search, ...page }, url }) => {
        const isDescending = page.sort === '-name'
        const { items, next } = await listPage(url, page, BY_NAME, (part) =>
          targetHosts.list({ ...part, search, isDescending }),
        )
        return { body: { items: items.map(toResource), next } }
      },
    ),
    route(
      {
        method: 'post',
        path: '/target-hosts',
        summary: 'Add a target host',
        access: 'operator',
        scope: 'target-hosts:write',
        body: z.strictObject({ name: domainNameField, port: port.default(443) }),
        answer: { status: 201, schema: resource, hasEtag: true },
        problems: ['malformed-name', 'name-refused', 'already-exists'],
      },
      async ({ body: { name, port }, act }) => {
        const target = await registrar.addTargetHost(name, port, act)
        return { body: toResource(target), location: pathOf(target), etag: entityTag(target) }
      },
    ),
    route(
      {
        method: 'get',
        path: '/target-hosts/{name}',
        summary: 'One target host',
        access: 'signed-in',
        scope: 'target-hosts:read',
        params: one,
        answer: { status: 200, schema: detailed, hasEtag: true },
      },
      async ({ params }) => {
        const target = await find.targetHost(params.name)
        const frontLineage = await find.lineageName(null, target.frontLineageId)
        const dnsRecords = challengeRecord(target.name, challengeAlias?.(null, target.name), 'target host')
        return { body: { ...toResource(target), frontLineage, dnsRecords }, etag: entityTag(target) }
      },
    ),
    route(
      {
        method: 'put',
        path: '/target-hosts/{name}',
        summary: 'Add a target host or change its port',
        access: 'operator',
        scope: 'target-hosts:write',
        params: one,
        body: z.strictObject({ port }),
        answer: { status: 200, schema: resource, hasEtag: true, mayCreate: true },
        problems: ['name-refused'],
      },
      async ({ params, body, act }) => {
        const { target, isNew } = await registrar.addOrChangeTargetHost(params.name, body.port, act)
        return {
          ...{ body: toResource(target), etag: entityTag(target), isNew },
          ...(isNew && { location: pathOf(target) }),
        }
      },
    ),
    route(
      {
        method: 'delete',
        path: '/target-hosts/{name}',
        summary: 'Remove a target host that no delegation leads to',
        access: 'operator',
        scope: 'target-hosts:write',
        params: one,
        answer: { status: 204 },
        problems: ['still-in-use'],
      },
      async ({ params, act }) => {
        await targetHosts.remove(params.name, act)
        return {}
      },
    ),
  ]
}

function pathOf({ name }: TargetHost): string {
  return `/api/v1/target-hosts/${name}`
}

/** @throws ProblemError malformed-request */
export function cursorName(after: string) {
  const name = parseDomainName(after)
  if (name === null) throw new ProblemError('malformed-request', 'after should come from the `next` of another page')
  return name
}

function toResource({ name, port, frontLineageId, createdAt }: TargetHost): z.input<typeof resource> {
  const hasFrontCertificate = frontLineageId !== null
  return { name, displayName: displayName(name), port, hasFrontCertificate, createdAt: createdAt.toISOString() }
}
