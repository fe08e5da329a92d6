import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from '../support/program.ts'

let folder: string
let run: ReturnType<typeof program>
const file = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'waypost-settings-cli-'))
  run = program({ WAYPOST_DATA: file('data') })
  writeFileSync(file('logo.png'), Buffer.from('89504e470d0a1a0a', 'hex'))
  writeFileSync(file('logo.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>')
  await run('init')
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true }))

const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).stdout) as Record<string, unknown>

describe('waypost settings', () => {
  test('shows what is in force, and changes only what is named', async () => {
    expect((await run('settings', 'get')).stdout).toContain('Waypost')
    const accents = ['--accent-light', '#0B5E8A', '--accent-dark', '#7cc4ee']
    const first = await json('settings', 'set', '--name', 'Example XMPP', '--foot', 'Example GmbH', ...accents)
    expect(first).toEqual({
      ...{ serviceName: 'Example XMPP', accents: { light: '#0b5e8a', dark: '#7cc4ee' } },
      ...{ support: null, footLine: 'Example GmbH', logo: null },
    })
    const support = ['--support', 'help@hosting.example']
    expect(await json('settings', 'set', ...support, '--logo', file('logo.png'))).toEqual({
      ...first,
      support: 'help@hosting.example',
      logo: { mediaType: 'image/png', sha256: expect.any(String) as string },
    })
    const none = ['--name', 'none', '--accent-light', 'none', '--accent-dark', 'none', '--foot', 'none']
    expect(await json('settings', 'set', ...none, '--logo', 'none', '--support', 'none')).toEqual({
      ...{ serviceName: null, accents: null, support: null, footLine: null, logo: null },
    })
    expect(await json('settings', 'get')).toMatchObject({ serviceName: null, logo: null })
  })

  test.each([
    ['one accent alone', ['--accent-light', '#0b5e8a'], /give both accents/],
    ['one that cannot be read', ['--accent-light', '#ffff00', '--accent-dark', '#7cc4ee'], /1\.\d\d:1 on a light/],
    ['SVG', ['--logo', 'SVG'], /PNG, JPEG or WebP/],
    ['a file that is not there', ['--logo', '/nowhere/logo.png'], /cannot be read/],
    ['a script', ['--support', 'javascript:alert(1)'], /begins with https/],
  ])('refuses %s, and changes nothing', async (_what, options, words) => {
    const before = await json('settings', 'get')
    const { code, stderr } = await run(
      'settings',
      'set',
      ...options.map((each) => (each === 'SVG' ? file('logo.svg') : each)),
    )
    expect(code).toBe(1)
    expect(stderr).toMatch(words)
    expect(await json('settings', 'get')).toEqual(before)
  })
})

describe('waypost maintenance', () => {
  test('is switched on with words, told, and switched off; meanwhile the operator changes what they like', async () => {
    expect((await run('maintenance', 'status')).stdout).toBe('maintenance is off\n')
    const { stdout } = await run('maintenance', 'on', '--reason', 'we move \u001b[31m')
    expect(stdout).not.toContain('\u001b')
    const on = await run('maintenance', 'on', '--reason', 'we move')
    expect([on.code, on.stdout]).toEqual([0, expect.stringMatching(/maintenance: +on\nreason: +we move\n/) as string])
    expect(await json('maintenance', 'status')).toMatchObject({ isOn: true, reason: 'we move' })
    expect((await run('tenant', 'add', 'acme')).code).toBe(0)
    expect((await run('maintenance', 'off')).stdout).toBe('maintenance is off\n')
    expect((await run('maintenance', 'off')).code).toBe(0)
    expect(await json('maintenance', 'status')).toMatchObject({ isOn: false, reason: null })
  })

  test('wants words', async () => {
    expect((await run('maintenance', 'on')).code).toBe(2)
    expect((await run('maintenance', 'on', '--reason', ' ')).code).toBe(1)
  })
})

test('waypost user set-email gives an account another address', async () => {
  await run('user', 'create', 'alice@example.org')
  await run('user', 'create', 'bob@example.org')
  const { code, stdout } = await run('user', 'set-email', 'Alice@example.org', 'alice@Other.example')
  expect([code, stdout]).toEqual([0, 'the e-mail address is alice@other.example\n'])
  expect((await run('user', 'show', 'alice@other.example')).code).toBe(0)
  const taken = await run('user', 'set-email', 'alice@other.example', 'bob@example.org')
  expect([taken.code, taken.stderr]).toEqual([1, expect.stringContaining('has an account already') as string])
})
