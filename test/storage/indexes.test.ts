import { beforeAll, expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import { openDatabase, type Database } from '../../src/storage/database.ts'
import { changeFeed } from '../../src/storage/change-feed.ts'
import { challengeStore } from '../../src/storage/challenge-store.ts'
import { auditStore } from '../../src/storage/audit-store.ts'
import { delegationStore } from '../../src/storage/delegation-store.ts'
import { hostDirectory } from '../../src/storage/host-directory.ts'
import { jobStore } from '../../src/storage/job-store.ts'
import { lineageStore } from '../../src/storage/lineage-store.ts'
import { privateKeyStore } from '../../src/storage/private-key-store.ts'
import { sessionStore } from '../../src/storage/session-store.ts'
import { sourceDomainStore } from '../../src/storage/source-domain-store.ts'
import { targetHostStore } from '../../src/storage/target-host-store.ts'
import { tenantStore } from '../../src/storage/tenant-store.ts'
import { pino } from 'pino'
import { onBothEngines } from '../support/databases.ts'
import { testSealer } from '../support/sealer.ts'
import { aChain, aDelegation, anImport } from './rows.ts'

// Every statement of every method, explained: over a million rows, one that walks a table would be a standstill.
onBothEngines('statements', (database) => {
  const statements = new Map<string, unknown[]>()
  let db: Database

  beforeAll(async () => {
    const { clock } = database
    const { tenant, domain, delegation, target, lineageId } = await aDelegation(database)
    db = await openDatabase({ ...database.place, isReadOnly: false })
    db.knex.on('query', ({ sql, bindings }: { sql: string; bindings: unknown[] }) => statements.set(sql, bindings))
    let ids = 0
    const deps = { db, clock, sealer: testSealer, newId: () => `id ${++ids}` }
    const act = database.act()
    const later = new Date(clock.now().getTime() + 1000)
    const [name, other] = [domainName('im.example'), domainName('other.example')]

    const tenants = tenantStore(deps)
    await tenants.find(tenant.id)
    await tenants.findByName(tenant.name)
    await tenants.list({ after: 'a', limit: 10 })

    const domains = sourceDomainStore(deps)
    const imported = [name, other].map((each) =>
      anImport(tenant.id, {
        name: each,
        delegations: [{ ...delegation, lineage: delegation.lineageName }],
      }),
    )
    await domains.importMany(imported, act)
    await domains.rehearseImport(imported)
    await domains.find(tenant.id, name)
    await domains.claims(name)
    for (const after of [{ name, id: '' }, undefined])
      for (const whose of ['all', tenant.id]) await domains.list(whose, { limit: 10, ...(after && { after }) })
    await domains.vouch(tenant.id, name, act)
    await domains.wantingFront(10)
    await domains.setFrontLineage(tenant.id, name, lineageId, act)

    const targets = targetHostStore(deps)
    await targets.find(target)
    await targets.list({ after: name, limit: 10 })
    await targets.wantingFront(10)
    await targets.setFrontLineage(target, lineageId, act)

    const delegations = delegationStore(deps)
    await delegations.find(tenant.id, delegation.id)
    for (const after of ['zzz', undefined])
      for (const whose of ['all', tenant.id])
        for (const sourceDomain of [domain.name, undefined])
          await delegations.list(whose, { limit: 10, ...(after && { after }), ...(sourceDomain && { sourceDomain }) })

    const lineages = lineageStore(deps)
    await lineages.find(null, lineageId)
    await lineages.findByName(null, 'x')
    for (const after of [{ name: 'a', id: '' }, undefined])
      for (const whose of ['all', null, tenant.id]) await lineages.list(whose, { limit: 10, ...(after && { after }) })
    const staged = await lineages.stage(null, lineageId, { chain: aChain(), privateKey: Buffer.from('key') }, act)
    await lineages.activate(null, staged.id, later, act)
    await privateKeyStore(deps).open(staged.privateKeyId!)
    const directory = hostDirectory(deps, {
      adminHost: other,
      maxEntries: 100,
      maxBytes: 1e6,
      log: pino({ level: 'silent' }),
    })
    for (const host of [domain.name, other]) await directory.findHost(host)
    await directory.findLineage(lineageId)
    await directory.poll()
    await directory.poll()

    const challenges = challengeStore(deps)
    await challenges.find(name, 't', clock.now())
    const audit = auditStore(deps)
    for (const after of ['zzz', undefined])
      for (const whose of ['all', tenant.id]) await audit.list(whose, { limit: 10, ...(after && { after }) })
    const jobs = jobStore(deps)
    await jobs.enqueue({ kind: 'k', key: 'k', payload: null, runAt: clock.now() })
    const job = await jobs.claim('w', clock.now(), later)
    await jobs.complete(job!, clock.now())
    await jobs.list({ limit: 10 })
    await sessionStore(deps).find('x', clock.now())
    await sessionStore(deps).useSignInLink('x', clock.now())
    await changeFeed(deps).trim(clock.now())

    await delegations.withdraw(tenant.id, delegation.id, act)
    for (const each of [name, other, domain.name]) await domains.remove(tenant.id, each, act)
    await targets.setFrontLineage(target, null, act)
    await targets.remove(target, act)
    await lineages.removeCertificate(null, staged.id, act)
    await lineages.remove(null, lineageId, act)
    await tenants.remove(tenant.id, act)
    return () => db.knex.destroy()
  })

  test('find their rows by an index and never sort', async () => {
    const walks: string[] = []
    let explained = 0
    for (const [sql, bindings] of statements) {
      if (!/^\s*(select|update|delete)/i.test(sql) || sql.includes('pg_advisory')) continue
      explained++
      const plan = await (database.engine === 'sqlite' ? sqlitePlan(sql, bindings) : postgresPlan(sql, bindings))
      if (plan.some((line) => WALK.test(line) || (SORT.test(line) && !isOfOne(sql))))
        walks.push([sql, ...plan].join('\n  '))
    }
    expect(explained).toBeGreaterThan(50)
    expect(walks).toEqual([])
  })

  // A walk along an index in the order that is asked for ends with the page; three tables are read by their own order
  const WALK = /^SCAN (?!\w+ USING (COVERING )?INDEX|CONSTANT ROW|(change|job|audit_event)$)|Seq Scan/
  const SORT = /TEMP B-TREE FOR ORDER BY|^\s*(->\s*)?Sort {2}\(/

  /** The certificates of a lineage and the delegations of a source domain are few, and may be sorted. */
  function isOfOne(sql: string): boolean {
    return /from .?certificate.? |join certificate c|.s.\..name. = /.test(sql)
  }

  async function sqlitePlan(sql: string, bindings: unknown[]): Promise<string[]> {
    const rows = await db.knex.raw<{ detail: string }[]>(`explain query plan ${sql}`, bindings as string[])
    return rows.map(({ detail }) => detail)
  }

  /** With so few rows PostgreSQL would walk them; what it does where it may not shows whether an index serves. */
  async function postgresPlan(sql: string, bindings: unknown[]): Promise<string[]> {
    return db.knex.transaction(async (trx) => {
      for (const way of ['seqscan', 'bitmapscan', 'sort']) await trx.raw(`set local enable_${way} = off`)
      const bound = sql.replace(/\$\d+/g, '?')
      const { rows } = await trx.raw<{ rows: { 'QUERY PLAN': string }[] }>(`explain ${bound}`, bindings as string[])
      return rows.map((row) => row['QUERY PLAN'])
    })
  }
})
