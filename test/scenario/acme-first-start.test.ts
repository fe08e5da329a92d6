import { afterAll, beforeAll, test } from 'vitest'
import { ask } from '../support/https-client.ts'
import { newWaypost, type Waypost } from '../support/waypost.ts'
import { until } from '../support/until.ts'

let site: Waypost

beforeAll(async () => {
  site = await newWaypost({ WAYPOST_FRONT_AUTHORITY: 'acme' })
  await site.start()
}, 60_000)
afterAll(() => site.remove())

test('where ACME authorities are to issue and none is set up yet, the pages are there at the first start', async () => {
  await until(async () => (await ask(site, 'admin.localhost', '/sign-in').catch(() => undefined))?.status === 200)
})
