import 'reflect-metadata'
import { X509CertificateGenerator } from '@peculiar/x509'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isLeftOut } from '../support/left-out.ts'
import { vectors } from '../support/vectors.ts'
import { adminBrowser, sidewaysScroll, type AdminBrowser } from './admin-browser.ts'
import { ADMIN_HOST, adminServer, ORIGIN, selfSigned, type AdminServer } from './admin-server.ts'
import { everyPage, type Visit } from './every-page.ts'

// S32: forty texts of strangers stand wherever a text of a stranger may, and a browser looks at every page.

const TEXTS = vectors('stored-xss.txt')
const LONG_SUBJECT = 10_000

describe.skipIf(isLeftOut('chromium'))('what strangers have written', () => {
  let server: AdminServer
  let rig: AdminBrowser
  const visits: Visit[] = []

  beforeAll(async () => {
    server = await adminServer()
    rig = await adminBrowser(server)
    const { visits: all } = await everyPage(server)
    const { storage, act, api } = server
    const operator = await server.person({ email: 'hostile@example.org', isOperator: true })
    const session = operator.sessionToken
    const visit = (path: string) => visits.push({ declaredPath: path, path, session })
    const tenantId = (await storage.tenants.findByName('acme'))!.id

    for (const [index, text] of TEXTS.entries()) {
      const named = `${text.slice(0, 50)} ${index}`
      const imported = await api('POST', '/tenants/acme/certificates', {
        ...selfSigned({ commonName: text.slice(0, 60), dnsNames: ['x.example.com'] }),
        lineage: named,
      })
      expect(imported.status).toBe(201)
      visit(String(imported.headers.location).replace('/api/v1', ''))
      const rest = { addresses: null, expiresAt: null, createdById: null }
      await storage.tokens.add(`hash ${index}`, { tenantId, name: named, scopes: ['audit:read'], ...rest }, act())
      const passkey = { userId: operator.user.id, publicKey: Buffer.of(1), counter: 0, transports: [] }
      await storage.passkeys.add({ id: `passkey-${index}`, name: named, ...passkey }, act())
      const list = index % 2 === 0 ? '/source-domains' : '/certificates' // of each so many are kept
      const saved = await operator.submit(`${list}/filters`, { filterName: named, search: text })
      expect([text, saved.status]).toEqual([text, 303])
      for (const path of ['/source-domains', '/audit', '/sign-in', '/check'])
        visit(`${path}?${new URLSearchParams({ search: text, next: text, domain: text, actor: text }).toString()}`)
    }
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
    const [own, authority] = await Promise.all(
      [0, 1].map(() => crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])),
    )
    const certificate = await X509CertificateGenerator.create({
      subject: [{ CN: ['long.example'] }, { O: ['x'.repeat(LONG_SUBJECT)] }],
      issuer: 'CN=short',
      publicKey: own!.publicKey,
      signingKey: authority!.privateKey,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      notBefore: new Date(server.clock.now().getTime() - 86_400_000),
      notAfter: new Date(server.clock.now().getTime() + 86_400_000),
    })
    const sent = { certificate: certificate.toString('pem'), lineage: 'long' }
    const long = await api('POST', '/tenants/acme/certificates', sent)
    expect([long.status, long.text]).toEqual([201, expect.anything()])
    visit('/tenants/acme/lineages/long')

    const csv = ['domain', ...TEXTS.map((text) => `"${text.replace(/"/g, '""')}"`)].join('\n')
    const read = await operator.api('POST', '/tenants/acme/imports', { csv })
    expect([read.status, read.text]).toEqual([201, expect.anything()])
    visit(String(read.headers.location).replace('/api/v1', ''))
    const [, etag] = /name="etag" value="([^"]+)"/.exec((await operator.page('/settings')).text)!
    const branding = await operator.submit('/settings', {
      ...{
        serviceName: TEXTS[0]!,
        accentLight: '',
        accentDark: '',
        support: '',
        footLine: TEXTS[1]!,
        etag: etag!.replaceAll('&quot;', '"'),
      },
    })
    expect(branding.status).toBe(303)
    const asThey = await operator.submit('/tenants/acme/act', { reason: TEXTS[2]! })
    expect(asThey.status).toBe(303)
    await operator.submit('/acting/stop', {})
    expect((await operator.submit('/settings/maintenance', { reason: TEXTS[3]! })).status).toBe(303)
    visits.push(...all)
  }, 120_000)
  afterAll(async () => {
    await rig.close()
    await server.close()
  })

  test('is shown and never run, and pushes nothing aside', async () => {
    const context = await rig.context({ viewport: { width: 390, height: 800 } })
    const page = await context.newPage()
    const faults: string[] = []
    const shown = new Set<string>()
    for (const { path, session } of visits) {
      await context.clearCookies()
      if (session !== null)
        await context.addCookies([
          { name: '__Host-session', value: session, domain: ADMIN_HOST, secure: true, path: '/' },
        ])
      const answer = await page.goto(ORIGIN + path)
      if (answer?.status() === 500) faults.push(`${path}: 500`)
      const text = (await page.locator('body').textContent()) ?? ''
      for (const one of TEXTS) if (text.includes(one.slice(0, 50))) shown.add(one)
      const scroll = await sidewaysScroll(page)
      if (scroll > 0) faults.push(`${path}: ${scroll} pixels sideways`)
    }
    await context.close()
    expect(faults).toEqual([])
    expect(rig.complaints).toEqual([])
    // The others hold characters that cannot be seen, which are written out
    expect(TEXTS.filter((one) => !shown.has(one)).every((one) => /[\p{Cc}\p{Cf}\p{Zl}]/u.test(one))).toBe(true)
  }, 300_000)
})
