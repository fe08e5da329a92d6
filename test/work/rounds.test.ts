import { expect, test } from 'vitest'
import { createLog } from '../../src/log.ts'
import { rounds } from '../../src/work/rounds.ts'
import { until } from '../support/until.ts'

function watched() {
  const lines: string[] = []
  const log = createLog({ level: 'info', role: 'test' }, { write: (line: string) => void lines.push(line) })
  return { log, lines }
}

test('goes on as long as there is something to do, and looks again after that', async () => {
  let left = 3
  let looks = 0
  const { stop } = rounds('work', async () => (looks++, left > 0 ? left-- : 0), watched().log)
  await until(() => looks >= 5) // three with something to do, one without, and the next
  await stop()
  expect(left).toBe(0)
})

test('what fails is tried again, and told once however long it fails', async () => {
  const { log, lines } = watched()
  let fails = 2
  let done = 0
  const round = async () => {
    if (fails-- > 0) throw new Error('the database is away')
    done++
  }
  const { stop } = rounds('proofs', round, log)
  await until(() => done > 0)
  await stop()
  expect(lines.map((line) => JSON.parse(line) as { level: string; work: string })).toMatchObject([
    { level: 'warn', work: 'proofs', err: { message: 'the database is away' } },
    { level: 'info', work: 'proofs' },
  ])
})

test('a stop waits for the round that is under way', async () => {
  let letGo = () => {}
  let isBegun = false
  let isEnded = false
  const round = async () => {
    isBegun = true
    await new Promise<void>((resolve) => (letGo = resolve))
    isEnded = true
    return 1
  }
  const { stop } = rounds('work', round, watched().log)
  await until(() => isBegun)
  const stopped = stop().then(() => isEnded)
  letGo()
  expect(await stopped).toBe(true)
})
