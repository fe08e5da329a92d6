import type { Command } from 'commander'
import { ProblemError } from '../problem.ts'
import { escapeUnseen } from '../verify/format-report.ts'
import { withApi } from './connect.ts'
import { card } from './io.ts'
import { readInput } from './options.ts'
import type { Settings } from './resources.ts'
import type { CommandDeps } from './command-deps.ts'

interface Options {
  name?: string
  accentLight?: string
  accentDark?: string
  support?: string
  foot?: string
  logo?: string
  json?: true
}

export function addSettingsCommand(program: Command, deps: CommandDeps): void {
  const { io } = deps
  const settings = program.command('settings').description('how the admin pages look; read with every page')

  const show = (body: Settings, isJson: true | undefined) =>
    io.write(escapeUnseen(isJson ? JSON.stringify(body) + '\n' : screenOf(body)))

  settings
    .command('get')
    .description('show the settings')
    .option('--json', 'print them as JSON')
    .action(({ json }: { json?: true }, command: Command) =>
      withApi(deps, command, async (api) => show((await api.get<Settings>('/settings')).body, json)),
    )

  settings
    .command('set')
    .description('change settings; what is left out stays as it is, "none" is as Waypost looks by itself')
    .option('--name <name>', 'of the service, in titles and above every page')
    .option('--accent-light <colour>', 'of links and buttons on a light ground, such as #0b6e69')
    .option('--accent-dark <colour>', 'the same on a dark ground')
    .option('--support <address>', 'an e-mail address or an https URL, below every page')
    .option('--foot <line>', 'a line below every page')
    .option('--logo <file>', 'a PNG, JPEG or WebP image of at most 64 kB; - for standard input')
    .option('--json', 'print them as JSON')
    .addHelpText(
      'after',
      `
Both accents or neither; they have to be readable.

Example:
  waypost settings set --name "Example XMPP" --support support@hosting.example.com
  waypost settings set --accent-light '#0b5e8a' --accent-dark '#7cc4ee' --logo logo.png`,
    )
    .action((options: Options, command: Command) =>
      withApi(deps, command, async (api) => {
        const { logo, json } = options
        const image = logo === undefined || logo === 'none' ? undefined : await readInput(logo, io)
        const { body: present, etag } = await api.get<Settings>('/settings')
        let { body } = await api.put<Settings>('/settings', changed(present, options), etag)
        if (logo === 'none') await api.delete('/settings/logo')
        if (image) ({ body } = await api.put<Settings>('/settings/logo', { logo: image.toString('base64') }))
        show(logo === 'none' ? { ...body, logo: null } : body, json)
      }),
    )
}

function changed(present: Settings, { name, support, foot, ...options }: Options): Omit<Settings, 'logo'> {
  return {
    serviceName: given(name, present.serviceName),
    support: given(support, present.support),
    footLine: given(foot, present.footLine),
    accents: accentsOf(present, options),
  }
}

/** @throws ProblemError malformed-request: one of the two is missing */
function accentsOf({ accents }: Settings, { accentLight, accentDark }: Options): Settings['accents'] {
  const [light, dark] = [given(accentLight, accents?.light ?? null), given(accentDark, accents?.dark ?? null)]
  if (light !== null && dark !== null) return { light, dark }
  if (light === null && dark === null) return null
  throw new ProblemError('malformed-request', 'give both accents, --accent-light and --accent-dark, or none for both')
}

function given(option: string | undefined, present: string | null): string | null {
  return option === undefined ? present : option === 'none' ? null : option
}

function screenOf({ serviceName, accents, support, footLine, logo }: Settings): string {
  return card([
    ['name', serviceName ?? 'Waypost'],
    ['accents', accents ? `${accents.light} on light, ${accents.dark} on dark` : 'our own'],
    ['support', support ?? 'none'],
    ['line at the foot', footLine ?? 'none'],
    ['logo', logo ? `${logo.mediaType}, SHA-256 ${logo.sha256}` : 'our own'],
  ])
}
