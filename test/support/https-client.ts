import { readFileSync } from 'node:fs'
import https from 'node:https'
import type { Waypost } from './waypost.ts'

export interface Reply {
  status: number
  headers: https.RequestOptions['headers'] & Record<string, string | string[] | undefined>
  body: string
}

/** One HTTPS request to a name that the installation serves, verified against its local authority. */
export function ask(
  site: Waypost,
  host: string,
  path: string,
  asked: { method?: string; headers?: Record<string, string>; body?: string; localAddress?: string } = {},
): Promise<Reply> {
  const { method = 'GET', headers = {}, body, localAddress } = asked
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        host: '127.0.0.1',
        port: site.ports.https,
        servername: host,
        ca: readFileSync(site.rootFile),
        agent: false,
        method,
        path,
        headers: { host: `${host}:${site.ports.https}`, ...headers },
        timeout: 10_000,
        ...(localAddress === undefined ? {} : { localAddress }),
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        )
        response.on('error', reject)
      },
    )
    request.on('error', reject)
    request.on('timeout', () => request.destroy(new Error('no answer within 10 s')))
    request.end(body)
  })
}

/** A signed-in operator: asks the API with a session's cookie. */
export async function signIn(site: Waypost) {
  const { stdout } = await site.waypost('sign-in', '--json')
  const url = new URL((JSON.parse(stdout) as { url: string }).url)
  const origin = url.origin
  const { status, headers } = await ask(site, url.hostname, '/sign-in', {
    method: 'POST',
    headers: { origin, 'content-type': 'application/x-www-form-urlencoded' },
    body: url.searchParams.toString(),
  })
  const cookie = String(headers['set-cookie']).split(';')[0] ?? ''
  if (status !== 303) throw new Error(`signing in was answered ${status}`)
  return (method: string, path: string, body?: unknown) =>
    ask(site, url.hostname, `/api/v1${path}`, {
      method,
      headers: { origin, cookie, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
}
