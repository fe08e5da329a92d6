import type { CaaRecord } from '../acme/caa.ts'
import type { EdgeAddresses, PreflightDns, Sight } from '../acme/preflight.ts'
import type { DomainName } from '../name.ts'
import { addressBytes, addressText } from '../tenant/ip-address.ts'
import type { AddressPolicy } from './address-policy.ts'
import { budget as newBudget, type Budget } from './dns-query.ts'
import type { Resolver } from './resolver.ts'

const LOOK_MS = 6_000
const LOOK_PACKETS = 120
/** Of a name, that are asked for CAA records: more labels than any name has that is issued for. */
const MOST_LEVELS = 16

/** DNS as an authority's resolvers see it, by way of ours. */
export function certificateDns({
  resolver,
  policy,
  edge,
  lookMs = LOOK_MS,
}: {
  resolver: Pick<Resolver, 'records'>
  policy: AddressPolicy
  edge: { name: DomainName; addresses: readonly string[] } // as they are configured
  lookMs?: number
}): PreflightDns {
  const configured = edge.addresses.map(canonical)
  const isEdges = (name: string) => name === edge.name || name.endsWith(`.${edge.name}`)

  async function addressesOf(name: string, budget: Budget): Promise<Sight['addresses']> {
    const both = await Promise.all((['A', 'AAAA'] as const).map((type) => resolver.records(name, type, budget)))
    const answered = both.filter((one) => one.outcome === 'ok')
    const all = [...new Set(answered.flatMap(({ values }) => values))]
    // An alias may lead to names that only the operator's own resolver knows, and whoever set it is not to learn what
    // stands there, nor where it leads on
    const found = all.filter((address) => configured.includes(address) || policy.isAllowed(address))
    const aliases = answered.find(({ aliases }) => aliases.length > 0)?.aliases ?? []
    return {
      ...{ found, hasOthers: found.length < all.length },
      ...{ alias: aliases[0] ?? null, isByEdge: aliases.some(isEdges) },
      fault: both.find((one) => one.outcome === 'could-not-ask') ?? null,
    }
  }

  /** All levels at once: an authority does the same, and the nearest that has a set counts. */
  async function caaOf(name: string, budget: Budget): Promise<Sight['caa']> {
    const labels = name.split('.')
    const levels = labels.slice(0, MOST_LEVELS).map((_, i) => labels.slice(i).join('.'))
    const all = await Promise.all(levels.map((level) => resolver.records(level, 'CAA', budget)))
    for (const [i, records] of all.entries()) {
      const level = levels[i] ?? name
      if (records.outcome !== 'ok') return { ...records, why: `${records.why}, at ${level}` }
      if (records.values.length === 0) continue
      const { aliases, values } = records
      const isByEdge = isEdges(aliases.at(-1) ?? level)
      const isShown = isByEdge || aliases.length === 0
      return {
        outcome: 'ok',
        set: { at: aliases[0] ?? level, isEdges: isByEdge, isShown, records: values.map(caaRecord) },
      }
    }
    return { outcome: 'ok', set: null }
  }

  async function challengeRecordOf(name: string, budget: Budget): Promise<Sight['challengeRecord']> {
    const text = await resolver.records(`_acme-challenge.${name}`, 'TXT', budget)
    if (text.outcome !== 'ok') return text
    return { outcome: 'ok', alias: text.aliases.at(-1) ?? null, hasText: text.values.length > 0 }
  }

  return {
    async edge(): Promise<EdgeAddresses> {
      const { found, fault } = await addressesOf(edge.name, newBudget(LOOK_PACKETS, lookMs))
      return { addresses: [...new Set([...configured, ...found])], isWhole: fault === null }
    },

    async look(name, { isByDns }) {
      const budget = newBudget(LOOK_PACKETS, lookMs)
      const [addresses, caa, challengeRecord] = await Promise.all([
        addressesOf(name, budget),
        caaOf(name, budget),
        isByDns ? challengeRecordOf(name, budget) : null,
      ])
      return { addresses, caa: isPublic(addresses) ? shown(caa) : caa, challengeRecord }
    },
  }
}

/** What is behind its alias, the whole Internet sees. */
function isPublic({ found, hasOthers }: Sight['addresses']): boolean {
  return found.length > 0 && !hasOthers
}

function shown(caa: Sight['caa']): Sight['caa'] {
  return caa.outcome === 'ok' && caa.set ? { ...caa, set: { ...caa.set, isShown: true } } : caa
}

function canonical(address: string): string {
  const bytes = addressBytes(address)
  return bytes === null ? address : addressText(bytes)
}

/** As `dns-message.ts` writes it. */
function caaRecord(text: string): CaaRecord {
  const [, flags, tag = '', value = ''] = /^(\d+) (\S+) (.*)$/.exec(text) ?? []
  return { flags: Number(flags), tag, value }
}
