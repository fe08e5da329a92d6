import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { openInstallation } from '../../src/cli/installation.ts'
import { placeOf } from '../../src/cli/place.ts'
import type { StartMessage } from '../../src/supervisor.ts'
import type { Waypost } from './waypost.ts'

const MAIN = new URL('../../dist/src/main.js', import.meta.url).href
const PROGRAM = `const { startMain } = await import('${MAIN}'); await startMain(JSON.parse(process.argv[1]))`

/** The built main process of an installation alone, without a supervisor that would start it again, and without edges. */
export function beginMain({ env, logFile }: Waypost): ChildProcess {
  const { config, masterKey, databaseFile, dataFolder } = openInstallation(placeOf({}, env), env)
  const start: StartMessage = {
    kind: 'start',
    config,
    masterKey: Buffer.from(masterKey).toString('base64'),
    databaseFile,
    adminSocket: join(dataFolder, 'admin.sock'),
  }
  const log = openSync(logFile, 'a')
  const args = ['--input-type=module', '-e', PROGRAM, JSON.stringify(start)]
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', log, log] })
  closeSync(log)
  return child
}
