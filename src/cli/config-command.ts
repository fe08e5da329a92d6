import type { Command } from 'commander'
import { redacted } from '../config.ts'
import { report } from './io.ts'
import { readConfig } from './installation.ts'
import { placeOf } from './place.ts'
import type { CommandDeps } from './command-deps.ts'

export function addConfigCommand(program: Command, { io, env }: CommandDeps): void {
  const config = program
    .command('config')
    .description('the configuration: one TOML file, overridden by WAYPOST_* variables')

  config
    .command('check')
    .description('say every fault of the configuration, or that there is none')
    .option('--json', 'print it as JSON')
    .action(async ({ json }: { json?: true }, command: Command) => {
      const place = placeOf(command.optsWithGlobals(), env)
      const { outside, acme } = readConfig(place, env)
      const { readAuthorities, readUpdateKey } = await import('../parts.ts') // which is most of what there is to load
      if (outside.ca_file !== undefined) readAuthorities(outside.ca_file)
      if (acme.dns_key_file !== undefined) readUpdateKey(acme.dns_key_file)
      report(io, json, `${place.configFile} is in order`, { file: place.configFile, isInOrder: true })
    })

  config
    .command('print')
    .description('print the settings in force as JSON, secrets hidden')
    .action((_options: unknown, command: Command) => {
      io.write(JSON.stringify(redacted(readConfig(placeOf(command.optsWithGlobals(), env), env)), null, 2) + '\n')
    })
}
