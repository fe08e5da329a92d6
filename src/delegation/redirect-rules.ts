import { displayName, type DomainName } from '../name.ts'
import type { Delegation } from './delegation.ts'
import { poshName } from './service-name.ts'

/** What the owner of an external source domain puts on their own web server, as data. */
export interface RedirectRule {
  server: 'nginx' | 'apache' | 'caddy' | 'haproxy' | 'cloudflare' | 'static'
  title: string // "nginx", "A static host that cannot redirect"
  where: string // where it goes, one sentence
  text: string // to be copied as it is; of 'static' the files to make, each after a line with its path
}

type Delegated = Pick<Delegation, 'service' | 'protocol' | 'targetHost' | 'targetPort' | 'tlsAnswer' | 'poshAnswer'>

/**
 * One rule for each kind of web server, for all delegations of the name together. Empty where nothing is delegated.
 * Each matches the very paths and gives 302, never 301: whoever remembers where a name led goes to the former provider
 * after a move. The query is not passed on. Names and services are of letters, digits, hyphens, dots and
 * underscores (`name.ts`, `service-name.ts`): of these only the dot is special, and only in a regular expression.
 */
export function redirectRules(name: DomainName, delegations: readonly Delegated[]): RedirectRule[] {
  // A name that is its own target host would be led to itself
  const elsewhere = delegations.filter(({ targetHost }) => targetHost !== name)
  const redirects = [...tlsRedirects(name, elsewhere), ...poshRedirects(name, elsewhere)]
  if (redirects.length === 0) return []
  const shown = displayName(name)
  const what = { name, redirects, remark: redirects.some(({ kind }) => kind === 'posh') ? PROSODY : null }
  return [
    {
      server: 'nginx',
      title: 'nginx',
      where: `In the server block that answers https for ${shown}; a "return" or "rewrite" outside of its location blocks would come first.`,
      text: nginx(what),
    },
    {
      server: 'apache',
      title: 'Apache',
      where: `In the VirtualHost that answers https for ${shown}, or in the file .htaccess of its DocumentRoot, above other rewrite rules; it needs mod_rewrite (a2enmod rewrite).`,
      text: apache(what),
    },
    {
      server: 'caddy',
      title: 'Caddy',
      where: `In the site block of ${shown} in the Caddyfile.`,
      text: caddy(what),
    },
    {
      server: 'haproxy',
      title: 'HAProxy',
      where: `In the frontend that answers https for ${shown}, above its other http-request rules.`,
      text: haproxy(what),
    },
    {
      server: 'cloudflare',
      title: 'Cloudflare',
      where: `Where Cloudflare proxies ${shown}: one Single Redirect each, under Rules; of a site on Cloudflare Pages or Workers: the lines at the end, in the file _redirects.`,
      text: cloudflare(what),
    },
    {
      server: 'static',
      title: 'A static host that cannot redirect',
      where: `As files below the root of the web site of ${shown}; a host that builds sites with Jekyll, as GitHub Pages does, leaves out .well-known unless an empty file .nojekyll stands beside it.`,
      text: staticFiles(what),
    },
  ]
}

interface Redirect {
  kind: 'tls' | 'posh'
  path: string
  url: string
}

interface What {
  name: DomainName
  redirects: Redirect[]
  remark: string | null
}

/** Where the PEM is to be given by the source domain itself ("possession"), its own web server cannot know it: it redirects too. */
function tlsRedirects(name: DomainName, delegations: readonly Delegated[]): Redirect[] {
  return delegations.map((delegation) => {
    // draft-miller-xmpp-fed-00 §6.3 step 2: at the target host the path is the same
    const path = `/.well-known/tls/${delegation.service}.${delegation.protocol}.${name}`
    return { kind: 'tls', path, url: `${originOf(delegation)}${path}` }
  })
}

/** One document for STARTTLS and direct TLS; where they differ, the one that it is named after has its way, as in `respond.ts`. */
function poshRedirects(name: DomainName, delegations: readonly Delegated[]): Redirect[] {
  const byService = new Map<string, Delegated>()
  for (const delegation of delegations) {
    const service = poshName(delegation)
    if (service === null || delegation.poshAnswer === 'off') continue
    if (!byService.has(service) || delegation.service === `_${service}`) byService.set(service, delegation)
  }
  return [...byService].map(([service, delegation]) => ({
    kind: 'posh',
    path: `/.well-known/posh/${service}.json`,
    url: `${originOf(delegation)}/.well-known/posh/${name}/${service}.json`,
  }))
}

function originOf({ targetHost, targetPort }: Delegated): string {
  return `https://${targetHost}${targetPort === 443 ? '' : `:${targetPort}`}`
}

const PROSODY =
  'Prosody follows no redirect of /.well-known/posh: where its servers matter, serve the fingerprints there as a file, as on a static host'

function nginx({ redirects, remark }: What): string {
  return lines(
    remark && `# ${remark}`,
    ...redirects.map(({ path, url }) => `location = ${path} { return 302 ${url}; }`),
  )
}

/** Not `Redirect` nor `RedirectMatch`, which pass the query on. In .htaccess the path has no slash before it. */
function apache({ redirects, remark }: What): string {
  return lines(
    remark && `# ${remark}`,
    'RewriteEngine On',
    ...redirects.map(({ path, url }) => `RewriteRule ^/?${escaped(path.slice(1))}$ ${url} [R=302,QSD,L]`),
  )
}

/** Its plain matcher of paths knows no case, and the redirect would lead to another path than was asked for. */
function caddy({ redirects, remark }: What): string {
  return lines(
    remark && `# ${remark}`,
    ...redirects.flatMap(({ path, url }, index) => [
      `@waypost${index + 1} path_regexp ^${escaped(path)}$`,
      `redir @waypost${index + 1} ${url} 302`,
    ]),
  )
}

/** A frontend serves many names, and a path of POSH does not tell them apart; Host may have a port. */
function haproxy({ name, redirects, remark }: What): string {
  return lines(
    remark && `# ${remark}`,
    ...redirects.map(
      ({ path, url }) =>
        `http-request redirect location ${url} code 302 if { path ${path} } { req.hdr(host),field(1,:) -i ${name} }`,
    ),
  )
}

function cloudflare({ name, redirects, remark }: What): string {
  return lines(
    ...redirects.flatMap(({ path, url }, index) => [
      `Single Redirect ${index + 1}: custom filter expression`,
      `(http.host eq "${name}" and http.request.uri.path eq "${path}")`,
      'Type Static, status code 302, "Preserve query string" off, URL',
      url,
      '',
    ]),
    '# _redirects',
    remark && `# ${remark}`,
    ...redirects.map(({ path, url }) => `${path} ${url} 302`),
  )
}

/**
 * A copy of what the target host publishes has to be fetched again and again: a certificate may be in use as soon as
 * documents without it have run out elsewhere. A reference (RFC 7711 §3.2) stays true by itself.
 */
function staticFiles({ redirects, remark }: What): string {
  const copied = redirects.filter(({ kind }) => kind === 'tls')
  const referred = redirects.filter(({ kind }) => kind === 'posh')
  return lines(
    ...referred.flatMap(({ path, url }) => [
      `${path.slice(1)}`,
      JSON.stringify({ url, expires: REFERENCE_EXPIRES_SECONDS }),
      '',
    ]),
    ...copied.flatMap(({ path, url }) => [`${path.slice(1)}`, `(the answer of ${url})`, '']),
    '# for the crontab of a machine that has the root of the web site, here as /var/www/html: the copies of certificates',
    '# have to be fetched every five minutes, or clients refuse the next certificate',
    ...copied.map(fetchLine),
    ...(remark === null
      ? []
      : [
          '# Prosody follows no reference: where its servers matter, these in place of the references above',
          ...referred.map(fetchLine),
        ]),
  )
}

const REFERENCE_EXPIRES_SECONDS = 3600

/** What was fetched only in part, or not at all, must not take the place of what is there. */
function fetchLine({ path, url }: Redirect): string {
  const file = path.slice(1)
  return `*/5 * * * * cd /var/www/html && curl -fsS --create-dirs -o ${file}.new ${url} && mv ${file}.new ${file}`
}

function escaped(path: string): string {
  return path.replaceAll('.', '\\.')
}

function lines(...all: (string | null)[]): string {
  return all
    .filter((line) => line !== null)
    .map((line) => `${line}\n`)
    .join('')
}
