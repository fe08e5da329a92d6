import { expect, test } from 'vitest'
import { singleFlight } from '../../src/storage/single-flight.ts'

/** A loader whose answers the test gives. */
function slowLoader() {
  const waiting: { resolve: (value: string) => void; reject: (error: Error) => void }[] = []
  const kept: string[] = []
  const load = () => new Promise<string>((resolve, reject) => void waiting.push({ resolve, reject }))
  const flight = singleFlight<string, string>(load, (_, value) => kept.push(value))
  return { waiting, kept, flight }
}

test('those who ask for a key at the same time share one load, and the next loads anew', async () => {
  const { waiting, kept, flight } = slowLoader()
  const both = Promise.all([flight.find('a'), flight.find('a')])
  expect(waiting).toHaveLength(1)
  waiting[0]!.resolve('1')
  expect(await both).toEqual(['1', '1'])
  expect(kept).toEqual(['1'])
  void flight.find('a')
  expect(waiting).toHaveLength(2)
})

test.each(['overtake', 'overtakeAll'] as const)(
  'what was loaded before %s is neither kept nor handed out',
  async (how) => {
    const { waiting, kept, flight } = slowLoader()
    const before = flight.find('a')
    flight[how]('a')
    waiting[0]!.resolve('old')
    await expect.poll(() => waiting.length).toBe(2)
    waiting[1]!.resolve('new')
    expect(await before).toBe('new')
    expect(kept).toEqual(['new'])
  },
)

test('an old load that ends last does not take the place of the new one', async () => {
  const { waiting, kept, flight } = slowLoader()
  const before = flight.find('a')
  flight.overtake('a')
  const after = flight.find('a')
  waiting[1]!.resolve('new')
  expect(await after).toBe('new')
  waiting[0]!.resolve('old')
  await expect.poll(() => waiting.length).toBe(3)
  waiting[2]!.resolve('newer')
  expect(await before).toBe('newer')
  expect(kept).toEqual(['new', 'newer'])
})

test('a key that changes faster than it is read is answered after all, and not kept', async () => {
  const { waiting, kept, flight } = slowLoader()
  const found = flight.find('a')
  for (let i = 0; i < 3; i++) {
    await expect.poll(() => waiting.length).toBe(i + 1)
    flight.overtake('a')
    waiting[i]!.resolve(String(i))
  }
  expect(await found).toBe('2')
  expect(kept).toEqual([])
})

test('a failure reaches those who asked and nobody later', async () => {
  const { waiting, flight } = slowLoader()
  const found = flight.find('a')
  waiting[0]!.reject(new Error('gone'))
  await expect(found).rejects.toThrow('gone')
  const again = flight.find('a')
  waiting[1]!.resolve('back')
  expect(await again).toBe('back')
})
