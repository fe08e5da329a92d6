import { chromium, type Browser } from 'playwright-core'

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
