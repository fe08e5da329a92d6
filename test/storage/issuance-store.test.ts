import { expect, test } from 'vitest'
import type { IssuanceMemory, KnownRenewalInfo } from '../../src/acme/order.ts'
import { onBothEngines } from '../support/databases.ts'
import { A_PROBLEM, aChain, anOrderable } from './rows.ts'

onBothEngines('what is remembered of issuance', (database) => {
  const at = (ms: number) => new Date(database.clock.now().getTime() + ms)

  test('are the failures of a lineage, until one is issued or it is forgotten', async () => {
    const { storage, act } = database
    const { tenant, lineage, authority } = await anOrderable(database)
    expect(await storage.issuance.memory(lineage.id)).toBeUndefined()
    const first: IssuanceMemory = {
      lineageId: lineage.id,
      failures: 1,
      failedAt: at(0),
      problem: { ...A_PROBLEM, subproblems: [{ identifier: 'x', type: 'caa', detail: 'no' }] },
      whose: 'owner',
      authorityId: authority.id,
      nextAt: at(60_000),
      failuresOfAuthority: 0,
      challengeType: 'http-01',
    }
    const second: IssuanceMemory = {
      ...{ ...first, failures: 2, whose: 'authority', problem: A_PROBLEM, nextAt: at(600_000) },
      ...{ authorityId: null, failuresOfAuthority: 1, challengeType: null },
    }
    for (const memory of [first, second]) {
      await storage.issuance.failed(memory, act())
      expect(await storage.issuance.memory(lineage.id)).toEqual(memory)
      const [event] = await storage.audit.list(tenant.id, { limit: 1 })
      const { problem, whose, nextAt, failures, authorityId } = memory
      expect(event).toMatchObject({ action: 'issuance.fail', subject: lineage.name })
      expect(event?.detail).toEqual({
        ...{ type: 'dns', problem: problem.detail, whose, failures, authorityId },
        nextAt: nextAt.toISOString(),
      })
    }
    await storage.issuance.forget(lineage.id)
    expect(await storage.issuance.memory(lineage.id)).toBeUndefined()

    await storage.issuance.failed(first, act())
    await storage.lineages.remove(tenant.id, lineage.id, act())
    expect(await storage.issuance.memory(lineage.id)).toBeUndefined()
    await expect(storage.issuance.failed(first, act())).rejects.toMatchObject({ code: 'not-found' })
  })

  test.each(['no-authority', 'preflight'])(
    '%s, found again and again, is written into the audit trail once',
    async (type) => {
      const { storage, act } = database
      const { tenant, lineage } = await anOrderable(database)
      const preflight = type === 'preflight' ? { preflight: { since: at(0).toISOString(), findings: [] } } : {}
      const memory: IssuanceMemory = {
        ...{ lineageId: lineage.id, failures: 1, failedAt: at(0), nextAt: at(1), whose: 'operator', authorityId: null },
        ...{ problem: { ...A_PROBLEM, type, ...preflight }, failuresOfAuthority: 0, challengeType: null },
      }
      const other = { ...memory, problem: A_PROBLEM }
      for (const [failures, each] of [memory, memory, other, other, memory].entries())
        await storage.issuance.failed({ ...each, failures }, act())
      const events = await storage.audit.list(tenant.id, { limit: 9, action: 'issuance.fail' })
      expect(events.map(({ detail }) => detail['failures'])).toEqual([4, 3, 2, 0])
      expect(await storage.issuance.memory(lineage.id)).toMatchObject({ failures: 4, problem: { type } })
    },
  )

  test('is what an authority said of renewing a certificate, as long as that is here', async () => {
    const { storage, act } = database
    const { tenant, lineage } = await anOrderable(database)
    const staging = { chain: aChain(), privateKey: null }
    const { id: certificateId } = await storage.lineages.stage(tenant.id, lineage.id, staging, act())
    expect(await storage.renewalInfo.find(certificateId)).toBeUndefined()
    const silent: KnownRenewalInfo = {
      ...{ certificateId, start: null, end: null, explanationUrl: null, renewAt: null },
      ...{ polledAt: at(0), pollAt: at(5), fault: 'no answer' },
    }
    const known: KnownRenewalInfo = {
      ...{ certificateId, start: at(10), end: at(20), explanationUrl: 'https://why', renewAt: at(15) },
      ...{ polledAt: at(1), pollAt: at(6), fault: null },
    }
    for (const each of [silent, known, silent]) {
      await storage.renewalInfo.save(each)
      expect(await storage.renewalInfo.find(certificateId)).toEqual(each)
    }
    await storage.lineages.removeCertificate(tenant.id, certificateId, act())
    expect(await storage.renewalInfo.find(certificateId)).toBeUndefined()
    await expect(storage.renewalInfo.save(known)).rejects.toMatchObject({ code: 'not-found' })
  })
})
