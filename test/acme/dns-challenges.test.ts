import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { dnsChallenges, type ChallengeZone, type Publication, type ZoneUpdate } from '../../src/acme/dns-challenges.ts'
import { failureWords } from '../../src/acme/failure.ts'
import type { ChallengeType } from '../../src/acme/session.ts'
import type { Log } from '../../src/log.ts'
import type { DomainName } from '../../src/name.ts'
import { testSealer } from '../support/sealer.ts'
import { guardedCalls, type When } from './guarded-calls.ts'
import { HOUR_MS, issuerRig, MINUTE_MS, type IssuerRig } from './issuer-rig.ts'
import { problem } from './scripted-authority.ts'

const ZONE = 'acme.hosting.example'
const key = testSealer.deriveKey('challenge-label')
const ok: ZoneUpdate = { outcome: 'ok' }

/** A zone in memory that behaves as a test tells it. */
function scriptedZone() {
  const records = new Map<string, Set<string>>()
  const script = { update: ok, publication: { is: 'everywhere' } as Publication }
  const at = (name: string) => records.get(name) ?? records.set(name, new Set()).get(name)!
  const zone: ChallengeZone = {
    zone: ZONE,
    add: async (name, value) => (script.update.outcome === 'ok' && at(name).add(value), script.update),
    remove: async (name, value) => (script.update.outcome === 'ok' && at(name).delete(value), script.update),
    look: async (name, value) => (at(name).has(value) ? script.publication : { is: 'lacking', servers: ['ns1'] }),
  }
  return {
    zone,
    script,
    values: (name: string) => [...at(name)],
    all: () => [...records.values()].flatMap((v) => [...v]),
  }
}

let rig: IssuerRig
let zone: ReturnType<typeof scriptedZone>
let ways: ChallengeType[]
let logged: string[]
beforeEach(async () => {
  rig = await issuerRig()
  zone = scriptedZone()
  ways = ['dns-01']
  logged = []
})
afterEach(() => rig.storage.close())

const log = {
  warn: (_: object, text: string) => logged.push(text),
  error: (_: object, text: string) => logged.push(text),
}

/** @param guard what a process has of the outside and of the database */
function parts(guard: <T extends object>(of: T) => T = (of) => of) {
  const { clock, storage } = rig
  const given = { zone: guard(zone.zone), records: guard(storage.challengeRecords), key, clock }
  return dnsChallenges({ ...given, log: log as unknown as Log })
}
const dns = (guard?: Parameters<typeof parts>[0]) => ({ challenges: parts(guard), waysOf: async () => ways })
const alias = () => parts().aliasOf(null, rig.front().identifiers[0]!)
const told = () => rig.authority.count('answer')

describe('an order', () => {
  test('passes while its record is there, and takes it away', async () => {
    let seen: string[] = []
    rig.authority.script.validate = (_, type) => {
      seen = zone.values(alias())
      return type === 'dns-01' ? 'valid' : problem('dns')
    }
    await rig.issued({ dns: dns() })
    expect(seen).toEqual([expect.stringMatching(/^[\w-]{43}$/)])
    expect(zone.all()).toEqual([])
    expect(await parts().clear()).toBe(0)
  })

  test('waits for a server that lacks the record, and after five minutes is the operator to mend', async () => {
    zone.script.publication = { is: 'lacking', servers: ['ns2.hosting.example (192.0.2.2)'] }
    const beganAt = rig.clock.now()
    while ((await rig.memory()) === undefined) {
      const result = await rig.issue({ dns: dns() })
      if (result.outcome === 'later' && !(await rig.memory()))
        rig.clock.advance(result.at.getTime() - rig.clock.now().getTime())
    }
    const waited = rig.clock.now().getTime() - beganAt.getTime()
    expect(waited).toBeGreaterThanOrEqual(5 * MINUTE_MS)
    expect(waited).toBeLessThan(7 * MINUTE_MS)
    expect(told()).toBe(0)
    const memory = (await rig.memory())!
    expect(memory).toMatchObject({ whose: 'operator', challengeType: 'dns-01', problem: { type: 'dns-propagation' } })
    const words = failureWords(memory, { authority: 'first', identifiers: ['im.example.com'] })
    expect(words).toContain('ns2.hosting.example (192.0.2.2)')
    expect(words).toContain('im.example.com')

    zone.script.publication = { is: 'everywhere' }
    await rig.issued({ dns: dns() })
    expect(await rig.orders()).toHaveLength(1)
  })

  test('waits for a minute where a server is silent, and no longer', async () => {
    zone.script.publication = { is: 'unknown' }
    const beganAt = rig.clock.now()
    await rig.issued({ dns: dns() })
    const waited = rig.clock.now().getTime() - beganAt.getTime()
    expect(waited).toBeGreaterThanOrEqual(MINUTE_MS)
    expect(waited).toBeLessThan(2 * MINUTE_MS)
  })

  test.each(['refused', 'unanswered'] as const)(
    'whose record is %s is not told of, and takes another way the next time',
    async (outcome) => {
      ways = ['dns-01', 'tls-alpn-01']
      zone.script.update = { outcome, why: 'the name server does not know the key.' }
      await rig.issue({ dns: dns() })
      expect(told()).toBe(0)
      expect(await rig.memory()).toMatchObject({ whose: 'operator', problem: { type: 'dns-update' } })
      expect(JSON.stringify(await rig.memory())).not.toContain('does not know the key') // owners see it
      await rig.activated({ dns: dns() })
      const [order, ...others] = await rig.orders()
      expect(others).toEqual([])
      expect(order?.authorizations[0]?.challenge?.type).toBe('tls-alpn-01')
      // What may have been done is undone later
      expect(await rig.storage.challengeRecords.ofOrder(order!.id, alias())).toHaveLength(outcome === 'refused' ? 0 : 1)
      zone.script.update = ok
      expect(await parts().clear()).toBe(outcome === 'refused' ? 0 : 1)
    },
  )

  test('whose record is refused a second time leaves nothing in the zone that was written before', async () => {
    zone.script.publication = { is: 'lacking', servers: ['ns1'] }
    const { at } = (await rig.issue({ dns: dns() })) as { at: Date }
    rig.clock.advance(at.getTime() - rig.clock.now().getTime())
    zone.script.update = { outcome: 'refused', why: 'the clocks differ.' }
    await rig.issue({ dns: dns() })
    expect(zone.all()).toHaveLength(1)
    zone.script.update = ok
    rig.clock.advance(26 * HOUR_MS)
    await parts().clear()
    expect(zone.all()).toEqual([])
  })

  test('that fails one way takes the next, and in the end all of them', async () => {
    ways = ['http-01', 'tls-alpn-01', 'dns-01']
    const types: ChallengeType[] = []
    rig.authority.script.validate = (_, type) => (types.push(type), types.length < 4 ? problem('connection') : 'valid')
    await rig.issued({ dns: dns() })
    expect(types).toEqual(['http-01', 'tls-alpn-01', 'dns-01', 'http-01'])
    await parts().clear()
    expect(zone.all()).toEqual([])
  })

  test('that has chosen it goes another way where there is no zone any more', async () => {
    ways = ['dns-01']
    zone.script.publication = { is: 'lacking', servers: ['ns1'] }
    await rig.issue({ dns: dns() })
    expect((await rig.underWay())?.authorizations[0]?.challenge?.type).toBe('dns-01')
    await rig.issued()
    expect((await rig.orders())[0]?.authorizations[0]?.challenge?.type).toBe('http-01')
  })
})

describe('what was left is removed', () => {
  /** Written, and its order ended by a process that is gone. */
  async function leftOver(): Promise<void> {
    zone.script.publication = { is: 'lacking', servers: ['ns1'] }
    await rig.issue({ dns: dns() })
    const order = await rig.underWay()
    await rig.storage.orders.end(order!.id, 'abandoned', null, rig.act())
  }

  test('once its order is over, and not before; or a day later, whatever becomes of the order', async () => {
    zone.script.publication = { is: 'lacking', servers: ['ns1'] }
    await rig.issue({ dns: dns() })
    expect(await parts().clear()).toBe(0)
    rig.clock.advance(24 * HOUR_MS)
    expect(await parts().clear()).toBe(0)
    expect(zone.all()).toHaveLength(1)
    rig.clock.advance(HOUR_MS)
    expect(await parts().clear()).toBe(1)
    expect(zone.all()).toEqual([])
  })

  test('again after ten minutes where the server did not answer, and for a week', async () => {
    await leftOver()
    zone.script.update = { outcome: 'unanswered', why: 'it is down.' }
    expect(await parts().clear()).toBe(0)
    zone.script.update = ok
    rig.clock.advance(10 * MINUTE_MS - 1)
    expect(await parts().clear()).toBe(0)
    rig.clock.advance(1)
    expect(await parts().clear()).toBe(1)
    expect(zone.all()).toEqual([])

    await rig.use('other.example.com')
    await leftOver()
    zone.script.update = { outcome: 'refused', why: 'no.' }
    rig.clock.advance(7 * 24 * HOUR_MS)
    expect(await parts().clear()).toBe(0)
    expect(logged.filter((text) => text.includes('by hand'))).toEqual([])
    rig.clock.advance(10 * MINUTE_MS)
    await parts().clear()
    expect(logged.filter((text) => text.includes('by hand'))).toHaveLength(1)
    rig.clock.advance(HOUR_MS)
    zone.script.update = ok
    expect(await parts().clear()).toBe(0)
  })

  test('not by one node where another is at it', async () => {
    await leftOver()
    expect((await Promise.all([parts().clear(), parts().clear()])).toSorted()).toEqual([0, 1])
  })

  test('not from a zone that is another than the present one', async () => {
    await leftOver()
    const elsewhere = dnsChallenges({
      zone: { ...zone.zone, zone: 'other.example' },
      ...{ records: rig.storage.challengeRecords, key, clock: rig.clock, log: log as unknown as Log },
    })
    expect(await elsewhere.clear()).toBe(0)
    expect(zone.all()).toHaveLength(1)
    expect(logged).toContain('a TXT record stays where it is: remove it by hand')
  })
})

describe('killed', () => {
  function killer(n: number, when: When) {
    const { guard, count } = guardedCalls(n, when)
    const { orders, issuance, sessionOf } = rig.deps
    const changes = {
      ...{ orders: guard(orders), issuance: guard(issuance), dns: dns(guard) },
      sessionOf: async (authority: Parameters<typeof sessionOf>[0]) => guard(await sessionOf(authority)),
    }
    return { count, changes }
  }

  async function issueAndKeep(changes: Parameters<IssuerRig['issued']>[0]): Promise<void> {
    await rig.storage.lineages.stage(null, rig.front().id, await rig.issued(changes), rig.act())
  }

  test.each<When>(['before', 'after'])(
    '%s any call, the next run ends with a certificate, and nothing stays in the zone',
    async (when) => {
      rig.authority.script.validate = (name) =>
        zone.values(parts().aliasOf(null, name as DomainName)).length > 0 ? 'valid' : problem('dns')
      const counter = killer(Infinity, when)
      await issueAndKeep(counter.changes)
      expect(counter.count()).toBeGreaterThan(15)
      for (let n = 1; n <= counter.count(); n++) {
        await rig.use(`n${n}.${when}.example.com`)
        await expect(issueAndKeep(killer(n, when).changes), `call ${n}`).rejects.toThrow('killed')
        const isLeft = zone.values(alias()).length > 0
        expect(
          (await rig.storage.challengeRecords.ofOrder((await rig.orders())[0]?.id ?? '', alias())).length > 0 ||
            !isLeft,
        ).toBe(true)
        await issueAndKeep({ dns: dns() })
        expect((await rig.orders()).filter(({ outcome }) => outcome === 'issued')).toHaveLength(1)
      }
      await parts().clear()
      expect(zone.all()).toEqual([])
    },
  )
})
