/**
 * Another process with the same database, started by tests. Its arguments are a place as JSON and what to do; it
 * prints a line for every write that was acknowledged.
 */
import { openStorage } from '../../src/storage/storage.ts'
import { domainName } from '../../src/name.ts'
import { testSealer } from '../support/sealer.ts'
import { START, stoppedClock } from '../support/stopped-clock.ts'

const [place = '', task, ...rest] = process.argv.slice(2)
const clock = stoppedClock(START) // what it writes is not of another time than the tests' own
const act = () => ({ at: clock.now(), actor: 'child', address: null })
const { url, file } = JSON.parse(place) as { url?: string; file: string }
const storage = await openStorage({ url, file, sealer: testSealer, clock })

switch (task) {
  case undefined:
    break
  case 'migrate':
    process.stdout.write(`${(await storage.migrate()).length}\n`)
    break
  case 'write': {
    const [tenantId = '', label = ''] = rest
    for (let i = 0; i < 1e6; i++) {
      const name = domainName(`${label}-${i}.example`)
      await storage.sourceDomains.add(tenantId, { name, mode: 'hosted', isVouched: true }, act())
      process.stdout.write(`${name}\n`)
    }
    break
  }
  case 'suspend': {
    const [tenantId = '', name = ''] = rest
    await storage.sourceDomains.suspend(tenantId, domainName(name), act())
    process.stdout.write('done\n')
    break
  }
  case 'toggle': {
    // Each reads before it writes, which a deferred transaction would pay with SQLITE_BUSY_SNAPSHOT
    const [tenantId = '', name = '', times = ''] = rest
    for (let i = 0; i < Number(times); i++)
      await storage.sourceDomains[i % 2 === 0 ? 'suspend' : 'resume'](tenantId, domainName(name), act())
    process.stdout.write('done\n')
    break
  }
}
await storage.close()
