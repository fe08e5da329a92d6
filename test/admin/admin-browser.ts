import https from 'node:https'
import type { AddressInfo } from 'node:net'
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { adminApp } from '../../src/admin/app.ts'
import { launchChromium } from '../support/chromium.ts'
import { ADMIN_HOST, selfSigned, type AdminServer } from './admin-server.ts'

/** Chromium before the admin plane, over TLS as it is in earnest. */
export interface AdminBrowser {
  /** What the console said, of CSP or of anything else. */
  complaints: string[]
  context: (options?: BrowserContextOptions) => Promise<BrowserContext>
  close: () => Promise<void>
}

export async function adminBrowser(server: AdminServer): Promise<AdminBrowser> {
  const complaints: string[] = []
  const { certificate, privateKey } = selfSigned({ commonName: ADMIN_HOST, dnsNames: [ADMIN_HOST] })
  const front = https.createServer({ cert: certificate, key: privateKey }, adminApp(server.deps))
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  const browser = await launchChromium(`${ADMIN_HOST}:443`, (front.address() as AddressInfo).port)

  return {
    complaints,
    async context(options = {}) {
      const opened = await browser.newContext({
        ignoreHTTPSErrors: true,
        permissions: ['clipboard-read', 'clipboard-write'],
        ...options,
      })
      opened.on('console', (message) => {
        // A form that is refused is answered 4xx, of which Chromium makes a note
        if (['error', 'warning'].includes(message.type()) && !message.text().startsWith('Failed to load resource'))
          complaints.push(message.text())
      })
      opened.on('weberror', (event) => complaints.push(String(event.error())))
      opened.on('dialog', (dialog) => {
        complaints.push(`a script of a stranger ran: ${dialog.message()}`)
        void dialog.dismiss()
      })
      return opened
    },
    async close() {
      await browser.close()
      front.closeAllConnections()
      await new Promise((resolve) => front.close(resolve))
    },
  }
}

/** How far a page can be scrolled sideways, in pixels. */
export async function sidewaysScroll(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
}

/** An authenticator without hands: whatever it is asked, its owner agrees to. */
export async function addAuthenticator(page: Page): Promise<void> {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
}
