import { expect, test } from 'vitest'
import type { Order } from '../../src/acme/order.ts'
import { onBothEngines } from '../support/databases.ts'
import { anOrderable } from './rows.ts'

const HOUR_MS = 3_600_000

onBothEngines('TXT records of the DNS challenge', (database) => {
  const at = (ms: number) => new Date(database.clock.now().getTime() + ms)
  const records = () => database.storage.challengeRecords

  async function anOrder(): Promise<Order> {
    return database.storage.orders.begin((await anOrderable(database)).order, Buffer.from('key'), database.act())
  }
  const end = ({ id }: Order) => database.storage.orders.end(id, 'abandoned', null, database.act())
  const take = (ms: number, limit = 10) => records().takeLeftOver(at(ms), { againAt: at(ms + 60_000), limit })

  test('are kept from when an order first wrote them, and are that of the last order to write them', async () => {
    const [one, other] = [await anOrder(), await anOrder()]
    const [name, value] = [`k3.${one.id}.example`, 'v']
    const first = { name, value, orderId: one.id, writtenAt: at(0) }
    expect(await records().keep({ name, value, orderId: one.id }, at(0))).toEqual(first)
    expect(await records().keep({ name, value, orderId: one.id }, at(9))).toEqual(first)
    await records().keep({ name, value: 'w', orderId: one.id }, at(9))
    expect((await records().ofOrder(one.id, name)).map((record) => record.value).toSorted()).toEqual(['v', 'w'])
    expect(await records().ofOrder(one.id, 'another.example')).toEqual([])

    const second = { name, value, orderId: other.id, writtenAt: at(20) }
    expect(await records().keep({ name, value, orderId: other.id }, at(20))).toEqual(second)
    await records().forget(first) // which is another's by now
    expect(await records().ofOrder(other.id, name)).toEqual([second])
    await records().forget(second)
    expect(await records().ofOrder(other.id, name)).toEqual([])
  })

  test('are left over once their order is over or gone, or began more than a day ago; each is taken by one', async () => {
    const [over, underWay] = [await anOrder(), await anOrder()]
    const orderIds = [over.id, underWay.id, 'gone']
    for (const orderId of orderIds) await records().keep({ name: `${orderId}.example`, value: 'v', orderId }, at(0))
    await end(over)
    const mine = (found: { orderId: string }[]) =>
      found.map(({ orderId }) => orderId).filter((id) => orderIds.includes(id))

    const other = (await database.open()).challengeRecords
    const again = { againAt: at(60_000), limit: 10 }
    const both = await Promise.all([records().takeLeftOver(at(0), again), other.takeLeftOver(at(0), again)])
    expect(mine(both.flat()).toSorted()).toEqual([over.id, 'gone'].toSorted())
    expect(mine(await take(59_999))).toEqual([])
    expect(await take(60_000, 1)).toHaveLength(1)
    expect(mine(await take(25 * HOUR_MS - 1))).not.toContain(underWay.id)
    expect(mine(await take(25 * HOUR_MS))).toContain(underWay.id)
    for (const orderId of orderIds) await records().forget({ name: `${orderId}.example`, value: 'v', orderId })
  })

  test('are left over also where they were written while the clock was far ahead', async () => {
    const record = { name: 'k4.ahead.example', value: 'v', orderId: 'gone' }
    await records().keep(record, at(1000 * HOUR_MS))
    expect(await take(0)).toMatchObject([record])
    expect(await take(0)).toEqual([])
    await records().forget(record)
  })
})
