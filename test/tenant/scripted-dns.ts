import type { Look, NameServers } from '../../src/tenant/findings.ts'
import { aLook, type Said } from './dns.ts'

/** What the world's DNS is like. */
export type Weather = 'fair' | 'servers-dead' | 'resolvers-dead' | 'broken'
/** What one name server is like; `lagging`: it keeps all zones as they were when that began. */
export type ServerState = 'up' | 'lagging' | 'silent'

export interface ScriptedDns extends NameServers {
  weather: Weather
  /** @param states of the first server, the second …; those that are left out are up */
  make(...states: ServerState[]): void
  readonly asked: string[] // "TXT _waypost-challenge.im.example.com"
  publish(type: Look['type'], name: string, value: string): void
  withdraw(type: Look['type'], name: string, value: string): void
  /** Questions from now on wait until they are let go, and are answered as it is then; after `flow` later ones do not. */
  hold(): { flow: () => void; letGo: () => void }
}

type Zone = Map<string, Set<string>>

/**
 * The network, as the port shows it: so many name servers that have every zone. "*.example.com" stands for what has no
 * record.
 */
export function scriptedDns({ servers }: { servers: number }): ScriptedDns {
  const zone: Zone = new Map()
  let zoneAt: (Zone | null)[] = Array.from({ length: servers }, () => zone) // null: it does not answer
  let weather: Weather = 'fair'
  let gate: Promise<void> = Promise.resolve()
  const asked: string[] = []
  const dns: ScriptedDns = {
    get weather() {
      return weather
    },
    set weather(next) {
      weather = next
    },
    make(...states) {
      zoneAt = zoneAt.map((_, server) => {
        if (states[server] === 'silent') return null
        return states[server] === 'lagging' ? new Map([...zone].map(([key, values]) => [key, new Set(values)])) : zone
      })
    },
    asked,
    publish: (type, name, value) =>
      change(type, name, (values) => {
        if (type === 'CNAME') values.clear() // a name has one
        values.add(value)
      }),
    withdraw: (type, name, value) => change(type, name, (values) => values.delete(value)),
    hold() {
      let letGo = () => {}
      gate = new Promise((resolve) => (letGo = resolve))
      return { letGo, flow: () => void (gate = Promise.resolve()) }
    },
    async look(name, type) {
      asked.push(`${type} ${name}`)
      await gate
      if (weather === 'broken') throw new Error('a fault of ours')
      if (weather === 'resolvers-dead') return aLook(type, [], { name, zone: null, fault: 'no-resolver' })
      return aLook(type, zoneAt.map(said), { name })

      function said(known: Zone | null, server: number): Said {
        if (known === null || weather === 'servers-dead') return server === 0 ? 'timeout' : 'server-failure'
        const values = known.get(`${type} ${name}`) ?? known.get(`${type} *.${name.slice(name.indexOf('.') + 1)}`)
        return values ? (values.size > 0 ? [...values] : 'empty') : 'no-such-name'
      }
    },
  }
  return dns

  function change(type: Look['type'], name: string, by: (values: Set<string>) => unknown): void {
    const values = zone.get(`${type} ${name}`) ?? new Set()
    by(values)
    zone.set(`${type} ${name}`, values)
  }
}
