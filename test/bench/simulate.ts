/**
 * What becomes of very many certificates over seventeen months, in simulated time: `npm run simulate`, with `--domains N`
 * for fewer than a million. The lifetimes get shorter on the way, three certificates in ten are to be replaced at once,
 * and three hours later, with most of those still to be done, the authority is out for two days.
 */
import { optionsOf } from './simulation/arguments.ts'
import { DAY_MS, HOUR_MS } from './simulation/authority.ts'
import type { Figures } from './simulation/figures.ts'
import { simulate, type Options } from './simulation/simulation.ts'

const MINUTE_MS = 60_000
const BAR = 60

const options = asked()
const from = options.from.getTime()
const startedAt = performance.now()
announce()
const figures = await simulate({ ...options, onDay: progress })
report(figures)
if (figures.lapsed > 0 || figures.uncertified > 0) process.exitCode = 1
console.log(`lapsed: ${figures.lapsed}`)

function asked(): Options {
  try {
    return optionsOf(process.argv.slice(2))
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(2)
  }
}

function announce(): void {
  const { domains, rampMs, profile, seed, ordersPer3h, revocation, outage, until } = options
  const days = Math.ceil(rampMs / DAY_MS)
  const lines = [
    `${count(domains)} domains are registered over ${days} days from ${date(from)} on, each day's at midnight; profile ${profile}, seed ${seed}`,
    `the authority lets the account have ${count(ordersPer3h)} new orders in 3 h; renewals are free of that`,
    ...(profile === 'classic' ? ['certificates live 90 days, from 2027-02-10 on 64, from 2028-02-16 on 45'] : []),
    `${date(revocation.at)}: the windows of 30 % of all certificates jump into the past`,
    `${date(outage.from)} to ${date(outage.until)}: the authority answers 503, not at all, or refuses connections, in thirds`,
    `simulated until ${date(until.getTime())}; certificates have neither keys nor signatures, names pass preflight and validation`,
    'polls for renewal information that would bring the known window again are counted and not made',
  ]
  for (const line of lines) console.log(line)
}

function report(of: Figures): void {
  const { peaks, routine, worst, outage, revocation, polls, authority } = of
  console.log('\nnew orders an hour: the mean of each week, and its fullest hour')
  plot(of.ordersByHour)
  const usage = process.resourceUsage()
  const pollsPerSecond = (1000 * (polls.made + polls.skipped)) / (of.at - from)
  const rows = {
    'first certificates through':
      of.firstsThroughAt === null ? `no: ${count(of.uncertified)} are missing` : date(of.firstsThroughAt),
    orders: `${count(authority.newOrders)}, of which ${count(authority.byRenewalInfo)} inside the suggested window; ${count(of.renewed)} renewals`,
    'fullest minute of routine': `${peakOf(routine)}: ${(routine.count / routine.meanOfDay).toFixed(1)} times the mean of its day`,
    'fullest minute of all': peakOf(peaks.minute),
    'fullest second': peakOf(peaks.second),
    'fullest hour': peakOf(peaks.hour),
    'worst remaining lifetime': `${percent(worst.share)}, ${hours(worst.leftMs)}, at ${date(worst.at)}`,
    'longest from due to replaced': `${hours(of.late.worstMs)}, at ${date(of.late.at)}`,
    outage: `${count(outage.failed)} names were tried, at most ${outage.mostAttempts} times, ${outage.meanAttempts.toFixed(1)} on average`,
    'drain after it': `${count(outage.overdue)} were overdue at its end; ${outage.drainedMs === null ? 'not all are replaced' : `all replaced in ${hours(outage.drainedMs)}`}`,
    'to be revoked': `${count(revocation.revoked)}; ${revocation.replacedMs === null ? `${count(revocation.left)} are left` : `all replaced in ${hours(revocation.replacedMs)}, outage included`}`,
    'answers 429': count(authority.limited),
    'refusals of our own budget':
      [...of.refusals].map(([why, times]) => `${count(times)}: ${why}`).join('; ') || 'none',
    polls: `${count(polls.made)} made, ${count(polls.skipped)} counted; ${pollsPerSecond.toFixed(1)} a second; ${count(polls.inOutage)} into the outage`,
    workers: `busy ${percent(of.busyShare)}; a job began ${hours(of.lateness.worstMs)} late at worst, at ${date(of.lateness.at)}`,
    'runs of the job': count(of.jobs),
    'this run': `${hours(performance.now() - startedAt)}, ${hours(usage.userCPUTime / 1000)} of a processor, ${count(usage.maxRSS / 1024)} MB at most`,
  }
  console.log()
  for (const [what, how] of Object.entries(rows)) console.log(`${what.padEnd(30)}${how}`)
}

function plot(byHour: Uint32Array): void {
  const weeks: { day: number; mean: number; most: number }[] = []
  for (let hour = 0; hour + 24 <= byHour.length; hour += 7 * 24) {
    const week = byHour.subarray(hour, hour + 7 * 24)
    const mean = week.reduce((sum, one) => sum + one, 0) / week.length
    weeks.push({ day: hour / 24, mean, most: Math.max(...week) })
  }
  const scale = BAR / Math.max(...weeks.map(({ most }) => most), 1)
  for (const { day, mean, most } of weeks) {
    const bar = '█'
      .repeat(Math.round(mean * scale))
      .padEnd(Math.round(most * scale), '·')
      .padEnd(BAR)
    const week = date(from + day * DAY_MS).slice(0, 10)
    console.log(`${week} ${bar} ${count(mean).padStart(8)} ${count(most).padStart(8)}`)
  }
}

function progress(day: number): void {
  if (day % 30 === 0)
    console.error(`${date(from + day * DAY_MS).slice(0, 10)}, ${hours(performance.now() - startedAt)}`)
}

function count(number: number): string {
  return Math.round(number).toLocaleString('en')
}

function date(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')}Z`
}

function hours(ms: number): string {
  return ms < HOUR_MS ? `${(ms / MINUTE_MS).toFixed(1)} min` : `${(ms / HOUR_MS).toFixed(1)} h`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

function peakOf({ count: most, at }: { count: number; at: number }): string {
  return `${count(most)} orders, at ${date(at)}`
}
