import type { Command } from 'commander'
import type { CommandDeps } from './command-deps.ts'

type Add = (program: Command, deps: CommandDeps) => void

/**
 * Every command, in the order of the help. Each loads what it is made of, and no other does: simple ones answer at once,
 * and the supervisor that `serve` is stays small.
 */
const COMMANDS: Record<string, () => Promise<Add>> = {
  init: async () => (await import('./init-command.ts')).addInitCommand,
  serve: async () => (await import('./serve-command.ts')).addServeCommand,
  demo: async () => (await import('./demo-command.ts')).addDemoCommand,
  tenant: async () => (await import('./tenant-command.ts')).addTenantCommand,
  domain: async () => (await import('./domain-command.ts')).addDomainCommand,
  target: async () => (await import('./target-command.ts')).addTargetCommand,
  delegation: async () => (await import('./delegation-command.ts')).addDelegationCommand,
  certificate: async () => (await import('./certificate-command.ts')).addCertificateCommand,
  authority: async () => (await import('./authority-command.ts')).addAuthorityCommand,
  acme: async () => (await import('./acme-command.ts')).addAcmeCommand,
  overview: async () => (await import('./overview-command.ts')).addOverviewCommand,
  jobs: async () => (await import('./jobs-command.ts')).addJobsCommand,
  user: async () => (await import('./user-command.ts')).addUserCommand,
  member: async () => (await import('./member-command.ts')).addMemberCommand,
  invitation: async () => (await import('./invitation-command.ts')).addInvitationCommand,
  token: async () => (await import('./token-command.ts')).addTokenCommand,
  settings: async () => (await import('./settings-command.ts')).addSettingsCommand,
  maintenance: async () => (await import('./maintenance-command.ts')).addMaintenanceCommand,
  audit: async () => (await import('./audit-command.ts')).addAuditCommand,
  whoami: async () => (await import('./whoami-command.ts')).addWhoamiCommand,
  verify: async () => {
    const { addVerifyCommand } = await import('./verify-command.ts')
    return (program, { io }) => addVerifyCommand(program, io)
  },
  'sign-in': async () => (await import('./sign-in-command.ts')).addSignInCommand,
  config: async () => (await import('./config-command.ts')).addConfigCommand,
  migrate: async () => (await import('./migrate-command.ts')).addMigrateCommand,
}

/** @param name what is asked for; all where it is none of these, so that help knows them */
export async function addCommands(program: Command, deps: CommandDeps, name: string | undefined): Promise<void> {
  const asked = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  for (const load of asked ? [asked] : Object.values(COMMANDS)) (await load())(program, deps)
}
