import { generateKeyPairSync } from 'node:crypto'
import { expect } from 'vitest'
import type { RouteDeclaration } from '../../src/admin/api/route.ts'
import type { Database } from '../../src/storage/database.ts'
import { domainName } from '../../src/name.ts'
import { selfSigned, type AdminServer, type Answer } from './admin-server.ts'

const AUTHORITY = 'nobody'

/** One of everything that the paths of the API name. */
export interface Things {
  tenant: string
  user: string
  domain: string
  service: string
  lineage: string
  ids: Record<string, string> // by the part of the path before {id}
}

/** Everything of one tenant's, and what the operator has beside it. As the signed-in operator of the machine. */
export async function thingsOf(server: AdminServer, tenant: string): Promise<Things> {
  const { api, person, storage, act } = server
  const domain = `im.${tenant}.example`
  const lineage = `${tenant}-lineage`
  await made(api('POST', '/tenants', { name: tenant }))
  await api('POST', '/target-hosts', { name: 'hosting.example.com' }) // there already for the second tenant
  await api('POST', '/operator/certificates', { ...selfSigned(), lineage: 'hosting' })
  await made(api('POST', `/tenants/${tenant}/source-domains`, { name: domain, isVouched: true }))
  await api('PUT', `/tenants/${tenant}/source-domains/${domain}/host-meta`, { links: [] })
  await made(api('POST', `/tenants/${tenant}/certificates`, { ...selfSigned(), lineage }))
  const staged = await made(api('POST', `/tenants/${tenant}/certificates`, { ...selfSigned(), lineage }))
  const delegation = await made(
    api('POST', `/tenants/${tenant}/delegations`, {
      ...{ sourceDomain: domain, service: '_xmpp-server', targetHost: 'hosting.example.com', lineage },
    }),
  )
  const { user } = await person({ email: `member@${tenant}.example`, roles: { [tenant]: 'viewer' } })
  await person({ email: `owner@${tenant}.example`, roles: { [tenant]: 'owner' } }) // so that nobody is the last one
  await storage.passkeys.add(
    { id: `passkey-of-${tenant}`, userId: user.id, name: 'a key', publicKey: Buffer.of(1), counter: 0, transports: [] },
    act(),
  )
  const [session] = await storage.sessions.list(user.id, server.clock.now())
  const tenantId = (await storage.tenants.findByName(tenant))!.id
  const token = await storage.tokens.add(
    `hash of ${tenant}`,
    { tenantId, name: 'a token', scopes: ['audit:read'], addresses: null, expiresAt: null, createdById: null },
    act(),
  )
  await anAuthority(server)
  await storage.jobs.enqueue({ kind: 'test', key: tenant, payload: {}, runAt: server.clock.now() })
  const [job] = await storage.jobs.listOpen({ kind: 'test', limit: 1 }, server.clock.now())
  const owned = { tenant: (await storage.tenants.find(tenantId))!, isByOperator: false }
  const imported = await server.deps.fileImports.read(Buffer.from(`file.${tenant}.example`), owned, act())
  const invitation = await made(
    api('POST', `/tenants/${tenant}/invitations`, { email: `invited@${tenant}.example`, role: 'viewer' }),
  )
  return {
    ...{ tenant, domain, lineage, user: user.id, service: '_xmpp-server._tcp' },
    ids: {
      delegations: String(delegation['id']),
      certificates: (staged['certificate'] as { id: string }).id,
      tokens: token.id,
      invitations: String(invitation['id']),
      users: user.id,
      sessions: session!.id,
      passkeys: `passkey-of-${tenant}`,
      jobs: job!.id,
      filters: job!.id, // there is none
      imports: String(imported['id']),
    },
  }
}

/** A lineage of a tenant's, called as it pleases. @returns the path of its page */
export async function lineageNamed({ api }: AdminServer, tenant: string, lineage: string): Promise<string> {
  const upload = { ...selfSigned({ commonName: lineage.slice(0, 60) }), lineage }
  const answer = await api('POST', `/tenants/${tenant}/certificates`, upload)
  expect([answer.status, answer.text]).toEqual([201, expect.anything()])
  return String(answer.headers.location).replace('/api/v1', '')
}

/** One that nobody answers for, whose account is made; there already for the second who wants one. */
export async function anAuthority(
  { storage, act }: AdminServer,
  name = AUTHORITY,
  termsOfService: string | null = null,
): Promise<void> {
  const { authorities } = storage
  if (await authorities.find(name)) return
  const wish = { name, rank: 0, directoryUrl: `https://127.0.0.1:1/${name}`, caPem: null, contact: [] }
  const rest = { eabKeyId: null, profile: null, keyType: 'ec-p256' as const, preferredChain: null }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = privateKey.export({ format: 'der', type: 'pkcs8' })
  const { authority } = await authorities.reserve({ ...wish, ...rest }, key, act())
  await authorities.confirm(authority.id, { url: 'https://127.0.0.1:1/account/1', termsOfService }, act())
}

/** What only the operator has, where a path leads to that instead of a tenant's. */
export async function operatorsThings(server: AdminServer): Promise<Partial<Things>> {
  const { api, storage, act } = server
  const certificate = await made(api('POST', '/operator/certificates', { ...selfSigned(), lineage: 'hosting' }))
  const token = await storage.tokens.add(
    'hash of the operator',
    { tenantId: null, name: 'a token', scopes: ['audit:read'], addresses: null, expiresAt: null, createdById: null },
    act(),
  )
  const imported = await made(api('POST', '/operator/imports?rehearsal=true', { csv: 'domain,tenant\na.example,acme' }))
  const invitation = await made(api('POST', '/operator/invitations', { email: 'invited@example.org' }))
  return {
    lineage: 'hosting',
    ids: {
      certificates: (certificate['certificate'] as { id: string }).id,
      tokens: token.id,
      invitations: String(invitation['id']),
      imports: String(imported['id']),
    },
  }
}

async function made(asked: Promise<Answer>): Promise<Record<string, unknown>> {
  const answer = await asked
  expect([answer.status, answer.text]).toEqual([201, expect.anything()])
  return answer.json()
}

/** A declared path with the names of real things. */
export function pathOf({ path }: Pick<RouteDeclaration, 'path'>, things: Things): string {
  const parts = path.split('/')
  return parts
    .map((part, index) => {
      const before = parts[index - 1] ?? ''
      if (part === '{tenant}') return things.tenant
      if (part === '{user}') return things.user
      if (part === '{lineage}') return things.lineage
      if (part === '{service}') return things.service
      if (part === '{name}' && before === 'authorities') return AUTHORITY
      if (part === '{name}') return before === 'target-hosts' ? 'hosting.example.com' : domainName(things.domain)
      if (part === '{id}') return things.ids[before] ?? `no-id-for-${before}`
      return part
    })
    .join('/')
}

/** A declared page's path with the names of real things. @param operators what stands for them below /operator */
export function pagePathOf(path: string, things: Things, operators: Partial<Things>): string {
  const isOfOperator = path.startsWith('/operator/')
  const ids = { ...things.ids, ...(isOfOperator ? operators.ids : {}) }
  const named = { ...things, ...(isOfOperator ? operators : {}), ids }
  return pathOf({ path: path.replace(/:(\w+)/g, '{$1}') }, named)
    .replace('{verb}', 'suspend')
    .replace('{code}', 'not-found')
}

const VOLATILE = new Set(['last_used_at', 'last_used_by', 'seen_at'])

/** All that is stored, but for when somebody was last seen. */
export async function dump({ knex, rows }: Pick<Database, 'knex' | 'rows'>): Promise<Record<string, unknown[]>> {
  const tables = rows<{ name: string }>(
    await knex.raw(`select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name`),
  )
  const all: Record<string, unknown[]> = {}
  for (const { name } of tables) {
    const stored = await knex(name).select<Record<string, unknown>[]>('*')
    all[name] = stored.map((row) => Object.fromEntries(Object.entries(row).filter(([column]) => !VOLATILE.has(column))))
  }
  return all
}
