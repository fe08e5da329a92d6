import { Command, CommanderError } from 'commander'
import { ProblemError } from '../problem.ts'
import { addCommands } from './commands.ts'
import { EXIT, tell } from './io.ts'
import type { CommandDeps } from './command-deps.ts'

/** The program `waypost`, once. What it ends with is told by the exit code. */
export async function run(args: string[], deps: CommandDeps & { version: string }): Promise<void> {
  const { io } = deps
  const program = programOf(deps)
  try {
    await addCommands(program, deps, program.parseOptions(args).operands[0])
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has said what is wrong; its 1 a script would read as "refused" or "disproven"
      io.setExitCode(error.exitCode === 0 ? EXIT.done : EXIT.couldNot)
      return
    }
    tell(io, error)
    const isRefused = error instanceof ProblemError && error.code !== 'unavailable'
    io.setExitCode(isRefused ? EXIT.refused : EXIT.couldNot)
  }
}

function programOf({ io, version }: CommandDeps & { version: string }): Command {
  return new Command('waypost')
    .description('Delegation server for /.well-known/tls (draft-miller-xmpp-fed-00 §6.3) and POSH (RFC 7711)')
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.write(text), writeErr: (text) => io.writeError(text) })
    .version(version)
    .option('--data <folder>', 'the data folder (WAYPOST_DATA; ./data where neither is given)')
    .option(
      '--config <file>',
      'the configuration (WAYPOST_CONFIG; waypost.toml in the data folder where neither is given)',
    )
    .option(
      '--server <url>',
      'work on a running server instead, such as https://admin.example.net (WAYPOST_SERVER), with the API token in WAYPOST_TOKEN or WAYPOST_TOKEN_FILE',
    )
    .option(
      '--ca <file>',
      "trust only the authorities in this PEM file for the server's certificate (WAYPOST_CA); those of Node where neither is given",
    )
    .showHelpAfterError('(see --help)')
    .addHelpText(
      'after',
      `
Exit codes: 0 done; 1 refused, and nothing was changed; 2 the command was used wrongly, or the data folder, the database,
the server or the network could not be used. Of verify: 0 proven, 1 disproven, 2 could not ask; of audit verify: 0 whole,
1 tampered with, 2 could not ask. Results go to standard output, everything else to standard error.

A first delegation, with names of your own in place of these (example.com itself is nobody's):
  waypost init --admin-host admin.hosting.example.com --edge-name edge.hosting.example.com
  waypost tenant add acme
  waypost target add hosting.example.com
  waypost domain add im.example.com --vouch
  waypost certificate import hosting.pem --key hosting.key --front-of hosting.example.com
  waypost certificate import im.pem --key im.key --front-of im.example.com
  waypost certificate import xmpp.pem --lineage hosting.example.com
  waypost delegation add im.example.com --target hosting.example.com --certificate hosting.example.com
  waypost serve

The same from elsewhere, with a token that was made on the server:
  waypost token create ops --operator --scope tenants:write,source-domains:write > ops.token
  WAYPOST_TOKEN_FILE=ops.token waypost --server https://admin.hosting.example.com domain list`,
    )
}
