import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { apiOver, type Api, type Transport } from './api.ts'
import { placeOf, serverOf, type Environment, type Place } from './place.ts'
import { WrongUse } from './io.ts'
import type { CommandDeps } from './command-deps.ts'

/** Runs an action on the API: that of the server which the command line or the environment names, else of the data folder. */
export async function withApi<T>({ env }: CommandDeps, command: Command, action: (api: Api) => Promise<T>): Promise<T> {
  const options = command.optsWithGlobals<{ server?: string; data?: string; config?: string; ca?: string }>()
  const server = serverOf(options, env)
  const transport =
    server === undefined ? await dataFolder(placeOf(options, env), env) : await network(server, options.ca, env)
  try {
    return await action(apiOver(transport))
  } finally {
    await transport.close()
  }
}

async function dataFolder(place: Place, env: Environment): Promise<Transport> {
  const [{ openInstallation }, { openWorkbench }] = await Promise.all([
    import('./installation.ts'),
    import('./workbench.ts'),
  ])
  const bench = await openWorkbench(openInstallation(place, env))
  try {
    return await bench.api()
  } catch (error) {
    await bench.close()
    throw error
  }
}

async function network(server: string, ca: string | undefined, env: Environment): Promise<Transport> {
  const caFile = ca ?? (env['WAYPOST_CA'] || undefined)
  const { remote } = await import('./remote.ts')
  return remote({
    origin: originOf(server),
    token: tokenIn(env),
    ca: caFile === undefined ? undefined : read(caFile, 'the authority’s certificate'),
  })
}

/** Only https: whoever sees the token may use it. */
function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'https:' || url.pathname !== '/' || url.search || url.hash || url.username || url.password)
    throw new WrongUse(`the server should be given as https://admin.example.net, not ${JSON.stringify(text)}`)
  return url.origin
}

/** Not from the command line, which every user of the machine can read. */
function tokenIn(env: Environment): string {
  const file = env['WAYPOST_TOKEN_FILE']
  const token = (env['WAYPOST_TOKEN'] || (file ? read(file, 'the token') : '')).trim()
  if (token === '')
    throw new WrongUse(
      'the server asks for an API token: put it into WAYPOST_TOKEN, or its file into WAYPOST_TOKEN_FILE; one is made by: waypost token create',
    )
  if (!/^[\x21-\x7e]+$/.test(token)) throw new WrongUse('the token in WAYPOST_TOKEN has characters that no token has')
  return token
}

function read(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new WrongUse(`${what} cannot be read from ${file}: ${(cause as Error).message}`, { cause })
  }
}
