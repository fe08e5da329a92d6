import type { Clock } from '../clock.ts'
import type { DomainName } from '../name.ts'
import type { CaaRecord } from './caa.ts'
import type { EdgeType } from './challenge-choice.ts'
import type { DnsChallenges } from './dns-challenges.ts'
import { findingsOf, waysOf, type Finding, type Issuer } from './preflight-findings.ts'
import type { DnsAnswers } from './validation.ts'

/** Whether an order has a chance, found out before the authority is asked for anything. */
export interface Preflight {
  outcome: Finding['outcome'] // 'could-not-ask' only where nothing at all could be asked
  isMoved: boolean // DNS leads one of the names elsewhere, or nowhere
  findings: Finding[]
}

/** Looks at the names of an order that is about to be begun. */
export type RunPreflight = (
  wanted: { tenantId: string | null; identifiers: readonly DomainName[] },
  authority: Pick<Issuer, 'name' | 'accountUrl' | 'caaIdentities'>,
) => Promise<Preflight>

/** Why something is not known. */
export interface Unasked {
  outcome: 'could-not-ask'
  why: string
  isServerFailure: boolean // SERVFAIL: of the name's own servers, or of its DNSSEC
}

/** Where this server is reached. */
export interface EdgeAddresses {
  addresses: string[] // as RFC 5952 writes them; none: they are not known
  isWhole: boolean // false: the edge's name could not be looked up, and another address may be its too
}

/** What DNS says of a name, as an authority's resolvers would see it. */
export interface Sight {
  addresses: {
    found: string[] // of both families: the edge's and public ones
    hasOthers: boolean // some that are not shown: private or reserved ones
    alias: string | null // the first of those that lead to them; null: there is none
    isByEdge: boolean // one of them is the edge's name or below it
    fault: Unasked | null // of a family that could not be looked up
  }
  caa: { outcome: 'ok'; set: CaaSet | null /* null: there is none on the way up */ } | Unasked
  /** At `_acme-challenge`: where its aliases end. Null: not looked at. */
  challengeRecord: { outcome: 'ok'; alias: string | null; hasText: boolean } | Unasked | null
}

/** The relevant record set, RFC 8659 §3. */
export interface CaaSet {
  at: string // where it is published, or the first alias that leads there
  isEdges: boolean // that is the edge's name or below it
  isShown: boolean // false: perhaps only the operator's own resolvers know of it
  records: CaaRecord[]
}

/** The DNS that preflight sees. Both answer within six seconds and do not throw. */
export interface PreflightDns {
  edge(): Promise<EdgeAddresses>
  look(name: DomainName, wish: { isByDns: boolean /* the challenge's own record is looked at */ }): Promise<Sight>
}

export type ProbeReply =
  | { outcome: 'ok'; status: number; location: string | null; body: string } // both printable ASCII, cut
  | { outcome: 'could-not-ask'; why: string }

/** One GET of a challenge's answer by plain HTTP at that very address, within two seconds. No redirect is followed. */
export type ChallengeProbe = (asked: { host: DomainName; token: string; address: string }) => Promise<ProbeReply>

/** Where edges find the answer to a probe. */
export interface ProbeAnswers {
  put(answer: {
    host: DomainName
    token: string
    type: 'http-01'
    keyAuthorization: string
    orderId: null
    expiresAt: Date
  }): Promise<void>
  remove(host: DomainName, token: string): Promise<void>
}

/** What was seen of one name. */
export interface Seen extends Sight {
  name: DomainName
  edge: EdgeAddresses
  probes: { address: string; reply: ProbeReply; isEcho: boolean }[]
}

const KEPT_MS = 60_000
const MOST_KEPT = 10_000
const PROBE_MS = 60_000
/** Of a family: a name with a thousand addresses is no reason to knock at each. */
const MOST_PROBED = 2

/**
 * Sees what an authority will see: where DNS leads, which CAA records hold, whether port 80 answers. What was seen of a name
 * is kept for a minute. It connects to no address but the edge's own.
 */
export function preflight(deps: {
  dns: PreflightDns
  probe: ChallengeProbe
  challenges: ProbeAnswers
  challengeTypes: readonly EdgeType[]
  aliasOf?: DnsChallenges['aliasOf'] | undefined // undefined: there is no zone for dns-01
  clock: Clock
  randomBytes: (size: number) => Uint8Array
}): { run: RunPreflight; waysOf: DnsAnswers['waysOf'] } {
  const { dns, probe, challenges, challengeTypes, aliasOf, clock, randomBytes } = deps
  const kept = new Map<DomainName, { at: Date; seen: Promise<Seen> }>()

  function seen(name: DomainName): Promise<Seen> {
    const at = clock.now()
    const known = kept.get(name)
    if (known && at.getTime() - known.at.getTime() < KEPT_MS) return known.seen
    const fresh = look(name)
    kept.delete(name) // so that it becomes the youngest
    kept.set(name, { at, seen: fresh })
    const [oldest] = kept.keys()
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest)
    fresh.catch(() => kept.delete(name))
    return fresh
  }

  async function look(name: DomainName): Promise<Seen> {
    const [isByDns, isByHttp] = [aliasOf !== undefined, challengeTypes.includes('http-01')]
    const [edge, sight] = await Promise.all([dns.edge(), dns.look(name, { isByDns })])
    const own = sight.addresses.found.filter((address) => edge.addresses.includes(address))
    const [ipv4, ipv6] = [false, true].map((is) => own.filter((address) => address.includes(':') === is))
    const probed = [ipv4, ipv6].flatMap((family) => family?.slice(0, MOST_PROBED) ?? [])
    return { ...sight, name, edge, probes: isByHttp && probed.length > 0 ? await echoes(name, probed) : [] }
  }

  async function echoes(host: DomainName, addresses: string[]): Promise<Seen['probes']> {
    const [token, secret] = [0, 1].map(() => Buffer.from(randomBytes(24)).toString('base64url')) as [string, string]
    const keyAuthorization = `${token}.${secret}`
    const expiresAt = new Date(clock.now().getTime() + PROBE_MS)
    await challenges.put({ host, token, type: 'http-01', keyAuthorization, orderId: null, expiresAt })
    try {
      return await Promise.all(
        addresses.map(async (address) => {
          const reply = await probe({ host, token, address })
          const isEcho = reply.outcome === 'ok' && reply.status === 200 && reply.body.trimEnd() === keyAuthorization
          return { address, reply, isEcho }
        }),
      )
    } finally {
      await challenges.remove(host, token)
    }
  }

  const means = (tenantId: string | null) => ({
    challengeTypes,
    ...(aliasOf && { aliasOf: (name: DomainName) => aliasOf(tenantId, name) }),
  })

  return {
    async run({ tenantId, identifiers }, authority) {
      const all = await Promise.all([...new Set(identifiers)].map(seen))
      return judge(all, { ...authority, ...means(tenantId) })
    },
    waysOf: async (tenantId, name) => waysOf(await seen(name), means(tenantId)),
  }
}

/** What follows from what was seen. */
export function judge(all: readonly Seen[], issuer: Issuer): Preflight {
  const findings = all.flatMap((one) => findingsOf(one, issuer))
  const isAny = (outcome: Finding['outcome']) => findings.some((finding) => finding.outcome === outcome)
  const isNothing = findings.length > 0 && findings.every((finding) => finding.outcome === 'could-not-ask')
  return {
    outcome: isAny('wrong') ? 'wrong' : isNothing ? 'could-not-ask' : 'ok',
    isMoved: findings.some((finding) => finding.isMoved === true),
    findings,
  }
}
