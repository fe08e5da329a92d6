import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import type { NameSight } from '../../src/delegation/mode-advice.ts'
import { nameLooks } from '../../src/delegation/name-looks.ts'
import { domainName } from '../../src/name.ts'

const NAME = domainName('im.example.com')
const SEEN: NameSight = { isApex: false, leads: 'nowhere', web: null }
const UNKNOWN: NameSight = { isApex: null, leads: 'could-not-ask', web: null }

describe('a look at a name that is about to be claimed', () => {
  const lines: string[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) })

  test('tells what is seen', async () => {
    expect(await nameLooks({ look: async () => SEEN, log })('acme', NAME)).toEqual(SEEN)
  })

  test('tells nothing beyond two of a tenant at once, and holds up no other tenant', async () => {
    let letGo = () => {}
    const gate = new Promise<void>((resolve) => (letGo = resolve))
    const look = nameLooks({ look: () => gate.then(() => SEEN), log })
    const waiting = [look('acme', NAME), look('acme', NAME), look('rival', NAME)]
    expect(await look('acme', NAME)).toEqual(UNKNOWN)
    letGo()
    expect(await Promise.all(waiting)).toEqual([SEEN, SEEN, SEEN])
    expect(await look('acme', NAME)).toEqual(SEEN)
    expect(lines).toEqual([])
  })

  test('that fails by a fault of ours is logged, and tells nothing', async () => {
    const look = nameLooks({ look: () => Promise.reject(new Error('a fault of ours')), log })
    expect(await look('acme', NAME)).toEqual(UNKNOWN)
    expect(lines.join()).toContain('a fault of ours')
  })
})
