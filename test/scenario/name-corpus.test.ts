import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { signIn } from '../support/https-client.ts'
import { nameCorpus } from '../support/name-corpus.ts'
import { rawRequest } from '../support/raw-client.ts'
import { until } from '../support/until.ts'
import { newWaypost, type Waypost } from '../support/waypost.ts'

// S10, T6: one name in every spelling that somebody may try, at every way in: API, CSV, SNI and the Host line.
const KNOWN = 'im.waypost-corpus.net'
const TARGET = 'target.waypost-corpus.org'
const pathOf = (name: string) => `/.well-known/tls/_xmpp-server._tcp.${name}`
/** People paste: white space around what they type is not theirs. On the wire nothing is trimmed. */
const typed = nameCorpus.map((one) =>
  one.name.trim() === one.name ? one : (nameCorpus.find(({ name }) => name === one.name.trim()) ?? one),
)
const stored = [...new Set(nameCorpus.filter(({ verdict }) => verdict === 'ok').map(({ why }) => why))]

let site: Waypost

beforeAll(async () => {
  site = await newWaypost({
    WAYPOST_ADMIN_HOST: 'admin.example.net',
    WAYPOST_NAMES_ALLOW: '',
  })
  await site.start()
})
afterAll(() => site.remove())

const csvField = (text: string) => `"${text.replaceAll('"', '""')}"`

async function importing(names: readonly string[], ...options: string[]) {
  const file = join(site.folder, 'names.csv')
  writeFileSync(file, ['domain', ...names.map(csvField)].join('\r\n'))
  const { stdout } = await site.waypost('domain', 'import', file, '--tenant', 'acme', '--json', ...options)
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { domain: string; result: string; detail: string })
}

test('API: each is taken as the one name that it is, or refused by the rule that is broken', async () => {
  const api = await signIn(site)
  expect((await api('POST', '/tenants', { name: 'acme' })).status).toBe(201)
  for (const { name, verdict, why } of typed) {
    const { status, body } = await api('POST', '/tenants/acme/source-domains', { name })
    const { code, name: taken, rule } = JSON.parse(body) as Record<string, unknown>
    const where = JSON.stringify(name)
    if (verdict === 'ok') {
      expect([status, taken], where).toEqual([201, why])
      expect((await api('DELETE', `/tenants/acme/source-domains/${why}`)).status, where).toBe(204)
    } else if (verdict === 'name-refused') expect([status, code, rule], where).toEqual([422, 'name-refused', why])
    else expect([status, code], where).toEqual([400, expect.stringMatching(/^malformed-(name|request)$/)])
  }
})

test('CSV: the same', async () => {
  const verdicts = await importing(
    nameCorpus.map(({ name }) => name),
    '--dry-run',
  )
  const lines = typed.filter(({ name }) => name !== '') // a line with nothing in it is none
  expect(verdicts).toHaveLength(lines.length)
  const seen = new Set<string>()
  for (const [index, { name, verdict, why }] of lines.entries()) {
    const { result } = verdicts[index]!
    const isFirst = verdict === 'ok' && !seen.has(why)
    if (verdict === 'ok') seen.add(why) // a name stands in a list once, however it is spelt
    expect([name, result]).toEqual([name, isFirst ? 'would be added' : 'refused'])
  }
})

describe('at the edge', () => {
  beforeAll(async () => {
    const pem = join(site.folder, 'xmpp.pem')
    execFileSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
      ...['-subj', `/CN=${TARGET}`, '-keyout', join(site.folder, 'xmpp.key'), '-out', pem],
    ])
    await site.waypost('certificate', 'import', pem, '--lineage', 'xmpp')
    await site.waypost('target', 'add', TARGET)
    const added = await importing(stored, '--vouch')
    expect(added.map(({ result }) => result)).toEqual(stored.map(() => 'added'))
    const api = await signIn(site)
    const delegation = { service: '_xmpp-server', targetHost: TARGET, lineage: 'xmpp' }
    for (const sourceDomain of stored)
      expect((await api('POST', '/tenants/acme/delegations', { sourceDomain, ...delegation })).status).toBe(201)
    await until(async () =>
      (await Promise.all(stored.map((name) => status(name, name, name)))).every((one) => one === 302),
    )
  }, 180_000)

  /** What is answered; 'alert': the handshake is refused. */
  async function status(serverName: string, host: string, name: string): Promise<number | 'alert' | 'none'> {
    const line = Buffer.from(host, 'utf8').toString('latin1')
    try {
      const { answers } = await rawRequest(`GET ${pathOf(name)} HTTP/1.1\r\nHost: ${line}\r\n\r\n`, {
        port: site.ports.https,
        serverName,
        ca: readFileSync(site.rootFile, 'utf8'),
        answers: 1,
      })
      return answers[0]?.status ?? 'none'
    } catch {
      return 'alert'
    }
  }

  test('SNI: every spelling of a name is answered for it, and nothing for what is none', async () => {
    for (const { name, verdict, why } of nameCorpus) {
      if (name.includes('\0')) continue // OpenSSL sends what stands before it
      if (why === 'admin-host') continue // which is answered for, by the admin plane
      const answer = await status(name, verdict === 'ok' ? why : KNOWN, verdict === 'ok' ? why : KNOWN)
      expect([name, answer]).toEqual([name, verdict === 'ok' ? 302 : 'alert'])
    }
  })

  test('Host: the same, for the name that SNI has said and for no other', async () => {
    for (const { name, verdict, why } of nameCorpus) {
      if (/^[ \t]|[ \t]$/.test(name)) continue // RFC 9110 §5.5: white space around a value is no part of it
      if (/[\r\n]/.test(name)) continue // which ends the line: the next one is another header
      if (name.endsWith(':443')) continue // RFC 9110 §7.2: a port may follow
      const answer = await status(KNOWN, name, KNOWN)
      if (verdict === 'ok') expect([name, answer]).toEqual([name, why === KNOWN ? 302 : 421])
      else expect([name, [400, 421].includes(answer as number)]).toEqual([name, true])
    }
  })
})
