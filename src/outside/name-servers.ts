import { areEnough, saysSomething } from '../tenant/findings.ts'
import type { DnsReply, Look, LookFault, NameServers, ServerReply } from '../tenant/findings.ts'
import type { AddressPolicy } from './address-policy.ts'
import { RCODE, type Question, type Reply } from './dns-message.ts'
import { ask, budget as newBudget, TRY_MS, type Budget, type Exchange } from './dns-query.ts'
import type { Resolver } from './resolver.ts'

/**
 * What one look may take, whatever a zone is made of: so long, counted from when its turn comes, and so many packets, those to
 * the resolvers included. An address is asked once for each link of a chain of aliases, however many names it has.
 */
const LOOK_MS = 10_000
const LOOK_PACKETS = 400
const MOST_SERVERS = 8 // of a zone, with two addresses each
const MOST_ALIASES = 8
const MOST_LOOKS_AT_ONCE = 64

/** Asks the name servers of the zone themselves, all of them; see the port. */
export function nameServers({
  resolver,
  policy,
  port,
  randomBytes,
  tryMs = TRY_MS,
  lookMs = LOOK_MS,
}: {
  resolver: Resolver
  policy: AddressPolicy
  port: number // 53, but for trials
  randomBytes: (size: number) => Uint8Array
  tryMs?: number // for one packet
  lookMs?: number
}): NameServers {
  const inTurn = turns(MOST_LOOKS_AT_ONCE)

  async function look(name: string, type: Look['type']): Promise<Look> {
    const budget = newBudget(LOOK_PACKETS, lookMs)
    const aliases: string[] = []
    let isLedByFew = false
    for (;;) {
      const asked = aliases.at(-1) ?? name
      const { zone, heard, fault } = await askZone({ name: asked, type }, budget)
      const led = fault === null ? nextAlias(heard) : 'nowhere'
      isLedByFew ||= typeof led === 'object' && !led.isByMost
      const found = { name, type, aliases, ...(isLedByFew && { isLedByFew }) }
      // An alias may lead to names that only the operator's own resolver knows, and whoever set it is not to learn them
      if (aliases.length > 0 && fault === 'no-servers') return { ...found, zone: null, replies: [], fault: 'no-zone' }
      const answered = { ...found, zone, replies: heard.map(({ reply }) => reply) }
      if (led === 'nowhere') return { ...answered, fault }
      if (led === 'disagreement') return { ...answered, fault: 'servers-disagree' }
      const next = led.to
      if (next === name || aliases.includes(next)) return { ...answered, fault: 'alias-loop' }
      if (aliases.length === MOST_ALIASES) return { ...answered, fault: 'too-many-aliases' }
      aliases.push(next)
    }
  }

  async function askZone(
    question: Question,
    budget: Budget,
  ): Promise<{ zone: string | null; heard: Heard[]; fault: LookFault | null }> {
    const found = await resolver.zoneOf(question.name, budget)
    if (found.outcome !== 'ok') return { zone: null, heard: [], fault: found.fault }
    const servers = found.servers.toSorted().slice(0, MOST_SERVERS)
    const asked = new Map<string, Promise<Heard>>()
    const heard = (await Promise.all(servers.map((server) => askServer(server, question, asked, budget)))).flat()
    const fault = heard.every(({ reply }) => reply.address === '') ? 'no-servers' : null
    return { zone: found.zone, heard: heard.filter((one) => !isOurLack(one, heard)), fault }
  }

  /**
   * @param asked by address: many names of one machine are no reason to ask it many times. Its reply stands for each of
   *   them, or else who names another's address beside their own would leave the other without a word
   */
  async function askServer(
    server: string,
    question: Question,
    asked: Map<string, Promise<Heard>>,
    budget: Budget,
  ): Promise<Heard[]> {
    const found = await resolver.addresses(server, budget)
    // The same in both cases, and no address: whoever names servers is not to learn what this machine's resolver knows
    const open = found.outcome === 'ok' ? found.addresses.filter((address) => policy.isAllowed(address)) : []
    if (open.length === 0) return [said(server, '', 'not-asked')]
    const options = { isRecursive: false, tries: 2, tryMs, randomBytes, budget }
    return Promise.all(
      firstAndLast(open).map(async (address) => {
        const first = asked.get(address)
        if (first !== undefined) return byName(await first, server)
        const one = ask({ address, port }, question, options).then((said) => read(said, server, address, question))
        asked.set(address, one)
        return one
      }),
    )
  }

  return { look: (name, type) => inTurn(() => look(name.toLowerCase(), type)) }
}

interface Heard {
  reply: ServerReply
  alias: string | null // where the name leads instead; to the question for a CNAME record that is the answer, and this is null
  isNoRoute: boolean // this machine has no way to the address
}

/** `nowhere`: the name is no alias, or too few servers say anything; which of them, the replies tell. */
type Led = { to: string; isByMost: boolean } | 'nowhere' | 'disagreement'

/**
 * More than half of all servers decide, by name, whatever the others say: one old secondary does not keep an alias from being
 * followed, and who has a few of the servers leads nobody elsewhere. Fewer are followed where they are half, and nobody
 * contradicts them; what is found there is not what most say.
 */
function nextAlias(heard: readonly Heard[]): Led {
  const saidBy = new Map(heard.map(({ reply }) => [reply.server, new Set<string | null>()]))
  const telling = heard.filter(({ reply }) => saysSomething(reply))
  for (const { reply, alias } of telling) saidBy.get(reply.server)!.add(alias)
  const agreed = [...saidBy.values()].filter(({ size }) => size === 1)
  const told = [...new Set(telling.map(({ alias }) => alias))]
  const most = told.find((alias) => agreed.filter((one) => one.has(alias)).length * 2 > saidBy.size)
  if (most !== undefined) return most === null ? 'nowhere' : { to: most, isByMost: true }
  if (told.length > 1) return 'disagreement'
  const [to = null] = told
  return to !== null && areEnough(heard.map(({ reply }) => reply)) ? { to, isByMost: false } : 'nowhere'
}

function byName(heard: Heard, server: string): Heard {
  return { ...heard, reply: { ...heard.reply, server } }
}

/** A machine without IPv6 learns nothing of a server by its IPv6 address; its IPv4 address speaks for it. */
function isOurLack({ reply, isNoRoute }: Heard, heard: readonly Heard[]): boolean {
  return isNoRoute && heard.some((other) => other.reply.server === reply.server && !other.isNoRoute)
}

/** One of each family where there are both, since those of A come first. */
function firstAndLast(addresses: readonly string[]): string[] {
  return [...new Set([...addresses.slice(0, 1), ...addresses.slice(-1)])]
}

function read(exchange: Exchange, server: string, address: string, question: Question): Heard {
  if (exchange.outcome === 'reply') return judge(exchange.reply, server, address, question)
  if (exchange.outcome === 'no-route') return { ...said(server, address, 'unreachable'), isNoRoute: true }
  return said(server, address, exchange.outcome)
}

function judge({ rcode, isAuthoritative, answers }: Reply, server: string, address: string, question: Question): Heard {
  if (rcode === RCODE.refused) return said(server, address, 'refused')
  if (rcode === RCODE.notAuth) return said(server, address, 'lame')
  if (rcode !== RCODE.noError && rcode !== RCODE.nxDomain) return said(server, address, 'server-failure')
  // Also a referral to a zone below, of which the resolvers do not know yet
  if (!isAuthoritative) return said(server, address, 'lame')
  const own = answers.filter(({ name }) => name === question.name)
  const values = own.filter(({ type }) => type === question.type).map(({ value }) => value)
  if (values.length > 0) return said(server, address, 'answer', values)
  // Of an alias the rcode is that of its target (RFC 6604 §2). One below a DNAME record is made for the question (RFC 6672 §3.1).
  const [alias] = own.filter(({ type }) => type === 'CNAME').map(({ value }) => value)
  // Where most servers know of no alias this stands among their TXT records, and must not look like a token
  if (alias !== undefined) return { ...said(server, address, 'answer', [`CNAME ${alias}`]), alias }
  if (rcode === RCODE.nxDomain) return said(server, address, 'no-such-name')
  return said(server, address, answers.length === 0 ? 'empty' : 'malformed')
}

function said(server: string, address: string, reply: DnsReply, values: string[] = []): Heard {
  return { reply: { server, address, reply, values }, alias: null, isNoRoute: false }
}

/** At most `places` at once; the others wait, the first first. */
function turns(places: number): <T>(act: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let free = places
  return async (act) => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve)) // whoever leaves hands their place on
    try {
      return await act()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    }
  }
}
