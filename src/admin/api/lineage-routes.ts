import { z } from 'zod'
import type { LineageCertificate, LineageWithCertificates } from '../../certificate/lineage.ts'
import { stateAt } from '../../certificate/rollover.ts'
import { cacheSpanMs } from '../../config.ts'
import { activate } from '../activation.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { lineageNameField, pemOrDer, tenantNameField } from '../input.ts'
import { namedCursor, nextUrl, pageOf, pageQuery, parseNamedCursor, readPage, type ListQuery } from './paging.ts'
import { route, UPLOAD_LIMIT_BYTES, type Route } from './route.ts'

export const certificateResource = z
  .object({
    id: z.uuid(),
    state: z.enum(['staged', 'active', 'retiring', 'retired']),
    subject: z.string().meta({ description: 'RFC 4514' }),
    issuer: z.string().meta({ description: 'RFC 4514' }),
    serial: z.string(),
    sha256: z.string().meta({ description: 'Of the DER, hexadecimal' }),
    spkiSha256: z.string().meta({ description: 'Of the SubjectPublicKeyInfo, hexadecimal' }),
    keyType: z.string().meta({ example: 'EC P-256' }),
    dnsNames: z.array(z.string()),
    notBefore: z.iso.datetime(),
    notAfter: z.iso.datetime(),
    hasPrivateKey: z.boolean(),
    stagedAt: z.iso.datetime(),
    activatedAt: z.iso.datetime().nullable(),
    supersededAt: z.iso.datetime().nullable(),
    retiresAt: z.iso.datetime().nullable().meta({ description: 'Published until then' }),
    chain: z.string().meta({ description: 'PEM, leaf first' }),
  })
  .meta({ id: 'Certificate' })

const resource = z
  .object({
    tenant: z.string().nullable().meta({ description: 'null: the operator’s own' }),
    name: z.string(),
    source: z.enum(['import', 'local']),
    createdAt: z.iso.datetime(),
    certificates: z.array(certificateResource),
  })
  .meta({ id: 'Lineage', description: 'A succession of certificates for a set of names' })

const activated = z
  .object({
    certificate: certificateResource,
    breaksUntil: z.iso
      .datetime()
      .nullable()
      .meta({ description: 'Where it was forced: until then, who fetched earlier refuses the certificate' }),
  })
  .meta({ id: 'Activated' })

const text = (most: number) => z.string().max(most)
const importBody = z.strictObject({
  lineage: lineageNameField.optional().meta({ description: 'By default the leaf’s first DNS name' }),
  certificate: text(150_000).min(1).meta({ description: 'PEM, or DER in base64' }),
  privateKey: text(40_000).optional().meta({ description: 'PEM, or DER in base64' }),
  password: text(1000).optional().meta({ description: 'Of an encrypted private key' }),
})

/** The two owners of lineages: a tenant, or the operator for what many tenants share. */
const OWNERS = [
  { path: '/tenants/{tenant}', params: { tenant: tenantNameField }, whose: 'a tenant' },
  { path: '/operator', params: {}, whose: 'the operator' },
] as const

export function lineageRoutes(deps: AdminDeps, find: LookUps): Route[] {
  const { lineages, imports, config, clock } = deps
  return [
    route(
      {
        method: 'get',
        path: '/lineages',
        summary: 'The lineages of all tenants and of the operator, by name',
        access: 'operator',
        query: z.strictObject(pageQuery),
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ query, url }) => ({ body: await list('all', query, url) }),
    ),
    ...OWNERS.flatMap(({ path, params, whose }) => {
      const owner = z.strictObject(params)
      const lineage = z.strictObject({ ...params, lineage: lineageNameField })
      const certificate = z.strictObject({ ...lineage.shape, id: z.uuid() })
      return [
        route(
          {
            method: 'get',
            path: `${path}/lineages`,
            summary: `The lineages of ${whose}, by name`,
            access: 'operator',
            params: owner,
            query: z.strictObject(pageQuery),
            answer: { status: 200, schema: pageOf(resource) },
          },
          async ({ params, query, url }) => ({ body: await list((await find.owner(params))?.id ?? null, query, url) }),
        ),
        route(
          {
            method: 'get',
            path: `${path}/lineages/{lineage}`,
            summary: `One lineage of ${whose}, with its certificates`,
            access: 'operator',
            params: lineage,
            answer: { status: 200, schema: resource },
          },
          async ({ params }) => {
            const tenant = await find.owner(params)
            return { body: toResource(await find.lineage(tenant, params.lineage), clock.now()) }
          },
        ),
        route(
          {
            method: 'post',
            path: `${path}/certificates`,
            summary: `Import a certificate into a lineage of ${whose}`,
            access: 'operator',
            params: owner,
            body: importBody,
            bodyLimitBytes: UPLOAD_LIMIT_BYTES,
            answer: {
              status: 201,
              schema: z
                .object({ lineage: z.string(), certificate: certificateResource, warnings: z.array(z.string()) })
                .meta({ id: 'ImportedCertificate' }),
            },
            problems: ['certificate-refused', 'already-exists'],
          },
          async ({ params, body, act }) => {
            const tenant = await find.owner(params)
            const imported = await imports.importCertificate(
              tenant?.id ?? null,
              {
                ...(body.lineage !== undefined && { lineage: body.lineage }),
                certificate: pemOrDer(body.certificate),
                ...(body.privateKey && { privateKey: pemOrDer(body.privateKey) }),
                ...(body.password && { password: body.password }),
                cacheSpanMs: cacheSpanMs(config),
              },
              act,
            )
            const { lineage, certificate, warnings } = imported
            return {
              body: { lineage: lineage.name, certificate: toCertificateResource(certificate, clock.now()), warnings },
              location: `/api/v1${path.replace('{tenant}', tenant?.name ?? '')}/lineages/${encodeURIComponent(lineage.name)}`,
            }
          },
        ),
        route(
          {
            method: 'post',
            path: `${path}/lineages/{lineage}/certificates/{id}/activate`,
            summary: `Make a staged certificate of ${whose} the active one`,
            access: 'operator',
            params: certificate,
            body: z.strictObject({
              isForced: z
                .boolean()
                .default(false)
                .meta({ description: 'Even where caches may hold a document without it' }),
            }),
            answer: { status: 200, schema: activated },
            problems: ['too-early', 'certificate-refused'],
          },
          async ({ params, body, act }) => {
            const found = await find.lineage(await find.owner(params), params.lineage)
            const { certificate, breaksUntil } = await activate(deps, found, params.id, body.isForced, act)
            return {
              body: {
                certificate: toCertificateResource(certificate, clock.now()),
                breaksUntil: breaksUntil?.toISOString() ?? null,
              },
            }
          },
        ),
      ]
    }),
  ]

  async function list(tenantId: string | null, { limit, after, search }: ListQuery, url: string) {
    const from = after === undefined ? undefined : parseNamedCursor<string>(after)
    const page = await readPage(
      limit,
      (limit) => lineages.list(tenantId, { limit, ...(from && { after: from }), ...(search && { search }) }),
      namedCursor,
    )
    const now = clock.now()
    return {
      items: page.items.map((item) => toResource(item, now)),
      next: nextUrl(url, page.after),
    }
  }
}

function toResource(lineage: LineageWithCertificates, now: Date): z.input<typeof resource> {
  const { tenantName, name, source, createdAt, certificates } = lineage
  return {
    tenant: tenantName,
    name,
    source,
    createdAt: createdAt.toISOString(),
    certificates: certificates.map((certificate) => toCertificateResource(certificate, now)),
  }
}

export function toCertificateResource(certificate: LineageCertificate, now: Date): z.input<typeof certificateResource> {
  const { id, subject, issuer, serial, sha256, spkiSha256, keyType, dnsNames } = certificate
  return {
    id,
    state: stateAt(certificate, now),
    ...{ subject, issuer, serial, sha256, spkiSha256, keyType, dnsNames },
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    hasPrivateKey: certificate.privateKeyId !== null,
    stagedAt: certificate.stagedAt.toISOString(),
    activatedAt: certificate.activatedAt?.toISOString() ?? null,
    supersededAt: certificate.supersededAt?.toISOString() ?? null,
    retiresAt: certificate.retiresAt?.toISOString() ?? null,
    chain: certificate.chainPem,
  }
}
