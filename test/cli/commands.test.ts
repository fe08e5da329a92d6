import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addCommands } from '../../src/cli/commands.ts'
import { systemClock } from '../../src/clock.ts'
import { newWaypost, type Outcome, type Waypost } from '../support/waypost.ts'

const silent = {
  write: () => undefined,
  writeError: () => undefined,
  setExitCode: () => undefined,
  isTerminal: false,
  readStdin: async () => Buffer.alloc(0),
}

let site: Waypost
let xmpp: { pem: string; key: string }
let front: { pem: string; key: string }

beforeAll(async () => {
  site = await newWaypost()
  xmpp = certificate('xmpp', '/CN=xmpp')
  front = certificate('front', '/CN=im.example.com', 'subjectAltName=DNS:im.example.com')
})
afterAll(() => site.remove())

function certificate(name: string, subject: string, extension?: string) {
  const [pem, key] = [join(site.folder, `${name}.pem`), join(site.folder, `${name}.key`)]
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
    ...['-subj', subject, '-keyout', key, '-out', pem, ...(extension ? ['-addext', extension] : [])],
  ])
  return { pem, key }
}

async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await site.waypost(...args)
  expect(code, stderr).toBe(0)
  return stdout
}
const json = async <T>(...args: string[]) => JSON.parse(await done(...args, '--json')) as T
const lines = async <T>(...args: string[]) =>
  (await done(...args, '--json'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T)

describe('a first delegation', () => {
  test('is made by the commands that the help shows', async () => {
    await done('tenant', 'add', 'acme')
    await done('target', 'add', 'hosting.example.com')
    await done('domain', 'add', 'im.example.com', '--vouch')
    await done('certificate', 'import', xmpp.pem, '--lineage', 'hosting.example.com')
    await done(
      'delegation',
      'add',
      'im.example.com',
      '--target',
      'hosting.example.com',
      '--certificate',
      'hosting.example.com',
    )
    expect(await lines('delegation', 'list')).toMatchObject([
      { sourceDomain: 'im.example.com', service: '_xmpp-server', targetHost: 'hosting.example.com' },
    ])
  })

  test('shows the records to publish', async () => {
    const shown = await done('domain', 'show', 'im.example.com')
    expect(shown).toMatch(/^_waypost-challenge\.im\.example\.com\. 3600 IN TXT "waypost-[\w-]{32}"$/m)
    expect(shown).toMatch(/^im\.example\.com\. 3600 IN CNAME [a-z0-9]+\.edge\.example\.net\.$/m)
    expect(shown).toMatch(/^_xmpp-server\._tcp\.im\.example\.com\. 3600 IN SRV 0 5 5269 hosting\.example\.com\.$/m)
    const spki = execFileSync('sh', [
      '-c',
      `openssl x509 -in ${xmpp.pem} -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1`,
    ]).toString()
    expect(shown).toContain(`_5269._tcp.hosting.example.com. 3600 IN TLSA 3 1 1 ${spki}`)
  })

  test('a front certificate needs its key, and is put to use', async () => {
    const without = await site.waypost('certificate', 'import', front.pem, '--front-of', 'im.example.com')
    expect(without).toMatchObject({ code: 1, stderr: expect.stringContaining('needs its private key') as string })
    await done('certificate', 'import', front.pem, '--key', front.key, '--front-of', 'im.example.com')
    expect(await json('domain', 'show', 'im.example.com')).toMatchObject({ hasFrontCertificate: true })
  })

  test('a second certificate waits until caches know it, or is forced by who knows what breaks', async () => {
    const next = certificate('next', '/CN=next')
    await done('certificate', 'import', next.pem, '--lineage', 'hosting.example.com')
    const states = async () =>
      (
        await json<{ certificates: { subject: string; state: string }[] }>('certificate', 'show', 'hosting.example.com')
      ).certificates.map(({ subject, state }) => `${subject} ${state}`)
    expect(await states()).toEqual(['CN=xmpp active', 'CN=next staged'])
    const early = await site.waypost('certificate', 'activate', 'hosting.example.com')
    expect(early).toMatchObject({ code: 1, stderr: expect.stringMatching(/until .* 66 minutes/) as string })
    const forced = await site.waypost('certificate', 'activate', 'hosting.example.com', '--force')
    expect(forced).toMatchObject({ code: 0, stderr: expect.stringMatching(/until .* will refuse/) as string })
    expect(await states()).toEqual(['CN=xmpp retiring', 'CN=next active'])
  })

  test('a key is exported to a private file, and nothing shows one by the way', async () => {
    const file = join(site.folder, 'export.pem')
    await done('certificate', 'export', 'front:im.example.com', '--tenant', 'acme', '--key', '--out', file)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const key = execFileSync('openssl', ['pkey', '-in', file, '-outform', 'DER'])
    expect(key.equals(execFileSync('openssl', ['pkey', '-in', front.key, '-outform', 'DER']))).toBe(true)
    expect(await done('certificate', 'export', 'front:im.example.com', '--tenant', 'acme')).toBe(
      readFileSync(front.pem, 'utf8'),
    )
    for (const command of [
      ['certificate', 'show', 'front:im.example.com', '--tenant', 'acme', '--json'],
      ['certificate', 'list', '--json'],
      ['config', 'print'],
    ])
      expect(await done(...command)).not.toContain('PRIVATE KEY')
  })

  test('host-meta is set from a file, shown, and switched off', async () => {
    const file = join(site.folder, 'host-meta.json')
    const link = { rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://hosting.example.com/ws' }
    writeFileSync(file, JSON.stringify({ links: [link], hostMeta2: null }))
    await done('domain', 'host-meta', 'im.example.com', '--set', file)
    expect(JSON.parse(await done('domain', 'host-meta', 'im.example.com'))).toMatchObject({ links: [link] })
    writeFileSync(file, JSON.stringify({ links: [{ ...link, href: 'http://hosting.example.com' }], hostMeta2: null }))
    expect((await site.waypost('domain', 'host-meta', 'im.example.com', '--set', file)).code).toBe(1)
    await done('domain', 'host-meta', 'im.example.com', '--off')
    expect(await done('domain', 'host-meta', 'im.example.com')).toBe('null\n')
  })

  test('what is in use is not removed, and nothing is without --yes', async () => {
    const refusals: string[][] = [
      ['tenant', 'remove', 'acme'],
      ['target', 'remove', 'hosting.example.com'],
      ['certificate', 'remove', 'hosting.example.com', '--yes'],
      ['domain', 'remove', 'im.example.com'],
    ]
    for (const command of refusals) expect([command, (await site.waypost(...command)).code]).toEqual([command, 1])
    await done('domain', 'remove', 'im.example.com', '--yes')
    await done('certificate', 'remove', 'hosting.example.com', '--yes')
    await done('certificate', 'remove', 'front:im.example.com', '--tenant', 'acme', '--yes')
    await done('target', 'remove', 'hosting.example.com')
    await done('tenant', 'remove', 'acme')
    expect(await lines('delegation', 'list')).toEqual([])
  })
})

describe('bad input', () => {
  const cases: [name: string, args: string[], code: number, said: string][] = [
    ['an unknown command', ['frobnicate'], 2, 'unknown command'],
    ['an unknown option', ['tenant', 'list', '--colour'], 2, 'unknown option'],
    ['a missing folder', ['--data'], 2, 'argument missing'],
    ['a folder to import', ['domain', 'import', '/tmp'], 1, 'cannot be read'],
    ['another name at a second init', ['init', '--admin-host', 'b.example.com'], 1, 'change it there'],
    ['a missing argument', ['tenant', 'add'], 2, 'missing required argument'],
    ['a port that is none', ['target', 'add', 'a.example.com', '--port', '70000'], 2, '1 to 65535'],
    ['a tenant with an odd name', ['tenant', 'add', 'Acme Inc.'], 1, 'lower-case letters'],
    ['an unknown tenant', ['tenant', 'show', 'nobody'], 1, 'waypost tenant list'],
    ['a domain of nobody', ['domain', 'add', 'im.example.com'], 1, 'waypost tenant add'],
    ['a file that is not there', ['certificate', 'import', '/nowhere'], 1, 'cannot be read'],
    ['a lineage that is not there', ['certificate', 'activate', 'x'], 1, 'waypost certificate list'],
    ['a folder without installation', ['--data', '/nowhere', 'tenant', 'list'], 2, 'waypost init'],
    ['a configuration that is none', ['--config', '/etc/passwd', 'config', 'check'], 1, 'no TOML'],
    ['a rule for a web server that is none', ['domain', 'rule', 'im.example.com', '--for', 'iis'], 2, 'nginx'],
    ['verify with a name that is none', ['verify', 'a..b'], 2, 'no domain name'],
    ['verify with a misspelt option', ['verify', 'im.example.com', '--resovle', 'x'], 2, 'unknown option'],
  ]
  test.each(cases)('%s is refused with what is wrong, and no stack trace', async (_name, args, code, said) => {
    const outcome: Outcome = await site.waypost(...args)
    expect(outcome).toMatchObject({ code, stdout: '' })
    expect(outcome.stderr).toContain(said)
    expect(outcome.stderr).not.toMatch(/\n\s+at |node:internal/)
  })

  test.each([
    ['WAYPOST_OUTSIDE_CA_FILE', '/etc/hostname', 'no PEM certificate'],
    ['WAYPOST_OUTSIDE_CA_FILE', '/nowhere', 'cannot be read'],
    ['WAYPOST_ACME_DNS_ZONE', 'acme.example.net', 'acme.dns_server and acme.dns_key_file should be set too'],
    ['WAYPOST_OUTSIDE_ALLOW_NETWORKS', '10.0.0.0', 'such as "10.0.0.0/8"'],
    ['WAYPOST_OUTSIDE_RESOLVERS', '192.0.2.53:0', 'should be an IP address'],
    ['WAYPOST_OUTSIDE_RESOLVERS', 'ns.example.net', 'should be an IP address'],
    ['WAYPOST_NAMES_ALLOW', 'a b', 'should be a DNS name'],
  ])('config check finds that %s=%s cannot be', async (setting, value, said) => {
    const { code, stderr } = await site.with({ [setting]: value })('config', 'check')
    expect([code, stderr]).toEqual([1, expect.stringContaining(said)])
  })

  test('config check reads the key for the DNS challenge, and says nothing of its secret', async () => {
    const file = join(site.dataFolder, 'update.key')
    const secret = Buffer.alloc(32, 7).toString('base64')
    const check = async (text: string, mode = 0o640, at = file) => {
      writeFileSync(file, text)
      chmodSync(file, mode)
      const zone = { WAYPOST_ACME_DNS_ZONE: 'acme.example.net', WAYPOST_ACME_DNS_SERVER: '192.0.2.53' }
      const { code, stderr } = await site.with({ ...zone, WAYPOST_ACME_DNS_KEY_FILE: at })('config', 'check')
      expect(stderr).not.toContain(secret)
      return [code, stderr]
    }
    const refused = (words: string) => [1, expect.stringContaining(words) as string]
    expect(await check(`key "waypost" { algorithm hmac-sha256; secret "${secret}"; };`)).toEqual([0, ''])
    expect(await check(`hmac-sha512:waypost:${secret}\n`)).toEqual([0, ''])
    expect(await check(secret)).toEqual(refused('holds no TSIG key'))
    expect(await check(`hmac-md5:waypost:${secret}`)).toEqual(refused('hmac-sha384'))
    expect(await check(`hmac-sha256:waypost:${secret}`, 0o644)).toEqual(refused(`chmod 640 ${file}`))
    expect(await check('', 0o640, '/nowhere')).toEqual(refused('cannot be read'))
  })

  test('another master key is refused before anything is touched', async () => {
    const file = join(site.dataFolder, 'master.key')
    const right = readFileSync(file)
    writeFileSync(file, Buffer.alloc(32, 9).toString('base64'))
    const { code, stderr } = await site.waypost('tenant', 'list')
    writeFileSync(file, right)
    expect([code, stderr]).toEqual([1, expect.stringContaining('master key')])
    expect((await site.waypost('tenant', 'list')).code).toBe(0)
  })
})

test('every command explains itself', async () => {
  const help = await done('--help')
  const commands = [...help.matchAll(/^ {2}([a-z-]+) .*$/gm)]
    .map(([, name]) => name ?? '')
    .filter((name) => name !== 'help')
  for (const expected of ['init', 'serve', 'demo', 'tenant', 'domain', 'target', 'delegation', 'certificate', 'verify'])
    expect(commands).toContain(expected)
  expect(commands).not.toContain('child')
  expect(await done('domain', 'import', '--help')).toContain('Exit code 1')
  expect(existsSync(join(site.dataFolder, 'waypost.db'))).toBe(true)
})

test('every command has a description, prints JSON where it prints anything, and is found by its name alone', async () => {
  const deps = { io: silent, env: {}, clock: systemClock }
  const all = new Command()
  await addCommands(all, deps, undefined)
  const others = new Set(['serve', 'demo', 'config print', 'domain host-meta', 'audit export'])
  for (const command of all.commands) {
    const alone = new Command()
    await addCommands(alone, deps, command.name())
    expect(alone.commands.map((one) => one.name())).toEqual([command.name()])
    for (const [name, leaf] of leaves(command)) {
      expect([name, leaf.description()]).not.toEqual([name, ''])
      expect([name, leaf.options.some(({ long }) => long === '--json')]).toEqual([name, !others.has(name)])
    }
  }
})

function leaves(command: Command, path = command.name()): [string, Command][] {
  if (command.commands.length === 0) return [[path, command]]
  return command.commands.flatMap((one) => leaves(one, `${path} ${one.name()}`))
}
