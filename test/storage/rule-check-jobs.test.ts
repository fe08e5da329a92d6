import { expect, test } from 'vitest'
import type { SourceDomain } from '../../src/delegation/source-domain.ts'
import { afterLook, type Sighting } from '../../src/tenant/control.ts'
import type { Look } from '../../src/tenant/findings.ts'
import { REDIRECT_RULE } from '../../src/verify/rule-checks.ts'
import { onBothEngines } from '../support/databases.ts'
import { aTenant, freshName } from './rows.ts'

const NOTHING: Look = { name: '', type: 'TXT', aliases: [], zone: null, replies: [], fault: null }

onBothEngines('the rule on the web server of an external source domain', (database) => {
  async function claim(given: { isVouched: boolean; mode?: SourceDomain['mode'] }): Promise<SourceDomain> {
    const { storage, act } = database
    const { id } = await aTenant(database)
    return storage.sourceDomains.add(id, { name: freshName(), mode: 'external', ...given }, act())
  }

  async function delegate({ id, tenantId }: SourceDomain): Promise<void> {
    const { storage, act } = database
    const target = await storage.targetHosts.add({ name: freshName('hosting.example'), port: 443 }, act())
    const lineage = await storage.lineages.create(null, { name: freshName('lineage.example'), source: 'import' }, act())
    const answers = { tlsAnswer: 'redirect', poshAnswer: 'fingerprints', srvPort: null } as const
    const service = { service: '_xmpp-server', protocol: '_tcp' }
    const refersTo = { sourceDomainId: id, targetHostId: target.id, lineageId: lineage.id }
    await storage.delegations.register(tenantId, { ...service, ...answers, ...refersTo }, act())
  }

  const isDue = async ({ id }: SourceDomain) => (await database.storage.jobs.nextRun(REDIRECT_RULE, id)) !== null

  test('is looked at when it is delegated, where it is held', async () => {
    const [held, unproven, hosted] = await Promise.all([
      claim({ isVouched: true }),
      claim({ isVouched: false }),
      claim({ isVouched: true, mode: 'hosted' }),
    ])
    for (const domain of [held, unproven, hosted]) {
      expect(await isDue(domain)).toBe(false)
      await delegate(domain)
    }
    expect([await isDue(held), await isDue(unproven), await isDue(hosted)]).toEqual([true, false, false])
  })

  test('is looked at when the operator vouches for the name', async () => {
    const domain = await claim({ isVouched: false })
    await database.storage.sourceDomains.vouch(domain.tenantId, domain.name, database.act())
    expect(await isDue(domain)).toBe(true)
  })

  test('is looked at when the name becomes external', async () => {
    const domain = await claim({ isVouched: true, mode: 'hosted' })
    await database.storage.sourceDomains.setMode(domain.tenantId, domain.name, 'external', database.act())
    expect(await isDue(domain)).toBe(true)
  })

  test('is looked at when DNS proves the name', async () => {
    const domain = await claim({ isVouched: false })
    const lookedAt = database.clock.now()
    const findings = { txt: NOTHING, txtSibling: null, cname: null, cnameSibling: null }
    const sighting = (): Sighting => ({ outcome: 'ok', proof: 'txt', isByMost: true })
    await database.storage.control.takeIn(
      { name: domain.name, lookedAt, findings },
      (claims) => ({ changes: afterLook(claims, sighting, lookedAt), isUnanswered: false, sighting }),
      database.act(),
    )
    expect(await isDue(domain)).toBe(true)
  })
})
