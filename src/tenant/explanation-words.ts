import type { Claim, Sighting } from './control.ts'
import type { DnsReply, Look, LookFault } from './findings.ts'

type Outcome = Sighting['outcome'] | 'none' // none: no look covers the claim

/** How a language explains a claim. Names of servers and records stand in them as they are. */
export interface ExplanationWords {
  /** What a name server did, read after its name. */
  replies: Record<DnsReply, string>

  vouched(name: string): string
  proven(name: string, proof: { type: 'TXT' | 'CNAME'; at: string; seenAt: Date | null }, look: Seen): string
  wavering(name: string, since: Date | null, lapsesAt: Date | null, isUnknown: boolean): string
  lapsed(name: string, since: Date, consequence: string): string
  unproven(name: string, consequence: string): string
  withoutProof(outcome: Outcome, isHeldByAnother: boolean): string

  publish: Record<Claim['mode'], string>
  leave: string
  anotherHolds: string
  takesTime: string

  aliasOf(name: string, aliases: readonly string[]): string
  hiddenByAlias(name: string, end: string): string
  found(at: string, type: Look['type'], isByMost: boolean, failures: readonly string[]): string
  wildcard(at: string): string
  wildcardAlias(at: string, type: Look['type'], name: string): string
  fault(fault: LookFault, at: string, zone: string | null, name: string, servers: readonly string[]): string
  atFew(at: string, having: readonly string[], lacking: readonly string[]): string
  otherValue(at: string, type: Look['type'], values: readonly string[], hasMore: boolean, hint: string): string
  hints: { letterCase: string; finalDot: (zone: string) => string; shared: string }
  noneBehindAlias(at: string): string
  noName(at: string): string
  noRecord(at: string, type: Look['type']): string
  doubled(zone: string, name: string, entered: readonly string[]): string
  disagreement(at: string, having: readonly string[], lacking: readonly string[]): string
  unsureOfWildcard(at: string, failures: readonly string[]): string
  silence(zone: string | null, at: string | null, failures: readonly string[]): string
}

/** Whether the record was asked for at the last look; `aged`: not, and for so long that an order wants it anew. */
type Seen = 'asked' | 'not asked' | 'aged'

export const EXPLANATION_WORDS: ExplanationWords = {
  replies: {
    answer: 'answered',
    empty: 'has no such record',
    'no-such-name': 'has no such name (NXDOMAIN)',
    'server-failure': 'failed (SERVFAIL)',
    refused: 'refused to answer',
    lame: 'does not serve the zone',
    timeout: 'did not answer in time',
    unreachable: 'could not be reached',
    malformed: 'sent no valid answer',
    'not-asked': 'has no public address that could be asked',
  },

  vouched: (name) => `The operator vouches that you control ${name}.`,
  proven(name, { type, at, seenAt }, look) {
    const proven = `You have proven that you control ${name}: the ${type} record at ${at} was last seen ${instant(seenAt)}`
    if (look === 'asked') return `${proven}, and has to stay.`
    const cost = look === 'aged' ? ', but no certificate is ordered until it can be' : ''
    return `${proven}; at the last look it could not be asked for, and nothing is lost by that${cost}.`
  },
  wavering(name, since, lapsesAt, isUnknown) {
    const gone = `Your proof that you control ${name} was found gone ${instant(since)}`
    const end = `unless it is found again, the name lapses ${instant(lapsesAt)} at the earliest, and nothing is served for it then`
    return isUnknown
      ? `${gone}, and could not be asked for at the last look, by which nothing is lost; ${end}.`
      : `${gone}; ${end}.`
  },
  lapsed: (name, since, consequence) =>
    `No proof that you control ${name} has been in force since ${moment(since)}: ${consequence}.`,
  unproven: (name, consequence) => `You have not proven yet that you control ${name}: ${consequence}.`,
  withoutProof(outcome, isHeldByAnother) {
    const consequence = isHeldByAnother ? 'another tenant holds the name' : 'nothing is served for it'
    switch (outcome) {
      case 'ok':
        return `your record was found, but ${consequence}${isHeldByAnother ? '' : ' until it is found again'}`
      case 'wrong':
        return `your record was not found, and ${consequence}`
      case 'could-not-ask':
        return `there was no clear answer from its name servers, and ${consequence}`
      case 'none':
        return `nobody has looked for your record yet, and ${consequence}`
    }
  },

  publish: {
    hosted: 'Publish one of the records below; it has to stay.',
    external: 'Publish the record below; it has to stay.',
  },
  leave: 'Leave your record in place.',
  anotherHolds:
    'Another tenant holds the name, by a proof that still stands. If the record of that tenant is in your DNS, remove it: ' +
    'as soon as a look finds yours, and no longer the other, at more than half of the name servers, the name is yours. ' +
    'If none is there, the operator may vouch for that tenant: ask the operator.',
  takesTime:
    'A change in DNS takes minutes to be seen everywhere, in some zones hours; this server looks again by itself.',

  aliasOf: (name, aliases) => `${name} (an alias of ${aliases.join(', then of ')})`,
  hiddenByAlias: (name, end) =>
    `An alias (CNAME), probably that of a wildcard, leads ${name} to ${end}, and hides the challenge: publish the TXT record at ${name} itself, in place of any alias there.`,
  found: (at, type, isByMost, failures) =>
    `At ${at} your ${type} record was found${isByMost ? '' : ', but not by more than half of the name servers'}${list(failures)}.`,
  wildcard: (at) =>
    `At ${at} your value was found, but by a wildcard record, which every name beside it has too: publish it at this very name, and take it out of the wildcard.`,
  wildcardAlias: (at, type, name) =>
    `At ${at} your value was found, but by a wildcard alias (or a DNAME record), which leads every name beside it there too: publish a ${type} record at ${name} itself.`,
  fault(fault, at, zone, name, servers) {
    switch (fault) {
      case 'no-resolver':
        return 'No DNS resolver answers this server now, so nothing is known of any name; that is not for you to mend.'
      case 'no-zone':
        return `Which name servers have the zone of ${at} could not be learnt; see that the domain is registered and delegated to name servers that work.`
      case 'no-servers':
        return `The zone ${zone ?? `of ${name}`} is delegated to name servers of which none has a public address that could be asked${list(servers)}.`
      case 'servers-disagree':
        return `The name servers disagree on where the alias at ${at} leads; one of them may not have the latest zone yet.`
      case 'alias-loop':
        return `The CNAME records at ${at} lead round in a circle.`
      case 'too-many-aliases':
        return `The CNAME records at ${at} lead through too many names to be followed.`
    }
  },
  atFew: (at, having, lacking) =>
    `Most name servers have no longer, or not yet, your record at ${at}: it is at${list(having, '')}, but not at${list(lacking, '')}.`,
  otherValue: (at, type, values, hasMore, hint) =>
    `At ${at} the ${type} record has another value: ${values.join(', ')}${hasMore ? ' and more' : ''}${hint}.`,
  hints: {
    letterCase: '; that is yours but for upper and lower case, which matter here',
    finalDot: (zone) => `; that is yours with ${zone} added, since its final dot was forgotten`,
    shared: '; all tenants have that one in common, so it tells nothing about you',
  },
  noneBehindAlias: (at) =>
    `At ${at} there is no TXT record: publish it where the alias leads, or in place of the alias.`,
  noName: (at) => `There is no name ${at} in DNS.`,
  noRecord: (at, type) =>
    `At ${at} there is no ${type} record${type === 'CNAME' ? '; an address record (A or AAAA) proves nothing' : ''}.`,
  doubled: (zone, name, entered) =>
    `Some DNS panels add ${zone} to a name by themselves, and make ${name}.${zone} of the whole one: enter only ${entered.join(' or ')} there.`,
  disagreement: (at, having, lacking) =>
    `The name servers disagree on ${at}: your record is at${list(having, '')}, but not at${list(lacking, '')}; a change takes its time to reach all of them.`,
  unsureOfWildcard: (at, failures) =>
    `At ${at} your record was found, but whether it is a wildcard's could not be asked${list(failures)}.`,
  silence: (zone, at, failures) =>
    `Too few name servers of ${zone ?? 'the zone'} gave an answer${at === null ? '' : ` about ${at}`}${list(failures)}.`,
}

function list(items: readonly string[], before = ':'): string {
  return items.length === 0 ? '' : `${before} ${items.join(', ')}`
}

function instant(at: Date | null): string {
  return at === null ? 'at no time' : `on ${moment(at)}`
}

function moment(at: Date): string {
  return `${at.toISOString().slice(0, 10)} at ${at.toISOString().slice(11, 16)} UTC`
}
