import type { Look, NameServers } from '../../src/tenant/findings.ts'
import { aLook, type Said } from './dns.ts'

/** What the world's DNS is like; `stale`: the second of two name servers keeps the zone as it was when that began. */
export type Weather = 'fair' | 'stale' | 'servers-dead' | 'one-server-dead' | 'resolvers-dead' | 'broken'

export interface ScriptedDns extends NameServers {
  weather: Weather
  readonly asked: string[] // "TXT _waypost-challenge.im.example.com"
  publish(type: Look['type'], name: string, value: string): void
  withdraw(type: Look['type'], name: string, value: string): void
  /** Questions from now on wait until they are let go, and are answered as it is then; after `flow` later ones do not. */
  hold(): { flow: () => void; letGo: () => void }
}

type Zone = Map<string, Set<string>>

/** The network, as the port shows it: two name servers that have every zone. "*.example.com" stands for what has no record. */
export function scriptedDns(): ScriptedDns {
  const zone: Zone = new Map()
  let former: Zone = new Map()
  let weather: Weather = 'fair'
  let gate: Promise<void> = Promise.resolve()
  const asked: string[] = []
  const dns: ScriptedDns = {
    get weather() {
      return weather
    },
    set weather(next) {
      weather = next
      former = new Map([...zone].map(([key, values]) => [key, new Set(values)]))
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
      return aLook(type, [said(zone, 'first'), said(weather === 'stale' ? former : zone, 'second')], { name })

      function said(as: Zone, server: 'first' | 'second'): Said {
        if (weather === 'servers-dead' || (weather === 'one-server-dead' && server === 'second'))
          return server === 'first' ? 'timeout' : 'server-failure'
        const values = as.get(`${type} ${name}`) ?? as.get(`${type} *.${name.slice(name.indexOf('.') + 1)}`)
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
