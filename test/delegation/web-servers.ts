import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RedirectRule } from '../../src/delegation/redirect-rules.ts'
import { until } from '../support/until.ts'
import { freePort } from '../support/waypost.ts'
import type { Issued, TestAuthority } from '../verify/web-hosts.ts'

export type Peer = 'nginx' | 'caddy' | 'apache2' | 'haproxy'

/** A real web server with a page of its own, in whose configuration a rule is put where its `where` says. */
export interface WebServer {
  port: number
  get(path: string, host?: string): Promise<{ status: number; location: string[] }>
  stop(): Promise<void>
}

interface Site {
  folder: string
  root: string // of its documents
  pem: string // file names
  key: string
  both: string
  address: string
  port: number
  name: string
  rule: string
}

interface Recipe {
  peer: Peer
  rule: RedirectRule['server']
  config(site: Site): string
  command(site: Site, configFile: string): string[]
}

const isRoot = process.getuid?.() === 0

const nginx: Recipe = {
  peer: 'nginx',
  rule: 'nginx',
  config: ({ folder, root, pem, key, address, port, name, rule }) => `
daemon off;
pid ${folder}/pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server {
    listen ${address}:${port} ssl;
    server_name ${name};
    ssl_certificate ${pem};
    ssl_certificate_key ${key};
    root ${root};
${rule}
  }
}`,
  command: ({ folder }, file) => ['nginx', '-p', folder, '-e', 'stderr', '-c', file],
}

const caddy: Recipe = {
  peer: 'caddy',
  rule: 'caddy',
  config: ({ root, pem, key, address, port, name, rule }) => `
{
  admin off
  auto_https off
}
https://${name}:${port} {
  bind ${address}
  tls ${pem} ${key}
  root * ${root}
  file_server
${rule}
}`,
  command: (_site, file) => ['caddy', 'run', '--adapter', 'caddyfile', '--config', file],
}

const haproxy: Recipe = {
  peer: 'haproxy',
  rule: 'haproxy',
  config: ({ both, address, port, rule }) => `
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend web
  bind ${address}:${port} ssl crt ${both}
${rule}
  http-request return status 404 unless { path / }
  http-request return status 200 content-type text/html string "a page"
`,
  command: (_site, file) => ['haproxy', '-db', '-f', file],
}

function apache(place: 'VirtualHost' | '.htaccess'): Recipe {
  return {
    peer: 'apache2',
    rule: 'apache',
    config({ folder, root, pem, key, address, port, name, rule }) {
      if (place === '.htaccess') writeFileSync(join(root, '.htaccess'), rule)
      const modules = ['mpm_event', 'authz_core', 'dir', 'rewrite', 'ssl']
      return `
ServerRoot ${folder}
ServerName ${name}
PidFile ${folder}/pid
ErrorLog /dev/stderr
Listen ${address}:${port}
${modules.map((module) => `LoadModule ${module}_module /usr/lib/apache2/modules/mod_${module}.so`).join('\n')}
${isRoot ? 'User www-data\nGroup www-data' : ''}
StartServers 1
SSLSessionCache none
DocumentRoot ${root}
<Directory ${root}>
  AllowOverride ${place === '.htaccess' ? 'All' : 'None'}
  Options FollowSymLinks
  DirectoryIndex index.html
</Directory>
<VirtualHost ${address}:${port}>
  ServerName ${name}
  SSLEngine on
  SSLCertificateFile ${pem}
  SSLCertificateKeyFile ${key}
${place === 'VirtualHost' ? rule : ''}
</VirtualHost>`
    },
    command: (_site, file) => ['apache2', '-D', 'FOREGROUND', '-f', file],
  }
}

/** By what they are called in a test's name. */
export const recipes = {
  nginx,
  caddy,
  haproxy,
  Apache: apache('VirtualHost'),
  'Apache by .htaccess': apache('.htaccess'),
} satisfies Record<string, Recipe>

export async function startWebServer(
  { config, command }: Recipe,
  wish: { name: string; rule: string; front: Issued; authority: TestAuthority; address?: string; port?: number },
): Promise<WebServer> {
  const { name, rule, front, authority, address = '127.0.0.1', port = await freePort() } = wish
  const folder = mkdtempSync(join(tmpdir(), 'waypost-web-'))
  const file = (base: string, text: string) => {
    writeFileSync(join(folder, base), text)
    return join(folder, base)
  }
  const root = join(folder, 'root')
  mkdirSync(root)
  writeFileSync(join(root, 'index.html'), 'a page')
  chmodSync(folder, 0o755) // servers that root starts give up being root
  const site: Site = {
    ...{ folder, root, name, rule, address, port },
    pem: file('cert.pem', front.certPem),
    key: file('key.pem', front.keyPem),
    both: file('both.pem', front.certPem + front.keyPem),
  }
  const [program = '', ...args] = command(site, file('config', config(site)))
  const log = openSync(join(folder, 'log'), 'w')
  const server = spawn(program, args, {
    stdio: ['ignore', log, log],
    env: { PATH: `${process.env['PATH']}:/usr/sbin`, HOME: folder },
  })
  let failure: Error | undefined
  server.on('error', (error) => (failure = error))

  const web: WebServer = {
    port: site.port,
    get: (path, host = name) => get({ address, port, path, host, name, ca: authority.rootPem }),
    async stop() {
      await ended(server)
      rmSync(folder, { recursive: true, force: true })
    },
  }
  const isUp = async () => {
    if (failure) throw failure
    if (server.exitCode !== null) throw new Error(`${program} ended:\n${readFileSync(join(folder, 'log'), 'utf8')}`)
    return web.get('/').then(
      ({ status }) => status === 200,
      () => false,
    )
  }
  try {
    await until(isUp)
  } catch (error) {
    await web.stop()
    throw error
  }
  return web
}

function get(asked: { address: string; port: number; path: string; host: string; name: string; ca: string }) {
  const { address, port, path, host, name, ca } = asked
  return new Promise<{ status: number; location: string[] }>((resolve, reject) => {
    const headers = { host }
    https
      .get({ host: address, port, path, servername: name, ca, headers, agent: false }, (response) => {
        response.resume()
        const location = response.rawHeaders.filter((_, i, all) => i % 2 === 1 && /^location$/i.test(all[i - 1] ?? ''))
        resolve({ status: response.statusCode ?? 0, location })
      })
      .on('error', reject)
  })
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) return
  const exit = new Promise((resolve) => server.once('exit', resolve))
  server.kill('SIGTERM')
  await exit
}
