import { connect } from 'node:net'
import type { EdgeAddresses, PreflightDns, Sight } from '../acme/preflight.ts'
import type { LookAtName, NameSight } from '../delegation/mode-advice.ts'
import type { Resolver } from './resolver.ts'

const DIAL_MS = 2_500
const MOST_DIALLED = 2

/**
 * Sees where a name leads, and knocks once where that is: a connection is opened and closed, and nothing is sent. Only addresses
 * that the policy of `dns` lets pass are dialled.
 */
export function nameSight({
  dns,
  resolver,
  port,
  dialMs = DIAL_MS,
}: {
  dns: PreflightDns
  resolver: Pick<Resolver, 'zoneOf'>
  port: number // 443, but for trials
  dialMs?: number
}): LookAtName {
  return async (name) => {
    const [zone, edge, { addresses }] = await Promise.all([
      resolver.zoneOf(name),
      dns.edge(),
      dns.look(name, { isByDns: false }),
    ])
    const leads = leadsOf(addresses, edge)
    const others = addresses.found.filter((address) => !edge.addresses.includes(address))
    return {
      isApex: zone.outcome === 'ok' ? zone.zone === name : null,
      leads,
      web: leads === 'elsewhere' ? await knock(others.slice(0, MOST_DIALLED), port, dialMs) : null,
    }
  }
}

function leadsOf({ found, hasOthers, isByEdge, fault }: Sight['addresses'], edge: EdgeAddresses): NameSight['leads'] {
  if (isByEdge) return 'here'
  if (found.length === 0 && !hasOthers) return fault === null ? 'nowhere' : 'could-not-ask'
  const isOurs = !hasOthers && found.every((address) => edge.addresses.includes(address))
  if (isOurs) return 'here'
  return 'elsewhere'
}

/** Somebody who answers at one of the addresses is there; nobody is only where each refuses. */
async function knock(addresses: readonly string[], port: number, dialMs: number): Promise<NameSight['web']> {
  if (addresses.length === 0) return 'could-not-ask'
  const heard = await Promise.all(addresses.map((address) => dial(address, port, dialMs)))
  if (heard.includes('answers')) return 'answers'
  return heard.every((one) => one === 'silent') ? 'silent' : 'could-not-ask'
}

function dial(host: string, port: number, dialMs: number): Promise<Exclude<NameSight['web'], null>> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (heard: Exclude<NameSight['web'], null>) => {
      clearTimeout(late)
      socket.destroy()
      resolve(heard)
    }
    const late = setTimeout(() => end('could-not-ask'), dialMs)
    socket.on('connect', () => end('answers'))
    socket.on('error', ({ code }: NodeJS.ErrnoException) => end(code === 'ECONNREFUSED' ? 'silent' : 'could-not-ask'))
  })
}
