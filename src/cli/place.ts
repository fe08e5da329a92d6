import { join, resolve } from 'node:path'
import { WrongUse } from './io.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Where an installation lives, as the command line and the environment say. */
export interface Place {
  dataFolder: string
  configFile: string
}

/** What the command line says of where to work. */
export interface Whereabouts {
  data?: string | undefined
  config?: string | undefined
  server?: string | undefined
}

/**
 * The server to work on; undefined: the data folder. What the command line says comes before the environment.
 * @throws WrongUse where it says both
 */
export function serverOf({ server, data }: Whereabouts, env: Environment): string | undefined {
  if (server !== undefined && data !== undefined)
    throw new WrongUse('--server works on a running server, --data on a data folder: leave out one of them')
  return server ?? (data === undefined ? env['WAYPOST_SERVER'] || undefined : undefined)
}

/** @throws WrongUse where a server is named: what asks for the place works there and nowhere else */
export function placeOf(options: Whereabouts, env: Environment): Place {
  const server = serverOf(options, env)
  if (server !== undefined)
    throw new WrongUse(
      `this works on the data folder only: do it on the server's own machine, without ${options.server === undefined ? 'WAYPOST_SERVER' : '--server'}`,
    )
  const dataFolder = resolve(options.data ?? env['WAYPOST_DATA'] ?? 'data')
  return {
    dataFolder,
    configFile: resolve(options.config ?? env['WAYPOST_CONFIG'] ?? join(dataFolder, 'waypost.toml')),
  }
}
