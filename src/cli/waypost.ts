#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, type CommanderError } from 'commander'
import { ProblemError } from '../problem.ts'
import { EXIT, type Io } from './io.ts'
import { addServeCommand } from './serve-command.ts'

const io: Io = {
  write: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
  setExitCode: (code) => void (process.exitCode = code),
  isTerminal: process.stdout.isTTY === true,
  async readStdin() {
    const chunks: Buffer[] = []
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  },
}

const env = { ...process.env }
// Children get what they need by message; nobody finds a secret in the environment of a process of ours
for (const name of Object.keys(env)) if (/^WAYPOST_(MASTER_KEY|STORAGE_URL)/.test(name)) delete process.env[name]

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}
const program = new Command('waypost')
  .description('Delegation server for /.well-known/tls (draft-miller-xmpp-fed-00 §6.3) and POSH (RFC 7711)')
  .version(version)
  .option('--data <folder>', 'the data folder (WAYPOST_DATA; ./data where neither is given)')
  .option(
    '--config <file>',
    'the configuration (WAYPOST_CONFIG; waypost.toml in the data folder where neither is given)',
  )
  .showHelpAfterError('(see --help)')
  .addHelpText(
    'after',
    `
Exit codes: 0 done; 1 refused, and nothing was changed; 2 the command was used wrongly, or the data folder, the database
or the network could not be used. Of verify: 0 proven, 1 disproven, 2 could not ask. Results go to standard output,
everything else to standard error.

A first delegation:
  waypost init --admin-host admin.hosting.example.com --edge-name edge.hosting.example.com
  waypost tenant add acme
  waypost target add hosting.example.com
  waypost domain add im.example.com --vouch
  waypost certificate import hosting.pem --key hosting.key --front-of hosting.example.com
  waypost certificate import im.pem --key im.key --front-of im.example.com
  waypost certificate import xmpp.pem --lineage hosting.example.com
  waypost delegation add im.example.com --target hosting.example.com --certificate hosting.example.com
  waypost serve`,
  )

// Commander ends a wrong use with 1, which a script would read as "refused" or "disproven"
const exitEarly = (error: CommanderError) => process.exit(error.exitCode === 0 ? EXIT.done : EXIT.couldNot)
program.exitOverride(exitEarly)

const deps = { io, env }
addServeCommand(program, io, env)
// The supervisor stays small: it does not load what the other commands are made of
if (program.parseOptions(process.argv.slice(2)).operands[0] !== 'serve') {
  const { addCommands } = await import('./commands.ts')
  addCommands(program, deps)
}

for (const command of everyCommand(program)) command.exitOverride(exitEarly)

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0) // the reader, such as head, has seen enough
  throw error
})

try {
  await program.parseAsync()
} catch (error) {
  const problem = error instanceof ProblemError ? error : undefined
  io.writeError(`waypost: ${error instanceof Error ? error.message : String(error)}\n`)
  const fields = problem?.fields ?? []
  if (fields.length > 1) for (const { pointer, detail } of fields) io.writeError(`  ${pointer}: ${detail}\n`)
  const isRefused = problem !== undefined && problem.code !== 'unavailable'
  io.setExitCode(isRefused ? EXIT.refused : EXIT.couldNot)
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)]
}
