import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The openssl program in a folder of its own. */
export interface OpensslFolder {
  path: string
  /** Standard output. Rejects where openssl fails. */
  openssl(...args: string[]): Promise<Buffer>
  write(name: string, content: string | Uint8Array): string
  read(name: string): Buffer
  remove(): void
}

export function opensslFolder(): OpensslFolder {
  const path = mkdtempSync(join(tmpdir(), 'waypost-openssl-'))
  return {
    path,
    openssl: async (...args) => (await run('openssl', args, { cwd: path, encoding: 'buffer' })).stdout,
    write(name, content) {
      writeFileSync(join(path, name), content)
      return join(path, name)
    },
    read: (name) => readFileSync(join(path, name)),
    remove: () => rmSync(path, { recursive: true }),
  }
}
