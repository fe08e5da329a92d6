import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { frontLineageName } from '../../src/certificate/lineage.ts'
import type { SourceDomain } from '../../src/delegation/source-domain.ts'
import type { DomainName } from '../../src/name.ts'
import { SPANS_KEPT } from '../../src/storage/sighting-spans.ts'
import {
  afterLook,
  KEEP_KEYS_MS,
  MISSES_TO_LAPSE,
  stateOf,
  WAVERING_MS,
  type Claim,
  type ControlStore,
  type Sighting,
} from '../../src/tenant/control.ts'
import type { Findings, Look } from '../../src/tenant/findings.ts'
import { PROOF_CHECK } from '../../src/tenant/proof-checks.ts'
import type { Tenant } from '../../src/tenant/tenant.ts'
import { dice } from '../support/dice.ts'
import { onBothEngines } from '../support/databases.ts'
import { aChain, aDelegation, anImport, aTenant, changesBehind, feedEnd, freshName } from './rows.ts'

const HOUR_MS = 3_600_000
const ROUNDS = 100
const TENANTS = 50

const GONE: Sighting = { outcome: 'wrong', isByMost: true }
const UNKNOWN: Sighting = { outcome: 'could-not-ask' }
const TXT: Sighting = { outcome: 'ok', proof: 'txt', isByMost: true }

/** What the name servers said; the store keeps it, and looks at nothing but whose servers they are. */
function findings(servers: string[] | null = ['ns1.example.net', 'ns2.example.net']): Findings {
  const txt: Look = {
    name: '_waypost-challenge.example.com',
    type: 'TXT',
    aliases: [],
    zone: servers && 'example.com',
    replies: (servers ?? []).map((server) => ({ server, address: '192.0.2.1', reply: 'empty', values: [] })),
    fault: servers ? null : 'no-zone',
  }
  return { txt, txtSibling: null, cname: null, cnameSibling: null }
}

onBothEngines('looks at a name', (database) => {
  const claim = (tenant: Tenant, name: DomainName, isVouched = false): Promise<SourceDomain> =>
    database.storage.sourceDomains.add(tenant.id, { name, mode: 'hosted', isVouched }, database.act())

  /** A look, begun a second after the one before, at which the records of these tenants were there and all others' gone. */
  function look(
    name: DomainName,
    seen: readonly Tenant[] | 'nobody could be asked',
    given: { lookedAt?: Date; servers?: string[] | null; control?: ControlStore; by?: string } = {},
  ) {
    database.clock.advance(1000)
    const { lookedAt = database.clock.now(), control = database.storage.control } = given
    const isUnanswered = typeof seen === 'string'
    const sighting = ({ tenantId }: Claim) =>
      isUnanswered ? UNKNOWN : seen.some(({ id }) => id === tenantId) ? TXT : GONE
    return control.takeIn(
      { name, lookedAt, findings: findings(given.servers) },
      (claims) => ({ changes: afterLook(claims, sighting, lookedAt), isUnanswered, sighting }),
      { ...database.act(), actor: given.by ?? 'test', address: given.by ? '203.0.113.9' : null },
    )
  }

  const holders = async (name: DomainName) =>
    (await database.storage.control.claimsTo(name))
      .filter(({ proof }) => proof !== null)
      .map(({ tenantId }) => tenantId)
  const controlOf = async ({ id }: Tenant, name: DomainName) =>
    (await database.storage.control.claimsTo(name)).find(({ tenantId }) => tenantId === id)!
  const trail = async ({ id }: Tenant) =>
    (await database.storage.audit.list(id, { limit: 100, isOldestFirst: true })).filter(
      ({ action }) => action !== 'tenant.add',
    )
  const actions = async (tenant: Tenant) => (await trail(tenant)).map(({ action }) => action)
  const rows = (table: string, where: object) => database.db.knex(table).where(where)

  async function twoClaims() {
    const [a, b] = [await aTenant(database), await aTenant(database)]
    const name = freshName()
    for (const tenant of [a, b]) await claim(tenant, name)
    return { a, b, name }
  }

  test("a claim comes with its tenant's edge label, the earliest first", async () => {
    const { a, b, name } = await twoClaims()
    expect(await database.storage.control.claimsTo(name)).toMatchObject(
      [a, b].map(({ id, edgeLabel }) => ({
        ...{ tenantId: id, edgeLabel, name, mode: 'hosted', claimedAt: database.clock.now() },
        ...{ proof: null, provenAt: null, seenAt: null, waveringSince: null, misses: 0, lapsedAt: null },
      })),
    )
    expect(await database.storage.control.claimsTo(freshName())).toEqual([])
  })

  test('threat 1: of two who claim a name the one that proves it holds it, and neither learns of the other', async () => {
    const { a, b, name } = await twoClaims()
    const position = await feedEnd(database)
    const taken = await look(name, [b])
    expect(await holders(name)).toEqual([b.id])
    expect(taken).toEqual({ claims: await database.storage.control.claimsTo(name), unanswered: 0 })
    expect(await controlOf(b, name)).toMatchObject({
      ...{ proof: 'txt', provenAt: database.clock.now(), seenAt: database.clock.now(), lapsedAt: null },
    })
    expect(await changesBehind(database, position)).toEqual([`host ${name}`])
    expect(await actions(a)).toEqual(['source-domain.add'])
    expect((await trail(b)).at(-1)).toMatchObject({
      ...{ action: 'source-domain.prove', subject: name, actor: PROOF_CHECK, address: null },
      detail: { before: { proof: null }, after: { proof: 'txt' } },
    })
    await expect(database.storage.sourceDomains.vouch(a.id, name, database.act())).rejects.toMatchObject({
      code: 'source-domain-taken',
    })
    const stranger = await aTenant(database)
    await expect(claim(stranger, name, true)).rejects.toMatchObject({ code: 'source-domain-taken' })
  })

  test("a proof that is seen again, or missed once more, is noted and is nobody's act", async () => {
    const { a, name } = await twoClaims()
    await look(name, [a])
    const before = await database.storage.sourceDomains.find(a.id, name)
    const [position, told] = [await feedEnd(database), await trail(a)]
    await look(name, [a])
    expect(await database.storage.sourceDomains.find(a.id, name)).toEqual({ ...before, seenAt: database.clock.now() })
    expect(await trail(a)).toEqual(told)
    await look(name, [])
    const wavering = { ...before, seenAt: database.clock.now(), waveringSince: database.clock.now() }
    expect((await trail(a)).at(-1)).toMatchObject({ action: 'source-domain.waver' })
    const since = await controlOf(a, name)
    expect(since).toMatchObject({ waveringSince: wavering.waveringSince, misses: 1, proof: 'txt' })
    await look(name, [])
    expect(await controlOf(a, name)).toEqual({ ...since, misses: 2 })
    expect(await trail(a)).toHaveLength(told.length + 1)
    expect((await database.storage.sourceDomains.find(a.id, name))?.revision).toBe(before!.revision + 1)
    expect(await changesBehind(database, position)).toEqual([])
  })

  test('one that was wavering and is found again is proven, which the trail tells and the edge need not know', async () => {
    const { a, name } = await twoClaims()
    await look(name, [a])
    await look(name, [])
    const position = await feedEnd(database)
    await look(name, [a])
    expect((await trail(a)).at(-1)).toMatchObject({
      action: 'source-domain.prove',
      detail: { before: { misses: 1 }, after: { waveringSince: null, misses: 0 } },
    })
    expect(await changesBehind(database, position)).toEqual([])
  })

  test('threat 4: gone for 72 hours and three looks it lapses, and the edge is told', async () => {
    const { a, name } = await twoClaims()
    await look(name, [a])
    for (let miss = 1; miss < MISSES_TO_LAPSE; miss++) await look(name, [])
    database.clock.advance(WAVERING_MS)
    const position = await feedEnd(database)
    await look(name, [])
    expect(stateOf(await controlOf(a, name))).toBe('lapsed')
    expect((await trail(a)).at(-1)).toMatchObject({ action: 'source-domain.lapse', detail: { after: { proof: null } } })
    expect(await changesBehind(database, position)).toEqual([`host ${name}`])
    expect(await holders(name)).toEqual([])
  })

  test('threat 4, row 36: while nobody can be asked nothing is taken from anybody, and the looks are counted', async () => {
    const { a, b, name } = await twoClaims()
    await look(name, [a])
    const before = await controlOf(a, name)
    const told = await trail(a)
    for (let day = 1; day <= 10; day++) {
      database.clock.advance(24 * HOUR_MS)
      expect(await look(name, 'nobody could be asked', { servers: null })).toMatchObject({ unanswered: day })
    }
    expect(await controlOf(a, name)).toEqual(before)
    expect(await trail(a)).toEqual(told)
    expect(await actions(b)).toEqual(['source-domain.add'])
    expect(await database.storage.control.lastLook(name)).toEqual({
      ...{ name, lookedAt: database.clock.now(), findings: findings(null), unanswered: 10 },
    })
    expect(await look(name, [a])).toMatchObject({ unanswered: 0 })
  })

  test('threat 4: other name servers are noted in the trail of the holder, also where none answered in between', async () => {
    const { a, b, name } = await twoClaims()
    await look(name, [a], { servers: ['ns1.old.example', 'ns2.old.example'] })
    await look(name, [a], { servers: ['ns1.old.example', 'ns2.old.example'] })
    expect(await actions(a)).not.toContain('source-domain.name-servers-changed')
    await look(name, 'nobody could be asked', { servers: null })
    await look(name, [a], { servers: ['ns1.new.example'] })
    expect((await trail(a)).at(-1)).toMatchObject({
      ...{ action: 'source-domain.name-servers-changed', subject: name },
      detail: {
        before: { nameServers: ['ns1.old.example', 'ns2.old.example'] },
        after: { nameServers: ['ns1.new.example'] },
      },
    })
    expect(await actions(b)).toEqual(['source-domain.add'])
    await look(name, [a], { servers: ['ns1.new.example'] })
    expect((await actions(a)).filter((action) => action.endsWith('name-servers-changed'))).toHaveLength(1)
  })

  describe('a look', () => {
    test('that began before the last one taken in, or with it, is dropped', async () => {
      const { a, b, name } = await twoClaims()
      await look(name, [a])
      const last = await database.storage.control.lastLook(name)
      for (const msBefore of [0, 1, 5000]) {
        const lookedAt = new Date(last!.lookedAt.getTime() - msBefore)
        expect(await look(name, [b], { lookedAt, servers: ['ns.stale.example'] })).toBeUndefined()
      }
      expect(await holders(name)).toEqual([a.id])
      expect(await database.storage.control.lastLook(name)).toEqual(last)
    })

    test('by a clock that ran a year ahead does not keep later ones out', async () => {
      const { a, b, name } = await twoClaims()
      await look(name, [a], { lookedAt: new Date(database.clock.now().getTime() + 365 * 24 * HOUR_MS) })
      await look(name, [b])
      expect(await holders(name)).toEqual([b.id])
    })

    test('at a name that nobody claims any more is dropped, and leaves nothing', async () => {
      const { a, b, name } = await twoClaims()
      await look(name, [a])
      for (const { id } of [a, b]) await database.storage.sourceDomains.remove(id, name, database.act())
      expect(await rows('proof_check', { name })).toEqual([])
      expect(await look(name, [a])).toBeUndefined()
      expect(await rows('proof_check', { name })).toEqual([])
    })

    test('lengthens the span of those that came to the same, and the twentieth span before goes', async () => {
      const { a, b, name } = await twoClaims()
      const spans = async (tenant: Tenant) => database.storage.control.sightingSpans((await controlOf(tenant, name)).id)
      expect(await spans(a)).toEqual([])
      await look(name, [a])
      const firstAt = database.clock.now()
      await look(name, [a])
      const lastAt = database.clock.now()
      expect(await spans(a)).toEqual([{ outcome: 'ok', proof: 'txt', firstAt, lastAt, looks: 2 }])
      expect(await spans(b)).toEqual([{ outcome: 'wrong', proof: null, firstAt, lastAt, looks: 2 }])
      for (let times = 0; times < SPANS_KEPT; times++) await look(name, times % 2 === 0 ? 'nobody could be asked' : [a])
      const kept = await spans(a)
      expect(kept.map(({ outcome }) => outcome)).toEqual(
        Array.from({ length: SPANS_KEPT }, (_, i) => (i % 2 === 0 ? 'ok' : 'could-not-ask')),
      )
      expect(kept.at(-1)!.firstAt > lastAt).toBe(true)
      expect(await rows('sighting_span', { source_domain_id: (await controlOf(a, name)).id })).toHaveLength(SPANS_KEPT)
      const { id } = await controlOf(b, name)
      expect(await rows('sighting_span', { source_domain_id: id })).not.toEqual([])
      await database.storage.sourceDomains.remove(b.id, name, database.act())
      expect(await rows('sighting_span', { source_domain_id: id })).toEqual([])
    })

    test('that is never taken in, or whose transaction fails, has changed nothing', async () => {
      const { a, name } = await twoClaims()
      const [position, told] = [await feedEnd(database), await trail(a)]
      const lookedAt = database.clock.now()
      await expect(
        database.storage.control.takeIn(
          { name, lookedAt, findings: findings() },
          (claims) => {
            const changes = afterLook(claims, () => TXT, lookedAt)
            const broken = { ...changes[0]!, claim: { ...changes[0]!.claim, id: 'no claim' } }
            return { changes: [...changes, broken], isUnanswered: false, sighting: () => TXT } // dies half-way
          },
          database.act(),
        ),
      ).rejects.toThrow('no claim')
      expect(await holders(name)).toEqual([])
      expect(await trail(a)).toEqual(told)
      expect(await changesBehind(database, position)).toEqual([])
      expect(await database.storage.control.lastLook(name)).toBeUndefined()
      await look(name, [a])
      expect(await holders(name)).toEqual([a.id])
    })

    test('taken in twice at once counts once, whoever is first', async () => {
      const other = (await database.open()).control
      for (let round = 0; round < 10; round++) {
        const { a, b, name } = await twoClaims()
        const lookedAt = new Date(database.clock.now().getTime() + 1)
        const taken = await Promise.all([look(name, [a], { lookedAt }), look(name, [b], { lookedAt, control: other })])
        expect(taken.filter((one) => one !== undefined)).toHaveLength(1)
        expect(await holders(name)).toHaveLength(1)
        const proven = [...(await actions(a)), ...(await actions(b))].filter((action) => action.endsWith('.prove'))
        expect(proven).toHaveLength(1)
      }
    })

    test('while the operator vouches for another claim leaves one holder', async () => {
      const other = (await database.open()).control
      for (let round = 0; round < 20; round++) {
        const [a, b] = [await aTenant(database), await aTenant(database)]
        const name = freshName()
        await claim(a, name)
        const [taken, vouched] = await Promise.allSettled([look(name, [a], { control: other }), claim(b, name, true)])
        expect(taken).toMatchObject({ status: 'fulfilled' })
        if (vouched.status === 'rejected') expect(vouched.reason).toMatchObject({ code: 'source-domain-taken' })
        expect(await holders(name)).toEqual([vouched.status === 'fulfilled' ? b.id : a.id])
      }
    })
  })

  test('many who claim a name, look at it, change, delegate and remove their claims at once wait for each other', async () => {
    const { storage, act } = database
    const node = await database.open()
    for (let round = 0; round < 20; round++) {
      const { tenant: a, domain, delegation, target, lineageId } = await aDelegation(database)
      const { name } = domain
      const [b, c] = [await aTenant(database), await aTenant(database)]
      const theirs = await claim(b, name)
      await claim(c, name)
      await storage.sourceDomains.withdrawVouch(a.id, name, act())
      await look(name, [a])
      const targetHostId = (await storage.targetHosts.find(target))!.id
      const terms = { ...delegation, lineageId, targetHostId, srvPort: 5000 }
      const outcomes = await Promise.allSettled([
        look(name, [b], { control: node.control }),
        storage.sourceDomains.setMode(b.id, name, 'external', act()),
        node.delegations.register(b.id, { ...terms, sourceDomainId: theirs.id }, act()),
        storage.delegations.change(a.id, delegation.id, terms, act()),
        look(name, [a]),
        node.sourceDomains.suspend(a.id, name, act()),
        storage.sourceDomains.remove(c.id, name, act()),
        node.sourceDomains.remove(a.id, name, act()),
        storage.sourceDomains.vouch(b.id, name, act()),
        node.sourceDomains.importMany(
          [b, c].map(({ id }) => anImport(id, { name, delegations: [{ ...terms, lineage: delegation.lineageName }] })),
          act(),
        ),
      ])
      for (const outcome of outcomes)
        if (outcome.status === 'rejected')
          expect((outcome.reason as { code?: string }).code, String(outcome.reason)).toMatch(
            /^(not-found|source-domain-taken|already-exists)$/,
          )
      expect((await holders(name)).length).toBeLessThan(2)
    }
  })

  describe('when another tenant proves that it controls the name', () => {
    test('the name moves at once, and the former holder learns that and never to whom', async () => {
      const { a, b, name } = await twoClaims()
      await look(name, [a])
      const position = await feedEnd(database)
      await look(name, [b], { by: 'bob@b.example' })
      expect(await holders(name)).toEqual([b.id])
      expect(stateOf(await controlOf(a, name))).toBe('lapsed')
      expect(await changesBehind(database, position)).toEqual([`host ${name}`])
      const lost = (await trail(a)).at(-1)!
      expect(lost).toMatchObject({
        ...{ action: 'source-domain.lose', subject: name, actor: PROOF_CHECK, address: null },
        detail: {
          why: expect.stringContaining('another tenant has proven') as string,
          before: { proof: 'txt' },
          after: { proof: null, lapsedAt: database.clock.now().toISOString() },
        },
      })
      for (const secret of [b.id, b.name, b.edgeLabel, 'bob', '203.0.113.9'])
        expect(JSON.stringify(await trail(a))).not.toContain(secret)
      expect(await database.storage.audit.verify()).toMatchObject({ isWhole: true })
    })

    test('in whatever order the two are told', async () => {
      const { a, b, name } = await twoClaims()
      await look(name, [a])
      database.clock.advance(1000)
      const lookedAt = database.clock.now()
      const seen = ({ tenantId }: Claim) => (tenantId === b.id ? TXT : GONE)
      await database.storage.control.takeIn(
        { name, lookedAt, findings: findings() },
        (claims) => ({ changes: afterLook(claims, seen, lookedAt).toReversed(), isUnanswered: false, sighting: seen }),
        database.act(),
      )
      expect(await holders(name)).toEqual([b.id])
    })

    test('and is served what the new holder has delegated, from what the edge reads next', async () => {
      const { tenant: a, domain, delegation } = await aDelegation(database)
      const { name } = domain
      const b = await aTenant(database)
      await claim(b, name)
      await database.storage.sourceDomains.withdrawVouch(a.id, name, database.act())
      await look(name, [a])
      const directory = (await database.open()).directory({
        ...{ adminHost: freshName(), maxEntries: 100, maxBytes: 1e6 },
        log: { debug() {}, info() {}, warn() {}, error() {} },
      })
      await directory.poll()
      expect((await directory.findHost(name)).sourceDomain?.delegations).toHaveLength(1)
      await look(name, [b])
      await directory.poll()
      expect((await directory.findHost(name)).sourceDomain?.delegations).toEqual([])
      expect(await database.storage.delegations.find(a.id, delegation.id)).toEqual(delegation)
    })
  })

  describe('the private keys of a name', () => {
    /** A front lineage with a certificate and its key, in use. */
    async function aFront(tenant: Tenant, name: DomainName, lineageName: string = frontLineageName(name)) {
      const { lineages, sourceDomains } = database.storage
      const { id } = await lineages.create(tenant.id, { name: lineageName, source: 'local' }, database.act())
      const key = createHash('sha256').update(`key of ${tenant.id} ${lineageName}`).digest()
      const staged = await lineages.stage(tenant.id, id, { chain: aChain(), privateKey: key }, database.act())
      await lineages.activate(tenant.id, staged.id, database.clock.now(), database.act())
      await sourceDomains.setFrontLineage(tenant.id, name, id, database.act())
      const [row] = await rows('private_key', { id: staged.privateKeyId! }).select<{ sealed: Buffer }[]>('sealed')
      return { id, keyId: staged.privateKeyId!, sealed: row!.sealed }
    }
    const lostBy = (lineageId: string) =>
      rows('lost_front', { lineage_id: lineageId })
        .orderBy('name')
        .select<{ name: string; due_at: number }[]>('name', 'due_at')
    const hasKey = async (keyId: string) => (await rows('private_key', { id: keyId })).length === 1
    const inThirtyDays = () => database.clock.now().getTime() + KEEP_KEYS_MS

    async function held() {
      const { a, b, name } = await twoClaims()
      await look(name, [a])
      return { a, b, name, front: await aFront(a, name) }
    }
    async function lapse(name: DomainName) {
      for (let miss = 1; miss < MISSES_TO_LAPSE; miss++) await look(name, [])
      database.clock.advance(WAVERING_MS)
      await look(name, [])
    }
    const losses: [how: string, lose: (tenant: Tenant, name: DomainName) => Promise<unknown>][] = [
      ['lapses', (_, name) => lapse(name)],
      ['is removed', ({ id }, name) => database.storage.sourceDomains.remove(id, name, database.act())],
      [
        'is no longer vouched for',
        async ({ id }, name) => {
          await database.storage.sourceDomains.vouch(id, name, database.act())
          await database.storage.sourceDomains.withdrawVouch(id, name, database.act())
        },
      ],
    ]

    test.each(losses)('that %s are kept for 30 days and then destroyed', async (_, lose) => {
      const { a, name, front } = await held()
      await lose(a, name)
      expect(await lostBy(front.id)).toEqual([{ name, due_at: inThirtyDays() }])
      database.clock.advance(KEEP_KEYS_MS - 1)
      await database.storage.control.destroyKeys(database.clock.now())
      expect(await hasKey(front.keyId)).toBe(true)
      database.clock.advance(1)
      const position = await feedEnd(database)
      expect(await database.storage.control.destroyKeys(database.clock.now())).toBe(1)
      expect(await database.storage.control.destroyKeys(database.clock.now())).toBe(0)
      expect(await hasKey(front.keyId)).toBe(false)
      const lineage = (await database.storage.lineages.find(a.id, front.id))!
      expect(lineage.certificates).toMatchObject([{ privateKeyId: null }])
      expect(await lostBy(front.id)).toEqual([])
      expect(await rows('source_domain', { front_lineage_id: front.id })).toEqual([])
      expect(await changesBehind(database, position)).toEqual([`lineage ${front.id}`])
      expect((await trail(a)).at(-1)).toMatchObject({
        ...{ action: 'private-key.destroy', subject: name, actor: PROOF_CHECK },
        detail: { lineage: frontLineageName(name), certificates: [lineage.certificates[0]!.sha256] },
      })
    })

    test.each(losses)('that %s are destroyed at once where another tenant proves it', async (_, lose) => {
      const { a, b, name, front } = await held()
      await lose(a, name)
      const position = await feedEnd(database)
      await look(name, [b])
      expect(await hasKey(front.keyId)).toBe(false)
      expect((await changesBehind(database, position)).sort()).toEqual([`host ${name}`, `lineage ${front.id}`])
      expect((await trail(a)).at(-1)).toMatchObject({ action: 'private-key.destroy', subject: name })
      expect(await actions(b)).not.toContain('private-key.destroy')
      expect(JSON.stringify(await trail(a))).not.toContain(b.id)
    })

    const gains: [how: string, gain: (tenant: Tenant, name: DomainName) => Promise<unknown>][] = [
      ['is vouched for', ({ id }, name) => database.storage.sourceDomains.vouch(id, name, database.act())],
      [
        'claims it and is vouched for',
        async ({ id }, name) => {
          await database.storage.sourceDomains.remove(id, name, database.act())
          await database.storage.sourceDomains.add(id, { name, mode: 'hosted', isVouched: true }, database.act())
        },
      ],
      [
        'imports it',
        async ({ id }, name) => {
          await database.storage.sourceDomains.remove(id, name, database.act())
          await database.storage.sourceDomains.importMany(
            [freshName(), name].map((each) => anImport(id, { name: each })),
            database.act(),
          )
        },
      ],
    ]

    test.each(gains)('that lapsed are destroyed where another tenant %s', async (_, gain) => {
      const { b, name, front } = await held()
      await lapse(name)
      await gain(b, name)
      expect(await holders(name)).toEqual([b.id])
      expect(await hasKey(front.keyId)).toBe(false)
    })

    test.each(gains)('that lapsed are kept where the same tenant %s', async (_, gain) => {
      const { a, name, front } = await held()
      await lapse(name)
      await gain(a, name)
      expect(await lostBy(front.id)).toEqual([])
      database.clock.advance(KEEP_KEYS_MS)
      await database.storage.control.destroyKeys(database.clock.now())
      expect(await hasKey(front.keyId)).toBe(true)
    })

    test('that is lost to another tenant are destroyed in that very act, and the claim has no front any more', async () => {
      const { a, b, name, front } = await held()
      const theirs = await aFront(b, name, 'kept for later') // chosen before it is held
      await look(name, [b])
      expect(await hasKey(front.keyId)).toBe(false)
      expect((await database.storage.sourceDomains.find(a.id, name))?.frontLineageId).toBeNull()
      expect(await actions(a)).toEqual(expect.arrayContaining(['source-domain.lose', 'private-key.destroy']))
      expect(await hasKey(theirs.keyId)).toBe(true)
      expect(await lostBy(theirs.id)).toEqual([])
    })

    test('that the same tenant proves again are kept, with the front as it was', async () => {
      const { a, name, front } = await held()
      await lapse(name)
      await look(name, [a])
      expect(await lostBy(front.id)).toEqual([])
      expect((await database.storage.sourceDomains.find(a.id, name))?.frontLineageId).toBe(front.id)
    })

    test('that the same tenant claims anew and puts to use again are kept', async () => {
      const { a, name, front } = await held()
      const elsewhere = freshName()
      await database.storage.sourceDomains.remove(a.id, name, database.act())
      await claim(a, elsewhere, true)
      await database.storage.sourceDomains.setFrontLineage(a.id, elsewhere, front.id, database.act())
      database.clock.advance(KEEP_KEYS_MS)
      await database.storage.control.destroyKeys(database.clock.now())
      expect(await hasKey(front.keyId)).toBe(true)
    })

    test('that was lost while its front was made ready do not stay for ever', async () => {
      const { a, name } = await twoClaims()
      await look(name, [a])
      await lapse(name)
      const front = await aFront(a, name, 'my own')
      const lost = [{ name, due_at: inThirtyDays() }]
      expect(await lostBy(front.id)).toEqual(lost)
      database.clock.advance(24 * HOUR_MS)
      await database.storage.sourceDomains.setFrontLineage(a.id, name, front.id, database.act())
      expect(await lostBy(front.id)).toEqual(lost)
      const unused = freshName()
      await claim(a, unused, true)
      const { id } = await database.storage.lineages.create(
        a.id,
        { name: frontLineageName(unused), source: 'local' },
        database.act(),
      )
      await database.storage.sourceDomains.remove(a.id, unused, database.act())
      expect(await lostBy(id)).toMatchObject([{ name: unused }])
    })

    test("are not touched where another name that is held presents or publishes the lineage, nor the operator's", async () => {
      const { storage, act } = database
      const { a, b, name, front } = await held()
      const other = freshName()
      await claim(a, other, true)
      await storage.sourceDomains.setFrontLineage(a.id, other, front.id, act())
      await look(name, [b])
      expect(await hasKey(front.keyId)).toBe(true)
      await storage.sourceDomains.remove(a.id, other, act())
      expect((await lostBy(front.id)).map((lost) => lost.name).sort()).toEqual([name, other].sort())

      const published = await held()
      const { domain, target } = await aDelegation(database, { tenant: published.a })
      await storage.delegations.register(
        published.a.id,
        {
          ...{ sourceDomainId: domain.id, targetHostId: (await storage.targetHosts.find(target))!.id },
          ...{ lineageId: published.front.id, service: '_xmpp-client', protocol: '_tcp', srvPort: null },
          ...{ tlsAnswer: 'redirect', poshAnswer: 'fingerprints' },
        },
        act(),
      )
      await look(published.name, [published.b])
      expect(await hasKey(published.front.keyId)).toBe(true)
      await storage.sourceDomains.withdrawVouch(published.a.id, domain.name, act())
      expect(await hasKey(published.front.keyId)).toBe(true)
      expect(await storage.control.destroyKeys(database.clock.now())).toBe(1)
      expect(await hasKey(published.front.keyId)).toBe(false)

      const { id } = await storage.lineages.create(null, { name: freshName(), source: 'import' }, act())
      const shared = await held()
      await storage.sourceDomains.setFrontLineage(shared.a.id, shared.name, id, act())
      await look(shared.name, [shared.b])
      expect(await lostBy(id)).toEqual([])
    })

    test('that came into use after all are kept when their time is over', async () => {
      const { a, name, front } = await held()
      await lapse(name)
      const other = freshName()
      await claim(a, other, true)
      await rows('source_domain', { tenant_id: a.id, name: other }).update({ front_lineage_id: front.id })
      database.clock.advance(KEEP_KEYS_MS)
      await database.storage.control.destroyKeys(database.clock.now())
      expect(await hasKey(front.keyId)).toBe(true)
    })

    const onSqlite = database.engine === 'sqlite' ? test : () => {} // only there is it in our hands
    onSqlite('are overwritten in the files of SQLite', async () => {
      const { b, name, front } = await held()
      const { knex } = database.db
      const files = async () => {
        await knex.raw('pragma wal_checkpoint(truncate)')
        return Buffer.concat(['', '-wal'].map((suffix) => readFileSync(database.place.file + suffix)))
      }
      expect((await files()).includes(front.sealed)).toBe(true)
      await look(name, [b])
      expect((await files()).includes(front.sealed)).toBe(false)
    })
  })

  test(
    `threat 1, row 9: ${TENANTS} tenants who claim a name at once and are all seen give one holder, ${ROUNDS} times, and no other learns of it`,
    { timeout: 300_000 },
    async () => {
      const tenants: Tenant[] = []
      for (let i = 0; i < TENANTS; i++) tenants.push(await aTenant(database))
      const names = Array.from({ length: ROUNDS }, () => freshName())
      const others = [database.storage.control, (await database.open()).control]
      const pick = dice(9)
      for (const name of names) {
        await Promise.all(tenants.map((tenant) => claim(tenant, name)))
        const base = database.clock.now().getTime()
        const began = tenants.map((_, i) => ({ i, order: pick(1000) })).sort((one, other) => one.order - other.order)
        // Half of the looks saw every claimant's record, half that of one alone, so that the name moves back and forth
        await Promise.all(
          began.map(({ i, order }) =>
            look(name, i % 2 === 0 ? tenants : [tenants[i]!], {
              lookedAt: new Date(base + order),
              control: others[i % 2]!,
            }),
          ),
        )
        expect(await holders(name)).toHaveLength(1)
      }
      for (const tenant of tenants) {
        const told = await database.storage.audit.list(tenant.id, { limit: 10_000 })
        const strangers = tenants.filter(({ id }) => id !== tenant.id)
        const text = JSON.stringify(told)
        expect(told.every(({ tenantId }) => tenantId === tenant.id)).toBe(true)
        expect(strangers.some(({ id, edgeLabel }) => text.includes(id) || text.includes(edgeLabel))).toBe(false)
        // What was lost was held before, and what is held was not lost since
        for (const name of names) {
          const moves = told
            .filter(({ subject, action }) => subject === name && /prove|lose/.test(action))
            .map(({ action }) => action)
            .reverse()
          expect(moves).toEqual(moves.map((_, i) => (i % 2 === 0 ? 'source-domain.prove' : 'source-domain.lose')))
        }
        const claims = await database.storage.sourceDomains.list(tenant.id, { limit: 1000 })
        expect(claims.every(({ tenantId }) => tenantId === tenant.id)).toBe(true)
      }
      expect(await database.storage.audit.verify()).toMatchObject({ isWhole: true })
    },
  )
})
