import { z } from 'zod'
import { entityTag } from '../../act.ts'
import type { LineageCertificate, LineageWithCertificates } from '../../certificate/lineage.ts'
import { stateAt } from '../../certificate/rollover.ts'
import { cacheSpanMs } from '../../config.ts'
import { fronts } from '../../delegation/front.ts'
import { ProblemError } from '../../problem.ts'
import { activate } from '../activation.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField, lineageNameField, pemOrDer, tenantNameField } from '../input.ts'
import { BY_NAME_AND_ID, listPage, pageOf, pageQuery, sortQuery } from './paging.ts'
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

const source = z.enum(['import', 'local', 'acme']).meta({
  description:
    'Who sees to its certificates: people (`import`), the local authority (`local`), or authorities that speak ACME (`acme`)',
})
const resource = z
  .object({
    tenant: z.string().nullable().meta({ description: 'null: the operator’s own' }),
    name: z.string(),
    source,
    identifiers: z
      .array(z.string())
      .nullable()
      .meta({ description: 'The names that somebody wants it for; null: its host’s, or whatever is imported' }),
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
  frontOf: domainNameField.optional().meta({
    description: 'Let the edge present it for this host at once; it needs its private key',
  }),
})

const newLineage = z.strictObject({
  names: z.array(domainNameField).min(1).meta({ description: 'What its certificates are for' }),
  lineage: lineageNameField.optional().meta({ description: 'How it is called; by default as the first name' }),
  source: z.enum(['acme', 'local']).default('acme').meta({ description: 'Who is to issue its certificates' }),
})

const lineageFilters = {
  ...pageQuery,
  sort: sortQuery('name', '-name'),
  source: source.optional(),
}

/** The two owners of lineages: a tenant, or the operator for what many tenants share. */
const OWNERS = [
  {
    path: '/tenants/{tenant}',
    params: { tenant: tenantNameField },
    whose: 'a tenant',
    readers: 'viewer',
    writers: 'admin',
  },
  { path: '/operator', params: {}, whose: 'the operator', readers: 'operator', writers: 'operator' },
] as const

export function lineageRoutes(deps: AdminDeps, find: LookUps): Route[] {
  const { lineages, serviceLineages, imports, config, clock } = deps
  const { importFor, refuseRemovalOfAdmins } = fronts({ ...deps, adminHost: config.admin.host })
  return [
    route(
      {
        method: 'get',
        path: '/lineages',
        summary: 'The lineages of all tenants and of the operator, by name',
        access: 'operator',
        scope: 'certificates:read',
        query: z.strictObject({ ...lineageFilters, tenant: tenantNameField.optional() }),
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ query: { tenant, ...query }, url }) => ({ body: await list(await find.tenantId(tenant), query, url) }),
    ),
    route(
      {
        method: 'post',
        path: '/operator/lineages',
        summary: 'Have certificates issued and renewed for names of the operator’s own, for an XMPP server to present',
        access: 'operator',
        scope: 'certificates:write',
        body: newLineage,
        answer: { status: 201, schema: resource, hasEtag: true },
        problems: ['malformed-name', 'name-refused', 'already-exists'],
      },
      async ({ body: { names, lineage, source }, act }) => {
        const { name } = await serviceLineages.create({ names, lineage, source }, act)
        const made = await find.lineage(null, name)
        return {
          body: toResource(made, act.at),
          etag: entityTag(made),
          location: `/api/v1/operator/lineages/${encodeURIComponent(name)}`,
        }
      },
    ),
    ...OWNERS.flatMap(({ path, params, whose, readers, writers }) => {
      const owner = z.strictObject(params)
      const lineage = z.strictObject({ ...params, lineage: lineageNameField })
      const certificate = z.strictObject({ ...lineage.shape, id: z.uuid() })
      return [
        route(
          {
            method: 'get',
            path: `${path}/lineages`,
            summary: `The lineages of ${whose}, by name`,
            access: readers,
            scope: 'certificates:read',
            params: owner,
            query: z.strictObject(lineageFilters),
            answer: { status: 200, schema: pageOf(resource) },
          },
          async ({ tenant, query, url }) => ({ body: await list(tenant?.id ?? null, query, url) }),
        ),
        route(
          {
            method: 'get',
            path: `${path}/lineages/{lineage}`,
            summary: `One lineage of ${whose}, with its certificates`,
            access: readers,
            scope: 'certificates:read',
            params: lineage,
            answer: { status: 200, schema: resource, hasEtag: true },
          },
          async ({ tenant, params }) => {
            const found = await find.lineage(tenant, params.lineage)
            return { body: toResource(found, clock.now()), etag: entityTag(found) }
          },
        ),
        route(
          {
            method: 'delete',
            path: `${path}/lineages/{lineage}`,
            summary: `Remove a lineage of ${whose} that nothing uses, with its private keys`,
            access: writers,
            scope: 'certificates:write',
            params: lineage,
            answer: { status: 204 },
            problems: ['still-in-use'],
          },
          async ({ tenant, params, act }) => {
            const found = await find.lineage(tenant, params.lineage)
            refuseRemovalOfAdmins(found)
            await lineages.remove(found.tenantId, found.id, act)
            return {}
          },
        ),
        route(
          {
            method: 'post',
            path: `${path}/certificates`,
            summary: `Import a certificate into a lineage of ${whose}`,
            access: writers,
            scope: 'certificates:write',
            params: owner,
            body: importBody,
            bodyLimitBytes: UPLOAD_LIMIT_BYTES,
            answer: {
              status: 201,
              schema: z
                .object({ lineage: z.string(), certificate: certificateResource, warnings: z.array(z.string()) })
                .meta({ id: 'ImportedCertificate' }),
            },
            problems: [
              ...(['certificate-refused', 'malformed-name', 'not-found'] as const),
              ...(['already-exists', 'still-in-use', 'too-early', 'quota-reached'] as const),
            ],
          },
          async ({ tenant, body, act }) => {
            const upload = {
              lineage: body.lineage,
              certificate: pemOrDer(body.certificate),
              ...(body.privateKey && { privateKey: pemOrDer(body.privateKey) }),
              ...(body.password && { password: body.password }),
              cacheSpanMs: cacheSpanMs(config),
            }
            const whose = tenant?.id ?? null
            const { lineage, certificate, warnings } = await (body.frontOf === undefined
              ? imports.importCertificate(whose, upload, act)
              : importFor(whose, body.frontOf, upload, act))
            return {
              body: { lineage: lineage.name, certificate: toCertificateResource(certificate, clock.now()), warnings },
              location: `/api/v1${path.replace('{tenant}', tenant?.name ?? '')}/lineages/${encodeURIComponent(lineage.name)}`,
            }
          },
        ),
        route(
          {
            method: 'delete',
            path: `${path}/lineages/{lineage}/certificates/{id}`,
            summary: `Remove a certificate of ${whose} that is not in use, with its private key`,
            access: writers,
            scope: 'certificates:write',
            params: certificate,
            answer: { status: 204 },
            problems: ['still-in-use'],
          },
          async ({ tenant, params, act }) => {
            const found = await find.lineage(tenant, params.lineage)
            const { id } = certificateOf(found, params.id)
            refuseRemovalOfAdmins(found, id)
            await lineages.removeCertificate(found.tenantId, id, act)
            return {}
          },
        ),
        route(
          {
            method: 'post',
            path: `${path}/lineages/{lineage}/certificates/{id}/activate`,
            summary: `Make a staged certificate of ${whose} the active one`,
            access: writers,
            scope: 'certificates:write',
            params: certificate,
            body: z.strictObject({
              isForced: z
                .boolean()
                .default(false)
                .meta({ description: 'Even where caches may hold a document without it' }),
            }),
            answer: { status: 200, schema: activated },
            problems: ['too-early', 'certificate-refused', 'still-in-use', 'precondition-failed'],
          },
          async ({ tenant, params, body, act }) => {
            const found = await find.lineage(tenant, params.lineage)
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

  async function list(
    tenantId: string | null | undefined,
    { search, source, ...page }: z.output<z.ZodObject<typeof lineageFilters>>,
    url: string,
  ): Promise<z.input<ReturnType<typeof pageOf<typeof resource>>>> {
    if (tenantId === undefined) return { items: [], next: null }
    const isDescending = page.sort === '-name'
    const { items, next } = await listPage(url, page, BY_NAME_AND_ID, (part) =>
      lineages.list(tenantId, { ...part, search, source, isDescending }),
    )
    const now = clock.now()
    return { items: items.map((item) => toResource(item, now)), next }
  }
}

function certificateOf({ name, certificates }: LineageWithCertificates, id: string): LineageCertificate {
  const found = certificates.find((certificate) => certificate.id === id)
  if (!found) throw new ProblemError('not-found', `lineage ${name} has no certificate ${id}`)
  return found
}

function toResource(lineage: LineageWithCertificates, now: Date): z.input<typeof resource> {
  const { tenantName, name, source, identifiers, createdAt, certificates } = lineage
  return {
    tenant: tenantName,
    name,
    source,
    identifiers,
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
