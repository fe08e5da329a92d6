import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { USUAL_ANSWERS } from '../../src/delegation/delegation.ts'
import { redirectRules, type RedirectRule } from '../../src/delegation/redirect-rules.ts'
import { domainName } from '../../src/name.ts'
import { verify } from '../../src/verify-main.ts'
import { readPoshDocument } from '../../src/verify/posh-document.ts'
import { isLeftOut } from '../support/left-out.ts'
import {
  body,
  testAuthority,
  webHosts,
  type Answer,
  type Issued,
  type TestAuthority,
  type WebHosts,
} from '../verify/web-hosts.ts'
import { poshOf } from '../verify/posh-of.ts'
import { recipes, startWebServer, type WebServer } from './web-servers.ts'

const run = promisify(execFile)

// Hyphens, digits and an A-label; a dot that were not escaped would match the x of `imx2` as well
const NAME = domainName('xn--bcher-kva.im.2-x.example.com')
const TARGET = domainName('hosting.example.net')
const OTHER = domainName('other.example.net')
const usual: Delegated = {
  ...{ service: '_xmpp-server', protocol: '_tcp', targetHost: TARGET, targetPort: 443 },
  ...USUAL_ANSWERS,
}

type Delegated = Parameters<typeof redirectRules>[1][number]

function textOf(server: RedirectRule['server'], delegations: readonly Delegated[] = [usual], name = NAME): string {
  return redirectRules(name, delegations).find((rule) => rule.server === server)!.text
}

/** What leads where, as nginx is told. */
function redirects(...delegations: Delegated[]): string[] {
  const text = redirectRules(NAME, delegations)[0]?.text ?? ''
  return [...text.matchAll(/^location = (\S+) \{ return 302 (\S+); \}$/gm)].map(([, from, to]) => `${from} -> ${to}`)
}

const tlsPath = (service: string) => `/.well-known/tls/${service}._tcp.${NAME}`
const tls = (service: string, origin = `https://${TARGET}`) => `${tlsPath(service)} -> ${origin}${tlsPath(service)}`
const posh = (service: string, origin = `https://${TARGET}`) =>
  `/.well-known/posh/${service}.json -> ${origin}/.well-known/posh/${NAME}/${service}.json`

describe('what is redirected', () => {
  test('draft-miller-xmpp-fed-00 §6.3 step 2: the same path at the target host; POSH by a path that names the domain', () => {
    expect(redirects(usual)).toEqual([tls('_xmpp-server'), posh('xmpp-server')])
  })

  test('every delegation, at its own target host and port', () => {
    const client = { ...usual, service: '_xmpp-client', targetHost: OTHER, targetPort: 8443 }
    expect(redirects(usual, client)).toEqual([
      tls('_xmpp-server'),
      tls('_xmpp-client', `https://${OTHER}:8443`),
      posh('xmpp-server'),
      posh('xmpp-client', `https://${OTHER}:8443`),
    ])
  })

  test('STARTTLS and direct TLS share the POSH document, and STARTTLS has its way', () => {
    const direct = { ...usual, service: '_xmpps-server', targetHost: OTHER }
    for (const both of [
      [usual, direct],
      [direct, usual],
    ])
      expect(redirects(...both).filter((line) => line.includes('/posh/'))).toEqual([posh('xmpp-server')])
    expect(redirects(direct)).toEqual([
      tls('_xmpps-server', `https://${OTHER}`),
      posh('xmpp-server', `https://${OTHER}`),
    ])
    expect(redirects({ ...usual, poshAnswer: 'off' }, direct).at(-1)).toBe(posh('xmpp-server', `https://${OTHER}`))
  })

  test('POSH that is off has no rule, and one that is no redirect elsewhere has one here', () => {
    expect(redirects({ ...usual, poshAnswer: 'off' })).toEqual([tls('_xmpp-server')])
    for (const poshAnswer of ['fingerprints', 'redirect', 'reference'] as const)
      expect(redirects({ ...usual, poshAnswer })).toContain(posh('xmpp-server'))
  })

  test('UDP has no POSH name; possession cannot be had from a server that does not know the certificate', () => {
    expect(redirects({ ...usual, protocol: '_udp' })).toHaveLength(1)
    expect(redirects({ ...usual, tlsAnswer: 'possession' })).toContain(tls('_xmpp-server'))
  })

  test('nothing is delegated, or only to the name itself: there is no rule', () => {
    expect(redirectRules(NAME, [])).toEqual([])
    expect(redirectRules(NAME, [{ ...usual, targetHost: NAME }])).toEqual([])
  })
})

describe('what the owner reads', () => {
  test('one rule for each kind of server, each with its place', () => {
    const rules = redirectRules(NAME, [usual])
    expect(rules.map(({ server }) => server)).toEqual(['nginx', 'apache', 'caddy', 'haproxy', 'cloudflare', 'static'])
    for (const { title, where } of rules) {
      expect(title).not.toBe('')
      expect(where).toContain('bücher.im.2-x.example.com')
    }
  })

  test.each(['nginx', 'apache', 'caddy', 'haproxy', 'cloudflare', 'static'] as const)(
    'of %s: that Prosody follows no redirect, where there is POSH',
    (server) => {
      expect(textOf(server)).toMatch(/Prosody follows no/)
      expect(textOf(server, [{ ...usual, poshAnswer: 'off' }])).not.toMatch(/Prosody|posh/)
    },
  )

  test('Cloudflare: an expression for each path, and the same as lines of _redirects', () => {
    const text = textOf('cloudflare')
    for (const line of redirects(usual)) {
      const [path, url] = line.split(' -> ')
      expect(text).toContain(`(http.host eq "${NAME}" and http.request.uri.path eq "${path}")\n`)
      expect(text).toContain(`"Preserve query string" off, URL\n${url}\n`)
      expect(text).toContain(`\n${path} ${url} 302\n`)
    }
    expect(text).not.toContain('301')
  })
})

describe('on real web servers', () => {
  let authority: TestAuthority
  let hosts: WebHosts
  let front: Issued
  let service: Issued
  let delegations: Delegated[]

  beforeAll(async () => {
    authority = await testAuthority('Test root')
    hosts = await webHosts()
    front = await authority.issue([NAME, TARGET])
    service = await authority.issue(['xmpp.hosting.example.net', NAME])
    hosts.present(TARGET, front)
    delegations = ['_xmpp-server', '_xmpp-client', '_xmpps-client'].map((name) => ({
      ...usual,
      service: name,
      targetPort: hosts.port,
    }))
  })
  afterAll(() => Promise.all([hosts.close(), authority.remove()]))
  beforeEach(() => {
    hosts.reset()
    for (const { service: name } of delegations)
      hosts.answer(TARGET, tlsPath(name), body(200, 'application/pem-certificate-chain', service.certPem))
    for (const name of ['xmpp-server', 'xmpp-client'])
      hosts.answer(TARGET, `/.well-known/posh/${NAME}/${name}.json`, poshOf(service.certPem))
  })

  for (const [title, recipe] of Object.entries(recipes))
    describe.skipIf(isLeftOut(recipe.peer))(title, () => {
      let web: WebServer
      beforeAll(async () => {
        web = await startWebServer(recipe, { name: NAME, rule: textOf(recipe.rule, delegations), front, authority })
      })
      afterAll(() => web?.stop())

      test('each path is redirected by 302, with and without a query', async () => {
        const expected = redirects(...delegations).map((line) => line.split(' -> ') as [string, string])
        expect(expected).toHaveLength(5)
        for (const [path, location] of expected)
          for (const query of ['', '?x=1'])
            expect(await web.get(path + query), path + query).toEqual({ status: 302, location: [location] })
      })

      test('a Host line with a port is the same host', async () => {
        const { status } = await web.get(tlsPath('_xmpp-server'), `${NAME}:${web.port}`)
        expect(status).toBe(302)
      })

      test.each([
        ['/', 200],
        ['/.well-known/tls/', 404],
        [tlsPath('_xmpps-server'), 404],
        [`${tlsPath('_xmpp-server')}/`, 404],
        [`${tlsPath('_xmpp-server')}.net`, 404],
        [`/x${tlsPath('_xmpp-server')}`, 404],
        [tlsPath('_xmpp-server').replace('/tls/', '/TLS/'), 404],
        [tlsPath('_xmpp-server').replace('.im.', 'xim.'), 404],
        [tlsPath('_xmpp-server').replace('.im.', '.IM.'), 404],
        [tlsPath('_xmpp-server').replace('/.well', '/xwell'), 404],
        ['/.well-known/posh/xmpp-serverxjson', 404],
        ['/.well-known/posh/xmpp-bosh.json', 404],
        ['/.well-known/host-meta', 404],
      ])('%s is left as it is', async (path, status) => expect(await web.get(path)).toEqual({ status, location: [] }))

      test('an initiating entity is led to the certificate, by both prooftypes', async () => {
        const report = await verify(NAME, {
          ...{ ca: authority.rootPem, port: web.port, timeoutMs: 5000 },
          resolve: [
            { host: NAME, port: web.port, address: '127.0.0.1' },
            { host: TARGET, port: hosts.port, address: '127.0.0.1' },
          ],
        })
        expect(report).toMatchObject({ conclusion: 'proven', tls: 'proven', posh: 'proven' })
        expect(report.certificates).toMatchObject([{ pem: service.certPem }])
      })
    })

  test.skipIf(isLeftOut('haproxy'))('HAProxy: a frontend of many names redirects this one only', async () => {
    const rule = textOf('haproxy', delegations)
    const web = await startWebServer(recipes.haproxy, { name: NAME, rule, front, authority })
    try {
      expect(await web.get('/.well-known/posh/xmpp-server.json', TARGET)).toEqual({ status: 404, location: [] })
      expect((await web.get('/.well-known/posh/xmpp-server.json', NAME.toUpperCase())).status).toBe(302)
    } finally {
      await web.stop()
    }
  })

  describe('a static host', () => {
    let folder: string
    beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'waypost-static-'))))
    afterEach(() => rmSync(folder, { recursive: true }))

    test('its references are documents of RFC 7711 §3.2 that lead to the fingerprints', () => {
      const lines = textOf('static', delegations).split('\n')
      for (const service of ['xmpp-server', 'xmpp-client']) {
        const at = lines.indexOf(`.well-known/posh/${service}.json`)
        expect(readPoshDocument(Buffer.from(lines[at + 1]!), false)).toEqual({
          ...{ kind: 'reference', expiresSeconds: 3600 },
          url: `https://${TARGET}:${hosts.port}/.well-known/posh/${NAME}/${service}.json`,
        })
      }
    })

    test('the lines for cron keep copies current, and leave what is there when nothing new comes', async () => {
      const jobs = [...textOf('static', delegations).matchAll(/^\*\/5 \* \* \* \* (.*)$/gm)].map(([, job]) => job!)
      expect(jobs).toHaveLength(5)
      writeFileSync(
        join(folder, '.curlrc'),
        `cacert = ${authority.rootFile}\nresolve = ${TARGET}:${hosts.port}:127.0.0.1\n`,
      )
      const cron = () =>
        Promise.allSettled(
          jobs.map((job) =>
            run('sh', ['-c', job.replace('/var/www/html', folder)], {
              env: { PATH: process.env['PATH'], HOME: folder },
            }),
          ),
        )
      const files = [...delegations.map(({ service: name }) => tlsPath(name)), '/.well-known/posh/xmpp-server.json']
      const contents = () => files.map((file) => readFileSync(join(folder, file), 'utf8'))

      expect((await cron()).map(({ status }) => status)).toEqual(Array(5).fill('fulfilled'))
      expect(contents().slice(0, 3)).toEqual(Array(3).fill(service.certPem))
      expect(readPoshDocument(Buffer.from(contents()[3]!), false)).toMatchObject({ kind: 'fingerprints' })

      const before = contents()
      const cutOff: Answer = (_request, response) => {
        response.writeHead(200, { 'content-length': 10_000 }).write('half of it')
        setImmediate(() => response.destroy())
      }
      for (const path of hosts.asked.map((line) => line.split(' ')[1]!)) hosts.answer(TARGET, path, cutOff)
      expect((await cron()).map(({ status }) => status)).toEqual(Array(5).fill('rejected'))
      hosts.reset() // 404 from now on
      expect((await cron()).map(({ status }) => status)).toEqual(Array(5).fill('rejected'))
      expect(contents()).toEqual(before)
    })
  })
})
