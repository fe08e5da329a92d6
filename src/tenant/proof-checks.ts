import type { Act } from '../act.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { atOnce } from '../work/at-once.ts'
import type { JobStore } from '../work/job.ts'
import type { JobKind } from '../work/runner.ts'
import {
  afterLook,
  FRESH_PROOF_MS,
  isFresh,
  lapsesAt,
  stateOf,
  type Claim,
  type ControlChange,
  type ControlStore,
  type ProofLook,
} from './control.ts'
import { coversClaim, explain, type Explanation } from './explanation.ts'
import type { ExplanationWords } from './explanation-words.ts'
import {
  cnameFinding,
  isSeen,
  sightingOf,
  txtFinding,
  withoutBulk,
  type Findings,
  type FurtherLooks,
  type Look,
  type NameServers,
  type Wanted,
} from './findings.ts'
import { attendance, nextCheckAt } from './proof-schedule.ts'
import { challengeName, edgeNameOf, proofToken } from './proof-token.ts'

export type { Explanation }

/** The kind of job; its key is the name. It is enqueued with the claim, and from then on by itself. */
export const PROOF_CHECK = 'proof-check'

/** Why a name was lost, to the log and to the audit trail. */
export const TAKEN_OVER = 'another tenant has proven that it controls the name'

/** For how long what was found stands for whoever asks again. */
const RECENT_MS = 5000
/** So old is the last look before one is made for whoever waits for a fresh proof. */
const STALE_MS = 3_600_000
/** Looks that people ask for, in this process: whoever presses often holds up neither what is due nor others. */
const CHECKS_AT_ONCE = { ofTenant: 2, inAll: 16 }
const FURTHER_AT_ONCE = 8

export interface ProofChecks {
  /**
   * Looks now, and takes in what is found; where somebody looked in the last five seconds, that stands.
   * @throws ProblemError not-found: the tenant does not claim the name; too-many-requests: too many such looks are under way
   */
  check(tenantId: string, name: DomainName, act: Act, words?: ExplanationWords): Promise<Explanation>
  /**
   * For a page that somebody waits at: a look begins where the last one is some seconds old, at first, and then minutes, whoever
   * asks how often. It is not waited for.
   * @param pressedAt when they last asked for a look themselves
   * @param waiter whether they wait for more than the proof, and whether they may have looks made; who may not waits for what
   *   others bring about
   * @returns in how many seconds to ask again; null: there is nothing to wait for
   */
  attend(
    tenantId: string,
    name: DomainName,
    waiter: { pressedAt: Date | null; waitsForMore: boolean; mayLook: boolean },
    act: Act,
  ): Promise<number | null>
  /** Without asking anybody. @throws ProblemError not-found */
  explain(tenantId: string, name: DomainName, words?: ExplanationWords): Promise<Explanation>
  /**
   * Before an order: whether a proof is in force and fresh. It asks nobody, since whoever orders must not wait for name
   * servers of others; where the answer is "not yet" a look is due soon, and it is for the caller to come again.
   */
  confirm(tenantId: string, name: DomainName): Promise<'proven' | 'not yet' | 'not claimed'>
  job: JobKind
}

/** How it stands with a name after a look. */
type Taken = Pick<ProofLook, 'unanswered'> & { claims: readonly Claim[] }

export function proofChecks(deps: {
  control: ControlStore
  nameServers: NameServers
  jobs: Pick<JobStore, 'enqueue' | 'nextRun'>
  proofKey: Uint8Array // of proof tokens
  edgeName: DomainName // of which the tenants' own are subdomains
  /** What else a tenant is to publish for the name; asked for beside the proof, at looks that somebody has asked for. */
  furtherRecords?: (tenantId: string, name: DomainName) => Promise<Pick<Look, 'name' | 'type'>[]>
  clock: Clock
  random: () => number // from 0 up to, not including, 1
  randomBytes: (size: number) => Uint8Array
  log: Log
}): ProofChecks {
  const { control, nameServers, jobs, proofKey, edgeName, clock, random, randomBytes, log } = deps
  const flights = new Map<DomainName, { asked: ReadonlySet<string>; taken: Promise<Taken> }>()
  const { furtherRecords = async () => [] } = deps
  const noteResolvers = resolverAlarm(log)
  const inTurn = atOnce({ ...CHECKS_AT_ONCE, doing: 'looked for' })

  function wantedOf(claim: Claim): Wanted {
    return { token: proofToken(proofKey, claim.tenantId, claim.name), edgeName: edgeNameOf(claim, edgeName) }
  }

  /** The look that is under way, unless it began too early to ask for all that these claims need. */
  function underWay(name: DomainName, claims: readonly Claim[], forTenant: string | null): Promise<Taken> | undefined {
    const flight = flights.get(name)
    return flight && questionsOf(claims, forTenant).every((one) => flight.asked.has(one)) ? flight.taken : undefined
  }

  /** @param forTenant who has asked for it; null: nobody */
  function look(name: DomainName, claims: readonly Claim[], forTenant: string | null, act: Act): Promise<Taken> {
    const flight = { asked: new Set(questionsOf(claims, forTenant)), taken: lookNow(name, claims, forTenant, act) }
    flights.set(name, flight)
    const land = () => void (flights.get(name) === flight && flights.delete(name))
    flight.taken.then(land, land)
    return flight.taken
  }

  async function lookNow(
    name: DomainName,
    claims: readonly Claim[],
    forTenant: string | null,
    act: Act,
  ): Promise<Taken> {
    const lookedAt = clock.now()
    const wanted = onceForEach(wantedOf)
    const [asked, furtherNow] = await Promise.all([
      ask(name, claims, wanted),
      forTenant === null ? undefined : askFurther(forTenant, name, lookedAt),
    ])
    noteResolvers(asked)
    const before = await control.lastLook(name)
    const further = furtherNow ?? before?.findings.further
    const findings: Findings = { ...asked, ...(further && { further }) }
    const sighting = (claim: Claim) => sightingOf(claim, wanted(claim), findings)
    let changes: readonly ControlChange[] = []
    const taken = await control.takeIn(
      { name, lookedAt, findings: withoutBulk(findings, claims.map(wanted)) },
      (now) => {
        changes = afterLook(now, sighting, lookedAt) // the last time counts: a transaction may be tried again
        return { changes, isUnanswered: isUnanswered(now, sighting), sighting }
      },
      act,
    )
    if (taken === undefined)
      return {
        claims: await control.claimsTo(name),
        unanswered: (await control.lastLook(name))?.unanswered ?? 0,
      }
    for (const change of changes) logChange(change, findings)
    const holder = holderOf(taken.claims)
    // Where no resolver answers it is all names alike, and told once for all
    if (holder && taken.unanswered > 0 && !isResolverDead(findings) && hasJustAged(holder, before, lookedAt))
      log.warn(
        { sourceDomain: name, tenantId: holder.tenantId, seenAt: holder.seenAt, unanswered: taken.unanswered },
        'the name servers of a held name could not be asked for a day; it is not lost by that, but nothing can be ordered for it',
      )
    return taken
  }

  /** Whoever reads the log at night sees what happens to names; the audit trail has it for the tenant too. */
  function logChange({ claim, event, control }: ControlChange, findings: Findings): void {
    const [before, after] = [stateOf(claim), stateOf(control)]
    if (before === after) return // seen or missed once more, or proven by the other record
    const about = { sourceDomain: claim.name, tenantId: claim.tenantId, before, after }
    if (after === 'proven') return log.info({ ...about, proof: control.proof }, 'a name is proven')
    const why = event === 'lose' ? TAKEN_OVER : whyGone(claim, wantedOf(claim), findings)
    if (after === 'wavering')
      log.warn(
        { ...about, why, lapsesAt: lapsesAt(control) },
        'the proof of a name is gone; the name is served until it lapses',
      )
    else log.warn({ ...about, why }, 'a tenant has lost a name; nothing of that tenant is served for it any more')
  }

  async function ask(name: DomainName, claims: readonly Claim[], wanted: (claim: Claim) => Wanted): Promise<Findings> {
    const hosted = claims.filter(({ mode }) => mode === 'hosted')
    const [txt, cname] = await Promise.all([
      nameServers.look(challengeName(name), 'TXT'),
      hosted.length > 0 ? nameServers.look(name, 'CNAME') : null,
    ])
    const isTxtSeen = claims.some((claim) => isSeen(txt, wanted(claim).token))
    const isCnameSeen = cname !== null && hosted.some((claim) => isSeen(cname, wanted(claim).edgeName))
    const [txtSibling, cnameSibling] = await Promise.all([
      isTxtSeen ? nameServers.look(`${randomLabel()}.${name}`, 'TXT') : null,
      isCnameSeen ? nameServers.look(`${randomLabel()}.${parentOf(name)}`, 'CNAME') : null,
    ])
    return { txt, txtSibling, cname, cnameSibling }
  }

  async function askFurther(tenantId: string, name: DomainName, lookedAt: Date): Promise<FurtherLooks> {
    const records = await furtherRecords(tenantId, name)
    const looks = await Promise.all(
      records.slice(0, FURTHER_AT_ONCE).map(({ name, type }) => nameServers.look(name, type)),
    )
    return { at: lookedAt.getTime(), looks }
  }

  /** Nobody can have published it, but by a wildcard. */
  function randomLabel(): string {
    return `waypost-${Buffer.from(randomBytes(8)).toString('hex')}`
  }

  async function explainTo(tenantId: string, name: DomainName, words?: ExplanationWords): Promise<Explanation> {
    const [claims, last, nextRun] = await Promise.all([
      control.claimsTo(name),
      control.lastLook(name),
      jobs.nextRun(PROOF_CHECK, name),
    ])
    const claim = claimOf(claims, tenantId, name)
    const holder = holderOf(claims)
    const isHeldByAnother = holder !== undefined && holder.id !== claim.id
    const history = await control.sightingSpans(claim.id)
    const nextCheckAt = holder?.proof === 'vouched' ? null : nextRun
    return explain({ claim, wanted: wantedOf(claim), last, history, isHeldByAnother, nextCheckAt }, words)
  }

  /** What was found may want a look earlier than the one that is due. */
  async function bringForward(name: DomainName, { claims, unanswered }: Taken): Promise<void> {
    const runAt = nextCheckAt(claims, unanswered, clock.now(), random())
    if (runAt) await jobs.enqueue({ kind: PROOF_CHECK, key: name, payload: {}, runAt })
  }

  async function lookInTurn(tenantId: string, name: DomainName, claims: readonly Claim[], act: Act): Promise<void> {
    const flight = underWay(name, claims, tenantId)
    const taken = await (flight ?? inTurn(tenantId, () => look(name, claims, tenantId, act)))
    await bringForward(name, taken)
  }

  return {
    async check(tenantId, name, act, words) {
      const claims = await control.claimsTo(name)
      const claim = claimOf(claims, tenantId, name)
      const last = await control.lastLook(name)
      const stands = last && coversClaim(last, claim) && isRecent(last, clock.now())
      if (!stands) await lookInTurn(tenantId, name, claims, act)
      return explainTo(tenantId, name, words)
    },

    async attend(tenantId, name, { pressedAt, waitsForMore, mayLook }, act) {
      const claims = await control.claimsTo(name)
      const claim = claims.find((one) => one.tenantId === tenantId)
      // Where the operator vouches for another, no look changes anything
      if (!claim || holderOf(claims)?.proof === 'vouched') return null
      const last = await control.lastLook(name)
      const pace = attendance({ claim, waitsForMore, pressedAt, unanswered: last?.unanswered ?? 0 }, clock.now())
      if (pace === null) return null
      const age = last && coversClaim(last, claim) ? clock.now().getTime() - last.lookedAt.getTime() : Infinity
      if (mayLook && age >= pace.lookAfterMs)
        void lookInTurn(tenantId, name, claims, act).catch((err: unknown) => {
          // Too many at once: whoever waits asks again
          if (!(err instanceof ProblemError)) log.warn({ err, sourceDomain: name }, 'a look at a name has failed')
        })
      return pace.askEverySeconds
    },

    explain: explainTo,

    async confirm(tenantId, name) {
      const claims = await control.claimsTo(name)
      const own = claims.find((claim) => claim.tenantId === tenantId)
      if (!own) return 'not claimed'
      const now = clock.now()
      if (isFresh(own, now)) return 'proven'
      const isVouched = holderOf(claims)?.proof === 'vouched' // for another, and no look would change that
      if (!isVouched && isStale(await control.lastLook(name), now))
        await jobs.enqueue({ kind: PROOF_CHECK, key: name, payload: {}, runAt: now })
      return 'not yet'
    },

    async job({ key }) {
      const name = key as DomainName
      const claims = await control.claimsTo(name)
      if (claims.length === 0 || holderOf(claims)?.proof === 'vouched') return
      const act: Act = { at: clock.now(), actor: PROOF_CHECK, address: null }
      const taken = await (underWay(name, claims, null) ?? look(name, claims, null, act))
      const runAgainAt = nextCheckAt(taken.claims, taken.unanswered, clock.now(), random())
      return runAgainAt ? { runAgainAt } : undefined
    },
  }
}

/** "TXT absent, CNAME wildcard" */
function whyGone({ mode }: Claim, wanted: Wanted, findings: Findings): string {
  const { fault } = findings.txt
  const txt = `TXT ${fault ?? txtFinding(wanted, findings).is}`
  return mode === 'external' ? txt : `${txt}, CNAME ${findings.cname?.fault ?? cnameFinding(wanted, findings).is}`
}

function holderOf(claims: readonly Claim[]): Claim | undefined {
  return claims.find(({ proof }) => proof !== null)
}

function claimOf(claims: readonly Claim[], tenantId: string, name: DomainName): Claim {
  const own = claims.find((claim) => claim.tenantId === tenantId)
  if (!own) throw new ProblemError('not-found', `the tenant has no source domain ${name}`)
  return own
}

/** What a look has to ask for the sake of the claims, and of whoever asks for it. */
function questionsOf(claims: readonly Claim[], forTenant: string | null): string[] {
  return [...claims.map(({ id, mode }) => `${id} ${mode}`), ...(forTenant === null ? [] : ['further'])]
}

function isRecent({ lookedAt }: ProofLook, now: Date): boolean {
  const age = now.getTime() - lookedAt.getTime()
  return age >= 0 && age < RECENT_MS
}

function isStale(last: ProofLook | undefined, now: Date): boolean {
  // Either way: a look by a clock that ran a week ahead would be young for a week
  return last === undefined || Math.abs(now.getTime() - last.lookedAt.getTime()) > STALE_MS
}

/** Nothing is known of whom it matters to: the holder, or whoever waits where nobody holds the name. */
function isUnanswered(claims: readonly Claim[], sighting: (claim: Claim) => { outcome: string }): boolean {
  const holder = holderOf(claims)
  return (holder ? [holder] : claims).every((claim) => sighting(claim).outcome === 'could-not-ask')
}

/** Too old for an order since the look before: true of one look, however many follow and whichever process makes them. */
function hasJustAged({ proof, seenAt }: Claim, before: ProofLook | undefined, lookedAt: Date): boolean {
  if (proof === 'vouched' || seenAt === null) return false
  const agedAt = seenAt.getTime() + FRESH_PROOF_MS
  return lookedAt.getTime() >= agedAt && (before === undefined || before.lookedAt.getTime() < agedAt)
}

function isResolverDead({ txt, cname }: Findings): boolean {
  return [txt, cname ?? txt].every(({ fault }: Look) => fault === 'no-resolver')
}

/** One line when all resolvers fall silent and one when they are back, however many names are looked at meanwhile. */
function resolverAlarm(log: Log): (findings: Findings) => void {
  let wasDead = false
  return (findings) => {
    const isDead = isResolverDead(findings)
    if (isDead && !wasDead) log.error('no DNS resolver answers; no name is lost by that')
    if (!isDead && wasDead) log.info('DNS resolvers answer again')
    wasDead = isDead
  }
}

/** A name may have a hundred claims, and each is asked about several times in a look. */
function onceForEach(wantedOf: (claim: Claim) => Wanted): (claim: Claim) => Wanted {
  const known = new Map<string, Wanted>()
  return (claim) => {
    const wanted = known.get(claim.id) ?? wantedOf(claim)
    known.set(claim.id, wanted)
    return wanted
  }
}

function parentOf(name: DomainName): string {
  return name.slice(name.indexOf('.') + 1)
}
