import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SCOPES } from '../../src/tenant/scope.ts'
import { program } from '../support/program.ts'
import { freePort, newWaypost, type Outcome, type Waypost } from '../support/waypost.ts'

type Run = (...args: string[]) => Promise<Outcome>

// The same is done to both: to the one on its data folder, to the other over its server
let local: Waypost
let served: Waypost
let here: Run
let remote: Run
let server: string

beforeAll(async () => {
  // Whoever issues front certificates does so at a moment of its own
  const settings = { WAYPOST_FRONT_AUTHORITY: 'import' }
  ;[local, served] = await Promise.all([newWaypost(settings), newWaypost(settings)])
  await served.start()
  server = `https://admin.localhost:${served.ports.https}`
  here = program(local.env)
  const tokens = await Promise.all(
    [served, local].map((site) => issued(program(site.env), 'ops', '--operator', '--scope', SCOPES.join(','))),
  )
  remote = withToken(tokens[0]!)
  makeFiles()
}, 120_000)
afterAll(async () => {
  await Promise.all([local.remove(), served.remove()])
})

async function issued(run: Run, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run('token', 'create', ...args)
  expect(code, stderr).toBe(0)
  return stdout.trim()
}

function withToken(token: string, settings: Record<string, string> = {}): Run {
  return program({
    ...served.env,
    WAYPOST_SERVER: server,
    WAYPOST_TOKEN: token,
    WAYPOST_CA: served.rootFile,
    WAYPOST_DATA: file('nowhere'),
    ...settings,
  })
}

async function done(run: Run, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args)
  expect(code, stderr).toBe(0)
  return stdout
}

const file = (name: string) => join(served.folder, name)

function makeFiles(): void {
  for (const [name, subject, more] of [
    ['xmpp', '/CN=xmpp', []],
    ['next', '/CN=next', []],
    ['front', '/CN=im.example.com', ['-addext', 'subjectAltName=DNS:im.example.com']],
  ] as const)
    execFileSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
      ...['-subj', subject, '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`), ...more],
    ])
  execFileSync('openssl', ['x509', '-in', file('next.pem'), '-outform', 'DER', '-out', file('next.der')])
  const link = { rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://hosting.example.com/ws' }
  writeFileSync(file('host-meta.json'), JSON.stringify({ links: [link], hostMeta2: null }))
  writeFileSync(file('password'), 'cold harbour seven lanterns\n')
  writeFileSync(
    file('import.csv'),
    [
      'domain,tenant,mode,vouch,target,certificate,services',
      'one.example.org,acme,,yes,hosting.example.com,hosting.example.com,_xmpp-server _xmpp-client',
      'two.example.org,acme,external,,,,',
      'not a name,acme,,,,,',
      'three.example.org,nobody,,,,,',
      'im.example.com,acme,,,,,',
      'admin.localhost,acme,,,,,',
      'four.example.org,acme,,,nowhere.example.com,hosting.example.com,',
    ].join('\n'),
  )
}

/** What differs of itself between two installations, and between one who may open the data folder and a token. */
function normalised({ code, stdout, stderr }: Outcome): Outcome {
  const plain = (text: string) =>
    text
      .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID')
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, 'INSTANT')
      .replace(/(?<="hash":"|,)[0-9a-f]{64}(?="|$)/gm, 'HASH')
      .replace(/waypost-[\w-]{32}/g, 'PROOF')
      .replace(/\bt[0-9a-f]{32}\b/g, 'EDGE')
      .replace(/wp_[\w-]+/g, 'SECRET')
      .replace(/(?<=token=)[\w-]{43}/g, 'TOKEN')
      .replace(/(?<=admin\.localhost:)\d+/g, 'PORT')
      .replace(/cli:[\w-]+|operator's token ops/g, 'WHO')
      .replace(/"address":(?:null|"127\.0\.0\.1")/g, '"address":WHERE')
      .replace(/(?<=,WHO,)(?:127\.0\.0\.1)?(?=,)/g, 'WHERE')
      .replace(/"sequence":\d+|^\d+(?=,INSTANT)/gm, 'SEQUENCE')
      .replace(/ {2,}/g, '  ') // columns are as wide as what stands in them
  return { code, stdout: plain(stdout), stderr: plain(stderr) }
}

describe('a command says and does the same on the data folder and over a server', () => {
  // <name> is a file
  test.each(
    `
    tenant list
    domain add im.example.com
    tenant add acme
    tenant add acme
    tenant add Acme_Inc
    tenant add other --json
    tenant list
    tenant list --search ac --json
    tenant show acme
    tenant show nobody
    tenant quota acme --source-domains 4 --lineages none
    tenant quota acme --json
    tenant quota acme --delegations several
    tenant suspend other
    tenant show other --json
    tenant resume other --json
    target add hosting.example.com
    target add hosting.example.com
    target add second.example.com --port 8443 --json
    target add admin.localhost
    target add a..b
    target list
    target list --json
    target remove third.example.com
    domain add im.example.com --tenant acme --vouch
    domain add im.example.com --tenant other --json
    domain add im.example.com --tenant other --vouch
    domain add bücher.example.com --tenant acme --external
    domain add b.example.com
    domain add b.example.com --tenant nobody
    domain list
    domain list --tenant acme --json
    domain list --search nothing
    domain show im.example.com
    domain show im.example.com --tenant acme
    domain show im.example.com --tenant acme --json
    domain show c.example.com
    domain suspend im.example.com --tenant acme
    domain show im.example.com --tenant acme
    domain resume im.example.com --tenant acme --json
    domain unvouch im.example.com --tenant acme
    domain vouch im.example.com --tenant acme
    domain check bücher.example.com
    domain explain bücher.example.com
    domain explain bücher.example.com --json
    domain check nobodys.example.com
    domain rule bücher.example.com
    domain rule im.example.com --tenant acme
    domain host-meta im.example.com --tenant acme --set <host-meta.json>
    domain host-meta im.example.com --tenant acme
    domain host-meta im.example.com --tenant acme --off
    domain remove im.example.com --tenant other
    domain remove im.example.com --tenant other --yes
    certificate import <xmpp.pem> --lineage hosting.example.com
    certificate import <xmpp.pem> --lineage hosting.example.com
    certificate import <host-meta.json>
    certificate import <nowhere.pem>
    certificate import <next.der> --lineage hosting.example.com --json
    certificate import <front.pem> --front-of im.example.com
    certificate import <front.pem> --key <front.key> --front-of im.example.com
    certificate import <front.pem> --key <front.key> --front-of hosting.example.com
    certificate import <front.pem> --key <front.key> --front-of d.example.com
    certificate list --search hosting
    certificate list --tenant acme --json
    certificate show hosting.example.com
    certificate show front:im.example.com --tenant acme --json
    certificate show nothing
    certificate explain im.example.com
    certificate explain im.example.com --json
    certificate explain hosting.example.com
    certificate explain hosting.example.com --lineage
    certificate explain nothing.example.com
    certificate issue im.example.com
    certificate renew hosting.example.com --lineage
    certificate revoke hosting.example.com --lineage
    certificate revoke hosting.example.com --lineage --reason key-compromise --yes
    certificate revoke hosting.example.com --lineage --reason boredom --yes
    certificate create xmpp.example.com --source local --json
    certificate create xmpp.example.com --source local
    certificate create im.example.com
    certificate create hosting.example.com
    certificate create
    authority list
    authority list --json
    authority show nobody
    authority add other
    authority add other --directory http://localhost:1/directory
    authority add other --directory https://localhost:1/directory --ca-file <host-meta.json>
    authority add other --directory https://localhost:1/directory --contact nobody
    authority add other --directory https://localhost:1/directory
    authority test nobody
    authority update nobody --rank 3
    authority update nobody --rank first
    authority resume nobody
    authority change-key nobody
    authority remove nobody --yes
    acme budget
    acme budget --json
    jobs list --kind nothing
    jobs list --kind nothing --json
    jobs retry
    jobs retry 0198c2f4-7d1e-7b6a-9c1d-3f5e8a2b4c6d
    jobs retry --kind nothing
    jobs retry --kind nothing --json
    certificate activate hosting.example.com
    certificate activate hosting.example.com --force
    certificate activate nothing
    certificate export hosting.example.com
    certificate export front:im.example.com --tenant acme --json
    delegation add im.example.com --target hosting.example.com --certificate hosting.example.com
    delegation add im.example.com --target hosting.example.com --certificate hosting.example.com
    delegation add im.example.com --service _xmpp-client --target second.example.com --certificate hosting.example.com --json
    delegation add im.example.com --service sip --target hosting.example.com --certificate hosting.example.com
    delegation add bücher.example.com --target nowhere.example.com --certificate hosting.example.com
    delegation add nobodys.example.com --target hosting.example.com --certificate hosting.example.com --tenant acme
    delegation list
    delegation list --tenant acme --domain im.example.com --json
    delegation show im.example.com
    delegation show im.example.com --service _xmpp-client --json
    delegation show bücher.example.com
    delegation verify bücher.example.com
    delegation verify im.example.com
    domain rule im.example.com --tenant acme
    domain rule im.example.com --tenant acme --for nginx --json
    domain rule im.example.com --tenant acme --for iis
    domain show im.example.com
    domain import <import.csv> --dry-run
    domain import <import.csv>
    domain import <import.csv> --json
    domain import <nowhere.csv>
    target remove hosting.example.com
    tenant remove acme
    certificate remove hosting.example.com
    certificate remove hosting.example.com --yes
    delegation withdraw im.example.com
    delegation withdraw im.example.com --service _xmpp-client --json
    delegation withdraw im.example.com
    member list --tenant acme
    member invite bob@example.org --role owner --tenant acme
    member invite bob@example.org --role emperor --tenant acme
    member invite nobody --role viewer --tenant acme
    member role bob@example.org viewer --tenant acme
    member remove bob@example.org --tenant acme
    invitation list
    invitation list --tenant acme
    invitation list --operator
    invitation withdraw bob@example.org --tenant acme
    invitation withdraw bob@example.org --tenant acme
    user list
    user create alice@example.org --operator --json
    user create alice@example.org
    user create carol@example.org --password-file <password>
    user create dora@example.org --password-file <nowhere>
    user list
    user list --operators --json
    user show Alice@example.org
    user operator alice@example.org off
    user operator carol@example.org on
    user operator carol@example.org perhaps
    user reset-password alice@example.org
    user remove carol@example.org
    user remove carol@example.org --yes
    user remove alice@example.org --yes --json
    user remove alice@example.org --yes
    token create deploy --scope delegations:write
    token create deploy --tenant acme --scope delegations:write,certificates:read --expires-in 90d --from 192.0.2.0/24
    token create deploy --tenant acme --scope delegations:write
    token create other --tenant acme --scope everything
    token create other --tenant acme --scope audit:read --from somewhere
    token create other --tenant acme --scope audit:read --expires-in soon
    token list --tenant acme
    token list --operator --search nothing
    token rotate deploy --tenant acme
    token rotate deploy --tenant acme --now --json
    token remove deploy --tenant acme
    token remove deploy --tenant acme
    audit list --tenant acme --action delegation --json
    audit list --tenant acme --limit 1 --json
    audit list --since yesterday
    audit list --actor nobody
    audit export --tenant acme --action source-domain --format csv
    audit export --tenant acme --action source-domain
    domain remove one.example.org --yes
    domain remove two.example.org --yes --json
    target remove second.example.com --json
    tenant remove other --json
    tenant remove nobody
    `
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean),
  )('%s', async (line) => {
    const args = line.split(' ').map((word) => word.replace(/^<(.*)>$/, (_, name: string) => file(name)))
    const [outcome, other] = [await here(...args), await remote(...args)]
    expect(normalised(other)).toEqual(normalised(outcome))
    expect(outcome.stderr).not.toMatch(/\n\s+at |node:internal/)
  })
})

test('the root of the local authority is the same both ways', async () => {
  const root = readFileSync(served.rootFile, 'utf8')
  for (const run of [remote, program(served.env)]) expect(await done(run, 'authority', 'root')).toBe(root)
})

describe('the token of a tenant', () => {
  let own: Run
  const all = SCOPES.filter(
    (scope) => !/^(?:tenants|target-hosts):write$|^authorities:|^jobs:|^settings:|^grave$/.test(scope),
  ).join(',')

  beforeAll(async () => {
    await done(remote, 'tenant', 'add', 'solo')
    own = withToken(await issued(remote, 'all', '--tenant', 'solo', '--scope', all))
  })

  test('says whose the command is, so that --tenant may be left out', async () => {
    await done(own, 'domain', 'add', 'im.example.net')
    expect(await done(own, 'domain', 'list')).toContain('im.example.net  solo')
    expect(await done(own, 'domain', 'show', 'im.example.net')).toContain('tenant:            solo')
    await done(own, 'certificate', 'import', file('xmpp.pem'), '--lineage', 'own')
    expect(await done(own, 'certificate', 'list')).toMatch(/^own +solo/m)
    await done(remote, 'target', 'add', 'hosting.example.net')
    const delegation = ['--target', 'hosting.example.net', '--certificate', 'own']
    await done(own, 'delegation', 'add', 'im.example.net', ...delegation)
    expect(await done(own, 'delegation', 'list')).toContain('im.example.net')
    writeFileSync(file('own.csv'), 'domain\nmuc.example.net\n')
    expect(await done(own, 'domain', 'import', file('own.csv'))).toBe('added: 1, there already: 0, refused: 0\n')
    expect(await done(own, 'token', 'list')).toMatch(/^all /m)
    expect(await done(own, 'audit', 'list')).toContain('delegation.register')
    expect(await done(own, 'whoami')).toMatch(/^tenants: +solo \(owner\)$/m)
  })

  test('opens nothing of others, and nothing of the operator', async () => {
    await done(remote, 'tenant', 'add', 'stranger')
    const refused = [
      ['domain', 'list', '--tenant', 'stranger'],
      ['domain', 'add', 'a.example.net', '--vouch'],
      ['domain', 'vouch', 'im.example.net'],
      ['tenant', 'add', 'another'],
      ['tenant', 'suspend', 'solo'],
      ['target', 'add', 'b.example.net'],
      ['certificate', 'import', file('next.pem'), '--front-of', 'hosting.example.net'],
      ['token', 'list', '--operator'],
      ['user', 'list'],
    ]
    for (const args of refused) expect([args, (await own(...args)).code]).toEqual([args, 1])
    expect((await own('domain', 'list', '--tenant', 'stranger')).stderr).toBe('waypost: there is no tenant stranger\n')
  })

  test('imports what is its own, and of the other lines says why not', async () => {
    const lines = [
      'domain,tenant,vouch,target,certificate,services',
      'a.example.net,,,,,',
      'b.example.net,stranger,,,,',
      'c.example.net,solo,yes,,,',
      `d.example.net,,,hosting.example.net,${'x'.repeat(300)},`,
      `e.example.net,,,hosting.example.net,own,${Array.from({ length: 21 }, (_, i) => `_s${i}`).join(' ')}`,
      'f.example.net,solo,,hosting.example.net,own,',
    ]
    writeFileSync(file('mixed.csv'), lines.join('\n'))
    const { code, stdout, stderr } = await own('domain', 'import', file('mixed.csv'))
    expect(stdout).toBe('added: 2, there already: 0, refused: 4\n')
    expect(stderr.split('\n')).toEqual([
      'line 3: b.example.net: there is no tenant stranger',
      'line 4: c.example.net: only the operator may vouch for a name',
      'line 5: d.example.net: certificate is longer than 255 characters',
      'line 6: e.example.net: a line may have 20 services and no more',
      '',
    ])
    expect(code).toBe(1)
    expect(await done(own, 'delegation', 'list', '--domain', 'f.example.net')).toContain('hosting.example.net')
  })

  test('imports batches that are larger than a request may be', async () => {
    const lineage = 'l'.repeat(100)
    await done(own, 'certificate', 'import', file('next.pem'), '--lineage', lineage)
    const services = Array.from({ length: 20 }, (_, i) => `_s${i}`).join(' ')
    const names = Array.from({ length: 500 }, (_, i) => `n${i}.example.net`)
    const rows = names.map((name) => `${name},hosting.example.net,${lineage},${services}`)
    writeFileSync(file('large.csv'), ['domain,target,certificate,services', ...rows].join('\n'))
    expect(await done(own, 'domain', 'import', file('large.csv'), '--dry-run')).toMatch(/^would be added: 500,/)
  })

  test('does what its scopes say and no more', async () => {
    const narrow = withToken(await issued(remote, 'narrow', '--tenant', 'solo', '--scope', 'delegations:write'))
    expect(await done(narrow, 'delegation', 'list')).toContain('im.example.net')
    expect(await narrow('domain', 'list')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'waypost: the API token lacks the scope source-domains:read\n',
    })
    // What a note would need is not asked for in vain
    await done(remote, 'domain', 'show', 'im.example.net')
    await done(own, 'delegation', 'withdraw', 'im.example.net')
    const added = await narrow(
      'delegation',
      'add',
      'im.example.net',
      '--target',
      'hosting.example.net',
      '--certificate',
      'own',
    )
    expect(added).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('registered https://im.example.net') as string,
    })
  })

  test('is refused once it has expired, was removed, or comes from elsewhere', async () => {
    const make = (name: string, ...more: string[]) =>
      issued(remote, name, '--tenant', 'solo', '--scope', 'source-domains:read', ...more)
    const removed = await make('removed')
    const elsewhere = await make('elsewhere', '--from', '192.0.2.0/24')
    const expired = await make('expired', '--expires-in', '90d')
    for (const token of [removed, expired]) await done(withToken(token), 'domain', 'list')
    await done(remote, 'token', 'remove', 'removed', '--tenant', 'solo')
    const database = new Database(join(served.dataFolder, 'waypost.db'))
    database.exec("update api_token set expires_at = 1 where name = 'expired'")
    database.close()
    for (const token of [removed, elsewhere, expired, `${removed}x`, 'wp_'])
      expect(await withToken(token)('domain', 'list')).toEqual({
        code: 1,
        stdout: '',
        stderr: expect.stringContaining('unknown or expired, or not taken from this address') as string,
      })
  })

  test('is rotated with an overlap', async () => {
    const former = await issued(remote, 'rolling', '--tenant', 'solo', '--scope', 'source-domains:read')
    const rotate = ['token', 'rotate', 'rolling', '--tenant', 'solo']
    const next = (await done(remote, ...rotate)).trim()
    for (const token of [former, next]) await done(withToken(token), 'domain', 'list')
    const last = (await done(remote, ...rotate, '--now')).trim()
    await done(withToken(last), 'domain', 'list')
    for (const token of [former, next]) expect((await withToken(token)('domain', 'list')).code).toBe(1)
  })
})

describe('the way to the server', () => {
  test('is said on the command line or in the environment; the token in the environment or a file', async () => {
    writeFileSync(file('token'), (await issued(remote, 'by-file', '--operator', '--scope', 'tenants:read')) + '\n')
    const bare = program({ ...served.env, WAYPOST_TOKEN_FILE: file('token') })
    expect(await done(bare, 'tenant', 'list', '--server', `${server}/`, '--ca', served.rootFile)).toContain('acme')
    expect(await done(bare, '--server', server, '--ca', served.rootFile, 'tenant', 'list')).toContain('acme')
    const extra = served.with({
      ...{ WAYPOST_SERVER: server, NODE_EXTRA_CA_CERTS: served.rootFile },
      WAYPOST_TOKEN_FILE: file('token'),
    })
    expect(await done(extra, 'tenant', 'list')).toContain('acme')
    // What the command line says comes first
    expect((await extra('tenant', 'list', '--data', file('nowhere'))).stderr).toContain('there is no Waypost in')
  })

  const wrong: [name: string, settings: () => Promise<Record<string, string>>, args: string[], said: RegExp][] = [
    [
      'a certificate of an unknown authority',
      async () => ({ WAYPOST_CA: '' }),
      [],
      /not trusted here .*--ca FILE or WAYPOST_CA/,
    ],
    ['a certificate of another authority', async () => ({ WAYPOST_CA: file('xmpp.pem') }), [], /not trusted here/],
    [
      'another name',
      async () => ({ WAYPOST_SERVER: server.replace('admin.', 'admin2.') }),
      [],
      /speaks no TLS for that name/,
    ],
    [
      'a server that is down',
      async () => ({ WAYPOST_SERVER: `https://admin.localhost:${await freePort()}` }),
      [],
      /nothing listens there/,
    ],
    [
      'a name that is not found',
      async () => ({ WAYPOST_SERVER: 'https://admin.invalid' }),
      [],
      /the name is not found/,
    ],
    ['no token', async () => ({ WAYPOST_TOKEN: '' }), [], /WAYPOST_TOKEN_FILE.*waypost token create/],
    ['a token that cannot be sent', async () => ({ WAYPOST_TOKEN: 'wp_a\nb' }), [], /characters that no token has/],
    [
      'plain HTTP',
      async () => ({ WAYPOST_SERVER: 'http://admin.localhost' }),
      [],
      /https:\/\/admin\.example\.net, not/,
    ],
    ['a path', async () => ({ WAYPOST_SERVER: `${server}/api` }), [], /should be given as/],
    ['a missing authority file', async () => ({ WAYPOST_CA: '/nowhere' }), [], /cannot be read from \/nowhere/],
    [
      'a data folder too',
      async () => ({}),
      ['--server', 'https://admin.localhost', '--data', '/nowhere'],
      /leave out one/,
    ],
  ]
  test.each(wrong)('%s is exit code 2, and the text says what to check', async (_name, settings, args, said) => {
    const { code, stdout, stderr } = await withToken('wp_none', await settings())('tenant', 'list', ...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(said)
    expect(stderr).not.toMatch(/wp_|\n\s+at |node:internal/)
  })

  test.each([
    [['init'], /data folder only/],
    [['serve'], /data folder only/],
    [['demo'], /data folder only/],
    [['migrate'], /data folder only/],
    [['config', 'print'], /data folder only/],
    [['sign-in'], /data folder only/],
    [['certificate', 'export', 'x', '--key'], /no server gives away private keys/],
  ])('%j is refused with a server: it works on the data folder', async (args, said) => {
    for (const outcome of await Promise.all([remote(...args), program(served.env)(...args, '--server', server)])) {
      expect(outcome).toMatchObject({ code: 2, stdout: '' })
      expect(outcome.stderr).toMatch(said)
    }
  })
})

describe('audit verify', () => {
  test('finds the trail whole, and the heads that the log has, both ways', async () => {
    for (const run of [remote, program(served.env)]) {
      const { code, stdout } = await run('audit', 'verify', '--log', served.logFile)
      expect({ code, stdout }).toEqual({
        code: 0,
        stdout: expect.stringMatching(/^whole: \d+ events, with \d+ heads? /) as string,
      })
    }
  })

  test('finds it tampered with: exit code 1, and what is wrong', async () => {
    const hash = 'a'.repeat(64)
    for (const head of [`2:${hash}`, `999999:${hash}`])
      expect((await remote('audit', 'verify', '--head', head)).code).toBe(1)
    // The furthest is right, and an earlier one is not
    const { head } = JSON.parse(await done(remote, 'audit', 'verify', '--json')) as {
      head: { sequence: number; hash: string }
    }
    const both = ['--head', `2:${hash}`, '--head', `${head.sequence}:${head.hash}`]
    const verdict = await remote('audit', 'verify', ...both)
    expect(verdict).toMatchObject({ code: 1, stdout: expect.stringMatching(/^tampered with: event 2 /) as string })
    await served.stop()
    const database = new Database(join(served.dataFolder, 'waypost.db'))
    database.exec("update audit_event set actor = 'mallory' where sequence = 3")
    database.close()
    const { code, stdout } = await program(served.env)('audit', 'verify')
    expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringMatching(/^tampered with: event 3 /) as string })
  })

  test('could not ask: exit code 2, which says nothing against the trail', async () => {
    const outcomes = [
      await remote('audit', 'verify'), // the server has been stopped
      await here('audit', 'verify', '--head', '12'),
      await here('audit', 'verify', '--log', '/nowhere'),
      await here('audit', 'verify', '--log', file('import.csv')),
    ]
    for (const { code, stdout } of outcomes) expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(readFileSync(served.logFile, 'utf8')).not.toMatch(/wp_[\w-]{10}/)
  })
})
