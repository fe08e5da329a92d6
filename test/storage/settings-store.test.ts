import { expect, test } from 'vitest'
import { entityTag } from '../../src/act.ts'
import { PLAIN, type Branding } from '../../src/tenant/settings.ts'
import { onBothEngines } from '../support/databases.ts'
import { lastEvent } from './people.ts'

const BRANDING: Branding = {
  serviceName: 'Example XMPP',
  accents: { light: '#0b5e8a', dark: '#7cc4ee' },
  support: 'support@hosting.example',
  footLine: 'Example GmbH',
}
const NOTHING: Branding = { serviceName: null, accents: null, support: null, footLine: null }
const PNG = { mediaType: 'image/png', bytes: Buffer.from('89504e470d0a1a0a', 'hex') } as const

onBothEngines('settings', (database) => {
  test('are our own until somebody sets them', async () => {
    const { settings } = database.storage
    expect(await settings.standing()).toEqual({ ...PLAIN, settings: { ...PLAIN.settings, revision: 1 } })
    expect(await settings.logo()).toBeUndefined()
  })

  test('are set, and set back, and the trail tells what differs', async () => {
    const { settings } = database.storage
    const set = await settings.setBranding(BRANDING, database.act())
    expect(set).toMatchObject(BRANDING)
    expect((await settings.standing()).settings).toEqual(set)
    expect(await lastEvent(database)).toMatchObject({
      ...{ tenantId: null, action: 'settings.set', subject: 'settings' },
      detail: { before: NOTHING, after: BRANDING },
    })
    const renamed = await settings.setBranding({ ...BRANDING, serviceName: 'Another' }, database.act())
    expect((await lastEvent(database)).detail).toEqual({
      before: { serviceName: 'Example XMPP' },
      after: { serviceName: 'Another' },
    })
    expect(renamed.revision).toBe(set.revision + 1)
    const same = await settings.setBranding({ ...BRANDING, serviceName: 'Another' }, database.act())
    expect(same.revision).toBe(renamed.revision)
    expect(await settings.setBranding(NOTHING, database.act())).toMatchObject(NOTHING)
  })

  test('who read them before somebody else changed them is refused', async () => {
    const { settings } = database.storage
    const read = (await settings.standing()).settings
    const ifMatch = [entityTag(read)]
    await settings.setLogo(PNG, { ...database.act(), ifMatch })
    const late = { ...database.act(), ifMatch }
    await expect(settings.setBranding(BRANDING, late)).rejects.toMatchObject({ code: 'precondition-failed' })
    await expect(settings.setLogo(null, late)).rejects.toMatchObject({ code: 'precondition-failed' })
    expect((await settings.standing()).settings.logo).not.toBeNull()
  })

  test('a logo is kept byte for byte; the trail has its mark and not the image', async () => {
    const { settings } = database.storage
    await settings.setLogo(null, database.act())
    const { logo } = await settings.setLogo(PNG, database.act())
    expect(logo).toEqual({ mediaType: 'image/png', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string })
    expect(await settings.logo()).toEqual({ ...PNG, sha256: logo!.sha256 })
    expect((await lastEvent(database)).detail).toEqual({ before: { logo: null }, after: { logo: logo!.sha256 } })
    expect((await settings.setLogo(null, database.act())).logo).toBeNull()
    expect(await settings.logo()).toBeUndefined()
  })
})

onBothEngines('maintenance', (database) => {
  test('is on from one act to another, and keeps its beginning where it gets other words', async () => {
    const { settings } = database.storage
    expect((await settings.standing()).maintenance).toBeNull()
    const since = database.clock.now()
    const on = { reason: 'we move', since, by: 'test' }
    expect(await settings.beginMaintenance('we move', database.act())).toEqual(on)
    database.clock.advance(1000)
    const other = { ...database.act(), actor: 'somebody else' }
    expect(await settings.beginMaintenance('we still move', other)).toEqual({ ...on, reason: 'we still move' })
    expect((await settings.standing()).maintenance).toEqual({ ...on, reason: 'we still move' })
    expect(await lastEvent(database)).toMatchObject({
      ...{ actor: 'somebody else', action: 'maintenance.begin', detail: { reason: 'we still move' } },
    })
    await settings.endMaintenance(database.act())
    expect((await settings.standing()).maintenance).toBeNull()
    await settings.endMaintenance(database.act())
    expect(await database.storage.audit.list('all', { limit: 9, action: 'maintenance.end' })).toHaveLength(1)
  })

  test('another process sees it at once', async () => {
    const other = await database.open()
    await database.storage.settings.beginMaintenance('x', database.act())
    expect((await other.settings.standing()).maintenance).not.toBeNull()
  })
})
