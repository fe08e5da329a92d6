import { randomBytes } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { CERTIFICATE_TROUBLES, frontLineageName } from '../../src/certificate/lineage.ts'
import { SOURCE_DOMAIN_TROUBLES } from '../../src/delegation/source-domain.ts'
import { domainName } from '../../src/name.ts'
import { ProblemError } from '../../src/problem.ts'
import { openDatabase, type Database } from '../../src/storage/database.ts'
import { budgetStore } from '../../src/storage/budget-store.ts'
import { censusStore } from '../../src/storage/census-store.ts'
import { changeFeed } from '../../src/storage/change-feed.ts'
import { challengeRecordStore } from '../../src/storage/challenge-record-store.ts'
import { challengeStore } from '../../src/storage/challenge-store.ts'
import { authorityStore } from '../../src/storage/authority-store.ts'
import { auditStore } from '../../src/storage/audit-store.ts'
import { controlStore } from '../../src/storage/control-store.ts'
import { delegationStore } from '../../src/storage/delegation-store.ts'
import { domainImportStore, sweepDomainImports } from '../../src/storage/domain-import-store.ts'
import { hostDirectory } from '../../src/storage/host-directory.ts'
import { issuanceStore } from '../../src/storage/issuance-store.ts'
import { jobStore } from '../../src/storage/job-store.ts'
import { lineageStore } from '../../src/storage/lineage-store.ts'
import { orderStore } from '../../src/storage/order-store.ts'
import { renewalInfoStore } from '../../src/storage/renewal-info-store.ts'
import { privateKeyStore } from '../../src/storage/private-key-store.ts'
import { attemptStore } from '../../src/storage/attempt-store.ts'
import { idempotencyStore } from '../../src/storage/idempotency-store.ts'
import { linkStore } from '../../src/storage/link-store.ts'
import { memberStore } from '../../src/storage/member-store.ts'
import { presentedHosts } from '../../src/storage/presented-hosts.ts'
import { passkeyStore } from '../../src/storage/passkey-store.ts'
import { savedFilterStore } from '../../src/storage/saved-filter-store.ts'
import { troubleStore } from '../../src/storage/trouble-store.ts'
import { tokenStore } from '../../src/storage/token-store.ts'
import { userStore } from '../../src/storage/user-store.ts'
import { sessionStore } from '../../src/storage/session-store.ts'
import { settingsStore } from '../../src/storage/settings-store.ts'
import { sourceDomainStore } from '../../src/storage/source-domain-store.ts'
import { targetHostStore } from '../../src/storage/target-host-store.ts'
import { tenantStore } from '../../src/storage/tenant-store.ts'
import { sweep } from '../../src/storage/sweep.ts'
import { lapsedSince } from '../../src/tenant/control.ts'
import type { Findings } from '../../src/tenant/findings.ts'
import { pino } from 'pino'
import { onBothEngines } from '../support/databases.ts'
import { testSealer } from '../support/sealer.ts'
import { A_PROBLEM, aChain, aDelegation, anAuthority, anAuthorization, anImport, freshName } from './rows.ts'

// Every statement of every method, explained: over a million rows, one that walks a table would be a standstill.
onBothEngines('statements', (database) => {
  const statements = new Map<string, unknown[]>()
  let db: Database

  beforeAll(async () => {
    const { clock } = database
    const { tenant, domain, delegation, target, lineageId } = await aDelegation(database)
    db = await openDatabase({ ...database.place, isReadOnly: false, auditKey: Buffer.alloc(32) })
    db.knex.on('query', ({ sql, bindings }: { sql: string; bindings: unknown[] }) => statements.set(sql, bindings))
    let ids = 0
    const deps = { db, clock, sealer: testSealer, newId: () => `id ${++ids}`, randomBytes }
    const act = database.act()
    const later = new Date(clock.now().getTime() + 1000)
    const [name, other] = [domainName('im.example'), domainName('other.example')]

    const tenants = tenantStore(deps)
    await tenants.find(tenant.id)
    await tenants.findByName(tenant.name)
    await tenants.list({ after: 'a', limit: 10 })

    const domains = sourceDomainStore(deps)
    const lineages = lineageStore(deps)
    const imported = [name, other].map((each) =>
      anImport(tenant.id, {
        name: each,
        delegations: [{ ...delegation, lineage: delegation.lineageName }],
      }),
    )
    await domains.importMany(imported, act)
    await domains.rehearseImport(imported)

    const files = domainImportStore(deps)
    for (const whose of [tenant.id, null]) {
      const id = await files.begin(whose, { columns: ['domain'], isByOperator: true }, act)
      const request = { tenant: '', name, mode: 'hosted' as const, isVouched: false, delegations: [] }
      await files.addLines(id, [{ line: 1, domain: name, request, outcome: 'added', reason: null }])
      await files.ready(id, { lines: 1, counts: { added: 1, present: 0, refused: 0 }, isDelegating: false }, act)
      await files.find(whose, id)
      for (const after of [id, undefined]) await files.list(whose, { limit: 10, after })
      for (const isRefused of [true, undefined] as const) await files.lines(whose, id, { limit: 10, isRefused })
      await files.confirm(whose, id, act)
      await files.running(id)
      const [line] = await files.next(id, 0, 10)
      const batch = [{ line: line!, domain: new ProblemError('not-found', 'gone') }]
      await files.carryOut(id, { after: 0, batch, isLast: false }, act)
      await files.cancel(whose, id, act)
    }
    await sweepDomainImports(db, new Date(clock.now().getTime() + 1e11), 10)
    await sweepDomainImports(db, new Date(clock.now().getTime() + 1e11), 1)
    await domains.find(tenant.id, name)
    await domains.claims(name)
    for (const after of [{ name, id: '' }, undefined])
      for (const whose of ['all', tenant.id]) await domains.list(whose, { limit: 10, ...(after && { after }) })
    await domains.vouch(tenant.id, name, act)
    await domains.wantingFront(10)
    await domains.setFrontLineage(tenant.id, name, lineageId, act)

    const control = controlStore(deps)
    await control.claimsTo(name)
    const look = { txt: [], txtSibling: null, cname: null, cnameSibling: null } as unknown as Findings
    const rival = await tenants.add('rival', act)
    await domains.add(rival.id, { name, mode: 'hosted', isVouched: false }, act)
    const seen = {
      proof: 'txt',
      provenAt: act.at,
      seenAt: act.at,
      waveringSince: null,
      misses: 0,
      lapsedAt: null,
    } as const
    const front = await lineages.create(tenant.id, { name: frontLineageName(name), source: 'local' }, act)
    await lineages.stage(tenant.id, front.id, { chain: aChain(), privateKey: Buffer.from('key') }, act)
    await domains.setFrontLineage(tenant.id, name, front.id, act)
    await control.takeIn(
      { name, lookedAt: act.at, findings: look },
      (claims) => ({
        changes: claims.map((claim) =>
          claim.tenantId === rival.id
            ? { claim, event: 'prove', control: seen }
            : { claim, event: 'lose', control: lapsedSince(act.at) },
        ),
        isUnanswered: false,
        sighting: () => ({ outcome: 'could-not-ask' }),
      }),
      act,
    )
    await control.lastLook(name)
    await control.sightingSpans(tenant.id)
    await domains.remove(rival.id, name, act)
    await tenants.remove(rival.id, act)
    await domains.vouch(tenant.id, name, act)
    await db.knex('lost_front').insert({ lineage_id: front.id, name, lost_at: act.at.getTime(), due_at: 1 })
    await domains.withdrawVouch(tenant.id, name, act)
    await db.knex('lost_front').where({ lineage_id: front.id }).update({ due_at: 1 })
    await control.destroyKeys(clock.now())

    const authorities = authorityStore(deps)
    const given = anAuthority()
    const { authority } = await authorities.reserve(given, Buffer.from('key'), act)
    await authorities.reserve(given, Buffer.from('key'), act)
    await authorities.confirm(authority.id, { url: 'https://account', termsOfService: null }, act)
    await authorities.list()
    await authorities.find(given.name)
    await authorities.prepareAccountKey(authority.id, Buffer.from('next'))
    await authorities.replaceAccountKey(authority.id, Buffer.from('next'), act)
    await authorities.pause(authority.id, later, 'limit', act)
    await authorities.resume(given.name, act)
    await authorities.update(given.name, { rank: 7 }, act)
    const orders = orderStore(deps)
    await domains.vouch(tenant.id, name, act)
    const wanted = { tenantId: tenant.id, lineageId: front.id, authorityId: authority.id, identifiers: [name] }
    const begin = () =>
      orders.begin({ ...wanted, profile: null, replaces: null, csrDer: Buffer.of(1) }, Buffer.of(2), act)
    const failed = await begin()
    const authorization = anAuthorization(name)
    await orders.save(failed.id, { authorizations: [authorization, anAuthorization(name, { status: 'invalid' })] })
    await orders.privateKey(failed.id)
    const challenge = { host: name, token: 't', keyAuthorization: 'x', expiresAt: later }
    await challengeStore(deps).put({ ...challenge, orderId: failed.id })
    await orders.end(failed.id, 'failed', A_PROBLEM, act)
    const issued = await begin()
    await orders.underWay(front.id)
    const staging = { chain: aChain(), privateKey: Buffer.from('key'), orderId: issued.id }
    const certificate = await lineages.stage(tenant.id, front.id, staging, act)
    await orders.ofCertificate(certificate.id)
    await orders.list(front.id, { limit: 10 })
    await begin()
    await domains.withdrawVouch(tenant.id, name, act)
    await orders.authorizations(tenant.id, name, clock.now())
    await orders.noteDeactivated(authorization.url)
    const issuance = issuanceStore(deps)
    const failure = { lineageId: front.id, failures: 1, failedAt: act.at, problem: A_PROBLEM, whose: 'owner' } as const
    const rest = { authorityId: null, nextAt: later, failuresOfAuthority: 0, challengeType: null }
    await issuance.failed({ ...failure, ...rest }, act)
    await issuance.memory(front.id)
    await budgetStore(deps).settle('a', ['orders', 'tenant t'], (buckets) => ({
      ...{ changed: [...buckets.values()], result: undefined },
    }))
    const renewalInfo = renewalInfoStore(deps)
    const window = { certificateId: certificate.id, start: later, end: later, explanationUrl: null, renewAt: later }
    await renewalInfo.save({ ...window, polledAt: act.at, pollAt: later, fault: null })
    await renewalInfo.find(certificate.id)
    await authorities.remove(given.name, act)
    await authorities.withdraw(authority.id)
    await lineages.remove(tenant.id, front.id, act)

    const targets = targetHostStore(deps)
    await targets.find(target)
    await targets.list({ after: name, limit: 10 })
    await targets.wantingFront(10)
    await targets.setFrontLineage(target, lineageId, act)

    const delegations = delegationStore(deps)
    await delegations.find(tenant.id, delegation.id)
    await delegations.noteRuleCheck(tenant.id, delegation.id, { outcome: 'ok', found: 'x', checkedAt: act.at })
    for (const after of ['zzz', undefined])
      for (const whose of ['all', tenant.id])
        for (const sourceDomain of [domain.name, undefined])
          await delegations.list(whose, { limit: 10, ...(after && { after }), ...(sourceDomain && { sourceDomain }) })

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
    await challenges.findForTls(name, clock.now())
    await challenges.remove(name, 't')
    const records = challengeRecordStore(deps)
    const record = await records.keep({ name: `x.${name}`, value: 'v', orderId: 'x' }, clock.now())
    await records.ofOrder('x', record.name)
    await records.takeLeftOver(clock.now(), { againAt: later, limit: 5 })
    await records.forget(record)
    const audit = auditStore(deps)
    for (const after of [9, undefined])
      for (const whose of ['all', tenant.id]) await audit.list(whose, { limit: 10, ...(after && { after }) })
    const jobs = jobStore(deps)
    await jobs.enqueue({ kind: 'k', key: 'k', payload: null, runAt: clock.now() })
    const job = await jobs.claim('w', ['other', 'k'], clock.now(), later)
    await jobs.nextRun('k', 'k')
    await jobs.wake('k', later, clock.now())
    await jobs.complete(job!, clock.now())
    await jobs.list({ limit: 10 })
    for (const after of [undefined, { kind: 'k', runAt: later, id: 'x' }])
      for (const kind of [undefined, 'k'])
        for (const isFailed of [undefined, true] as const)
          await jobs.listOpen({ kind, isFailed, after, limit: 10 }, later)
    await jobs.retry(job!.id, act).catch(() => undefined)
    await changeFeed(deps).trim(clock.now())

    const users = userStore(deps)
    const whole = { email: 'c@example', isOperator: true, passwordHash: 'hash' }
    const user = await users.add(whole, act)
    const owner = await users.add({ ...whole, email: 'd@example' }, act)
    await users.find(user.id)
    await users.findByEmail(user.email)
    for (const after of ['a', undefined])
      for (const isOperator of [true, false, undefined])
        await users.list({ limit: 10, ...(after && { after }), ...(isOperator !== undefined && { isOperator }) })
    await users.countOperators()
    await users.setOperator(user.id, false, act)
    await users.setTotp(user.id, Buffer.from('secret'), act)
    await users.confirmTotp(user.id, 1, ['a'], act)
    await users.useTotpStep(user.id, 2)
    await users.useRecoveryCode(user.id, 'a', act)
    await users.removeTotp(user.id, act)
    await users.removeFactors(user.id, act)
    await users.rehashPassword(user.id, 'better', 'hash')
    await users.setPassword(user.id, 'other', act)
    await users.noteSignIn(user.id, clock.now())
    await users.setEmail(user.id, 'e@example', act)

    const passkeys = passkeyStore(deps)
    await passkeys.add(
      { id: 'k', userId: user.id, name: 'x', publicKey: Buffer.of(1), counter: 0, transports: [] },
      act,
    )
    await passkeys.find('k')
    await passkeys.list(user.id)
    await passkeys.rename(user.id, 'k', 'y', act)
    await passkeys.noteUse('k', 1, clock.now())
    await passkeys.remove(user.id, 'k', act)
    for (const userId of [user.id, null]) await passkeys.useChallenge('x', userId, clock.now())

    const members = memberStore(deps)
    for (const { id: userId } of [user, owner]) await members.add(tenant.id, { userId, role: 'owner' }, act)
    await members.find(tenant.id, user.id)
    for (const after of ['a', undefined]) await members.list(tenant.id, { limit: 10, ...(after && { after }) })
    await members.rolesOf(user.id)
    await members.setRole(tenant.id, user.id, 'viewer', act)

    const settings = settingsStore(deps)
    await settings.setBranding({ serviceName: 'x', accents: null, support: null, footLine: null }, act)
    await settings.setLogo({ mediaType: 'image/png', bytes: Buffer.of(1) }, act)
    await settings.logo()
    await settings.beginMaintenance('x', act)
    await settings.standing()
    await settings.endMaintenance(act)

    const sessions = sessionStore(deps)
    const session = { stage: 'second-factor', name: 'x', address: null, createdAt: act.at, expiresAt: later } as const
    for (const userId of [user.id, null]) {
      const { id } = await sessions.open('token', { ...session, userId }, act)
      await sessions.find('token', new Date(later.getTime() - 1))
      await sessions.renew(id, 'another', act)
      await sessions.list(userId, clock.now())
      await sessions.rename(userId, id, 'y', act)
      await sessions.beginActing(id, tenant, null, act)
      await sessions.stopActing(id, act)
      await sessions.close(userId, id, act)
    }
    const checked = { userId: user.id, passwordHash: 'other' }
    await sessions.open('token', { ...session, userId: user.id }, act, checked)
    await sessions.closeAll(user.id, act, 'none')

    const links = linkStore(deps)
    const inviteds = [{ tenantId: tenant.id, role: 'viewer' } as const, { tenantId: null, role: null } as const]
    for (const invited of inviteds) {
      const { tenantId } = invited
      const link = {
        purpose: 'invitation',
        email: 'x@example',
        expiresAt: later,
        createdById: user.id,
        ...invited,
      } as const
      const { id } = await links.add(`token ${tenantId}`, link, act)
      await links.find(`token ${tenantId}`, clock.now())
      for (const after of ['zzz', undefined])
        await links.listInvitations(tenantId, clock.now(), { limit: 10, ...(after && { after }) })
      await links.withdrawInvitation(tenantId, id, act)
      await links.use(`token ${tenantId}`, 'invitation', clock.now())
    }

    const tokens = tokenStore(deps)
    for (const tenantId of [tenant.id, null]) {
      const token = { tenantId, name: 'ci', scopes: [], addresses: null, expiresAt: null, createdById: user.id }
      const { id } = await tokens.add(`secret ${tenantId}`, token, act)
      await tokens.find(tenantId, id)
      await tokens.findBySecret('x', clock.now())
      await tokens.noteUse({ id, lastUsedAt: null }, null, clock.now())
      for (const after of ['a', undefined]) await tokens.list(tenantId, { limit: 10, ...(after && { after }) })
      await tokens.rotate(tenantId, id, `other ${tenantId}`, later, act)
      await tokens.remove(tenantId, id, act)
    }

    const attempts = attemptStore(deps)
    for (const waitMs of [1, 1])
      await attempts.takeBack('a', await attempts.count('a', clock.now(), () => waitMs), () => waitMs)
    await attempts.find(['a', 'b'])
    await attempts.forget(['a', 'b'])
    const idempotency = idempotencyStore(deps)
    for (const caller of ['a', 'a']) await idempotency.begin(caller, 'k', 'hash', clock.now())
    await idempotency.answer('a', 'k', Buffer.from('answer'))
    await idempotency.abandon('a', 'k')
    await sweep(db, clock.now())

    await members.remove(tenant.id, user.id, act)
    await members.add(tenant.id, { userId: user.id, role: 'owner' }, act)
    await users.remove(user.id, act)

    const quotas = { sourceDomains: 100, delegations: 100, lineages: 100 }
    const limited = await tenants.add('limited', act, quotas)
    await tenants.setQuotas(limited.id, { ...quotas, lineages: 101 }, act)
    for (const isDescending of [true, false])
      for (const after of ['m', undefined]) {
        await tenants.list({ limit: 10, after, isDescending, isSuspended: false })
        await targets.list({ limit: 10, after: after === undefined ? after : name, isDescending })
      }
    await tenants.list({ limit: 10, among: [tenant.id, limited.id] })
    const first = await domains.add(limited.id, { name: freshName(), mode: 'hosted', isVouched: true }, act)
    await lineages.create(limited.id, { name: frontLineageName(first.name), source: 'local' }, act)
    await lineages.create(limited.id, { name: 'own', source: 'local' }, act)
    const second = anImport(limited.id, { delegations: [{ ...delegation, lineage: delegation.lineageName }] })
    await domains.importMany([second], act)
    await domains.setMode(limited.id, first.name, 'external', act)
    await domains.withdrawVouch(limited.id, first.name, act)
    await targets.setPort(target, 8443, act)
    await tenants.count(limited.id)
    await domains.remove(limited.id, second.name, act)
    await tenants.suspend(limited.id, act)
    await tenants.resume(limited.id, act)
    for (const sort of ['name', '-name', 'created', '-created'] as const)
      for (const after of [{ name, id: 'id' }, undefined])
        for (const whose of ['all', tenant.id]) {
          await domains.list(whose, { limit: 10, after, sort })
          await domains.list(whose, { limit: 10, after, sort, mode: 'hosted', isProven: true, isSuspended: false })
          await domains.list(whose, { limit: 10, after, sort, isSuspended: true })
          await domains.list(whose, { limit: 10, after, sort, isProven: false })
        }
    const filters = [{ targetHost: target }, { lineage: delegation.lineageName }, { service: delegation }]
    for (const isOldestFirst of [true, false])
      for (const after of ['m', undefined])
        for (const whose of ['all', tenant.id])
          for (const filter of filters) await delegations.list(whose, { limit: 10, after, isOldestFirst, ...filter })
    await lineages.create(limited.id, { name: delegation.lineageName, source: 'local' }, act)
    for (const whose of ['all', tenant.id])
      await delegations.list(whose, { limit: 10, lineage: delegation.lineageName, after: 'm' })
    for (const after of [{ name: 'a', id: '' }, undefined])
      for (const whose of ['all', null, tenant.id])
        await lineages.list(whose, { limit: 10, after, isDescending: true, source: 'local' })
    const { id: targetHostId } = (await targets.find(target))!
    await delegations.findByService(tenant.id, domain.name, delegation)
    await delegations.change(tenant.id, delegation.id, { ...delegation, targetHostId, srvPort: 5269 }, act)

    for (const after of [{ key: 1, id: 'id' }, undefined])
      for (const whose of ['all', null, tenant.id]) {
        for (const trouble of CERTIFICATE_TROUBLES)
          await lineages.listTroubled(whose, { trouble, limit: 10, after: placed(trouble, after) }, clock.now())
        for (const trouble of SOURCE_DOMAIN_TROUBLES)
          if (whose !== null)
            await domains.listTroubled(whose, { trouble, limit: 10, after: placed(trouble, after) }, clock.now())
      }
    for (const whose of ['all', tenant.id]) {
      await delegations.list(whose, { limit: 10, after: 'm', isRuleWrong: true })
      await troubleStore(deps).count(whose, clock.now(), later)
    }
    const census = censusStore(deps)
    await census.keep(await census.take(clock.now(), await census.latest()))
    await census.takeIfSmall(clock.now())
    const saved = savedFilterStore(deps)
    await saved.add(owner.id, '/x', { name: 'x', query: '' }, clock.now())
    for (const { id } of await saved.list(owner.id, '/x')) await saved.remove(owner.id, '/x', id)

    await presentedHosts(deps)({ after: 'm', limit: 10 })
    await jobStore(deps).standing(['front-certificate'], clock.now())

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
      const plan = await planOf(sql, bindings)
      if (plan.some((line) => WALK.test(line) || (SORT.test(line) && !isOfOne(sql))))
        walks.push([sql, ...plan].join('\n  '))
    }
    expect(explained).toBeGreaterThan(50)
    expect(walks).toEqual([])
  })

  test('what is due of one kind is found past any backlog of another', async () => {
    await database.db.knex.raw(
      database.engine === 'sqlite'
        ? `with recursive n (i) as (select 1 union all select i + 1 from n where i < 100000)
           insert into job (id, kind, key, payload, run_at, attempts, fence) select 'x' || i, 'backlog', i, '{}', 0, 0, 0 from n`
        : `insert into job (id, kind, key, payload, run_at, attempts, fence)
           select 'x' || i, 'backlog', i, '{}', 0, 0, 0 from generate_series(1, 100000) i`,
    )
    await database.db.knex.raw('analyze')
    const plans: string[] = []
    for (const [sql, bindings] of statements)
      if (sql.startsWith('update job set worker')) plans.push(...(await planOf(sql, bindings)))
    expect(plans.join('\n')).toMatch(
      database.engine === 'sqlite'
        ? /SEARCH job USING (COVERING )?INDEX job_due \(kind=\? AND run_at<\?\)/
        : /Index Scan using job_due on job[^]*Index Cond: \(\(kind = '[^']*'::text\) AND \(run_at <= /,
    )
    const { jobs } = database.storage
    await jobs.enqueue({ kind: 'urgent', key: 'k', payload: null, runAt: database.clock.now() })
    const later = new Date(database.clock.now().getTime() + 1000)
    const took = async (kind: string) => {
      const began = performance.now()
      for (let i = 0; i < 50; i++) await jobs.claim('w', [kind], database.clock.now(), later)
      return performance.now() - began
    }
    await took('warm')
    expect(await took('none')).toBeLessThan(500)
    expect(await jobs.claim('w', ['urgent'], database.clock.now(), later)).toMatchObject({ key: 'k' })
  })

  test('those of proof of control are served by their own', async () => {
    const { lineageId } = await aDelegation(database)
    const lost = Array.from({ length: 1000 }, (_, n) => ({
      lineage_id: lineageId,
      name: `lost${n}`,
      lost_at: n,
      due_at: n,
    }))
    await database.db.knex.batchInsert('lost_front', lost, 100)
    await database.db.knex.raw('analyze')
    const planFor = async (part: string, bound?: unknown[]) => {
      const [found] = [...statements].filter(([sql]) => sql.replaceAll(/[`"]/g, '').includes(part))
      expect(found, part).toBeDefined()
      const [sql, bindings] = found!
      return (await planOf(sql, bound ?? bindings)).join('\n')
    }
    for (const [part, index, bound] of [
      ['from source_domain as s where s.name = ', 'source_domain_name'],
      ['from lost_front where name = ', 'lost_front_name'],
      ['from lost_front where name in ', 'lost_front_name'],
      ['(select lineage_id from lost_front where due_at <= ', 'lost_front_due'],
      ['where front_lineage_id = ', 'source_domain_front'],
      ['select run_at, again_at from job where kind = ', 'job_open', ['backlog', '7', 1]], // one of 100,000 of its kind
    ] as [string, string, unknown[]?][])
      expect(await planFor(part, bound), part).toContain(index)
  })

  test('those of orders are served by their own, also where there are many', async () => {
    const { tenant, domain, lineageId } = await aDelegation(database)
    const many = (n: number) => ({
      ...{ id: `o${n}`, tenant_id: tenant.id, lineage_id: lineageId, authority_id: 'x', identifiers: '["x"]' },
      ...{ csr: Buffer.of(1), status: 'invalid', new_orders: 1, authorizations: '[]', created_at: 1 },
      ...{ finished_at: n, outcome: 'failed' },
    })
    const numbers = Array.from({ length: 2000 }, (_, n) => n)
    await database.db.knex.batchInsert('acme_order', numbers.map(many), 50)
    const names = numbers.map((n) => ({ name: `${n}.example`, whose: tenant.id, order_id: `o${n}` }))
    await database.db.knex.batchInsert('acme_order_name', names, 100)
    const authorizations = numbers.map((n) => ({ url: `${n}`, whose: tenant.id, authority_id: 'x', name: `${n}` }))
    const known = authorizations.map((one, n) => ({ ...one, expires_at: n }))
    await database.db.knex.batchInsert('acme_authorization', known, 100)
    const memories = numbers.map((n) => ({
      ...{ lineage_id: `l${n}`, failures: 1, failed_at: 1, problem: '{}', problem_type: 'dns', whose: 'owner' },
      ...{ authority_id: `a${n}`, next_at: n, failures_of_authority: 0 },
    }))
    const lineages = memories.map(({ lineage_id: id }) => ({
      ...{ id, name: id, source: 'acme', created_at: 1, changed_at: 1 },
    }))
    await database.db.knex.batchInsert('lineage', lineages, 100)
    await database.db.knex.batchInsert('issuance', memories, 100)
    const challenge = { type: 'tls-alpn-01', key_authorization: 'x', expires_at: 2e12 }
    const challenges = numbers.map((n) => ({ ...challenge, host: `${n}.example`, token: `${n}` }))
    await database.db.knex.batchInsert('acme_challenge', challenges, 100)
    const record = (n: number) => ({ name: `${n}`, value: 'v', order_id: `o${n}`, written_at: n, next_at: 2e12 + n })
    await database.db.knex.batchInsert('acme_txt_record', numbers.map(record), 100)
    await database.db.knex.raw('analyze')
    const planFor = async (part: string) => {
      const [found] = [...statements].filter(([sql]) => sql.replaceAll(/[`"]/g, '').includes(part))
      expect(found, part).toBeDefined()
      return (await planOf(...found!)).join('\n')
    }
    for (const [part, index] of [
      [
        'from acme_order_name where name = ',
        database.engine === 'sqlite' ? 'autoindex_acme_order_name' : 'acme_order_name_pkey',
      ],
      ['delete from acme_order_name where order_id = ', 'acme_order_name_order'],
      ['from authority where account_url is not null', 'authority_in_use'],
      ['from acme_authorization where name = ', 'acme_authorization_name'],
      ['delete from acme_authorization where authority_id = ', 'acme_authorization_authority'],
      ['delete from acme_authorization where (url, whose) in', 'acme_authorization_ended'],
      ['select * from acme_order where lineage_id = ? and finished_at is null', 'acme_order_under_way'],
      ['select * from acme_order where lineage_id = ? order by id desc', 'acme_order_lineage'],
      ['from acme_order where certificate_id = ', 'acme_order_certificate'],
      ['from acme_order where authority_id = ', 'acme_order_authority'],
      ['delete from acme_order where', 'acme_order_fruitless'],
      ['delete from acme_challenge where order_id = ', 'acme_challenge_order'],
      ['select key_authorization from acme_challenge where host = ? and type', 'acme_challenge_live'],
      ['from acme_txt_record where order_id = ', 'acme_txt_record_order'],
      ['from acme_txt_record where (next_at <= ', 'acme_txt_record_next'],
      ['select lineage_id from issuance where problem_type', 'issuance_without_authority'],
      ['delete from issuance where authority_id = ', 'issuance_authority'],
    ] as const)
      expect(await planFor(database.engine === 'sqlite' ? part : part.replaceAll('= ?', '= $1')), part).toContain(index)
    await database.storage.sourceDomains.remove(tenant.id, domain.name, database.act())
  })

  // A walk along an index in the order that is asked for ends with the page; three tables are read by their own order, and
  // of what was read of others, by an index and so many rows, all is counted
  const WALK =
    /^SCAN (?!\w+ USING (COVERING )?INDEX|CONSTANT ROW|(change|job|audit_event|part|placed|counted)$)|Seq Scan/
  const SORT = /TEMP B-TREE FOR ORDER BY|^\s*(->\s*)?Sort {2}\(/

  /** What one lineage, source domain, user or tenant has of these is little, and may be sorted. */
  function isOfOne(sql: string): boolean {
    return [
      /from .?certificate.? |join certificate c/,
      /source_domain_id (in|=) \(select/, // delegations
      /from .tenant. where .id. in/, // those of a user
      /from .authority. where .name. = .* or /,
      /from .(passkey|session). where .user_id. (=|is)/,
      /from .member. as .m. .* where .m.\..tenant_id. = /,
    ].some((pattern) => pattern.test(sql))
  }

  function placed(trouble: string, after: { key: number; id: string } | undefined) {
    return after && /failing|suspended/.test(trouble) ? { ...after, key: 'front:x' } : after
  }

  function planOf(sql: string, bindings: unknown[]): Promise<string[]> {
    return database.engine === 'sqlite' ? sqlitePlan(sql, bindings) : postgresPlan(sql, bindings)
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
