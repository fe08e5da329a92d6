import type { LineageCertificate, LineageStore } from '../certificate/lineage.ts'
import { published, stateAt } from '../certificate/rollover.ts'
import type { Clock } from '../clock.ts'
import type { Delegation, DelegationStore, RuleCheck } from '../delegation/delegation.ts'
import { poshName } from '../delegation/service-name.ts'
import type { SourceDomainStore } from '../delegation/source-domain.ts'
import type { Log } from '../log.ts'
import { parseDomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { atOnce } from '../work/at-once.ts'
import type { JobKind } from '../work/runner.ts'
import type { Ask } from './ask.ts'
import { parseHttpsUrl } from './https-url.ts'
import { initiatingEntity } from './initiating-entity.ts'
import type { Report, Step } from './report.ts'

/** The kind of job; its key is the id of an external source domain that is held. */
export const REDIRECT_RULE = 'redirect-rule'

export interface RedirectRulePayload {
  tenantId: string
  name: string // of the source domain
}

/** Whether the web server of an external source domain leads to what is published here, asked as an initiating entity. */
export interface RuleChecks {
  /** Walks the hops of one delegation now. */
  verify(delegation: Delegation): Promise<Report>
  /** The same, judged by what is published here, and kept with the delegation. */
  check(delegation: Delegation): Promise<RuleCheck>
  /** Both at once. */
  verifyAndCheck(delegation: Delegation): Promise<{ report: Report; ruleCheck: RuleCheck }>
  /**
   * For a page that somebody waits at: where the rule was not found at the last check, and that is some seconds old, another one
   * begins. It is not waited for.
   * @param waiter since when they wait, and whether they may have checks made; who may not waits for what others bring about
   * @returns in how many seconds to ask again; null: there is nothing to wait for
   */
  attend(delegations: readonly Delegation[], waiter: { since: Date; mayCheck: boolean }): number | null
  /** All delegations of the source domain in turn, a bounded number in bounded time; again each day while it is external and held. */
  job: JobKind
}

const DELEGATIONS_CHECKED = 20
/** After it nothing more is asked: a server that redirects slowly, again and again, would outlast the lease of a job. */
const ASKING_MS = 40_000
/** For how long a copy on the owner's own server may lack what was published last: somebody's cron has to come round. */
const COPY_LAG_MS = 15 * 60_000
const LONGEST_TEXT = 1000
/** For how long a job takes what was found for what is there: nobody makes this server knock more often by changing things. */
const RECENT_MS = 3_600_000
/** While somebody waits for a rule, since when: so old is the last check before another, and so often they ask. */
const ATTENDED: readonly [untilMs: number, pace: { checkAfterMs: number; askEverySeconds: number }][] = [
  [10 * 60_000, { checkAfterMs: 10_000, askEverySeconds: 5 }],
  [3_600_000, { checkAfterMs: 60_000, askEverySeconds: 15 }],
]
const CHECKS_AT_ONCE = { ofTenant: 2, inAll: 8 }
const AGAIN_MS = { least: 18 * 3_600_000, most: 22 * 3_600_000 }

export function ruleChecks(deps: {
  /** @param allowPorts those that may be asked beside 443 */
  askAt: (allowPorts: readonly number[]) => Ask
  sourceDomains: Pick<SourceDomainStore, 'find'>
  delegations: Pick<DelegationStore, 'list' | 'noteRuleCheck'>
  lineages: Pick<LineageStore, 'find'>
  httpsPort: number // of source domains' web servers: 443, but for trials
  clock: Clock
  random: () => number // from 0 up to, not including, 1
  log: Log
}): RuleChecks {
  const { askAt, sourceDomains, delegations, lineages, httpsPort, clock, random, log } = deps
  const inTurn = atOnce({ ...CHECKS_AT_ONCE, doing: 'checked' })
  const attended = new Set<string>() // ids of delegations

  function verify(delegation: Delegation, until = inTime(clock.now(), ASKING_MS)): Promise<Report> {
    const { sourceDomain, service, protocol, targetPort } = delegation
    const ask = askUntil(askAt([httpsPort, targetPort]), until)
    return initiatingEntity({ ask, clock }).verify({ sourceDomain, service, protocol, port: httpsPort })
  }

  function askUntil(ask: Ask, until: Date): Ask {
    return async (url) =>
      clock.now() < until ? ask(url) : { outcome: 'could-not-ask', why: 'the servers before took too long to answer' }
  }

  async function verifyAndCheck(
    delegation: Delegation,
    until?: Date,
  ): Promise<{ report: Report; ruleCheck: RuleCheck }> {
    const { tenantId, lineageId } = delegation
    const report = await verify(delegation, until)
    // After the answers: what was published meanwhile is known here before it is at the edge
    const lineage = (await lineages.find(tenantId, lineageId)) ?? (await lineages.find(null, lineageId))
    const checkedAt = clock.now()
    const { outcome, found } = judge(report, delegation, lineage?.certificates ?? [], checkedAt)
    const ruleCheck = { outcome, found: found.slice(0, LONGEST_TEXT), checkedAt }
    await delegations.noteRuleCheck(tenantId, delegation.id, ruleCheck)
    return { report, ruleCheck }
  }

  return {
    verify: (delegation) => verify(delegation),
    check: async (delegation) => (await verifyAndCheck(delegation)).ruleCheck,
    verifyAndCheck: (delegation) => verifyAndCheck(delegation),
    attend(all, { since, mayCheck }) {
      const now = clock.now()
      const waiting = all.flatMap((delegation) => {
        const ageMs = sinceChecked(delegation, now)
        return ageMs === null ? [] : [{ delegation, ageMs }]
      })
      const pace = ATTENDED.find(([until]) => now.getTime() - since.getTime() < until)?.[1]
      if (waiting.length === 0 || pace === undefined) return null
      const { delegation: next, ageMs } = waiting.reduce((one, other) => (other.ageMs > one.ageMs ? other : one))
      if (mayCheck && ageMs >= pace.checkAfterMs && !attended.has(next.id)) {
        attended.add(next.id)
        void inTurn(next.tenantId, () => verifyAndCheck(next))
          .catch((err: unknown) => {
            // Too many at once: whoever waits asks again
            if (!(err instanceof ProblemError)) log.warn({ err, delegation: next.id }, 'a check of a rule has failed')
          })
          .finally(() => attended.delete(next.id))
      }
      return pace.askEverySeconds
    },
    async job({ payload }) {
      const { tenantId, name } = payload as RedirectRulePayload
      const sourceDomain = parseDomainName(name)
      if (sourceDomain === null) throw new Error(`the job names no source domain: ${JSON.stringify(name)}`)
      const claim = await sourceDomains.find(tenantId, sourceDomain)
      if (claim?.mode !== 'external' || claim.proof === null) return // who proves it, or makes it external, enqueues this anew
      const page = { sourceDomain, limit: DELEGATIONS_CHECKED, isOldestFirst: true }
      const until = inTime(clock.now(), ASKING_MS)
      for (const delegation of await delegations.list(tenantId, page)) {
        if (clock.now() >= until) break
        if (!isRecent(delegation.ruleCheck, clock.now())) await verifyAndCheck(delegation, until)
      }
      return { runAgainAt: inTime(clock.now(), AGAIN_MS.least + (AGAIN_MS.most - AGAIN_MS.least) * random()) }
    },
  }
}

/** Null: it is as it should be. */
function sinceChecked({ ruleCheck }: Delegation, now: Date): number | null {
  if (ruleCheck === null) return Infinity
  return ruleCheck.outcome === 'ok' ? null : now.getTime() - ruleCheck.checkedAt.getTime()
}

type Judgement = Pick<RuleCheck, 'outcome' | 'found'>

/** What counts is where the hops of draft-miller-xmpp-fed-00 §6.3 end, and what is given there. */
function judge(report: Report, delegation: Delegation, certificates: LineageCertificate[], now: Date): Judgement {
  const expected = published(certificates, now)
  if (expected.length === 0)
    return {
      outcome: 'could-not-ask',
      found: `there is nothing to compare with: the certificate lineage ${delegation.lineageName} has no certificate that is valid now; import one`,
    }
  const broken = report.steps.find(({ outcome }) => outcome === 'wrong')
  const unasked = report.steps.find(({ outcome }) => outcome === 'could-not-ask')
  if (report.tls === 'proven') {
    const fault =
      whereElse(report, delegation) ?? otherCertificates(report, certificates, now) ?? lacking(report, expected, now)
    if (fault !== null) return { outcome: 'wrong', found: `${fault}. ${cureFor(delegation)}` }
  }
  if (broken) return { outcome: 'wrong', found: told(broken) }
  if (unasked) return { outcome: 'could-not-ask', found: `${subject(unasked)}${unasked.found}` }
  return { outcome: 'ok', found: `${leadsTo(report, delegation)}${poshRemark(report, delegation)}` }
}

function told(step: Step): string {
  return `${subject(step)}${step.found}.${step.cure === null ? '' : ` ${step.cure}`}`
}

function subject({ asked }: Step): string {
  return asked === null ? '' : `${asked}: `
}

/** The URL that gave the PEM: of the steps of the draft the only one whose answer was a success. */
function pemUrl({ steps }: Report): string {
  const isOfDraft = (rule: string) => rule.startsWith('draft-miller-xmpp-fed-00')
  const end = steps.find(({ rule, reply }) => isOfDraft(rule) && reply !== null && reply.status < 300)
  return end?.asked ?? ''
}

/** Null where the hops end at the target host, or with a copy at the source domain itself. */
function whereElse(report: Report, { sourceDomain, targetHost, targetPort }: Delegation): string | null {
  const url = pemUrl(report)
  const end = parseHttpsUrl(url)
  if ('fault' in end || end.host === sourceDomain) return null
  return end.host === targetHost && end.port === targetPort ? null : `it leads to ${url}, which is not the target host`
}

function otherCertificates(report: Report, certificates: LineageCertificate[], now: Date): string | null {
  const ours = certificates.filter((certificate) => stateAt(certificate, now) !== 'retired')
  const other = report.certificates.find(({ sha256 }) => !ours.some((certificate) => certificate.sha256 === sha256))
  if (!other) return null
  return `${pemUrl(report)} gives a certificate that is not published here (${other.subject || 'no subject'}, sha-256 ${other.sha256.slice(0, 16)}…)`
}

function lacking(report: Report, expected: LineageCertificate[], now: Date): string | null {
  const due = expected.filter(({ stagedAt }) => stagedAt.getTime() + COPY_LAG_MS <= now.getTime())
  const lacked = due.find(({ sha256 }) => !report.certificates.some((certificate) => certificate.sha256 === sha256))
  if (!lacked) return null
  return `${pemUrl(report)} lacks a certificate that is published here (${lacked.subject || 'no subject'}, sha-256 ${lacked.sha256.slice(0, 16)}…)`
}

function cureFor({ targetHost, targetPort }: Delegation): string {
  const port = targetPort === 443 ? '' : `:${targetPort}`
  return `Let the path lead to https://${targetHost}${port}, by the rule that is shown; where a copy is served, fetch it anew every five minutes.`
}

function leadsTo(report: Report, { sourceDomain, targetHost }: Delegation): string {
  const certificates = report.certificates.length === 1 ? 'the certificate' : 'the certificates'
  const end = parseHttpsUrl(pemUrl(report))
  return !('fault' in end) && end.host === sourceDomain && sourceDomain !== targetHost
    ? `${sourceDomain} gives ${certificates} published here itself`
    : `${sourceDomain} leads to ${targetHost}, which gives ${certificates} published here`
}

/** No fault of the draft's, but what deployed software asks for. */
function poshRemark({ posh }: Report, delegation: Delegation): string {
  const name = poshName(delegation)
  if (posh !== 'absent' || name === null || delegation.poshAnswer === 'off') return ''
  return `; it answers 404 to /.well-known/posh/${name}.json, for which XMPP software asks: add the rule for that path too`
}

function isRecent(check: RuleCheck | null, now: Date): boolean {
  return check !== null && Math.abs(now.getTime() - check.checkedAt.getTime()) < RECENT_MS
}

function inTime(now: Date, ms: number): Date {
  return new Date(now.getTime() + ms)
}
