import { isIP, isIPv4, isIPv6 } from 'node:net'
import { parse as parseToml, TomlError } from 'smol-toml'
import { z } from 'zod'
import { parseDomainName } from './name.ts'
import { ProblemError } from './problem.ts'

const LISTEN = /^(?:(?<host>\[[0-9a-fA-F:.]+\]|[0-9.]+|localhost)?:)(?<port>\d{1,5})$/

/** Where to listen: `host` is undefined for every address of the machine. */
export interface Listen {
  host: string | undefined
  port: number
}

/** An address and a port to ask. */
export interface Server {
  address: string
  port: number
}

/** How much an authority lets us do; `value` null: as much as we like. */
export interface AuthorityLimit {
  authority: string // its name
  limit: 'orders' | 'registeredDomain' | 'identifierSet' | 'failures' | 'pace'
  value: { count: number; periodMs: number } | null
}

const LIMIT =
  /^(?<authority>\S+) +(?<name>orders|registered-domain|identifier-set|failures|pace) +(?:none|(?<count>[1-9]\d{0,6})\/(?<units>[1-9]\d{0,3})(?<unit>s|min|h|d))$/
const LIMIT_NAMES: Readonly<Record<string, AuthorityLimit['limit']>> = {
  orders: 'orders',
  'registered-domain': 'registeredDomain',
  'identifier-set': 'identifierSet',
  failures: 'failures',
  pace: 'pace',
}
const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 }

const listen = z
  .string()
  .refine((text) => LISTEN.test(text) && Number(LISTEN.exec(text)?.groups?.port) < 65536, {
    error: 'should be "address:port" or ":port", such as ":443", "127.0.0.1:8443" or "[::1]:8443"',
  })
  .transform((text): Listen => {
    const { host, port } = LISTEN.exec(text)?.groups ?? {}
    return { host: host?.replace(/^\[|\]$/g, ''), port: Number(port) }
  })
const host = z.string().transform((text, context) => {
  const name = parseDomainName(text)
  if (name !== null) return name
  context.issues.push({ code: 'custom', input: text, message: 'should be a DNS name, such as "waypost.example.net"' })
  return z.NEVER
})
const suffix = z.string().transform((text, context) => {
  const name = parseDomainName(text) ?? parseDomainName(`label.${text}`)?.slice('label.'.length)
  if (name !== undefined) return name
  context.issues.push({
    code: 'custom',
    input: text,
    message: 'should be a DNS name or the end of names, such as "lan"',
  })
  return z.NEVER
})
const server = z
  .string()
  .refine((text) => parseServer(text) !== undefined, {
    error: 'should be an IP address, with a port where it is not 53, such as "192.0.2.53" or "[2001:db8::53]:5353"',
  })
  .transform((text) => parseServer(text)!)
const network = z.union([z.cidrv4(), z.cidrv6()], { error: 'should be a network such as "10.0.0.0/8" or "fd00::/8"' })
const limit = z
  .string()
  .refine((text) => LIMIT.test(text), {
    error:
      'should be the name of an authority, a limit (orders, registered-domain, identifier-set, failures or pace) and how many in how long, such as "letsencrypt orders 3000/3h", or "none" in place of the last',
  })
  .transform((text): AuthorityLimit => {
    const { authority, name, count, units, unit } = LIMIT.exec(text)?.groups ?? {}
    const periodMs = Number(units) * (UNIT_MS[unit ?? ''] ?? 0)
    return {
      authority: authority ?? '',
      limit: LIMIT_NAMES[name ?? ''] ?? 'orders',
      value: count === undefined ? null : { count: Number(count), periodMs },
    }
  })
const port = z.int().min(1).max(65_535)
const seconds = (least: number, most: number) => z.int().min(least).max(most)

const schema = z.strictObject({
  storage: z
    .strictObject({
      /** SQLite in the data folder where it is left out, or postgres://user:password@host/database. */
      url: z
        .string()
        .refine((url) => /^postgres(ql)?:\/\//.test(url), { error: 'should begin with postgres://' })
        .optional(),
    })
    .prefault({}),
  edge: z
    .strictObject({
      /** What a hosted source domain's CNAME record points to. */
      name: host.prefault('edge.localhost'),
      /** For the address records of names that cannot have a CNAME. */
      addresses: z.array(z.union([z.ipv4(), z.ipv6()])).prefault([]),
      https: z.array(listen).min(1).prefault([':443']),
      http: z.array(listen).prefault([':80']),
      processes: z.int().min(1).max(64).prefault(2),
      /** Each takes about 30 kB. */
      contexts: z.int().min(10).max(100_000).prefault(2000),
      directory_entries: z.int().min(100).max(1_000_000).prefault(50_000),
      directory_megabytes: z.int().min(1).max(4096).prefault(64),
    })
    .prefault({}),
  admin: z
    .strictObject({
      host: host.prefault('admin.localhost'),
      /** For an operator's own proxy; a private Unix socket behind the edge where it is left out. */
      listen: listen
        .refine(({ host }) => host !== undefined && /^(?:127\.|::1$|localhost$)/.test(host), {
          error: 'should be a loopback address, such as "127.0.0.1:8081": it speaks plain HTTP',
        })
        .optional(),
      /** Whether anybody may have any domain checked on a page of the admin host; whoever has signed in may always. */
      public_check: z.boolean().prefault(false),
      /** Of one session, token or, without either, address; whoever asks more gets 429. */
      requests_per_minute: z.int().min(10).max(1_000_000).prefault(600),
    })
    .prefault({}),
  tenants: z
    .strictObject({
      /** Whether strangers may register a tenant of their own. */
      self_registration: z.boolean().prefault(false),
      /** How many of each a tenant may have that registered itself; the operator may give one more. */
      source_domain_quota: z.int().min(0).max(1_000_000).prefault(20),
      delegation_quota: z.int().min(0).max(1_000_000).prefault(100),
      lineage_quota: z.int().min(0).max(1_000_000).prefault(20),
    })
    .prefault({}),
  audit: z
    .strictObject({
      /** Older events are forgotten; 0: none ever. */
      keep_days: z.int().min(0).max(36_500).prefault(1095),
    })
    .prefault({}),
  names: z
    .strictObject({
      /** Names that may be registered, with all below them, though they are special or a public suffix: in closed networks. */
      allow: z.array(suffix).prefault([]),
    })
    .prefault({}),
  outside: z
    .strictObject({
      /** Recursive DNS resolvers; those of the system where there are none. */
      resolvers: z.array(server).prefault([]),
      /** Networks that are asked although their addresses are private: name servers and web servers of a closed network. */
      allow_networks: z.array(network).prefault([]),
      /** Authorities in a PEM file that are trusted beside the usual ones when this server asks over HTTPS. */
      ca_file: z.string().min(1).optional(),
      /** Of the zones' own name servers; another than 53 for trials. */
      name_server_port: port.prefault(53),
      /** Of source domains' web servers; another than 443 for trials. */
      https_port: port.prefault(443),
      /** On which authorities reach this server's edge by HTTP; another than 80 for trials. */
      http_port: port.prefault(80),
    })
    .prefault({}),
  health: z.strictObject({ listen: listen.prefault('127.0.0.1:9180') }).prefault({}),
  publish: z
    .strictObject({
      /** Cache-Control on answers; RFC 7711 §6 wants it very short. */
      max_age_seconds: seconds(0, 86_400).prefault(60),
      /** `expires` of POSH documents, which clients do honour. */
      posh_expires_seconds: seconds(60, 604_800).prefault(3600),
      /** How far the clocks of those who cache may be off. */
      skew_seconds: seconds(0, 86_400).prefault(300),
    })
    .prefault({}),
  front: z
    .strictObject({
      /** Who issues front certificates: nobody (they are imported), the local authority, or those that speak ACME. */
      authority: z.enum(['import', 'local', 'acme']).prefault('import'),
    })
    .prefault({}),
  acme: z
    .strictObject({
      /** Limits that an authority has raised, or that of another than Let's Encrypt: "letsencrypt orders 3000/3h". */
      limits: z.array(limit).prefault([]),
      /** A zone of the operator's to which owners lead `_acme-challenge`, for the DNS challenge; the next two come with it. */
      dns_zone: host.optional(),
      /** Its primary name server, which takes updates (RFC 2136). */
      dns_server: server.optional(),
      /** With the TSIG key that may change TXT records there, as tsig-keygen writes it. */
      dns_key_file: z.string().min(1).optional(),
    })
    .prefault({}),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).prefault('info') }).prefault({}),
})

export type Config = z.output<typeof schema>

/** Every setting that may stand in the environment: WAYPOST_<SECTION>_<KEY>, and *_FILE for the one that is secret. */
const SECRET_SETTINGS: readonly (readonly [string, string])[] = [['storage', 'url']]

/**
 * The configuration from the text of its TOML file, overridden by `WAYPOST_<SECTION>_<KEY>`.
 * Lists in the environment are separated by commas.
 * @param readSecret reads the file that a `…_FILE` variable names
 * @throws ProblemError configuration, with all faults at once, each with key, value and wish
 */
export function parseConfig(
  toml: string,
  env: Readonly<Record<string, string | undefined>> = {},
  readSecret: (path: string) => string = () => '',
): Config {
  const settings = fromToml(toml)
  for (const [section, key, text] of overrides(env, readSecret)) {
    settings[section] = { ...(settings[section] as object | undefined), [key]: fromEnvironment(section, key, text) }
  }
  const parsed = schema.safeParse(settings)
  const faults = [
    ...unknownVariables(env),
    ...(parsed.success ? [...sameNames(parsed.data), ...dnsFaults(parsed.data)] : parsed.error.issues.map(faultOf)),
  ]
  if (!parsed.success || faults.length > 0)
    throw new ProblemError('configuration', `the configuration has faults:\n  ${faults.join('\n  ')}`)
  return parsed.data
}

/**
 * For how long, in milliseconds, whoever fetched a document may go on using it: an HTTP cache hands it out for max-age,
 * who got it there keeps it for `expires`, and clocks differ.
 */
export function cacheSpanMs({ publish }: Pick<Config, 'publish'>): number {
  return (publish.max_age_seconds + publish.posh_expires_seconds + publish.skew_seconds) * 1000
}

/** "https://admin.example.net", with its port where browsers need it; passkeys are bound to it, and links begin with it. */
export function adminOrigin({ admin, edge }: Pick<Config, 'admin' | 'edge'>): string {
  const port = admin.listen ? 443 : (edge.https[0]?.port ?? 443) // behind a proxy of the operator's: the usual one
  return `https://${admin.host}${port === 443 ? '' : `:${port}`}`
}

function parseServer(text: string): Server | undefined {
  if (isIP(text) !== 0) return { address: text, port: 53 }
  const [, v6, v4, digits] = /^(?:\[([^\]]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (!(port > 0 && port < 65_536)) return undefined
  if (v6 !== undefined) return isIPv6(v6) ? { address: v6, port } : undefined
  return v4 !== undefined && isIPv4(v4) ? { address: v4, port } : undefined
}

/** For `config print`: everything in force, secrets hidden. */
export function redacted(config: Config): Config {
  const url = config.storage.url && withoutPassword(config.storage.url)
  return { ...config, storage: { ...config.storage, ...(url === undefined ? {} : { url }) } }
}

/** WHATWG URL finds the password whatever is in it, and PostgreSQL takes one among the parameters too. */
function withoutPassword(text: string): string {
  if (!URL.canParse(text)) return '[hidden]'
  const url = new URL(text)
  if (url.password !== '') url.password = 'HIDDEN'
  if (url.searchParams.has('password')) url.searchParams.set('password', 'HIDDEN')
  return url.href
}

function faultOf({ path, message, ...issue }: z.core.$ZodIssue): string {
  const where = path.join('.') || 'the file'
  if (issue.code !== 'unrecognized_keys') return `${where}: ${message}`
  return `${where} has ${path.length > 0 ? 'no setting' : 'no section'} ${issue.keys.join(', ')}`
}

const LONGEST_ZONE = 200 // characters: labels are put before it

function dnsFaults({ acme }: Config): string[] {
  const { dns_zone, dns_server, dns_key_file } = acme
  const settings = Object.entries({ dns_zone, dns_server, dns_key_file })
  const missing = settings.filter(([, value]) => value === undefined).map(([key]) => `acme.${key}`)
  if (dns_zone !== undefined && dns_zone.length > LONGEST_ZONE)
    return [`acme.dns_zone should have at most ${LONGEST_ZONE} characters`]
  if (missing.length === 0 || missing.length === settings.length) return []
  return [
    `${missing.join(' and ')} should be set too: acme.dns_zone, acme.dns_server and acme.dns_key_file go together`,
  ]
}

function sameNames({ admin, edge }: Config): string[] {
  return admin.host === edge.name
    ? ['admin.host and edge.name are the same name: give the admin plane a name of its own']
    : []
}

/** Variables that look like settings of ours and are none: a misspelt one would be ignored without a word. */
function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = Object.entries(sections()).flatMap(([section, { shape }]) =>
    Object.keys(shape).flatMap((key) => {
      const variable = `WAYPOST_${section}_${key}`.toUpperCase()
      return SECRET_SETTINGS.some(([s, k]) => s === section && k === key) ? [variable, `${variable}_FILE`] : [variable]
    }),
  )
  const prefixes = Object.keys(sections()).map((section) => `WAYPOST_${section.toUpperCase()}_`)
  return Object.keys(env)
    .filter((name) => prefixes.some((prefix) => name.startsWith(prefix)) && !known.includes(name))
    .map((name) => `the environment has ${name}, which is no setting`)
}

function fromToml(toml: string): Record<string, unknown> {
  try {
    return parseToml(toml)
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    // Its message quotes the lines around, which may hold the password of the database
    throw new ProblemError(
      'configuration',
      `the configuration file is no TOML: line ${cause.line}, column ${cause.column}: ${cause.message.split('\n')[0]}`,
    )
  }
}

function* overrides(
  env: Readonly<Record<string, string | undefined>>,
  readSecret: (path: string) => string,
): Generator<[string, string, string]> {
  for (const [section, { shape }] of Object.entries(sections())) {
    for (const key of Object.keys(shape)) {
      const variable = `WAYPOST_${section}_${key}`.toUpperCase()
      const file = env[`${variable}_FILE`]
      const isSecret = SECRET_SETTINGS.some(([s, k]) => s === section && k === key)
      const text = isSecret && file !== undefined ? readSecret(file).trim() : env[variable]
      if (text !== undefined) yield [section, key, text]
    }
  }
}

function sections(): Record<string, { shape: Record<string, z.ZodType> }> {
  return Object.fromEntries(
    Object.entries(schema.shape).map(([section, prefault]) => [section, prefault.def.innerType]),
  )
}

/** The environment knows only text: what the setting's own type is decides how it is read. */
function fromEnvironment(section: string, key: string, text: string): unknown {
  const type = sections()[section]?.shape[key]
  if (type === undefined) return text
  const inner = type instanceof z.ZodPrefault ? type.def.innerType : type
  if (inner instanceof z.ZodArray)
    return text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean)
  if (inner instanceof z.ZodNumber) return /^-?\d+$/.test(text) ? Number(text) : text
  if (inner instanceof z.ZodBoolean) return text === 'true' ? true : text === 'false' ? false : text
  return text
}
