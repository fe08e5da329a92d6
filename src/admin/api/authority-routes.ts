import { z } from 'zod'
import { entityTag } from '../../act.ts'
import { isPaused } from '../../acme/authority-choice.ts'
import type { AuthorityReport } from '../../acme/authorities.ts'
import type { Authority } from '../../acme/authority.ts'
import type { Config } from '../../config.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { line } from '../input.ts'
import { route, type Route } from './route.ts'

const AUTHORITY_NAME = {
  pattern: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
  wish: 'should be of lower-case letters, digits and hyphens, such as "letsencrypt"',
}
export const authorityNameField = z
  .string()
  .trim()
  .regex(AUTHORITY_NAME.pattern, { error: AUTHORITY_NAME.wish })
  .meta({ example: 'letsencrypt' })
export const KEY_TYPES = ['ec-p256', 'ec-p384', 'rsa-2048'] as const

const MOST_CONTACTS = 10
const RANK = z.int().min(0).max(1000).meta({ description: 'The lowest is asked first, the others where it fails' })
const contact = z
  .array(line(300))
  .max(MOST_CONTACTS)
  .meta({ example: ['mailto:hostmaster@example.net'] })
const profile = z
  .strictObject({
    name: line(100).min(1),
    isRequired: z.boolean().meta({ description: 'False: it is ordered without where it is not offered' }),
  })
  .nullable()
  .meta({ description: 'How certificates are made, draft-aaron-acme-profiles; null: as the authority likes' })
const preferredChain = line(200)
  .min(1)
  .nullable()
  .meta({ description: 'Common name of the root, where it offers chains to several; null: the one it offers first' })
const keyType = z.enum(KEY_TYPES).meta({ description: 'Of certificates’ keys' })

const resource = z
  .object({
    name: z.string(),
    rank: RANK,
    directoryUrl: z.string(),
    caPem: z.string().nullable().meta({ description: 'The only roots trusted for its HTTPS; null: the usual ones' }),
    contact,
    eabKeyId: z.string().nullable().meta({ description: 'Of its external account, RFC 8555 §7.3.4' }),
    profile,
    keyType,
    preferredChain,
    termsOfService: z.string().nullable().meta({ description: 'What was agreed to; null: it has none' }),
    accountUrl: z.string(),
    pausedUntil: z.iso.datetime().nullable().meta({ description: 'It is asked for nothing before then' }),
    pauseReason: z.string().nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'AcmeAuthority', description: 'An authority that speaks ACME, with our one account there' })

const newAuthority = z.strictObject({
  name: authorityNameField,
  directoryUrl: line(2000).trim().min(1).meta({ example: 'https://acme-v02.api.letsencrypt.org/directory' }),
  rank: RANK.optional().meta({ description: 'Where it is left out, behind those that are there' }),
  caPem: z.string().max(100_000).nullable().default(null),
  contact: contact.default([]),
  eabKeyId: line(1000).min(1).nullable().default(null),
  eabKey: line(2000).min(1).nullable().default(null).meta({ description: 'As it hands it out; it is not kept' }),
  profile: profile.default(null),
  keyType: keyType.default('ec-p256'),
  preferredChain: preferredChain.default(null),
  agreesToTerms: z.boolean().default(false).meta({ description: 'To its terms of service, where it has any' }),
})

const changes = z.strictObject({
  rank: RANK.optional(),
  contact: contact.optional(),
  profile: profile.optional(),
  keyType: keyType.optional(),
  preferredChain: preferredChain.optional(),
})

const report = z
  .object({
    fault: z.string().nullable().meta({ description: 'What is wrong and what to do; null: all is well' }),
    directory: z
      .object({
        termsOfService: z.string().nullable(),
        isExternalAccountRequired: z.boolean(),
        profiles: z.record(z.string(), z.string()).nullable().meta({ description: 'Names and descriptions' }),
        hasRenewalInfo: z.boolean().meta({ description: 'RFC 9773' }),
      })
      .nullable()
      .meta({ description: 'null: it could not be read' }),
    accountUrl: z.string().nullable().meta({ description: 'null: the account does not answer' }),
    pausedUntil: z.iso.datetime().nullable(),
    pauseReason: z.string().nullable(),
  })
  .meta({ id: 'AcmeAuthorityReport' })

const budget = z
  .object({
    items: z.array(
      z.object({
        limit: z.enum(['pace', 'orders', 'registeredDomain', 'identifierSet', 'failures']),
        count: z.int(),
        periodSeconds: z.number(),
        left: z.int(),
      }),
    ),
  })
  .meta({ id: 'AcmeBudget', description: 'What is left of the limits that all orders share' })

const local = z
  .object({ rootPem: z.string().meta({ description: 'PEM; who trusts it trusts the local authority' }) })
  .meta({ id: 'Authority' })

const one = z.strictObject({ name: authorityNameField })
const REFUSALS = ['authority-refused', 'authority-unreachable'] as const

export function authorityRoutes(deps: AdminDeps, find: LookUps): Route[] {
  const { localAuthorityRoot, authorities, accountKeeping, budget: budgets, config } = deps
  return [
    route(
      {
        method: 'get',
        path: '/authority',
        summary: 'The local authority’s root certificate, for those who are to trust it',
        access: 'public',
        answer: { status: 200, schema: local },
      },
      async () => ({ body: { rootPem: await localAuthorityRoot() } }),
    ),
    route(
      {
        method: 'get',
        path: '/authorities',
        summary: 'The authorities that certificates are ordered from, the one that is asked first before the others',
        access: 'operator',
        scope: 'authorities:read',
        answer: { status: 200, schema: z.object({ items: z.array(resource) }) },
      },
      async ({ act }) => ({ body: { items: (await authorities.list()).map((one) => toResource(one, act.at)) } }),
    ),
    route(
      {
        method: 'post',
        path: '/authorities',
        summary: 'Make an account at an authority, and order certificates from it',
        access: 'operator',
        scope: 'authorities:write',
        isGrave: true,
        body: newAuthority,
        bodyLimitBytes: 120_000,
        answer: {
          status: 201,
          schema: resource.extend({ warnings: z.array(z.string()) }).meta({ id: 'AddedAcmeAuthority' }),
          hasEtag: true,
        },
        problems: [...REFUSALS, 'already-exists'],
      },
      async ({ body: { rank, ...wish }, act }) => {
        const added = await accountKeeping.add({ ...wish, rank: rank ?? (await nextRank(deps)) }, act)
        return {
          body: { ...toResource(added, act.at), warnings: warningsOf(config) },
          etag: entityTag(added),
          location: `/api/v1/authorities/${added.name}`,
        }
      },
    ),
    route(
      {
        method: 'get',
        path: '/authorities/{name}',
        summary: 'One authority',
        access: 'operator',
        scope: 'authorities:read',
        params: one,
        answer: { status: 200, schema: resource, hasEtag: true },
      },
      async ({ params, act }) => {
        const authority = await find.authority(params.name)
        return { body: toResource(authority, act.at), etag: entityTag(authority) }
      },
    ),
    route(
      {
        method: 'patch',
        path: '/authorities/{name}',
        summary: 'Change what is ordered from an authority and whom it writes to; what is left out stays',
        access: 'operator',
        scope: 'authorities:write',
        isGrave: true,
        params: one,
        body: changes,
        answer: { status: 200, schema: resource, hasEtag: true },
        problems: REFUSALS,
      },
      async ({ params: { name }, body, act }) => {
        const changed = await accountKeeping.update(name, withoutUndefined(body), act)
        return { body: toResource(changed, act.at), etag: entityTag(changed) }
      },
    ),
    route(
      {
        method: 'delete',
        path: '/authorities/{name}',
        summary: 'Order nothing more from an authority; its certificates stay, and are renewed elsewhere',
        access: 'operator',
        scope: 'authorities:write',
        isGrave: true,
        params: one,
        answer: { status: 204 },
        problems: ['still-in-use'],
      },
      async ({ params: { name }, act }) => {
        await accountKeeping.remove(name, act)
        return {}
      },
    ),
    route(
      {
        method: 'post',
        path: '/authorities/{name}/test',
        summary: 'Ask an authority for its directory and the account',
        access: 'operator',
        scope: 'authorities:write',
        params: one,
        answer: { status: 200, schema: report },
      },
      async ({ params: { name } }) => ({ body: toReport(await accountKeeping.test(name)) }),
    ),
    route(
      {
        method: 'post',
        path: '/authorities/{name}/resume',
        summary: 'Ask a paused authority again at once, and what waits for it',
        access: 'operator',
        scope: 'authorities:write',
        params: one,
        answer: { status: 200, schema: resource, hasEtag: true },
      },
      async ({ params: { name }, act }) => {
        const authority = await accountKeeping.resume(name, act)
        return { body: toResource(authority, act.at), etag: entityTag(authority) }
      },
    ),
    route(
      {
        method: 'post',
        path: '/authorities/{name}/change-key',
        summary: 'Give the account at an authority another key',
        access: 'operator',
        scope: 'authorities:write',
        isGrave: true,
        params: one,
        answer: { status: 200, schema: resource, hasEtag: true },
        problems: REFUSALS,
      },
      async ({ params: { name }, act }) => {
        await accountKeeping.changeAccountKey(name, act)
        const authority = await find.authority(name)
        return { body: toResource(authority, act.at), etag: entityTag(authority) }
      },
    ),
    route(
      {
        method: 'get',
        path: '/authorities/{name}/budget',
        summary: 'What is left of the limits of an authority that all orders share',
        access: 'operator',
        scope: 'authorities:read',
        params: one,
        answer: { status: 200, schema: budget },
      },
      async ({ params: { name }, act }) => {
        const { id } = await find.authority(name)
        const standing = await budgets.standing(id, act.at)
        return {
          body: {
            items: standing.map(({ limit, of, left }) => ({
              ...{ limit, left, count: of.count, periodSeconds: of.periodMs / 1000 },
            })),
          },
        }
      },
    ),
  ]
}

/** What is missing for certificates to be ordered from an authority. */
export function warningsOf({ front }: Pick<Config, 'front'>): string[] {
  if (front.authority === 'acme') return []
  return ['nothing is ordered from it before waypost.toml says [front] authority = "acme", and the server is restarted']
}

/** Behind those that are there. */
export async function nextRank({ authorities }: Pick<AdminDeps, 'authorities'>): Promise<number> {
  const ranks = (await authorities.list()).map(({ rank }) => rank)
  return ranks.length === 0 ? 0 : Math.min(Math.max(...ranks) + 1, 1000)
}

type Changed<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> }

function withoutUndefined<T extends object>(given: T): Changed<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Changed<T>
}

function toResource(authority: Authority, now: Date): z.input<typeof resource> {
  const { name, rank, directoryUrl, caPem, contact, eabKeyId, profile, keyType, preferredChain, termsOfService } =
    authority
  return {
    ...{ name, rank, directoryUrl, caPem, contact, eabKeyId, profile, keyType, preferredChain, termsOfService },
    accountUrl: authority.accountUrl ?? '',
    pausedUntil: isPaused(authority, now) ? (authority.pausedUntil?.toISOString() ?? null) : null,
    pauseReason: isPaused(authority, now) ? authority.pauseReason : null,
    createdAt: authority.createdAt.toISOString(),
  }
}

function toReport({ directory, accountUrl, fault, pausedUntil, pauseReason }: AuthorityReport): z.input<typeof report> {
  return {
    ...{ fault, accountUrl, pauseReason, pausedUntil: pausedUntil?.toISOString() ?? null },
    directory: directory && {
      termsOfService: directory.termsOfService,
      isExternalAccountRequired: directory.isExternalAccountRequired,
      profiles: directory.profiles && { ...directory.profiles },
      hasRenewalInfo: directory.renewalInfo !== null,
    },
  }
}
