import { expect, test } from 'vitest'
import { createLog } from '../src/log.ts'
import { metrics, type Standing } from '../src/metrics.ts'

const AT = new Date('2026-11-23T12:00:00Z')
const log = createLog({ level: 'silent', role: 'test' })

const standing: Standing = {
  jobs: [
    { kind: 'front-certificate', due: 3, failing: 1, oldestDueAt: AT },
    { kind: 'proof-check', due: 0, failing: 0, oldestDueAt: null },
  ],
  authorities: [{ name: 'le', isPaused: true, budget: [{ limit: 'orders', left: 17 }] }],
  served: { states: { good: 5, ending: 1 }, firstNotAfter: AT },
}

/** Lines of ours, without comments. */
async function lines(of: ReturnType<typeof metrics>, present: () => Promise<Standing>): Promise<string[]> {
  return (await of.text(present)).split('\n').filter((line) => line.startsWith('waypost_'))
}

test('what was counted, and how it stands at the moment', async () => {
  const counted = metrics(log)
  counted.authorityAsked('acme.example', '2xx', 120)
  counted.issued('acme')
  counted.issued('acme')
  counted.issuanceFailed('le', 'owner')
  counted.renewalInfoPolled('good', AT)
  const found = await lines(counted, async () => standing)
  const seconds = AT.getTime() / 1000
  for (const line of [
    'waypost_acme_request_seconds_bucket{le="0.25",authority="acme.example",outcome="2xx"} 1',
    'waypost_acme_request_seconds_bucket{le="0.1",authority="acme.example",outcome="2xx"} 0',
    'waypost_certificates_issued_total{source="acme"} 2',
    'waypost_issuance_failures_total{authority="le",whose="owner"} 1',
    'waypost_renewal_info_polls_total{outcome="good"} 1',
    `waypost_renewal_info_poll_timestamp_seconds{outcome="good"} ${seconds}`,
    'waypost_jobs_due{kind="front-certificate"} 3',
    'waypost_jobs_failing{kind="front-certificate"} 1',
    `waypost_jobs_oldest_due_timestamp_seconds{kind="front-certificate"} ${seconds}`,
    'waypost_jobs_due{kind="proof-check"} 0',
    'waypost_authority_paused{authority="le"} 1',
    'waypost_budget_left{authority="le",limit="orders"} 17',
    'waypost_served_certificates{state="ending"} 1',
    `waypost_served_certificate_first_not_after_timestamp_seconds ${seconds}`,
  ])
    expect(found).toContain(line)
  expect(found.some((line) => line.includes('oldest') && line.includes('proof-check'))).toBe(false)
})

test('what is not so any more is gone, and an instant that nobody knows is no zero', async () => {
  const counted = metrics(log)
  await counted.text(async () => standing)
  const nothing = { states: { good: 0 }, firstNotAfter: null }
  const later = await lines(counted, async () => ({ jobs: [], authorities: [], served: nothing }))
  expect(later).toEqual(['waypost_served_certificates{state="good"} 0'])
})

test('without a database there is what the process has counted itself', async () => {
  const counted = metrics(log)
  counted.issued('acme')
  const found = await counted.text(() => Promise.reject(new Error('gone')))
  expect(found).toContain('waypost_certificates_issued_total{source="acme"} 1')
  expect(found).toContain('process_cpu_seconds_total')
  expect(found).not.toContain('waypost_jobs_due')
})

test('the whole is lines as Prometheus reads them', async () => {
  const counted = metrics(log)
  counted.authorityAsked('acme.example', '2xx', 120)
  for (const line of (await counted.text(async () => standing)).trimEnd().split('\n'))
    expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? (-?[\d.e+-]+|Nan|[+-]Inf)|)$/)
})
