import { z } from 'zod'
import { isProof } from '../../delegation/dns-records.ts'
import { redirectRules } from '../../delegation/redirect-rules.ts'
import { zoneText, ZONE_FORMS, type ZoneForm } from '../../delegation/zone-text.ts'
import type { DomainName } from '../../name.ts'
import type { Look } from '../../tenant/findings.ts'
import type { Explanation } from '../../tenant/proof-checks.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import { delegationsOf, recordsOf } from '../delegation-view.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField, tenantNameField } from '../input.ts'
import { route, type Route } from './route.ts'
import { controlFields, dnsRecord, toControlFields } from './source-domain-routes.ts'

const reply = z
  .enum([
    ...(['answer', 'empty', 'no-such-name', 'server-failure', 'refused', 'lame', 'timeout', 'unreachable'] as const),
    ...(['malformed', 'not-asked'] as const),
  ])
  .meta({ description: 'Only the first three say anything about the name' })
const look = z
  .object({
    name: z.string(),
    type: z.enum(['TXT', 'CNAME', 'A', 'AAAA', 'SRV']),
    aliases: z.array(z.string()).meta({ description: 'CNAME records that were followed' }),
    zone: z.string().nullable().meta({ description: 'Whose name servers were asked' }),
    fault: z
      .enum(['no-resolver', 'no-zone', 'no-servers', 'servers-disagree', 'alias-loop', 'too-many-aliases'])
      .nullable(),
    replies: z.array(z.object({ server: z.string(), address: z.string(), reply, values: z.array(z.string()) })),
  })
  .meta({ id: 'Look' })

const control = z
  .object({
    tenant: z.string(),
    name: z.string(),
    ...controlFields,
    summary: z.string(),
    advice: z.array(z.string()).meta({ description: 'What to do, in order' }),
    isHeldByAnother: z.boolean(),
    lastLook: z
      .object({
        at: z.iso.datetime(),
        outcome: z.enum(['ok', 'wrong', 'could-not-ask']).nullable().meta({ description: 'For this claim' }),
        looks: z.array(look),
      })
      .nullable()
      .meta({ description: 'null: nobody has looked yet' }),
    nextCheckAt: z.iso.datetime().nullable().meta({ description: 'null: none is due' }),
    history: z
      .array(
        z.object({
          firstAt: z.iso.datetime(),
          lastAt: z.iso.datetime(),
          looks: z.int().meta({ description: 'How many, one after another, came to the same' }),
          outcome: z.enum(['ok', 'wrong', 'could-not-ask']),
          proof: z.enum(['txt', 'cname']).nullable(),
        }),
      )
      .meta({ description: 'What the looks came to, the newest first, a span for as many as came to the same' }),
    dnsRecords: z.array(dnsRecord).meta({ description: 'Each of them proves control' }),
  })
  .meta({ id: 'ControlOfSourceDomain' })

const redirectRule = z
  .object({
    server: z.enum(['nginx', 'apache', 'caddy', 'haproxy', 'cloudflare', 'static']),
    title: z.string(),
    where: z.string(),
    text: z.string(),
  })
  .meta({ id: 'RedirectRule' })

const FILE_ENDINGS: Record<ZoneForm, string> = { zone: 'zone', bind: 'bind.zone', nsupdate: 'nsupdate' }

const one = z.strictObject({ tenant: tenantNameField, name: domainNameField })

export function controlRoutes(deps: AdminDeps, find: LookUps): Route[] {
  const { proofs } = deps
  return [
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}/source-domains/{name}/control',
        summary: 'How it stands with the proof of control: what was asked, what came back, what to do',
        access: 'viewer',
        scope: 'source-domains:read',
        params: one,
        answer: { status: 200, schema: control },
      },
      async ({ tenant, params: { name } }) => ({
        body: await toControl(tenant, name, await proofs.explain(tenant.id, name)),
      }),
    ),
    route(
      {
        method: 'post',
        path: '/tenants/{tenant}/source-domains/{name}/check',
        summary: 'Look for the proof of control now, at the name servers of the zone',
        access: 'admin',
        scope: 'source-domains:write',
        params: one,
        answer: { status: 200, schema: control },
      },
      async ({ tenant, params: { name }, act }) => ({
        body: await toControl(tenant, name, await proofs.check(tenant.id, name, act)),
      }),
    ),
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}/source-domains/{name}/zone-file',
        summary: 'The DNS records to publish as a zone file, for BIND with $ORIGIN, or as a script for nsupdate',
        access: 'viewer',
        scope: 'source-domains:read',
        params: one,
        query: z.strictObject({ format: z.enum(ZONE_FORMS).default('zone') }),
        answer: { status: 200, mediaTypes: ['text/plain'] },
      },
      async ({ tenant, params, query: { format } }) => {
        const domain = await find.sourceDomain(tenant, params.name)
        const { zone } = await proofs.explain(tenant.id, domain.name)
        const text = zoneText(format, domain, await recordsOf(deps, find, tenant, domain), zone?.name ?? null)
        return { text: { type: 'text/plain', fileName: `${domain.name}.${FILE_ENDINGS[format]}`, chunks: once(text) } }
      },
    ),
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}/source-domains/{name}/redirect-rules',
        summary: 'What the owner of an external source domain puts on their own web server',
        access: 'viewer',
        scope: 'source-domains:read',
        params: one,
        answer: { status: 200, schema: z.object({ items: z.array(redirectRule) }) },
      },
      async ({ tenant, params }) => {
        const { name } = await find.sourceDomain(tenant, params.name)
        return { body: { items: redirectRules(name, await delegationsOf(deps, tenant, name)) } }
      },
    ),
  ]

  async function toControl(
    tenant: Tenant,
    name: DomainName,
    explanation: Explanation,
  ): Promise<z.input<typeof control>> {
    const { claim, summary, advice, isHeldByAnother, sighting, lookedAt, looks, nextCheckAt, history } = explanation
    const records = await recordsOf(deps, find, tenant, await find.sourceDomain(tenant, name), [])
    return {
      tenant: tenant.name,
      name,
      ...toControlFields(claim),
      summary,
      advice,
      isHeldByAnother,
      lastLook: lookedAt && {
        at: lookedAt.toISOString(),
        outcome: sighting?.outcome ?? null,
        looks: looks.map(toLook),
      },
      nextCheckAt: nextCheckAt?.toISOString() ?? null,
      history: history.map(({ firstAt, lastAt, ...span }) => ({
        ...span,
        firstAt: firstAt.toISOString(),
        lastAt: lastAt.toISOString(),
      })),
      dnsRecords: records.filter(isProof),
    }
  }
}

async function* once(text: string): AsyncGenerator<string> {
  yield text
}

function toLook({ name, type, aliases, zone, fault, replies }: Look): z.input<typeof look> {
  return {
    ...{ name, type, aliases, zone, fault },
    replies: replies.map(({ server, address, reply, values }) => ({ server, address, reply, values })),
  }
}
