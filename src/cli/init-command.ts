import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import { domainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { initialise, openInstallation, type Installation } from './installation.ts'
import { placeOf } from './place.ts'
import { report } from './io.ts'
import { FRONT_OF_ADMIN, signInLink } from './sign-in-command.ts'
import { openWorkbench } from './workbench.ts'
import type { CommandDeps } from './command-deps.ts'

export function addInitCommand(program: Command, { io, env }: CommandDeps): void {
  program
    .command('init')
    .description('make the data folder: configuration, master key, database; what is there already stays')
    .option('--admin-host <name>', 'the host of the admin pages and the API')
    .option('--edge-name <name>', "what customers' CNAME records point to")
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
Keep a copy of the master key in a safe place apart from the backups: without it no private key opens.

Example:
  waypost init --data /var/lib/waypost --admin-host admin.hosting.example.com --edge-name edge.hosting.example.com`,
    )
    .action(async ({ json, ...names }: { adminHost?: string; edgeName?: string; json?: true }, command: Command) => {
      const place = placeOf(command.optsWithGlobals(), env)
      const made = initialise(place, env, names, () => randomBytes(32))
      for (const file of made) io.writeError(`made ${file}\n`)
      const installation = openInstallation(place, env)
      refuseOtherNames(installation, names)
      const bench = await openWorkbench(installation)
      await bench.close()
      const { url, expiresAt } = await signInLink(installation)
      io.writeError(`\nStart it with: waypost serve --data ${place.dataFolder}\n`)
      io.writeError(`Then sign in once, until ${expiresAt.toISOString()}, at:\n`)
      report(io, json, url, { made, url, expiresAt: expiresAt.toISOString() })
      io.writeError(`${FRONT_OF_ADMIN}\n`)
    })
}

/** Names that were asked for must not be passed over because a configuration was there already. */
function refuseOtherNames(
  { config, configFile }: Installation,
  names: { adminHost?: string; edgeName?: string },
): void {
  const asked = [
    ['admin.host', names.adminHost, config.admin.host],
    ['edge.name', names.edgeName, config.edge.name],
  ] as const
  for (const [setting, name, inForce] of asked)
    if (name !== undefined && domainName(name) !== inForce)
      throw new ProblemError('configuration', `${setting} is ${inForce} in ${configFile}, which stays; change it there`)
}
