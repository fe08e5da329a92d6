import { z } from 'zod'
import { REVOCATION_REASONS, type RevocationReason } from '../../acme/revocation.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import { certificateView, type CertificateView } from '../certificate-view.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField, lineageNameField, tenantNameField } from '../input.ts'
import { route, type Route } from './route.ts'

export const REASONS = Object.keys(REVOCATION_REASONS) as [RevocationReason, ...RevocationReason[]]

const explained = z
  .object({
    name: z.string().meta({ description: 'Of the host, or of a lineage that is no host’s' }),
    tenant: z.string().nullable().meta({ description: 'null: the operator’s own' }),
    lineage: z.string().nullable().meta({ description: 'null: there is none yet' }),
    state: z.enum(['valid', 'due', 'expired', 'missing', 'not needed']),
    summary: z.string(),
    certificate: z
      .object({ id: z.uuid(), issuer: z.string(), notBefore: z.iso.datetime(), notAfter: z.iso.datetime() })
      .nullable()
      .meta({ description: 'The active one' }),
    authority: z.string().nullable().meta({ description: 'That has issued it, where it is set up here' }),
    next: z.object({
      at: z.iso.datetime().nullable().meta({ description: 'null: it waits for no instant' }),
      what: z.string(),
    }),
    order: z
      .object({
        authority: z.string(),
        status: z.enum(['new', 'pending', 'ready', 'processing', 'valid', 'invalid']),
        startedAt: z.iso.datetime(),
        url: z.string().nullable(),
        authorizations: z.array(
          z.object({
            identifier: z.string(),
            status: z.string(),
            challenge: z.string().nullable(),
            isAnswered: z.boolean(),
          }),
        ),
      })
      .nullable()
      .meta({ description: 'The one that is under way' }),
    failure: z
      .object({
        at: z.iso.datetime(),
        failures: z.int().meta({ description: 'In a row' }),
        whose: z.enum(['owner', 'authority', 'operator']).meta({ description: 'Whose affair it is' }),
        authority: z.string().nullable(),
        words: z.string().meta({ description: 'What went wrong and what to do' }),
        findings: z
          .array(
            z.object({
              name: z.string(),
              check: z.enum(['addresses', 'caa', 'port-80', 'challenge-record']),
              outcome: z.enum(['ok', 'wrong', 'could-not-ask']),
              words: z.string(),
            }),
          )
          .meta({ description: 'Of the look at the names before an order, where that has failed' }),
        nextTryAt: z.iso.datetime(),
      })
      .nullable(),
    sooner: z.array(z.string()).meta({ description: 'What would bring the next step forward' }),
  })
  .meta({ id: 'CertificateExplanation' })

const revoked = z
  .object({
    isRevoked: z.boolean().meta({
      description: 'False: it is in use, is being replaced, and is revoked as soon as its successor is active',
    }),
    explanation: explained,
  })
  .meta({ id: 'Revoked' })

const OWNERS = [
  { path: '/tenants/{tenant}', params: { tenant: tenantNameField }, readers: 'viewer', writers: 'admin' },
  { path: '/operator', params: {}, readers: 'operator', writers: 'operator' },
] as const

/** What people ask an authority for, through this server. */
const REQUESTS = [
  ['issue', 'Have the first certificate ordered now, or what has failed tried again now'],
  ['renew', 'Have the active certificate replaced now, though it is not due'],
] as const

/** Certificates that authorities issue: why they are as they are, and what people ask for. */
export function certificateRoutes(deps: AdminDeps, find: LookUps): Route[] {
  const { certificateRequests, revocations } = deps
  const views = certificateView(deps)
  return [
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}/source-domains/{name}/certificate',
        summary: 'How it stands with the certificate that the edge presents for a source domain, and what comes next',
        access: 'viewer',
        scope: 'certificates:read',
        params: z.strictObject({ tenant: tenantNameField, name: domainNameField }),
        answer: { status: 200, schema: explained },
      },
      async ({ tenant, params: { name } }) => ({
        body: toResource(tenant.name, await views.ofSourceDomain(await find.sourceDomain(tenant, name))),
      }),
    ),
    route(
      {
        method: 'get',
        path: '/target-hosts/{name}/certificate',
        summary: 'How it stands with the certificate that the edge presents for a target host, and what comes next',
        access: 'operator',
        scope: 'certificates:read',
        params: z.strictObject({ name: domainNameField }),
        answer: { status: 200, schema: explained },
      },
      async ({ params: { name } }) => ({
        body: toResource(null, await views.ofTargetHost(await find.targetHost(name))),
      }),
    ),
    ...OWNERS.flatMap(({ path, params, readers, writers }) => {
      const lineage = z.strictObject({ ...params, lineage: lineageNameField })
      const explain = async ({ tenant, params }: { tenant: Tenant | null; params: { lineage: string } }) =>
        toResource(tenant?.name ?? null, await views.ofLineage(await find.lineage(tenant, params.lineage)))
      return [
        route(
          {
            method: 'get',
            path: `${path}/lineages/{lineage}/explanation`,
            summary: 'How it stands with a lineage, and what comes next',
            access: readers,
            scope: 'certificates:read',
            params: lineage,
            answer: { status: 200, schema: explained },
          },
          async (input) => ({ body: await explain(input) }),
        ),
        ...REQUESTS.map(([verb, summary]) =>
          route(
            {
              method: 'post',
              path: `${path}/lineages/{lineage}/${verb}`,
              summary,
              access: writers,
              scope: 'certificates:write',
              params: lineage,
              answer: { status: 200, schema: explained },
              problems: ['too-many-requests'],
            },
            async (input) => {
              const { tenant, params, act } = input
              await certificateRequests[verb](await find.lineage(tenant, params.lineage), act)
              return { body: await explain(input) }
            },
          ),
        ),
        route(
          {
            method: 'post',
            path: `${path}/lineages/{lineage}/certificates/{id}/revoke`,
            summary: 'Have the authority revoke a certificate; one that is in use is replaced first',
            access: writers,
            scope: 'certificates:write',
            params: z.strictObject({ ...lineage.shape, id: z.uuid() }),
            body: z.strictObject({ reason: z.enum(REASONS).default('unspecified') }),
            answer: { status: 200, schema: revoked },
            problems: ['authority-refused', 'authority-unreachable', 'too-many-requests'],
          },
          async (input) => {
            const { tenant, params, body, act } = input
            const found = await find.lineage(tenant, params.lineage)
            const outcome = await revocations.revoke(found, params.id, body.reason, act)
            return { body: { isRevoked: outcome === 'revoked', explanation: await explain(input) } }
          },
        ),
      ]
    }),
  ]
}

function toResource(tenant: string | null, { lineage, explanation }: CertificateView): z.input<typeof explained> {
  const { name, state, summary, certificate, authority, next, order, failure, sooner } = explanation
  return {
    ...{ name, tenant, lineage: lineage?.name ?? null, state, summary, authority, sooner },
    certificate: certificate && {
      ...{ id: certificate.id, issuer: certificate.issuer },
      ...{ notBefore: certificate.notBefore.toISOString(), notAfter: certificate.notAfter.toISOString() },
    },
    next: { at: next.at?.toISOString() ?? null, what: next.what },
    order: order && { ...order, startedAt: order.startedAt.toISOString() },
    failure: failure && { ...failure, at: failure.at.toISOString(), nextTryAt: failure.nextTryAt.toISOString() },
  }
}
