import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { migrations } from '../../migrations/index.ts'
import { sealer } from '../../src/certificate/sealing.ts'
import { domainName } from '../../src/name.ts'
import { openDatabase, type Database } from '../../src/storage/database.ts'
import { withFaultsNamed } from '../../src/storage/faults.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import { KEEP_KEYS_MS } from '../../src/tenant/control.ts'
import { emptyDatabase, onBothEngines, type TestPlace } from '../support/databases.ts'
import { testSealer } from '../support/sealer.ts'
import { stoppedClock } from '../support/stopped-clock.ts'
import { until } from '../support/until.ts'
import { anImport, aTenant, freshName } from './rows.ts'
import { runChild, startChild } from './run-child.ts'

const clock = stoppedClock('2026-11-23T12:00:00Z')
const act = () => ({ at: clock.now(), actor: 'test', address: null })

async function place(engine: 'sqlite' | 'postgresql'): Promise<TestPlace> {
  const empty = await emptyDatabase(engine)
  onTestFinished(() => empty.remove())
  return empty
}

async function open(at: { url: string | undefined; file: string }, isReadOnly = false): Promise<Storage> {
  const storage = await openStorage({ ...at, sealer: testSealer, clock, isReadOnly })
  onTestFinished(() => storage.close())
  return storage
}

async function refused(query: PromiseLike<unknown>): Promise<void> {
  await expect(Promise.resolve(query)).rejects.toMatchObject({
    code: expect.stringMatching(/^(SQLITE_CONSTRAINT|23)/) as string,
  })
}

async function tables(at: { url: string | undefined; file: string }): Promise<Database> {
  const db = await openDatabase({ ...at, isReadOnly: false })
  onTestFinished(() => db.knex.destroy())
  return db
}

const NAMES = (await migrations.getMigrations([])).map((migration) => migrations.getMigrationName(migration))
const since = (name: string) => NAMES.slice(NAMES.indexOf(name))

/** To the version before that migration: what came later goes first. With the keys off until the end, as `migrate` does. */
async function downBelow(knex: Database['knex'], name: string): Promise<void> {
  const config = { migrationSource: migrations }
  await knex.transaction(
    async (trx) => {
      const [done] = (await trx.migrate.list(config)) as [{ name: string }[], unknown]
      const undone = since(name).filter((each) => done.some((one) => one.name === each))
      for (const each of undone.toReversed()) await trx.migrate.down({ ...config, name: each })
    },
    { enforceForeignCheck: false } as object,
  )
}

describe.each(['sqlite', 'postgresql'] as const)('migrations on %s', (engine) => {
  const onEngine = test.skipIf(engine === 'postgresql' && inject('postgres') === null)

  onEngine('are pending on an empty database, applied once, and then done', async () => {
    const storage = await open(await place(engine))
    const all = (await migrations.getMigrations([])).map((migration) => migrations.getMigrationName(migration))
    expect(await storage.pendingMigrations()).toEqual(all)
    expect(await storage.migrate()).toEqual(all)
    expect(await storage.pendingMigrations()).toEqual([])
    expect(await storage.migrate()).toEqual([])
    await storage.check()
  })

  onEngine('go down to nothing and up again', async () => {
    const at = await place(engine)
    await (await open(at)).migrate()
    const { knex } = await tables(at)
    await knex.migrate.rollback({ migrationSource: migrations }, true)
    for (const table of ['tenant', 'job', 'change', 'master_key_check'])
      expect(await knex.schema.hasTable(table)).toBe(false)
    const again = await open(at)
    expect(await again.migrate()).not.toEqual([])
    await again.tenants.add('acme', act())
  })

  onEngine('003: control of names goes up and down again with what is there', async () => {
    const at = await place(engine)
    const { knex } = await tables(at)
    const up = () =>
      knex.transaction(async (trx) => void (await trx.migrate.latest({ migrationSource: migrations })), {
        enforceForeignCheck: false,
      } as object)
    await (await open(at)).migrate()
    await downBelow(knex, '003-control')
    const common = { created_at: 1, changed_at: 1, revision: 4 }
    for (const id of ['a', 'b', 'c']) await knex('tenant').insert({ id, name: id, created_at: 1, revision: 1 })
    await knex('lineage').insert({ id: 'l', name: 'l', source: 'import', ...common })
    await knex('target_host').insert({ id: 't', name: 'hosting.example', port: 443, created_at: 1, revision: 1 })
    const claims = [
      { id: 'held', tenant_id: 'a', name: 'held.example', proof: 'vouched', proven_at: 7, front_lineage_id: 'l' },
      { id: 'also', tenant_id: 'b', name: 'held.example', proof: null, proven_at: null, front_lineage_id: null },
      { id: 'open', tenant_id: 'a', name: 'open.example', proof: null, proven_at: null, front_lineage_id: null },
      { id: 'rest', tenant_id: 'b', name: 'open.example', proof: null, proven_at: null, front_lineage_id: null },
    ].map((claim) => ({ ...claim, mode: 'hosted', suspended_at: 5, host_meta: '{}', ...common }))
    await knex('source_domain').insert(claims)
    const delegation = { id: 'd', tenant_id: 'a', source_domain_id: 'held', target_host_id: 't', lineage_id: 'l' }
    const terms = { service: '_xmpp-server', protocol: '_tcp', tls_answer: 'redirect', posh_answer: 'off', revision: 1 }
    await knex('delegation').insert({ ...delegation, ...terms, created_at: 1 })

    for (const round of ['first', 'second']) {
      await up()
      expect(await knex('source_domain').orderBy('name').orderBy('id').select(), round).toMatchObject(
        claims
          .toSorted((one, other) => (one.name + one.id < other.name + other.id ? -1 : 1))
          .map((claim) => ({
            ...claim,
            ...{ seen_at: claim.proven_at, wavering_since: null, misses: 0, lapsed_at: null },
          })),
      )
      // Of a name that is held nobody need look; of the others there is one look for all who claim them
      expect(await knex('job').select('kind', 'key', 'run_at', 'finished_at')).toEqual([
        { kind: 'proof-check', key: 'open.example', run_at: 0, finished_at: null },
      ])
      const labels = await knex('tenant').orderBy('id').pluck<string[]>('edge_label')
      for (const label of labels) expect(label).toMatch(/^t[0-9a-f]{32}$/)
      expect(new Set(labels).size).toBe(3)
      expect(await knex('delegation').select('id', 'source_domain_id', 'rule_outcome')).toEqual([
        { id: 'd', source_domain_id: 'held', rule_outcome: null },
      ])
      await refused(knex('source_domain').where({ id: 'also' }).update({ proof: 'txt', proven_at: 1, seen_at: 1 }))
      await refused(knex('source_domain').where({ id: 'open' }).update({ proof: 'hearsay', proven_at: 1, seen_at: 1 }))
      await refused(knex('source_domain').where({ id: 'open' }).update({ misses: 1 }))
      await refused(knex('delegation').where({ id: 'd' }).update({ source_domain_id: 'nobody' }))
      await refused(knex('source_domain').where({ id: 'held' }).del())
      await knex('source_domain').where({ id: 'rest' }).update({ proof: 'txt', proven_at: 9, seen_at: 9 })
      await downBelow(knex, '003-control')
      // Which the version before could not have understood
      expect(await knex('source_domain').where({ id: 'rest' }).first()).toMatchObject({ proof: null, proven_at: null })
      expect(await knex('source_domain').where({ id: 'held' }).first()).toMatchObject(claims[0]!)
      expect(await knex('job').select('id')).toEqual([])
      await refused(knex('delegation').where({ id: 'd' }).update({ source_domain_id: 'nobody' }))
    }
    expect(await (await open(at)).migrate()).toEqual(since('003-control'))
  })

  onEngine(
    '003: fronts of names that were lost before lose their keys in time, and of whom the name is, at once',
    async () => {
      for (const from of ['002', '001']) {
        const at = await place(engine)
        const { knex } = await tables(at)
        await (await open(at)).migrate()
        await downBelow(knex, from === '001' ? '002-members' : '003-control')
        const lastActAt = clock.now().getTime() - 5000
        const event = { id: 'e', tenant_id: 'a', actor: 'x', address: null, action: 'x', subject: 'x', detail: '{}' }
        const hash = from === '001' ? {} : { sequence: 1, hash: 'x' }
        await knex('audit_event').insert({ ...event, ...hash, at: lastActAt })
        for (const id of ['a', 'b']) await knex('tenant').insert({ id, name: id, created_at: 1 })
        const lineages: [id: string, tenantId: string | null, name: string][] = [
          ['lost', 'a', 'front:lost.example'],
          ['chosen', 'a', 'chosen'],
          ['gone', 'a', 'front:gone.example'],
          ['moved', 'a', 'front:moved.example'],
          ['held', 'a', 'front:held.example'],
          ['spare', 'a', 'front:spare.example'],
          ['published', 'a', 'front:published.example'],
          ['unused', 'a', 'unused'],
          ['ours', null, 'front:ours.example'],
          ['admin', null, 'front:admin.example'],
        ]
        for (const [id, tenant_id, name] of lineages) {
          await knex('lineage').insert({ id, tenant_id, name, source: 'local', created_at: 1, changed_at: 2 })
          await knex('private_key').insert({ id, tenant_id, domain: name, sealed: Buffer.from(id), created_at: 1 })
          const facts = {
            chain_pem: 'x',
            sha256: id,
            spki_sha256: id,
            subject: '',
            issuer: '',
            serial: '',
            key_type: '',
          }
          const instants = { not_before: 1, not_after: 2, staged_at: 3 }
          await knex('certificate').insert({
            id,
            lineage_id: id,
            tenant_id,
            private_key_id: id,
            ...facts,
            ...instants,
            dns_names: '[]',
          })
        }
        const claims: [tenantId: string, name: string, front: string | null, isHeld: boolean][] = [
          ['a', 'lost.example', 'lost', false],
          ['a', 'chosen.example', 'chosen', false],
          ['a', 'also.example', 'chosen', false],
          ['a', 'moved.example', 'moved', false],
          ['b', 'moved.example', null, true],
          ['a', 'held.example', 'held', true],
          ['a', 'spare.example', 'unused', true],
          ['a', 'operators.example', 'ours', false],
        ]
        const now = { created_at: 1, changed_at: 1 }
        for (const [n, [tenant_id, name, front_lineage_id, isHeld]] of claims.entries())
          await knex('source_domain').insert({
            ...{ id: `s${n}`, tenant_id, name, front_lineage_id, mode: 'hosted', ...now },
            ...{ proof: isHeld ? 'vouched' : null, proven_at: isHeld ? 1 : null },
          })
        await knex('target_host').insert({ id: 't', name: 'hosting.example', port: 443, created_at: 1 })
        await knex('delegation').insert({
          ...{ id: 'd', tenant_id: 'a', source_domain_id: 's5', target_host_id: 't', lineage_id: 'published' },
          ...{ service: '_xmpp-server', protocol: '_tcp', tls_answer: 'redirect', posh_answer: 'off', created_at: 1 },
        })
        const storage = await open(at)
        expect(await storage.migrate()).toContain('003-control')
        const rowsOf = () => knex('lost_front').orderBy(['lineage_id', 'name']).select()
        const due_at = lastActAt + KEEP_KEYS_MS
        const lost = [
          { lineage_id: 'chosen', name: 'also.example', lost_at: lastActAt, due_at },
          { lineage_id: 'chosen', name: 'chosen.example', lost_at: lastActAt, due_at },
          { lineage_id: 'gone', name: 'gone.example', lost_at: lastActAt, due_at },
          { lineage_id: 'lost', name: 'lost.example', lost_at: lastActAt, due_at },
          { lineage_id: 'moved', name: 'moved.example', lost_at: lastActAt, due_at: lastActAt },
        ]
        expect(await rowsOf(), from).toEqual(lost)
        if (from === '001') continue // its one event is no part of a chain

        await downBelow(knex, '003-control')
        expect(await knex.schema.hasTable('lost_front')).toBe(false)
        clock.advance(1) // one backup is not written over another
        await (await open(at)).migrate()
        expect(await rowsOf()).toEqual(lost)
        await knex('audit_event').del() // that one was never chained
        const keys = () => knex('private_key').orderBy('id').pluck<string[]>('id')
        expect(await storage.control.destroyKeys(clock.now())).toBe(1)
        expect(await keys()).not.toContain('moved')
        const name = domainName('lost.example')
        await storage.sourceDomains.add('b', { name, mode: 'hosted', isVouched: true }, act())
        expect(await keys()).not.toContain('lost')
        expect(await storage.control.destroyKeys(new Date(due_at - 1))).toBe(0)
        expect(await storage.control.destroyKeys(new Date(due_at))).toBe(2)
        expect(await keys()).toEqual(['admin', 'held', 'ours', 'published', 'spare', 'unused'])
      }
    },
  )

  onEngine(
    '004: lineages stay with all that hangs on them, and ACME ones come by hand in the version before',
    async () => {
      const at = await place(engine)
      const { knex } = await tables(at)
      const config = { migrationSource: migrations }
      const offForeignKeys = { enforceForeignCheck: false } as object // until the end, as `migrate` does
      const down = () => downBelow(knex, '004-acme')
      const up = () => knex.transaction(async (trx) => void (await trx.migrate.latest(config)), offForeignKeys)
      const storage = await open(at)
      await storage.migrate()
      await down()
      const [created, common] = [{ created_at: 1 }, { created_at: 1, changed_at: 2 }]
      await knex('tenant').insert({ id: 'a', name: 'a', ...created, revision: 1, edge_label: 't1' })
      const lineages = [
        { id: 'l1', tenant_id: 'a', name: 'one', source: 'import', ...common, revision: 3 },
        { id: 'l2', tenant_id: null, name: 'two', source: 'local', ...common, revision: 4 },
      ]
      await knex('lineage').insert(lineages)
      const facts = { chain_pem: 'x', sha256: 'x', spki_sha256: 'x', subject: '', issuer: '', serial: '', key_type: '' }
      const instants = { not_before: 1, not_after: 2, staged_at: 3 }
      await knex('certificate').insert({
        id: 'c',
        lineage_id: 'l1',
        tenant_id: 'a',
        ...facts,
        ...instants,
        dns_names: '[]',
      })
      await knex('target_host').insert({ id: 't', name: 't.example', port: 443, front_lineage_id: 'l2', ...created })
      const proof = { proof: 'txt', proven_at: 1, seen_at: 1, misses: 0 }
      const domain = { id: 's', tenant_id: 'a', name: 's.example', mode: 'hosted', front_lineage_id: 'l1', ...proof }
      await knex('source_domain').insert({ ...domain, ...common })
      const terms = { service: '_xmpp-server', protocol: '_tcp', tls_answer: 'redirect', posh_answer: 'off' }
      const refers = { tenant_id: 'a', source_domain_id: 's', target_host_id: 't', lineage_id: 'l2' }
      await knex('delegation').insert({ id: 'd', ...refers, ...terms, ...created })
      await knex('lost_front').insert({ lineage_id: 'l1', name: 'old.example', lost_at: 1, due_at: 2 })
      const challenge = { host: 's.example', token: 't', key_authorization: 'k', expires_at: 1 }
      await knex('acme_challenge').insert(challenge)

      const referring = async () => [
        await knex('certificate').pluck<string[]>('lineage_id'),
        await knex('target_host').pluck<string[]>('front_lineage_id'),
        await knex('source_domain').pluck<string[]>('front_lineage_id'),
        await knex('delegation').pluck<string[]>('lineage_id'),
        await knex('lost_front').pluck<string[]>('lineage_id'),
      ]
      const before = await referring()
      const acme = { id: 'l3', tenant_id: 'a', name: 'three', source: 'acme', ...common, revision: 1 }
      const order = {
        ...{ id: 'o', tenant_id: 'a', lineage_id: 'l3', authority_id: 'x', identifiers: '[]', csr: Buffer.of(1) },
        ...{ private_key_sealed: Buffer.of(1), status: 'new', new_orders: 0, authorizations: '[]', created_at: 1 },
      }
      const job = {
        id: 'j',
        kind: 'authorization-deactivation',
        key: 'k',
        payload: '{}',
        run_at: 1,
        attempts: 0,
        fence: 0,
      }
      for (const round of ['first', 'second']) {
        await up()
        expect(await knex('lineage').orderBy('id').whereNot({ id: 'l3' }), round).toEqual(
          lineages.map((lineage) => ({ ...lineage, identifiers: null })),
        )
        expect(await referring(), round).toEqual(before)
        // They refer to the new table: one that is in use is not deleted, and there is none of that name beside it
        await refused(knex('lineage').where({ id: 'l1' }).del())
        await refused(knex('delegation').update({ lineage_id: 'nobody' }))
        await refused(knex('lineage').insert({ ...acme, id: 'l4', source: 'hearsay' }))
        await refused(knex('lineage').insert({ ...acme, id: 'l4', name: 'one' }))
        await knex('lineage').insert(acme).onConflict('id').merge(['source'])
        await knex('acme_order').insert(order)
        await refused(knex('acme_order').insert({ ...order, id: 'o2' }))
        for (const wrong of [
          { status: 'hearsay' },
          { outcome: 'failed' },
          { finished_at: 1, outcome: 'failed' }, // with its key
          { private_key_sealed: null },
          { certificate_id: 'c' },
          { certificate_id: 'none', finished_at: 1, outcome: 'issued', private_key_sealed: null },
        ])
          await refused(knex('acme_order').where({ id: 'o' }).update(wrong))
        await knex('acme_challenge').insert({ ...challenge, type: 'tls-alpn-01' })
        await refused(knex('acme_challenge').insert({ ...challenge, type: 'dns-01' }))
        await knex('job').insert(job)

        await down()
        expect(await knex('lineage').orderBy('id'), round).toEqual([...lineages, { ...acme, source: 'import' }])
        expect(await referring(), round).toEqual(before)
        await refused(knex('lineage').where({ id: 'l3' }).update({ source: 'acme' }))
        await refused(knex('lineage').where({ id: 'l1' }).del())
        expect(await knex('acme_challenge')).toEqual([])
        expect(await knex('job').select('id')).toEqual([])
        for (const table of ['authority', 'acme_order', 'acme_authorization', 'issuance', 'renewal_info'])
          expect(await knex.schema.hasTable(table), table).toBe(false)
      }
      clock.advance(1) // one backup is not written over another
      expect(await storage.migrate()).toEqual(since('004-acme'))
      await storage.lineages.create('a', { name: 'four', source: 'acme' }, act())
    },
  )

  onEngine('of two processes that start at once both end well', async () => {
    const at = await place(engine)
    const counts = await Promise.all([1, 2].map(() => runChild(at, 'migrate')))
    const total = (await migrations.getMigrations([])).length
    for (const [count] of counts) expect([0, total]).toContain(Number(count))
    expect(await (await open(at)).pendingMigrations()).toEqual([])
    expect(await (await tables(at)).knex('knex_migrations').select('name')).toHaveLength(total)
  })

  onEngine('of a newer version are not touched', async () => {
    const at = await place(engine)
    const storage = await open(at)
    await storage.migrate()
    await (
      await tables(at)
    )
      .knex('knex_migrations')
      .insert({ name: '999-of-the-future', batch: 2, migration_time: clock.now() })
    await expect(open(at)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('999-of-the-future') as string,
    })
    await expect(open(at, true)).rejects.toMatchObject({ code: 'unavailable' })
    await expect(storage.migrate()).rejects.toMatchObject({ code: 'unavailable' })
  })

  onEngine('leave a database that holds something as many rows as it had', async () => {
    const at = await place(engine)
    await (await open(at)).migrate()
    const { knex } = await tables(at)
    await knex('knex_migrations').del() // as if all were pending, on tables that are there
    await expect((await open(at)).migrate()).rejects.toThrow()
    expect(await knex('master_key_check').select('id')).toHaveLength(1)
  })

  onEngine('another master key is refused', async () => {
    const at = await place(engine)
    await (await open(at)).migrate()
    const other = sealer(Buffer.alloc(32, 8), randomBytes)
    for (const isReadOnly of [false, true])
      await expect(openStorage({ ...at, sealer: other, clock, isReadOnly })).rejects.toMatchObject({
        code: 'configuration',
      })
    await (await open(at)).check()
  })

  onEngine('a handle that only reads cannot write', async () => {
    const at = await place(engine)
    const storage = await open(at)
    await storage.migrate()
    const reader = await open(at, true)
    await expect(reader.tenants.add('acme', act())).rejects.toMatchObject({ code: 'unavailable' })
    await reader.check()
    await storage.tenants.add('acme', act())
    expect(await reader.tenants.findByName('acme')).toMatchObject({ name: 'acme' })
  })
})

describe('SQLite', () => {
  const pragma = async (db: Database, name: string) =>
    Object.values((await db.knex.raw<object[]>(`pragma ${name}`))[0]!)[0] as unknown

  test('threat 36: writes are on the disk before they are acknowledged (synchronous is FULL)', async () => {
    const db = await tables(await place('sqlite'))
    expect(await pragma(db, 'synchronous')).toBe(2)
    expect(await pragma(db, 'journal_mode')).toBe('wal')
    expect(await pragma(db, 'foreign_keys')).toBe(1)
    expect(await pragma(db, 'secure_delete')).toBe(1)
    expect(await pragma(db, 'trusted_schema')).toBe(0)
    expect(await pragma(db, 'cell_size_check')).toBe(1)
    await db.knex.transaction(async (trx) => expect(await trx.raw('pragma synchronous')).toEqual([{ synchronous: 2 }]))
  })

  test('nobody else can read the files', async () => {
    const at = await place('sqlite')
    const storage = await open(at)
    await storage.migrate()
    expect(statSync(dirname(at.file)).mode & 0o777).toBe(0o700)
    for (const suffix of ['', '-wal', '-shm']) expect(statSync(at.file + suffix).mode & 0o777, suffix).toBe(0o600)
  })

  test('works in memory', async () => {
    const storage = await open({ url: undefined, file: ':memory:' })
    await storage.migrate()
    await storage.tenants.add('acme', act())
    expect(await storage.tenants.list({ limit: 10 })).toHaveLength(1)
  })

  test('a reader opens a database that nobody has open, and one that is not there is refused', async () => {
    const at = await place('sqlite')
    const writer = await openStorage({ ...at, sealer: testSealer, clock })
    await writer.migrate()
    await writer.tenants.add('acme', act())
    await writer.close()
    expect(existsSync(at.file + '-shm')).toBe(false)
    const reader = await open(at, true)
    expect(await reader.tenants.findByName('acme')).toBeDefined()
    const later = await open(at)
    await later.tenants.add('late', act())
    expect(await reader.tenants.findByName('late')).toBeDefined()
    await expect(open({ url: undefined, file: at.file + '.none' }, true)).rejects.toMatchObject({ code: 'unavailable' })
    expect(existsSync(at.file + '.none')).toBe(false)
  })

  test('what is no database is refused with its path', async () => {
    const { file } = await place('sqlite')
    await open({ url: undefined, file: join(dirname(file), 'makes-the-folder.db') })
    writeFileSync(file, 'not a database, but long enough to be taken for the header of one'.repeat(20))
    await expect(open({ url: undefined, file })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(file) as string,
    })
  })

  test('is copied, privately, before a migration where it holds something', async () => {
    const at = await place('sqlite')
    const storage = await open(at)
    await storage.migrate()
    await storage.tenants.add('acme', act())
    const copies = () => readdirSync(dirname(at.file)).filter((name) => name.includes('.before-'))
    expect(copies()).toEqual([])
    const { knex } = await tables(at)
    await knex('knex_migrations').del() // as if all were pending
    await expect(storage.migrate()).rejects.toThrow() // the tables are there
    expect(copies()).toHaveLength(1)
    const copy = join(dirname(at.file), copies()[0]!)
    expect(statSync(copy).mode & 0o777).toBe(0o600)
    expect(await (await tables({ url: undefined, file: copy })).knex('tenant').pluck('name')).toEqual(['acme'])
  })

  test('two processes that read and then write wait for each other', async () => {
    const at = await place('sqlite')
    const storage = await open(at)
    await storage.migrate()
    const tenant = await storage.tenants.add('acme', act())
    const name = domainName('im.example')
    await storage.sourceDomains.add(tenant.id, { name, mode: 'hosted', isVouched: true }, act())
    const results = await Promise.all([1, 2].map(() => runChild(at, 'toggle', tenant.id, name, '300')))
    expect(results).toEqual([['done'], ['done']])
    expect(await storage.audit.list(tenant.id, { limit: 1000 })).toHaveLength(602)
  })

  test('a transaction has its turn at its beginning', async () => {
    const at = await place('sqlite')
    const [one, two] = [await tables(at), await tables(at)]
    await one.knex.raw('create table t (n integer)')
    await one.knex.transaction(async (trx) => {
      await trx.raw('select 1') // a deferred transaction would hold nothing yet
      const other = two.knex('t').insert({ n: 2 })
      const first = await Promise.race([
        other.then(() => 'the other'),
        new Promise((resolve) => setTimeout(() => resolve('nobody'), 200)),
      ])
      expect(first).toBe('nobody')
      await trx('t').insert({ n: 1 })
    })
    await expect.poll(async () => (await one.knex('t').orderBy('n')).length).toBe(2)
  })

  test('while another process writes for long, this one is not frozen', async () => {
    const at = await place('sqlite')
    const [one, two] = [await tables(at), await tables(at)]
    await one.knex.raw('create table t (n integer)')
    let turns = 0
    const ticker = setInterval(() => turns++, 5)
    await one.knex.transaction(async (trx) => {
      void two
        .knex('t')
        .insert({ n: 2 })
        .then(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 400))
      await trx('t').insert({ n: 1 })
    })
    clearInterval(ticker)
    expect(turns).toBeGreaterThan(15)
    await expect.poll(async () => (await one.knex('t').orderBy('n')).length).toBe(2)
  })

  test('100,000 lines a minute: many are added in batches of 500', async () => {
    const at = await place('sqlite')
    const storage = await open(at)
    await storage.migrate()
    const tenant = await storage.tenants.add('acme', act())
    const began = performance.now()
    for (let batch = 0; batch < 20; batch++)
      await storage.sourceDomains.importMany(
        Array.from({ length: 500 }, () => anImport(tenant.id)),
        act(),
      )
    const perMinute = (10_000 / (performance.now() - began)) * 60_000
    expect(perMinute).toBeGreaterThan(100_000)
  })

  test('threat 36: a writer killed at any moment has lost nothing that it acknowledged', async () => {
    const at = await place('sqlite')
    const storage = await open(at)
    await storage.migrate()
    const tenant = await storage.tenants.add('acme', act())
    const acknowledged: string[] = []
    for (let round = 0; round < 20; round++) {
      const from = acknowledged.length
      const { child, ended } = startChild(at, ['write', tenant.id, `round${round}`], (line) => {
        acknowledged.push(line)
        if (acknowledged.length === from + 1) setTimeout(() => child.kill('SIGKILL'), round * 7)
      })
      expect(await ended).toBeNull()
    }
    const { knex } = await tables(at)
    expect(await knex.raw('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }])
    const names = new Set(await knex('source_domain').pluck<string[]>('name'))
    expect(acknowledged.filter((name) => !names.has(name))).toEqual([])
    expect(acknowledged.length).toBeGreaterThan(40)
    // Whole transactions: a row of the feed and of the trail for each
    expect(await knex('change').where({ kind: 'host' }).select('id')).toHaveLength(names.size)
    expect(await knex('audit_event').where({ action: 'source-domain.add' }).select('id')).toHaveLength(names.size)
  }, 120_000)
})

onBothEngines('a change', (database) => {
  test('that fails half-way leaves no row, no change and no trail', async () => {
    const { storage, db } = database
    const tenant = await aTenant(database)
    const counts = () =>
      Promise.all(
        ['source_domain', 'change', 'audit_event'].map(async (table) => (await db.knex(table).select('id')).length),
      )
    const before = await counts()
    const name = freshName()
    await expect(
      storage.sourceDomains.add(tenant.id, { name, mode: 'sideways' as 'hosted', isVouched: true }, database.act()),
    ).rejects.toThrow()
    await expect(
      storage.sourceDomains.add('no tenant', { name, mode: 'hosted', isVouched: true }, database.act()),
    ).rejects.toMatchObject({
      code: 'not-found',
    })
    expect(await counts()).toEqual(before)
  })

  test('is seen in the order of the feed, however many write at once', async () => {
    const { storage, db } = database
    const tenant = await aTenant(database)
    let last = 0
    let isDone = false
    const seen: number[] = []
    const reader = (async () => {
      while (!isDone) {
        const ids = await db.knex('change').where('id', '>', last).orderBy('id').pluck<number[]>('id')
        seen.push(...ids)
        last = ids.at(-1) ?? last
      }
    })()
    const writers = Array.from({ length: 8 }, async () => {
      for (let i = 0; i < 15; i++)
        await storage.sourceDomains.add(
          tenant.id,
          { name: freshName(), mode: 'hosted', isVouched: true },
          database.act(),
        )
    })
    await Promise.all(writers)
    isDone = true
    await reader
    const all = await db.knex('change').orderBy('id').pluck<number[]>('id')
    expect(all.length).toBeGreaterThanOrEqual(120)
    // A row that became visible behind the reader's position would be missing here
    expect(all.filter((id) => id <= last)).toEqual(seen)
  })

  test('says in its errors nothing of what was bound', async () => {
    const request = ['0'.repeat(64), { userId: null, expiresAt: clock.now() }] as const
    await database.storage.passkeys.addChallenge(...request)
    const error = await database.storage.passkeys.addChallenge(...request).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(Error)
    expect(JSON.stringify(error) + (error as Error).message).not.toContain('0000')
  })
})

describe.skipIf(inject('postgres') === null)('PostgreSQL', () => {
  test('a number past 2^53 is an error and not another number', async () => {
    const db = await tables(await place('postgresql'))
    await expect(db.knex.raw('select 9007199254740993::bigint')).rejects.toThrow(/2\^53/)
    expect(await db.read('select count(*) as n from (values (1), (2)) v', [])).toEqual([{ n: 2 }])
  })

  test('a server that acknowledges before the disk has it is refused', async () => {
    const at = await place('postgresql')
    const db = await tables(at)
    await db.knex.raw(`alter database ${new URL(at.url!).pathname.slice(1)} set synchronous_commit = off`)
    await expect(open(at)).rejects.toMatchObject({ code: 'configuration' })
  })

  test('statements and idle transactions have an end', async () => {
    const db = await tables(await place('postgresql'))
    const setting = async (name: string) => (await db.read<Record<string, string>>(`show ${name}`, []))[0]![name]
    expect(await setting('statement_timeout')).toBe('5s')
    expect(await setting('idle_in_transaction_session_timeout')).toBe('10s')
    expect(await setting('application_name')).toBe('waypost')
  })

  test('a server that goes away is named, what the directory knows is served, and it comes back by itself', async () => {
    const at = await place('postgresql')
    const proxy = await tcpProxy(new URL(at.url!))
    onTestFinished(() => proxy.close())
    const direct = await open(at)
    await direct.migrate()
    const { name } = await direct.targetHosts.add({ name: freshName(), port: 443 }, act())
    const edge = await open({ url: proxy.url, file: '' }, true)
    const lines: string[] = []
    const log = pino({}, { write: (line: string) => void lines.push(line) })
    const directory = edge.directory({ adminHost: domainName('admin.example'), maxEntries: 100, maxBytes: 1e6, log })
    await directory.poll()
    const known = await directory.findHost(name)
    proxy.cut()
    for (let i = 0; i < 3; i++) await directory.poll()
    await expect(edge.check()).rejects.toMatchObject({ code: 'unavailable' })
    expect(await directory.findHost(name)).toEqual(known)
    await expect(directory.findHost(freshName())).rejects.toThrow()
    expect(lines).toHaveLength(1)
    await direct.targetHosts.remove(name, act())
    proxy.mend()
    await directory.poll()
    expect((await directory.findHost(name)).targetHost).toBeNull()
    await edge.check()
  })

  test('connections that die without a word are given up within seconds, and what changed meanwhile is seen', async () => {
    const at = await place('postgresql')
    const proxy = await tcpProxy(new URL(at.url!))
    const direct = await open(at)
    await direct.migrate()
    const { name } = await direct.targetHosts.add({ name: freshName(), port: 443 }, act())
    const edge = await open({ url: proxy.url, file: '' }, true)
    onTestFinished(() => proxy.close())
    const lines: string[] = []
    const log = pino({}, { write: (line: string) => void lines.push(line) })
    const adminHost = domainName('admin.example')
    const directory = edge.directory({ adminHost, maxEntries: 100, maxBytes: 1e6, log, pollMs: 50 })
    onTestFinished(() => directory.close())
    await directory.poll()
    directory.start()
    const names = Array.from({ length: 8 }, () => freshName())
    await Promise.all([name, ...names].map((each) => directory.findHost(each))) // as many connections
    proxy.freeze()
    await direct.targetHosts.remove(name, act())
    expect(await until(async () => (await directory.findHost(name)).targetHost === null)).toBeLessThan(6000)
    expect(directory.stats().isBehind).toBe(false)
    expect(lines).toHaveLength(2) // it went away, and came back
    await Promise.all(names.map((each) => directory.findHost(each)))
  })

  test('a call and a transaction on connections that died so are refused, and the next ones work', async () => {
    const at = await place('postgresql')
    const proxy = await tcpProxy(new URL(at.url!))
    const storage = await open({ url: proxy.url, file: '' })
    const db = await tables({ url: proxy.url, file: '' })
    onTestFinished(() => proxy.close())
    await storage.migrate()
    await Promise.all(Array.from({ length: 5 }, () => storage.tenants.list({ limit: 1 }))) // as many connections
    const began = performance.now()
    let call: Promise<unknown> | undefined
    const { inTransaction } = withFaultsNamed({
      inTransaction: () =>
        db.knex.transaction(async (trx) => {
          await trx.raw('select 1')
          proxy.freeze()
          call = storage.tenants.add('acme', act())
          call.catch(() => {}) // looked at below
          await trx.raw('select 1')
        }),
    })
    await expect(inTransaction()).rejects.toMatchObject({ code: 'unavailable' })
    await expect(call).rejects.toMatchObject({ code: 'unavailable' })
    expect(performance.now() - began).toBeLessThan(10_000)
    await storage.tenants.add('acme', act())
    await db.knex.transaction((trx) => trx.raw('select 1'))
    expect(performance.now() - began).toBeLessThan(11_000)
  })

  test('a connection that is closed in the midst of a statement is named', async () => {
    const at = await place('postgresql')
    const proxy = await tcpProxy(new URL(at.url!))
    onTestFinished(() => proxy.close())
    const [direct, db] = [await tables(at), await tables({ url: proxy.url, file: '' })]
    const isAsleep = "select 1 from pg_stat_activity where query = 'select pg_sleep(4)' and state = 'active'"
    const { sleep } = withFaultsNamed({ sleep: () => db.read('select pg_sleep(4)', []) })
    const refused = expect(sleep()).rejects.toMatchObject({ code: 'unavailable' })
    await until(async () => (await direct.read(isAsleep, [])).length > 0)
    proxy.hangUp()
    await refused
  })

  test('a migration may take longer, on a connection that nothing else uses afterwards', async () => {
    const db = await openDatabase({ ...(await place('postgresql')), isReadOnly: true }) // whose limits are the shortest
    onTestFinished(() => db.knex.destroy())
    const pid = 'select pg_backend_pid() as pid'
    const migrating = await db.knex.transaction(async (trx) => {
      await db.lockMigrations(trx)
      await trx.raw('select pg_sleep(3.5)')
      return db.rows(await trx.raw(pid))
    })
    expect(await db.read(pid, [])).not.toEqual(migrating)
    await expect(db.knex.raw('select pg_sleep(3.5)')).rejects.toMatchObject({ code: '57014' })
  })

  test('nobody there is said at once', async () => {
    await expect(open({ url: 'postgres://nobody@127.0.0.1:1/none', file: '' })).rejects.toMatchObject({
      code: 'unavailable',
    })
  })
})

/** Stands between us and the server. What is frozen is swallowed both ways, as by a firewall that forgot the connection. */
async function tcpProxy(target: URL) {
  let isCut = false
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    if (isCut) return void socket.resetAndDestroy()
    const up = connect(Number(target.port), target.hostname)
    for (const each of [socket, up]) {
      sockets.add(each)
      each.on('error', () => {}).on('close', () => sockets.delete(each))
    }
    socket.pipe(up).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(target)
  url.port = String((server.address() as AddressInfo).port)
  const cut = () => {
    isCut = true
    for (const socket of sockets) socket.resetAndDestroy()
  }
  const hangUp = () => {
    for (const socket of sockets) socket.end()
  }
  const freeze = () => {
    for (const socket of sockets) socket.unpipe().pause()
  }
  return {
    url: url.href,
    cut,
    hangUp,
    freeze,
    mend: () => void (isCut = false),
    close: () => (cut(), void server.close()),
  }
}
