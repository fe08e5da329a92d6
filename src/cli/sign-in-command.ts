import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import { adminOrigin } from '../config.ts'
import { issueSignInLink } from '../tenant/sign-in.ts'
import { openInstallation, type Installation } from './installation.ts'
import { placeOf } from './place.ts'
import { openWorkbench } from './workbench.ts'
import type { CommandDeps } from './command-deps.ts'

export const FRONT_OF_ADMIN =
  'Until you import a certificate for the admin host (waypost certificate import … --front-of), it has one of the local\n' +
  'authority, of which browsers warn; its root, to be trusted or compared: waypost authority root'

/** A one-time link to the admin pages for the operator. */
export async function signInLink(installation: Installation): Promise<{ url: string; expiresAt: Date }> {
  const bench = await openWorkbench(installation)
  try {
    const deps = { links: bench.storage.links, randomBytes, adminOrigin: adminOrigin(installation.config) }
    return await issueSignInLink(deps, bench.act())
  } finally {
    await bench.close()
  }
}

export function addSignInCommand(program: Command, { io, env }: CommandDeps): void {
  program
    .command('sign-in')
    .description('print a link by which the operator signs in to the admin pages, once, within an hour')
    .option('--json', 'print it as JSON')
    .action(async ({ json }: { json?: true }, command: Command) => {
      const { url, expiresAt } = await signInLink(openInstallation(placeOf(command.optsWithGlobals(), env), env))
      if (json) io.write(JSON.stringify({ url, expiresAt: expiresAt.toISOString() }) + '\n')
      else {
        io.writeError(`This link opens the admin pages once, until ${expiresAt.toISOString()}:\n`)
        io.write(`${url}\n`)
      }
    })
}
