import { expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import { onBothEngines } from '../support/databases.ts'

const DAY_MS = 86_400_000

onBothEngines('sweep', (database) => {
  test('deletes what has ended and keeps what has not', async () => {
    const { storage, clock } = database
    const now = clock.now()
    const at = (ms: number) => new Date(now.getTime() + ms)
    for (const [name, expiresAt] of [
      ['old', at(-1)],
      ['new', at(1)],
    ] as const) {
      await storage.sessions.open(name, { createdAt: at(-2), expiresAt })
      await storage.sessions.addSignInLink(name, { createdAt: at(-2), expiresAt })
      const host = domainName('im.example.com')
      await storage.challenges.put({ host, token: name, keyAuthorization: 'x', expiresAt })
    }
    for (const key of ['finished', 'open'])
      await storage.jobs.enqueue({ kind: 'test', key, payload: null, runAt: at(0) })
    const job = await storage.jobs.claim('worker', now, at(1000))
    await storage.jobs.complete(job!, now)

    expect(await storage.sweep(now)).toBe(3)
    expect(await storage.sessions.find('new', now)).toBeDefined()
    expect(await storage.sessions.useSignInLink('new', now)).toBe(true)
    expect(await storage.challenges.find(domainName('im.example.com'), 'new', now)).toBe('x')
    expect(await storage.jobs.list({ limit: 10 })).toHaveLength(2)

    expect(await storage.sweep(at(7 * DAY_MS))).toBe(4)
    expect((await storage.jobs.list({ limit: 10 })).map(({ finishedAt }) => finishedAt)).toEqual([null])
  })
})
