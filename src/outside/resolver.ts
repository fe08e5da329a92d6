import { Resolver as SystemResolver } from 'node:dns'
import { isIPv6 } from 'node:net'
import { isQueryName, RCODE, type Question, type RecordType, type Reply } from './dns-message.ts'
import { ask, budget as newBudget, isSpent, TRY_MS, type Budget, type Server } from './dns-query.ts'

export type { Budget, Server } from './dns-query.ts'

/** The addresses of a host, or why there are none; three outcomes. */
export type Addresses =
  | { outcome: 'ok'; addresses: string[] }
  | { outcome: 'wrong'; why: string } // there is no such name, or it has no address
  | { outcome: 'could-not-ask'; why: string }

/** The configured recursive resolvers, asked in turn; never the C library's, which blocks a thread of the pool. */
export interface Resolver {
  /**
   * All of A and AAAA; aliases are followed by the resolver, a bounded number of them.
   * @param budget of the look that it is part of; 10 s and 40 packets where it is part of none
   */
  addresses(host: string, budget?: Budget): Promise<Addresses>
  /** The records of one type at a name, or where its aliases lead; the same bounds where it is part of no look. */
  records(name: string, type: RecordType, budget?: Budget): Promise<Records>
  /** The zone that holds a name, and the names of its servers. */
  zoneOf(name: string, budget?: Budget): Promise<Zone>
}

export type Records =
  | { outcome: 'ok'; values: string[]; aliases: string[] } // no values: there is no such record, or no such name
  | { outcome: 'could-not-ask'; why: string; isServerFailure: boolean }

export type Zone =
  { outcome: 'ok'; zone: string; servers: string[] } | { outcome: 'could-not-ask'; fault: 'no-resolver' | 'no-zone' }

const LOOK_PACKETS = 40
const LOOK_MS = 10_000
const MOST_SERVERS = 4
const MOST_ALIASES = 8
/** Labels that are taken off a name in search of its zone. */
const MOST_LEVELS = 16

/** @param servers none: those that the system is configured with, read anew for each question */
export function resolver({
  servers,
  randomBytes,
  tryMs = TRY_MS,
}: {
  servers: readonly Server[]
  randomBytes: (size: number) => Uint8Array
  tryMs?: number // for one packet
}): Resolver {
  let lastToAnswer: Server | undefined // is asked first: one that is dead must not cost each question its timeout

  function serversNow(): Server[] {
    return inTurn(servers.length > 0 ? servers : systemServers(), lastToAnswer)
  }

  /** All but the first at once, so that several dead ones take no longer than one; and the first again where it was silent. */
  async function resolve(question: Question, budget: Budget): Promise<Answer> {
    const [first, ...others] = serversNow()
    if (first === undefined) return { outcome: 'no-answer' }
    const answer = await askOne(first, question, budget)
    if (answer.outcome === 'ok') return answer
    const next = answer.outcome === 'no-answer' ? [...others, first] : others
    const rest = await firstUseful(next.map((server) => askOne(server, question, budget)))
    return rest.outcome === 'no-answer' ? answer : rest
  }

  async function askOne(server: Server, question: Question, budget: Budget): Promise<Answer> {
    const exchange = await ask(server, question, { isRecursive: true, tries: 1, tryMs, randomBytes, budget })
    if (exchange.outcome !== 'reply') return { outcome: 'no-answer' }
    const { reply } = exchange
    if (reply.rcode === RCODE.servFail) return { outcome: 'server-failure' }
    if (!isResolved(reply)) return { outcome: 'no-answer' }
    lastToAnswer = server
    return { outcome: 'ok', reply }
  }

  async function recordsOf(host: string, type: 'A' | 'AAAA', budget: Budget): Promise<Addresses> {
    const answer = await resolve({ name: host, type }, budget)
    if (answer.outcome !== 'ok') return { outcome: 'could-not-ask', why: WHY[answer.outcome] }
    return fromChain(answer.reply, host, type)
  }

  /** A resolver that waits for a name's dead servers is as silent as a dead one; the root's servers it knows by heart. */
  async function isAlive(budget: Budget): Promise<boolean> {
    const answer = await firstUseful(serversNow().map((server) => askOne(server, { name: '.', type: 'NS' }, budget)))
    return answer.outcome !== 'no-answer' || isSpent(budget) // by what went before, which is no fault of theirs
  }

  return {
    async addresses(given, budget = newBudget(LOOK_PACKETS, LOOK_MS)) {
      const host = given.toLowerCase().replace(/\.$/, '')
      if (!isQueryName(host)) return { outcome: 'wrong', why: 'it is no name of a host' }
      const found = await Promise.all([recordsOf(host, 'A', budget), recordsOf(host, 'AAAA', budget)])
      const addresses = found.flatMap((one) => (one.outcome === 'ok' ? one.addresses : []))
      if (addresses.length > 0) return { outcome: 'ok', addresses: [...new Set(addresses)] }
      return found.find(({ outcome }) => outcome === 'could-not-ask') ?? found[0]
    },

    async records(given, type, budget = newBudget(LOOK_PACKETS, LOOK_MS)) {
      const name = given.toLowerCase().replace(/\.$/, '')
      if (!isQueryName(name)) return { outcome: 'ok', values: [], aliases: [] }
      const answer = await resolve({ name, type }, budget)
      if (answer.outcome !== 'ok') {
        const isServerFailure = answer.outcome === 'server-failure'
        return { outcome: 'could-not-ask', why: WHY[answer.outcome], isServerFailure }
      }
      const { owner, aliases, values } = endOf(answer.reply, name, type)
      if (owner !== null) return { outcome: 'ok', values, aliases }
      return { outcome: 'could-not-ask', why: tooManyAliases(name), isServerFailure: true }
    },

    async zoneOf(given, budget = newBudget(80, 10_000)) {
      const labels = given.toLowerCase().replace(/\.$/, '').split('.')
      if (!isQueryName(labels.join('.'))) return NO_ZONE
      for (let level = 0; level < Math.min(labels.length, MOST_LEVELS); level++) {
        const zone = labels.slice(level).join('.')
        const answer = await resolve({ name: zone, type: 'NS' }, budget)
        if (answer.outcome === 'no-answer' && !(await isAlive(budget)))
          return { outcome: 'could-not-ask', fault: 'no-resolver' }
        if (answer.outcome !== 'ok') return NO_ZONE
        // Also where there is no such name: that takes nothing from the zone above it. The owner of an alias is no zone; the
        // servers that come with it are those of its target.
        const cut = answer.reply.answers.filter(
          ({ name, type }) => name === zone && (type === 'NS' || type === 'CNAME'),
        )
        if (cut.length > 0 && cut.every(({ type }) => type === 'NS'))
          return { outcome: 'ok', zone, servers: [...new Set(cut.map(({ value }) => value))] }
      }
      return NO_ZONE
    },
  }
}

type Answer = { outcome: 'ok'; reply: Reply } | { outcome: 'server-failure' } | { outcome: 'no-answer' }

const WHY = {
  'server-failure':
    'the resolvers could not find out (SERVFAIL): the name servers are out of reach, or their answers false',
  'no-answer': 'the resolvers do not answer',
}

const NO_ZONE: Zone = { outcome: 'could-not-ask', fault: 'no-zone' }

/** The first that is ok, as soon as it is there. */
function firstUseful(pending: readonly Promise<Answer>[]): Promise<Answer> {
  return new Promise((resolve) => {
    const failed = pending.map(async (one) => {
      const answer = await one
      if (answer.outcome === 'ok') resolve(answer)
      return answer
    })
    void Promise.all(failed).then((answers) => {
      resolve(answers.find(({ outcome }) => outcome === 'server-failure') ?? { outcome: 'no-answer' })
    })
  })
}

/** A server that does not recurse answers what it does not know with nothing at all, which must not pass for "no record". */
function isResolved({ rcode, isRecursive, isAuthoritative }: Reply): boolean {
  return (rcode === RCODE.noError || rcode === RCODE.nxDomain) && (isRecursive || isAuthoritative)
}

function fromChain(reply: Reply, host: string, type: RecordType): Addresses {
  const { owner, values } = endOf(reply, host, type)
  if (values.length > 0) return { outcome: 'ok', addresses: values }
  if (owner === null) return { outcome: 'wrong', why: tooManyAliases(host) }
  const isMissing = reply.rcode === RCODE.nxDomain
  return { outcome: 'wrong', why: `${owner} ${isMissing ? 'does not exist' : 'has no address'} in DNS` }
}

/**
 * The records at the end of the aliases that begin with `host`; whatever else the answer holds is none of them.
 * The owner is null where the aliases do not end.
 */
function endOf({ answers }: Reply, host: string, type: RecordType) {
  const aliases: string[] = []
  while (aliases.length <= MOST_ALIASES) {
    const owner = aliases.at(-1) ?? host
    const records = answers.filter(({ name }) => name === owner)
    const values = records.filter((record) => record.type === type).map(({ value }) => value)
    const alias = records.find((record) => record.type === 'CNAME')
    if (values.length > 0 || alias === undefined) return { owner, aliases, values }
    aliases.push(alias.value)
  }
  return { owner: null, aliases, values: [] }
}

function tooManyAliases(host: string): string {
  return `more than ${MOST_ALIASES} aliases lie between ${host} and its records`
}

function inTurn(servers: readonly Server[], first: Server | undefined): Server[] {
  const isFirst = (one: Server) => one.address === first?.address && one.port === first.port
  return [...servers.filter(isFirst), ...servers.filter((one) => !isFirst(one))].slice(0, MOST_SERVERS)
}

/** "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353" */
function systemServers(): Server[] {
  // One of its own, since the module's reads the system's configuration only once
  return new SystemResolver().getServers().map((text) => {
    if (isIPv6(text)) return { address: text, port: 53 }
    const [, address = text, port = '53'] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(text) ?? []
    return { address, port: Number(port) }
  })
}
