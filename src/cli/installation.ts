import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { parseConfig, type Config } from '../config.ts'
import { ProblemError } from '../problem.ts'
import type { Environment, Place } from './place.ts'

export interface Installation extends Place {
  config: Config
  masterKey: Uint8Array // 32 bytes
  databaseFile: string // of SQLite; unused with PostgreSQL
}

/** @throws ProblemError configuration, or unavailable where there is no installation */
export function openInstallation(place: Place, env: Environment): Installation {
  const text = masterKeyText(place, env)
  if (text === undefined)
    throw new ProblemError(
      'unavailable',
      `there is no Waypost in ${place.dataFolder}; say where it is by --data or WAYPOST_DATA, or make one: waypost init --data ${place.dataFolder}`,
    )
  const masterKey = Buffer.from(text.trim(), 'base64')
  if (masterKey.length !== 32)
    throw new ProblemError(
      'configuration',
      'the master key should be 32 bytes in base64; restore it from your safe copy',
    )
  return {
    ...place,
    masterKey,
    config: readConfig(place, env),
    databaseFile: join(place.dataFolder, 'waypost.db'),
  }
}

export function readConfig(place: Place, env: Environment): Config {
  return parseConfig(readIfThere(place.configFile) ?? '', env, (path) => {
    const secret = readIfThere(path)
    if (secret === undefined)
      throw new ProblemError('configuration', `a …_FILE variable names ${path}, which is not there`)
    return secret
  })
}

/**
 * Makes the data folder, a commented configuration and, where none is given otherwise, the master key; what is there
 * already stays.
 * @returns what was made
 */
export function initialise(
  place: Place,
  env: Environment,
  names: { adminHost?: string | undefined; edgeName?: string | undefined },
  masterKey: () => Uint8Array,
): string[] {
  const made: string[] = []
  mkdirSync(place.dataFolder, { recursive: true, mode: 0o700 })
  if ((statSync(place.dataFolder).mode & 0o077) !== 0) chmodSync(place.dataFolder, 0o700)
  const template = configTemplate(names)
  parseConfig(template) // a faulty name is refused before it is written
  if (writeNew(place.configFile, template, 0o640)) made.push(place.configFile)
  const keyFile = join(place.dataFolder, 'master.key')
  if (
    masterKeyText(place, env) === undefined &&
    writeNew(keyFile, Buffer.from(masterKey()).toString('base64') + '\n', 0o600)
  )
    made.push(keyFile)
  syncFolder(place.dataFolder)
  return made
}

/** From the environment, a systemd credential, or the data folder, in this order. */
function masterKeyText(place: Place, env: Environment): string | undefined {
  if (env['WAYPOST_MASTER_KEY'] !== undefined) return env['WAYPOST_MASTER_KEY']
  if (env['WAYPOST_MASTER_KEY_FILE'] !== undefined) {
    const text = readIfThere(env['WAYPOST_MASTER_KEY_FILE'])
    if (text === undefined)
      throw new ProblemError(
        'configuration',
        `WAYPOST_MASTER_KEY_FILE names ${env['WAYPOST_MASTER_KEY_FILE']}, which is not there`,
      )
    return text
  }
  const credentials = env['CREDENTIALS_DIRECTORY']
  const credential = credentials === undefined ? undefined : readIfThere(join(credentials, 'master.key'))
  if (credential !== undefined) return credential
  const file = join(place.dataFolder, 'master.key')
  const text = readIfThere(file)
  if (text !== undefined && (statSync(file).mode & 0o077) !== 0)
    throw new ProblemError('configuration', `${file} can be read by others; mend it with: chmod 600 ${file}`)
  return text
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT' || (cause as NodeJS.ErrnoException).code === 'ENOTDIR')
      return undefined
    throw new ProblemError('unavailable', `${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/**
 * Durable and whole before it has its name: a master key that a power cut takes away, or halves, takes every private
 * key with it. @returns false where there is such a file already
 */
function writeNew(file: string, text: string, mode: number): boolean {
  if (existsSync(file)) return false
  const draft = `${file}.${process.pid}`
  try {
    const descriptor = openSync(draft, 'w', mode)
    try {
      writeSync(descriptor, text)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    linkSync(draft, file) // which never takes the place of another, as a rename would
    syncFolder(dirname(file))
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw new ProblemError('unavailable', `${file} cannot be written: ${(cause as Error).message}`, { cause })
  } finally {
    rmSync(draft, { force: true })
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}

function configTemplate({
  adminHost,
  edgeName,
}: {
  adminHost?: string | undefined
  edgeName?: string | undefined
}): string {
  const setting = (key: string, value: string | undefined, example: string) =>
    value === undefined ? `# ${key} = ${example}` : `${key} = ${JSON.stringify(value)}`
  return `# Waypost. Every setting may also stand in the environment: WAYPOST_<SECTION>_<KEY>.
# What is commented out shows the default, or an example where there is none.

[admin]
# The admin pages and the API; a name of the operator's, with an address record to this server.
${setting('host', adminHost, '"admin.localhost"')}

[edge]
# Customers' CNAME records point to names below it, one for each tenant: publish address records for it and, as a CNAME
# to it, for *.<name>. The addresses are shown to customers for names that cannot have a CNAME.
${setting('name', edgeName, '"edge.localhost"')}
# addresses = ["192.0.2.1", "2001:db8::1"]
# https = [":443"]
# http = [":80"]
# processes = 2

[names]
# Special names (such as those below .internal) and public suffixes are not registered, but for these and all below them.
# allow = ["corp.internal"]

[outside]
# DNS resolvers to ask instead of the system's, and private networks that may be asked all the same.
# resolvers = ["192.0.2.53", "[2001:db8::53]:5353"]
# allow_networks = ["10.0.0.0/8"]

[front]
# Who issues the certificates that the edge presents: "import" (by hand), "acme" (authorities such as Let's Encrypt:
# waypost authority add) or "local" (an authority of Waypost's own, which only those trust who install its root: trials
# and closed networks).
# authority = "import"

[acme]
# A zone of yours to which owners may lead _acme-challenge, its primary name server, and the TSIG key that changes TXT
# records there: then certificates are had also for names that do not lead here yet.
# dns_zone = "acme.hosting.example"
# dns_server = "192.0.2.53"
# dns_key_file = "/etc/waypost/update.key"

[publish]
# max_age_seconds = 60
# posh_expires_seconds = 3600

[health]
# listen = "127.0.0.1:9180"

[storage]
# SQLite in this folder, or PostgreSQL:
# url = "postgres://waypost@127.0.0.1/waypost"
`
}
