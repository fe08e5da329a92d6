import { chromium, type Browser } from 'playwright-core'

/** On a loaded machine Chromium now and then opens no page and says nothing. A second try is told of in the last line. */
export const IN_CHROMIUM = { retry: 1, timeout: 60_000 }

/** Debian's Chromium; every name but `host` is unknown to it, so that it asks nobody else. */
export function launchChromium(host: string, port: number): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
      `--host-resolver-rules=MAP ${host} 127.0.0.1:${port}, MAP * ~NOTFOUND`,
    ],
  })
}
