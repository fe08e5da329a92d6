import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newestPebble, pebbles, startPebble, type Pebble } from '../support/pebble.ts'
import { program } from '../support/program.ts'

const EAB_KEY = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'

describe.skipIf(pebbles().length === 0)('authorities by command, at a real one', () => {
  let folder: string
  let pebble: Pebble
  let strict: Pebble
  let run: ReturnType<typeof program>
  const file = (name: string) => join(folder, name)

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'waypost-acme-cli-'))
    run = program({ WAYPOST_DATA: file('data') })
    ;[pebble, strict] = await Promise.all([
      startPebble({ pebble: newestPebble() }),
      startPebble({ pebble: newestPebble(), eab: { 'kid-1': EAB_KEY } }),
    ])
    writeFileSync(file('root.pem'), pebble.caPem)
    writeFileSync(file('strict.pem'), strict.caPem)
    writeFileSync(file('eab.key'), EAB_KEY + '\n')
    writeFileSync(file('wrong.key'), EAB_KEY.replace('z', 'y'))
    await run('init')
  }, 60_000)
  afterAll(async () => {
    await pebble.stop()
    rmSync(folder, { recursive: true })
  })

  const add = (...more: string[]) => run('authority', 'add', 'pebble', '--directory', pebble.directoryUrl, ...more)
  const root = () => ['--ca-file', file('root.pem')]
  const atStrict = (...more: string[]) =>
    run(
      ...['authority', 'add', 'strict', '--directory', strict.directoryUrl, '--ca-file', file('strict.pem')],
      ...['--agree-to-terms', ...more],
    )
  const listed = async () => (await run('authority', 'list', '--json')).stdout.trim().split('\n').filter(Boolean)

  test('where there are none, the next step is told', async () => {
    const hint = 'no authorities; add one: waypost authority add letsencrypt --agree-to-terms\n'
    expect(await run('authority', 'list')).toEqual({ code: 0, stdout: '', stderr: hint })
    expect(await run('acme', 'budget')).toEqual({ code: 0, stdout: '', stderr: hint })
  })

  test.each<[string, () => Promise<{ code: number; stdout: string; stderr: string }>, number, RegExp]>([
    ['no directory', () => run('authority', 'add', 'pebble'), 2, /give its URL with --directory/],
    [
      'terms that are not agreed to',
      () => add(...root()),
      1,
      /terms of service, data:text\/plain.*--agree-to-terms\n$/,
    ],
    ['a private CA without its root', () => add('--agree-to-terms'), 1, /pebble is not trusted .*root certificate/],
    [
      'a URL without https',
      () => run('authority', 'add', 'pebble', '--directory', 'http://127.0.0.1:1/dir'),
      ...([1, /is no https URL/] as const),
    ],
    [
      'what is no directory',
      () => run('authority', 'add', 'x', '--directory', `https://localhost:${pebble.port}/nonce-plz`, ...root()),
      ...([1, /no ACME directory at this URL/] as const),
    ],
    [
      'nobody there',
      () => run('authority', 'add', 'x', '--directory', 'https://localhost:1/dir'),
      1,
      /cannot be reached/,
    ],
    ['no external account where one is wanted', () => atStrict(), 1, /wants an external account/],
    [
      'a wrong key of the external account',
      () => atStrict('--eab-key-id', 'kid-1', '--eab-key-file', file('wrong.key')),
      ...([1, /strict refused: .*key id and the key of the external account/] as const),
    ],
    ['a root file that is not there', () => add('--ca-file', file('none.pem')), 1, /none\.pem cannot be read/],
    ['a requirement of no profile', () => add('--require-profile'), 2, /name it with --profile/],
    [
      'a profile that it does not offer',
      () => add(...root(), '--agree-to-terms', '--profile', 'tlsserver', '--require-profile'),
      ...([1, /does not offer the profile tlsserver/] as const),
    ],
    [
      'a name that is none',
      () => run('authority', 'add', 'Let Us', '--directory', 'https://x'),
      1,
      /lower-case letters/,
    ],
  ])('%s: is refused, and nothing is kept', async (_what, asked, code, words) => {
    const outcome = await asked()
    expect([outcome.code, outcome.stdout, outcome.stderr]).toEqual([code, '', expect.stringMatching(words)])
    expect(await listed()).toEqual([])
  })

  test('one is added, tested, changed and removed; the key of its external account is told to nobody', async () => {
    const added = await add(...root(), '--agree-to-terms', '--contact', 'a@example.net,b@example.net')
    expect(added).toMatchObject({ code: 0, stderr: expect.stringContaining('[front] authority = "acme"') as string })
    for (const text of ['added authority pebble\n', 'contact:   a@example.net, b@example.net', 'agreed to data:text'])
      expect(added.stdout).toContain(text)
    expect((await atStrict('--eab-key-id', 'kid-1', '--eab-key-file', file('eab.key'))).code).toBe(0)
    expect((await run('authority', 'list')).stdout).toMatch(/^AUTHORITY .*\npebble +0 +in use +https.*\nstrict +1 /)
    expect((await add(...root(), '--agree-to-terms')).stderr).toMatch(/there is an authority pebble already/)

    expect(await run('authority', 'test', 'pebble')).toMatchObject({
      ...{
        code: 0,
        stdout: expect.stringMatching(/^directory: +answers\naccount: +https.*so: +all is well\n$/s) as string,
      },
    })
    const changed = await run('authority', 'update', 'pebble', '--rank', '5', '--key-type', 'ec-p384')
    expect(changed.stdout).toMatch(/rank: +5\n.*contact: +a@example\.net, b@example\.net.*keys: +ec-p384/s)
    expect((await run('authority', 'update', 'pebble', '--profile', 'none')).code).toBe(0)
    expect((await run('authority', 'change-key', 'pebble')).stdout).toBe('the account at pebble has another key\n')
    expect((await run('authority', 'test', 'pebble')).code).toBe(0)
    expect((await run('acme', 'budget')).stdout).toMatch(/^AUTHORITY +LIMIT.*\nstrict +orders at once +10 of 10 +1 s\n/)

    expect(await run('authority', 'resume', 'pebble')).toMatchObject({
      ...{ code: 0, stdout: expect.stringMatching(/^authority pebble is asked again\nauthority: +pebble\n/) as string },
    })
    expect((await run('authority', 'remove', 'pebble')).stderr).toContain('say --yes if that is meant')
    expect((await run('authority', 'remove', 'pebble', '--yes')).stdout).toBe('removed authority pebble\n')
    for (const verb of ['show', 'test', 'update', 'resume', 'change-key', 'remove'])
      expect((await run('authority', verb, 'pebble')).stderr).toBe(
        'waypost: there is no authority pebble; see: waypost authority list\n',
      )
    const told = [await run('authority', 'show', 'strict', '--json'), await run('audit', 'export')]
    expect(told.map(({ stdout }) => stdout.includes(EAB_KEY))).toEqual([false, false])
    expect(told[1]!.stdout).toContain('authority.add')
  }, 30_000)

  test('a test finds an account that the authority has forgotten', async () => {
    await strict.stop()
    const found = await run('authority', 'test', 'strict')
    expect(found).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/could not be read.*could not be reached/s) as string,
    })
  })
})

describe('jobs by command', () => {
  let folder: string
  let run: ReturnType<typeof program>
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'waypost-jobs-cli-'))
    run = program({ WAYPOST_DATA: join(folder, 'data') })
    await run('init')
    await run('tenant', 'add', 'acme')
    for (const name of ['a.waypost-corpus.net', 'b.waypost-corpus.net']) await run('domain', 'add', name)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test('are listed, of a kind or those that have failed, and made due again', async () => {
    const all = await run('jobs', 'list')
    expect(all.stdout).toMatch(/^ID +KIND +ABOUT +DUE +BEGUN +LAST FAILURE\n.* proof-check +a\..*\n.* proof-check +b\./)
    expect((await run('jobs', 'list', '--kind', 'other')).stderr).toBe('nothing is to be done\n')
    expect((await run('jobs', 'list', '--failed')).stderr).toBe('no job has failed\n')
    const { id } = JSON.parse((await run('jobs', 'list', '--json')).stdout.split('\n')[0]!) as { id: string }
    expect(await run('jobs', 'retry', id)).toEqual({ code: 0, stdout: 'one job is due now\n', stderr: '' })
    expect((await run('jobs', 'retry', '--kind', 'proof-check')).stdout).toBe('0 jobs are due now\n')
    expect(await run('jobs', 'retry', '0198c2f4-7d1e-7b6a-9c1d-3f5e8a2b4c6d')).toMatchObject({
      ...{
        code: 1,
        stderr: expect.stringMatching(/there is no job .* or it is done; see: waypost jobs list/) as string,
      },
    })
    expect((await run('jobs', 'retry')).code).toBe(2)
    expect((await run('jobs', 'retry', id, '--kind', 'proof-check')).code).toBe(2)
  })
})

describe('certificates by command', () => {
  let folder: string
  let run: ReturnType<typeof program>
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'waypost-issue-cli-'))
    run = program({ WAYPOST_DATA: join(folder, 'data'), WAYPOST_FRONT_AUTHORITY: 'acme' })
    await run('init')
    await run('tenant', 'add', 'acme')
    await run('domain', 'add', 'un.waypost-corpus.net')
    await run('domain', 'add', 'im.waypost-corpus.net', '--vouch')
    await run('domain', 'add', 'ext.waypost-corpus.net', '--vouch', '--external')
    await run('target', 'add', 'hosting.waypost-corpus.net')
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test.each([
    [
      'un.waypost-corpus.net',
      /state: +missing\n.*next step: +Nothing is ordered before control.*\n\n.*:\n {2}Publish the/s,
    ],
    ['im.waypost-corpus.net', /state: +missing\n.*next step: +No authority is set up.*\n\n.*waypost authority add/s],
    ['ext.waypost-corpus.net', /state: +not needed\n.*next step: +Nothing has to be done/s],
    ['hosting.waypost-corpus.net', /tenant: +the operator's own\nlineage: +none yet\n/],
  ])('explain says of %s what it waits for', async (name, words) => {
    const { code, stdout } = await run('certificate', 'explain', name)
    expect([code, stdout]).toEqual([0, expect.stringMatching(words)])
  })

  test('nothing can be issued where there is no lineage yet: it says why', async () => {
    const outcome = await run('certificate', 'issue', 'un.waypost-corpus.net')
    expect(outcome).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('before control of the name is proven') as string,
    })
  })

  test('a name that is nothing’s is not found', async () => {
    for (const name of ['no.waypost-corpus.net', 'no such lineage'])
      expect(await run('certificate', 'explain', name)).toMatchObject({
        ...{ code: 1, stderr: expect.stringMatching(/there is no source domain, target host or lineage no/) as string },
      })
  })

  test('one for an XMPP server is made for names, and explained, listed and shown as any other', async () => {
    const made = await run('certificate', 'create', 'XMPP.waypost-corpus.net', 'muc.waypost-corpus.net')
    expect(made).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^created lineage xmpp\.waypost-corpus\.net;/) as string,
    })
    expect((await run('certificate', 'explain', 'xmpp.waypost-corpus.net')).stdout).toMatch(
      /lineage: +xmpp\.waypost-corpus\.net\nstate: +missing\nthat is: +There is no certificate for xmpp\.waypost-corpus\.net yet\.\n/,
    )
    expect((await run('certificate', 'show', 'xmpp.waypost-corpus.net')).stdout).toMatch(
      /source: +acme\nwanted for: +xmpp\.waypost-corpus\.net\n +muc\.waypost-corpus\.net\n/,
    )
    const other = await run(
      'certificate',
      'create',
      'xmpp.waypost-corpus.net',
      '--lineage',
      'b',
      '--source',
      'local',
      '--json',
    )
    expect(JSON.parse(other.stdout)).toMatchObject({
      ...{ name: 'b', source: 'local', tenant: null, identifiers: ['xmpp.waypost-corpus.net'], certificates: [] },
    })
    expect((await run('certificate', 'create', 'im.waypost-corpus.net')).stderr).toMatch(
      /is a source domain of the tenant acme; delegations can publish .*front:im\.waypost-corpus\.net/,
    )
    expect((await run('certificate', 'create', 'hosting.waypost-corpus.net')).stderr).toMatch(/is a target host, whose/)
    expect((await run('certificate', 'create')).code).toBe(2)
  })

  test('revoking wants to be meant, and an active certificate', async () => {
    expect((await run('certificate', 'revoke', 'im.waypost-corpus.net', '--yes')).code).toBe(1)
    expect((await run('certificate', 'revoke', 'im.waypost-corpus.net', '--reason', 'boredom')).code).toBe(2)
  })
})
