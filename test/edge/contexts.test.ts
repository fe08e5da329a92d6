import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import type { PublishedCertificate } from '../../src/certificate/lineage.ts'
import { contexts, presented, type Presented } from '../../src/edge/contexts.ts'
import { makeCertificate, type MadeCertificate } from '../support/certificates.ts'

const AT = new Date('2026-06-01T00:00:00Z')

let made: MadeCertificate
beforeAll(async () => {
  made = await makeCertificate()
})

/** The one of its own lineage, unless it is said of which. */
function certificate(id: string, change: Partial<Presented> = {}): Presented {
  return {
    lineageId: `lineage of ${id}`,
    ...{ id, chainPem: made.pem, privateKeyId: `key of ${id}`, notBefore: AT, notAfter: AT },
    ...{ stagedAt: AT, activatedAt: AT, supersededAt: null, retiresAt: null },
    ...change,
  }
}

/** Keys that open all at once, when the test says so. */
function lockedKeys() {
  const opened: string[] = []
  let unlock = () => {}
  const unlocked = new Promise<void>((resolve) => (unlock = resolve))
  const open = async (id: string) => {
    opened.push(id)
    await unlocked
    if (id.includes('broken')) throw new Error('it does not open')
    return Buffer.from(made.keyDer)
  }
  return { opened, unlock, open }
}

/** The contexts that were freed, in turn. */
function watchFreed(): unknown[] {
  const close = vi.spyOn(Object.getPrototypeOf(tls.createSecureContext().context) as { close(): void }, 'close')
  onTestFinished(() => close.mockRestore())
  return close.mock.contexts
}

test('many who ask at once for a certificate wait for one context, and get it', async () => {
  const privateKeys = lockedKeys()
  const kept = contexts({ most: 10, privateKeys })
  const handed = new Set<unknown>()
  const asked = Array.from({ length: 5 }, () => kept.give(certificate('a'), (context) => handed.add(context)))
  privateKeys.unlock()
  await Promise.all(asked)
  await kept.give(certificate('a'), (context) => handed.add(context))
  expect(privateKeys.opened).toEqual(['key of a'])
  expect(handed.size).toBe(1)
  expect(kept.size).toBe(1)
})

test('a context is handed out while it is in memory, however many push it out just then', async () => {
  const privateKeys = lockedKeys()
  const kept = contexts({ most: 1, privateKeys })
  const wasInMemory: boolean[] = []
  const asked = Array.from({ length: 20 }, (_, n) => {
    const each = certificate(`c${n % 7}`)
    return kept.give(each, () => wasInMemory.push(kept.giveFromMemory(each, () => undefined)))
  })
  privateKeys.unlock()
  await Promise.all(asked)
  expect(wasInMemory).toEqual(Array(20).fill(true))
  expect(kept.size).toBe(1)
})

test('an evicted context is freed once, those that are kept are not, and none before it was handed over', async () => {
  const freed = watchFreed()
  const privateKeys = lockedKeys()
  privateKeys.unlock()
  const kept = contexts({ most: 2, privateKeys })
  const handed: unknown[] = []
  for (const id of ['a', 'b', 'c', 'a', 'd', 'e'])
    await kept.give(certificate(id), ({ context }) => {
      expect(freed).not.toContain(context)
      handed.push(context)
    })
  expect(freed).toEqual(handed.slice(0, 4))
  expect(new Set(freed).size).toBe(4)
})

test('those that are made at once and push each other out are handed over before they are freed', async () => {
  const freed = watchFreed()
  const privateKeys = lockedKeys()
  const kept = contexts({ most: 1, privateKeys })
  const handed = new Set<unknown>()
  const asked = Array.from({ length: 20 }, (_, n) =>
    kept.give(certificate(`c${n % 7}`), ({ context }) => {
      expect(freed).not.toContain(context)
      handed.add(context)
    }),
  )
  privateKeys.unlock()
  await Promise.all(asked)
  expect(handed.size).toBe(7)
  expect(freed).toEqual([...handed].slice(0, 6))
})

test('300 names whose handshakes run at once through 10 contexts are all served', async () => {
  const freed = watchFreed()
  const privateKeys = lockedKeys()
  privateKeys.unlock()
  const kept = contexts({ most: 10, privateKeys })
  const server = tls.createServer({
    SNICallback: (name, callback) =>
      void kept.give(certificate(name), (context) => callback(null, context)).catch(callback),
  })
  server.on('secureConnection', (socket) => socket.on('error', () => undefined).end('served'))
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo

  async function fetchFrom(servername: string): Promise<string> {
    const options = { host: '127.0.0.1', port, servername, ca: made.pem, checkServerIdentity: () => undefined }
    const chunks: unknown[] = []
    for await (const chunk of tls.connect(options)) chunks.push(chunk)
    return chunks.join('')
  }

  const names = Array.from({ length: 300 }, (_, n) => `n${n}.example.com`)
  for (let first = 0; first < 300; first += 50) {
    const answers = await Promise.all(names.slice(first, first + 50).map(fetchFrom))
    expect(answers).toEqual(Array(50).fill('served'))
  }
  expect(kept.size).toBe(10)
  expect(new Set(freed).size).toBe(290)
  expect(freed).toHaveLength(290)
})

test('a key that does not open is told to all who wait, and tried again by the next', async () => {
  const privateKeys = lockedKeys()
  const kept = contexts({ most: 10, privateKeys })
  const ask = () => kept.give(certificate('broken'), () => expect.unreachable())
  const asked = Promise.allSettled([ask(), ask()])
  privateKeys.unlock()
  expect((await asked).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await expect(ask()).rejects.toThrow('it does not open')
  expect(privateKeys.opened).toHaveLength(2)
})

test('of a lineage whose certificate was replaced only the new context is kept', async () => {
  const freed = watchFreed()
  const privateKeys = lockedKeys()
  privateKeys.unlock()
  const kept = contexts({ most: 10, privateKeys })
  const handed: unknown[] = []
  const [before, after] = ['before', 'after'].map((id) => certificate(id, { lineageId: 'L' })) as [Presented, Presented]
  await kept.give(before, ({ context }) => handed.push(context))
  expect(kept.giveFromMemory(after, () => expect.unreachable())).toBe(false)
  await kept.give(after, ({ context }) => {
    expect(freed).not.toContain(context)
    handed.push(context)
  })
  expect(freed).toEqual([handed[0]])
  expect(kept.giveFromMemory(after, ({ context }) => expect(context).toBe(handed[1]))).toBe(true)
  expect(kept.size).toBe(1)
})

test.each([
  { whose: 'a lineage', forgotten: 'L', left: 1 },
  { whose: 'all lineages', forgotten: null, left: 0 },
])('what is forgotten of $whose is freed at once, also what is being made, after it was handed over', async (given) => {
  const freed = watchFreed()
  const privateKeys = lockedKeys()
  const kept = contexts({ most: 10, privateKeys })
  const handed: unknown[] = []
  const ask = (id: string, lineageId: string) =>
    kept.give(certificate(id, { lineageId }), ({ context }) => {
      expect(freed).not.toContain(context)
      handed.push(context)
    })
  const asked = [ask('a', 'L'), ask('a', 'L'), ask('b', 'M')]
  kept.forget(given.forgotten)
  privateKeys.unlock()
  await Promise.all(asked)
  expect(handed).toHaveLength(3)
  expect(kept.size).toBe(given.left)
  await ask('a', 'L')
  await ask('b', 'M')
  expect(kept.size).toBe(2)
  kept.forget(given.forgotten)
  expect(kept.size).toBe(given.left)
  expect(freed).not.toContain(undefined)
  expect(new Set(freed).size).toBe(freed.length)
  expect(kept.giveFromMemory(certificate('a', { lineageId: 'L' }), () => expect.unreachable())).toBe(false)
})

test('the private key does not stay in memory where it was opened', async () => {
  const key = Buffer.from(made.keyDer)
  await contexts({ most: 1, privateKeys: { open: async () => key } }).give(certificate('a'), () => undefined)
  expect(key.every((byte) => byte === 0)).toBe(true)
})

test('presented is the active certificate, where its key is here', () => {
  const [active, staged, retiring] = [
    certificate('active'),
    certificate('staged', { activatedAt: null }),
    certificate('retiring', { supersededAt: AT, retiresAt: AT }),
  ]
  const of = (...certificates: PublishedCertificate[]) =>
    presented({ id: 'L', name: 'L', changedAt: AT, certificates })?.id
  expect(of(staged, retiring, active)).toBe('active')
  expect(of(staged, retiring)).toBeUndefined()
  expect(of(certificate('keyless', { privateKeyId: null }))).toBeUndefined()
})
