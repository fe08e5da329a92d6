import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { initialise, openInstallation } from '../../src/cli/installation.ts'
import { placeOf, serverOf, type Place } from '../../src/cli/place.ts'
import { parseConfig } from '../../src/config.ts'

const KEY = new Uint8Array(32).fill(7)
let folder: string
let place: Place

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'waypost-installation-'))
  place = placeOf({ data: join(folder, 'data') }, {})
})
afterEach(() => rmSync(folder, { recursive: true }))

const mode = (file: string) => statSync(file).mode & 0o777

test('the command line comes before the environment, and both before ./data', () => {
  expect(placeOf({}, {}).dataFolder).toBe(join(process.cwd(), 'data'))
  expect(placeOf({}, { WAYPOST_DATA: '/a' })).toEqual({ dataFolder: '/a', configFile: '/a/waypost.toml' })
  expect(placeOf({ data: '/b', config: '/c' }, { WAYPOST_DATA: '/a', WAYPOST_CONFIG: '/d' })).toEqual({
    dataFolder: '/b',
    configFile: '/c',
  })
})

test('a server on the command line comes before a data folder in the environment, and the other way round', () => {
  expect(serverOf({}, { WAYPOST_DATA: '/a' })).toBeUndefined()
  expect(serverOf({}, { WAYPOST_DATA: '/a', WAYPOST_SERVER: 'https://a' })).toBe('https://a')
  expect(serverOf({ server: 'https://b' }, { WAYPOST_DATA: '/a', WAYPOST_SERVER: 'https://a' })).toBe('https://b')
  expect(serverOf({ data: '/b' }, { WAYPOST_SERVER: 'https://a' })).toBeUndefined()
  expect(() => serverOf({ server: 'https://b', data: '/b' }, {})).toThrow('leave out one')
})

test('what is made is private, in force, and never made over', () => {
  expect(
    initialise(place, {}, { adminHost: 'admin.example.net', edgeName: 'edge.example.net' }, () => KEY),
  ).toHaveLength(2)
  expect([mode(place.dataFolder), mode(join(place.dataFolder, 'master.key'))]).toEqual([0o700, 0o600])
  const { config, masterKey } = openInstallation(place, {})
  expect(Buffer.from(masterKey).equals(KEY)).toBe(true)
  expect([config.admin.host, config.edge.name]).toEqual(['admin.example.net', 'edge.example.net'])
  expect(initialise(place, {}, {}, () => new Uint8Array(32))).toEqual([])
  expect(Buffer.from(openInstallation(place, {}).masterKey).equals(KEY)).toBe(true)
})

test('what the written configuration shows as defaults are the defaults', () => {
  initialise(place, {}, {}, () => KEY)
  const shown = readFileSync(place.configFile, 'utf8')
    .replace(/^# (?=\w+ = )/gm, '')
    .replace(/^(addresses|url|allow|resolvers|allow_networks|dns_\w+) = .*$/gm, '')
  expect(parseConfig(shown)).toEqual(parseConfig(''))
})

test('a name that is none is refused before anything is written', () => {
  expect(() => initialise(place, {}, { adminHost: 'no name' }, () => KEY)).toThrow(
    expect.objectContaining({ code: 'configuration' }),
  )
  expect(() => openInstallation(place, {})).toThrow('waypost init')
})

test('the master key comes from the environment, a file it names, a systemd credential, or the data folder', () => {
  const base64 = Buffer.from(KEY).toString('base64')
  const file = join(folder, 'elsewhere.key')
  writeFileSync(file, `${base64}\n`)
  mkdirSync(join(folder, 'credentials'))
  writeFileSync(join(folder, 'credentials', 'master.key'), base64)
  for (const env of [
    { WAYPOST_MASTER_KEY: base64 },
    { WAYPOST_MASTER_KEY_FILE: file },
    { CREDENTIALS_DIRECTORY: join(folder, 'credentials') },
  ])
    expect(Buffer.from(openInstallation(place, env).masterKey).equals(KEY)).toBe(true)
})

test('where the master key comes from elsewhere, none is written', () => {
  const env = { WAYPOST_MASTER_KEY: Buffer.from(KEY).toString('base64') }
  expect(initialise(place, env, {}, () => new Uint8Array(32))).toEqual([place.configFile])
  expect(openInstallation(place, env).config.admin.host).toBe('admin.localhost')
})

test('a file that could not be written whole is not left behind', () => {
  expect(() =>
    initialise({ ...place, configFile: join(folder, 'nowhere', 'waypost.toml') }, {}, {}, () => KEY),
  ).toThrow(expect.objectContaining({ code: 'unavailable' }))
  initialise(place, {}, {}, () => KEY)
  expect(readdirSync(place.dataFolder).sort()).toEqual(['master.key', 'waypost.toml'])
})

test.each([
  ['no installation', {}, 'waypost init'],
  ['a short key', { WAYPOST_MASTER_KEY: 'c2hvcnQ=' }, '32 bytes'],
  ['a file that is not there', { WAYPOST_MASTER_KEY_FILE: '/nowhere/key' }, '/nowhere/key'],
])('%s is refused with the cure', (_what, env, said) => {
  expect(() => openInstallation(place, env)).toThrow(said)
})

test('a master key that others can read is refused with the cure', () => {
  initialise(place, {}, {}, () => KEY)
  chmodSync(join(place.dataFolder, 'master.key'), 0o644)
  expect(() => openInstallation(place, {})).toThrow('chmod 600')
})
