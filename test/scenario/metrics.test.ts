import { afterAll, beforeAll, expect, test } from 'vitest'
import { newWaypost, type Waypost } from '../support/waypost.ts'
import { until } from '../support/until.ts'

let installation: Waypost

beforeAll(async () => {
  installation = await newWaypost()
  await installation.start()
}, 60_000)
afterAll(() => installation.remove())

test('a running server tells Prometheus how it stands, and of no domain', async () => {
  const { waypost, ports } = installation
  for (const args of [
    ['target', 'add', 'hosting.localhost'],
    ['tenant', 'add', 'acme'],
    ['domain', 'add', 'im.localhost', '--tenant', 'acme', '--vouch'],
  ]) {
    const { code, stderr } = await waypost(...args)
    expect(code, stderr).toBe(0)
  }
  const scrape = async () => (await fetch(`http://127.0.0.1:${ports.health}/metrics`)).text()
  await until(async () => (await scrape()).includes('waypost_certificates_issued_total{source="local"} 3'))
  const text = await scrape()
  expect(text).toContain('waypost_jobs_due{kind="front-certificate"} 0')
  expect(text).toContain('waypost_served_certificates{state="good"} 0') // none was looked at yet
  expect(text).toContain('process_resident_memory_bytes')
  expect(text).not.toMatch(/im\.localhost|hosting\.localhost/)
})
