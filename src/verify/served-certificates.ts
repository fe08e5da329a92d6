import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { DomainName } from '../name.ts'

/** A host that the edge has a certificate for. */
export interface PresentedHost {
  name: DomainName
  sha256: string | null // of the active certificate's DER, lower-case hex; null: not known here
  activatedAt: Date | null // null with sha256
}

/** The hosts in the order of their names, a page at a time. */
export type PresentedHosts = (page: {
  after: string // the end of the page before; '': none
  limit: number
}) => Promise<{ hosts: PresentedHost[]; end: string | null /* null: that was the last */ }>

export type ServedReply =
  | { outcome: 'ok'; sha256: string; notBefore: Date; notAfter: Date }
  | { outcome: 'wrong'; why: string } // no certificate for this name
  | { outcome: 'could-not-ask'; why: string }

/** One TLS handshake with our own edge, as a stranger makes it; it answers and does not throw. */
export type AskEdge = (name: DomainName) => Promise<ServedReply>

export type ServedState = 'good' | 'ending' | 'ended' | 'outdated' | 'missing' | 'unasked'

const FIRST_AFTER_MS = 60_000
const EVERY_MS = 3_600_000
const AT_ONCE = 10
const MOST_NAMED = 20
/** Renewal begins with a third of the lifetime left, or a half: with a sixth left it has failed for long. */
const ENDING_SHARE = 1 / 6
/** Until then the edge may not have heard of a new certificate, however busy it is. */
const SWAP_MS = 60_000

export interface ServedCertificates {
  /** Looks at some hosts, or finds that the next walk is not due. Far below what the edge serves others in that time. */
  round(): Promise<void>
  /** Of the last walk that is over; of the first one as far as it has come. */
  standing(): { states: Readonly<Record<ServedState, number>>; firstNotAfter: Date | null }
}

/**
 * Sees by TLS, host by host and again each hour, whether what the edge really serves ends soon: the alarm that does not
 * rest on anything that renews.
 */
export function servedCertificates(deps: {
  adminHost: DomainName
  hosts: PresentedHosts // all others
  ask: AskEdge
  clock: Clock
  log: Log
  random: () => number // from 0 up to, not including, 1
}): ServedCertificates {
  const { adminHost, hosts, ask, clock, log, random } = deps
  let begunAt = clock.now().getTime() + FIRST_AFTER_MS - EVERY_MS
  let walk: Walk | undefined
  let last: Walk | undefined

  async function look(host: PresentedHost, into: Walk): Promise<void> {
    const reply = await ask(host.name)
    const state = stateOf(host, reply, clock.now())
    into.states[state]++
    if (reply.outcome === 'ok' && (into.firstNotAfter ?? reply.notAfter) >= reply.notAfter)
      into.firstNotAfter = reply.notAfter
    if (state === 'good' || state === 'unasked' || into.named++ >= MOST_NAMED) return
    const about = reply.outcome === 'ok' ? { notAfter: reply.notAfter } : { why: reply.why }
    log.warn({ name: host.name, state, ...about }, WORDS[state])
  }

  return {
    async round() {
      if (!walk) {
        const now = clock.now().getTime()
        if (Math.abs(now - begunAt) < EVERY_MS) return // also where the clock was set back
        begunAt = now
        // Among very many a walk takes hours, which not every process lives
        walk = newWalk(random().toString(36).slice(2, 4))
        await look({ name: adminHost, sha256: null, activatedAt: null }, walk)
      }
      const present = walk
      const page = await hosts({ after: present.after, limit: AT_ONCE })
      const fresh = page.hosts.filter(({ name }) => !present.isAround || name <= present.from)
      await Promise.all(fresh.map((host) => look(host, present)))
      if (!isOver(present, page.end)) return
      const { states, named } = present
      if (named > 0 || states.unasked > 0) log.warn(states, 'not all that the edge serves is as it should be')
      last = present
      walk = undefined
    },

    standing() {
      const { states, firstNotAfter } = last ?? walk ?? newWalk('')
      return { states, firstNotAfter }
    },
  }
}

/** From a name to the last, and from the first to that name. */
interface Walk {
  from: string
  after: string
  isAround: boolean
  states: Record<ServedState, number>
  firstNotAfter: Date | null
  named: number
}

function isOver(walk: Walk, end: string | null): boolean {
  if (end !== null) walk.after = end
  else if (walk.isAround) return true
  else Object.assign(walk, { after: '', isAround: true })
  return walk.isAround && walk.after >= walk.from
}

function newWalk(from: string): Walk {
  const states = { good: 0, ending: 0, ended: 0, outdated: 0, missing: 0, unasked: 0 }
  return { from, after: from, isAround: false, states, firstNotAfter: null, named: 0 }
}

const SEE = 'see: waypost certificate explain'
const WORDS: Readonly<Record<Exclude<ServedState, 'good' | 'unasked'>, string>> = {
  ending: `a certificate that is served ends soon and was not renewed; ${SEE}`,
  ended: `a certificate that is served has ended; ${SEE}`,
  outdated: 'the edge serves another certificate than the active one',
  missing: 'the edge has no certificate for a name that it should serve',
}

export function stateOf(host: PresentedHost, reply: ServedReply, now: Date): ServedState {
  if (reply.outcome === 'could-not-ask') return 'unasked'
  if (reply.outcome === 'wrong') return 'missing'
  const [begins, ends] = [reply.notBefore.getTime(), reply.notAfter.getTime()]
  if (ends <= now.getTime()) return 'ended'
  if (ends - now.getTime() < (ends - begins) * ENDING_SHARE) return 'ending'
  const isSettled = host.activatedAt !== null && now.getTime() - host.activatedAt.getTime() > SWAP_MS
  return isSettled && host.sha256 !== reply.sha256 ? 'outdated' : 'good'
}
