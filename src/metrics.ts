import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Log } from './log.ts'

/** How things stand at the moment of a scrape. There is no label for a domain: there may be a million of them. */
export interface Standing {
  jobs: { kind: string; due: number; failing: number; oldestDueAt: Date | null }[] // counted to a bound
  authorities: { name: string; isPaused: boolean; budget: { limit: string; left: number }[] }[]
  served: { states: Readonly<Record<string, number>>; firstNotAfter: Date | null }
}

export interface Metrics {
  contentType: string
  /** An authority, by the host of its directory, was asked something. */
  authorityAsked(authority: string, outcome: string, ms: number): void
  /** A lineage has a new certificate. */
  issued(source: string): void
  issuanceFailed(authority: string, whose: string): void
  renewalInfoPolled(outcome: 'good' | 'fault', at: Date): void
  /** In the text format of Prometheus. Where the standing cannot be read, what this process has counted itself. */
  text(standing: () => Promise<Standing>): Promise<string>
}

const REQUEST_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20]

export function metrics(log: Log): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const asked = new Histogram({
    name: 'waypost_acme_request_seconds',
    help: 'How long authorities took to answer, by the class of the status',
    ...{ labelNames: ['authority', 'outcome'] as const, buckets: REQUEST_SECONDS, registers },
  })
  const issued = new Counter({
    name: 'waypost_certificates_issued_total',
    help: 'Certificates that were issued and are kept',
    ...{ labelNames: ['source'] as const, registers },
  })
  const failed = new Counter({
    name: 'waypost_issuance_failures_total',
    help: 'Attempts at a certificate that failed, by whose affair it is: owner, authority or operator',
    ...{ labelNames: ['authority', 'whose'] as const, registers },
  })
  const polled = new Counter({
    name: 'waypost_renewal_info_polls_total',
    help: 'Polls of renewal information, RFC 9773',
    ...{ labelNames: ['outcome'] as const, registers },
  })
  const polledAt = new Gauge({
    name: 'waypost_renewal_info_poll_timestamp_seconds',
    help: 'When renewal information was last polled',
    ...{ labelNames: ['outcome'] as const, registers },
  })

  return {
    contentType: registry.contentType,
    authorityAsked: (authority, outcome, ms) => asked.observe({ authority, outcome }, ms / 1000),
    issued: (source) => issued.inc({ source }),
    issuanceFailed: (authority, whose) => failed.inc({ authority, whose }),

    renewalInfoPolled(outcome, at) {
      polled.inc({ outcome })
      polledAt.set({ outcome }, secondsOf(at))
    },

    async text(standing) {
      const counted = await registry.metrics()
      try {
        return counted + (await gaugesOf(await standing()).metrics())
      } catch (err) {
        log.warn({ err }, 'the metrics are without what the database says')
        return counted
      }
    },
  }
}

/** In a registry of its own, so that what is not so any more is gone. */
function gaugesOf({ jobs, authorities, served }: Standing): Registry {
  const registry = new Registry()
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Gauge<Label>({ name: `waypost_${name}`, help, labelNames, registers: [registry] })

  const due = gauge('jobs_due', 'Jobs that are due or under way, counted to ten thousand', ['kind'])
  const failing = gauge('jobs_failing', 'Jobs whose last run failed, counted to ten thousand', ['kind'])
  const oldest = gauge('jobs_oldest_due_timestamp_seconds', 'Since when the one that waits longest is due', ['kind'])
  for (const { kind, ...job } of jobs) {
    due.set({ kind }, job.due)
    failing.set({ kind }, job.failing)
    if (job.oldestDueAt) oldest.set({ kind }, secondsOf(job.oldestDueAt))
  }

  const isPaused = gauge('authority_paused', '1 while an authority is asked for nothing', ['authority'])
  const left = gauge('budget_left', 'What is left of a limit that all tenants share', ['authority', 'limit'])
  for (const { name: authority, ...one } of authorities) {
    isPaused.set({ authority }, one.isPaused ? 1 : 0)
    for (const { limit, ...of } of one.budget) left.set({ authority, limit }, of.left)
  }

  const hosts = gauge('served_certificates', 'Hosts by how the certificate stands that the edge serves', ['state'])
  for (const [state, count] of Object.entries(served.states)) hosts.set({ state }, count)
  if (served.firstNotAfter)
    gauge('served_certificate_first_not_after_timestamp_seconds', 'When the first of them ends').set(
      secondsOf(served.firstNotAfter),
    )
  return registry
}

function secondsOf(at: Date): number {
  return at.getTime() / 1000
}
