import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newWaypost, type Waypost } from '../support/waypost.ts'

let site: Waypost

beforeAll(async () => {
  site = await newWaypost()
  for (const tenant of ['acme', 'other', 'third']) await site.waypost('tenant', 'add', tenant)
  for (const target of ['hosting.example.net', 'second.example.net']) await site.waypost('target', 'add', target)
  const certificate = join(site.folder, 'xmpp.pem')
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
    ...['-subj', '/CN=xmpp', '-keyout', '/dev/null', '-out', certificate],
  ])
  const { code, stderr } = await site.waypost('certificate', 'import', certificate, '--lineage', 'xmpp')
  expect(code, stderr).toBe(0)
})
afterAll(() => site.remove())

function csv(name: string, ...lines: string[]): string {
  const file = join(site.folder, name)
  writeFileSync(file, lines.join('\r\n') + '\r\n')
  return file
}

async function list(tenant: string): Promise<string[]> {
  const { stdout } = await site.waypost('domain', 'list', '--tenant', tenant, '--json')
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { name: string }).name)
}

async function delegations(sourceDomain: string): Promise<string[]> {
  const { stdout } = await site.waypost('delegation', 'list', '--domain', sourceDomain, '--json')
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { service: string; targetHost: string; lineageName: string })
    .map(({ service, targetHost, lineageName }) => `${service} ${targetHost} ${lineageName}`)
    .sort()
}

describe('domain import', () => {
  test('says what each line would do and changes nothing, then does it', async () => {
    const file = csv(
      'mixed.csv',
      'Domain,Tenant,Mode,Vouch',
      'one.example.com,acme,,yes',
      'bücher.example.com,acme,external,',
      'not a name,acme,,',
      'two.example.com,nobody,,',
      'three.example.com,acme,sideways,',
      'one.example.com.,acme,,',
    )
    const dry = await site.waypost('domain', 'import', file, '--dry-run')
    expect(dry.stdout).toBe('would be added: 2, there already: 0, refused: 4\n')
    expect(dry.stderr).toMatch(
      /^line 4: not a name: .*no domain name.*\nline 5: .*no tenant nobody.*\nline 6: .*hosted or external.*\nline 7: .*twice; leave one of the lines out\n$/,
    )
    expect(dry.code).toBe(1)
    expect(await list('acme')).toEqual([])

    const real = await site.waypost('domain', 'import', file)
    expect(real.stdout).toBe('added: 2, there already: 0, refused: 4\n')
    expect(await list('acme')).toEqual(['one.example.com', 'xn--bcher-kva.example.com'])
    const again = await site.waypost('domain', 'import', file)
    expect(again.stdout).toBe('added: 0, there already: 2, refused: 4\n')
  })

  test('refuses only the line whose name another tenant holds', async () => {
    const file = csv('taken.csv', 'domain,vouch', 'one.example.com,yes', 'four.example.com,yes')
    const { stdout, stderr, code } = await site.waypost('domain', 'import', file, '--tenant', 'other')
    expect(stdout).toBe('added: 1, there already: 0, refused: 1\n')
    expect(stderr).toMatch(
      /^line 2: one.example.com: another tenant holds this name; ask the operator if it is yours\n$/,
    )
    expect(code).toBe(1)
    expect(await list('other')).toEqual(['four.example.com'])
  })

  test('a line whose target or certificate is missing adds nothing', async () => {
    const file = csv(
      'delegated.csv',
      'domain,target,certificate',
      'five.example.com,nowhere.example.net,xmpp',
      'six.example.com,,xmpp',
    )
    const { stdout } = await site.waypost('domain', 'import', file, '--tenant', 'other')
    expect(stdout).toBe('added: 0, there already: 0, refused: 2\n')
    expect(await list('other')).toEqual(['four.example.com'])
  })

  test('registers the delegations with the names, and completes those that are there already', async () => {
    const file = csv(
      'targets.csv',
      'domain,target,certificate,services,vouch',
      'seven.example.com,Hosting.example.net.,xmpp,,',
      'eight.example.com,hosting.example.net,xmpp,_xmpp-server _XMPP-client._tcp,',
      'nine.example.com,,,,',
      'ten.example.com,hosting.example.net,nothing,,',
      'eleven.example.com,hosting.example.net,xmpp,xmpp,',
      'one.example.com,hosting.example.net,xmpp,,yes',
    )
    const dry = await site.waypost('domain', 'import', file, '--tenant', 'third', '--dry-run')
    expect(dry.stdout).toBe('would be added: 3, there already: 0, refused: 3\n')
    expect(await list('third')).toEqual([])
    const first = await site.waypost('domain', 'import', file, '--tenant', 'third')
    expect(first.stdout).toBe('added: 3, there already: 0, refused: 3\n')
    expect(first.stderr).toMatch(
      /^line 5: .*no certificate lineage nothing; .*\nline 6: .*no service.*\nline 7: .*another tenant holds this name; .*\n$/,
    )
    expect(dry.stderr).toBe(first.stderr)
    expect(await list('third')).toEqual(['eight.example.com', 'nine.example.com', 'seven.example.com'])
    expect(await delegations('seven.example.com')).toEqual(['_xmpp-server hosting.example.net xmpp'])
    const both = ['_xmpp-client hosting.example.net xmpp', '_xmpp-server hosting.example.net xmpp']
    expect(await delegations('eight.example.com')).toEqual(both)

    const more = csv(
      'more.csv',
      'domain,target,certificate,services',
      'seven.example.com,second.example.net,xmpp,_xmpp-server _xmpp-client',
      'nine.example.com,second.example.net,xmpp,',
      'eight.example.com,hosting.example.net,xmpp,_xmpp-client',
    )
    const second = await site.waypost('domain', 'import', more, '--tenant', 'third')
    expect(second).toMatchObject({ code: 0, stdout: 'added: 0, there already: 3, refused: 0\n' })
    expect(await delegations('seven.example.com')).toEqual([
      '_xmpp-client second.example.net xmpp',
      '_xmpp-server hosting.example.net xmpp',
    ])
    expect(await delegations('nine.example.com')).toEqual(['_xmpp-server second.example.net xmpp'])
    expect(await delegations('eight.example.com')).toEqual(both)
  })

  test.each([
    ['an unknown column', ['domain,colour', 'a.example.com,red'], 'colour'],
    ['an endless line', ['domain', `${'a'.repeat(20_000)}.example.com`], 'no CSV'],
    ['an open quotation', ['domain', '"a.example.com'], 'no CSV'],
  ])('refuses a file with %s', async (_what, lines, said) => {
    const { code, stderr } = await site.waypost('domain', 'import', csv('bad.csv', ...lines), '--tenant', 'other')
    expect(code).toBe(1)
    expect(stderr).toContain(said)
    expect(stderr).not.toMatch(/\n\s+at /)
  })

  test('takes 100,000 lines, and gives a verdict for each', async () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `d${i}.example.org`)
    const file = csv('many.csv', 'domain', ...lines)
    const began = performance.now()
    const { stdout, code } = await site.waypost('domain', 'import', file, '--tenant', 'acme', '--vouch', '--json')
    console.log(`100,000 lines imported in ${((performance.now() - began) / 1000).toFixed(1)} s`)
    expect(code).toBe(0)
    const verdicts = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { line: number; result: string })
    expect(verdicts).toHaveLength(100_000)
    expect(verdicts.every(({ line, result }, i) => line === i + 2 && result === 'added')).toBe(true)
  }, 120_000)

  test('20,000 lines with delegations take a fifth of a minute at most', async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `t${i}.example.org,hosting.example.net,xmpp`)
    const file = csv('many-targets.csv', 'domain,target,certificate', ...lines)
    const began = performance.now()
    const { stdout } = await site.waypost('domain', 'import', file, '--tenant', 'acme', '--vouch')
    const seconds = (performance.now() - began) / 1000
    console.log(`20,000 lines with delegations imported in ${seconds.toFixed(1)} s`)
    expect(stdout).toBe('added: 20000, there already: 0, refused: 0\n')
    expect(await delegations('t19999.example.org')).toEqual(['_xmpp-server hosting.example.net xmpp'])
  }, 120_000)
})
