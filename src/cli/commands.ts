import type { Command } from 'commander'
import { addAuthorityCommand } from './authority-command.ts'
import { addCertificateCommand } from './certificate-command.ts'
import { addConfigCommand } from './config-command.ts'
import { addDelegationCommand } from './delegation-command.ts'
import { addDemoCommand } from './demo-command.ts'
import { addDomainCommand } from './domain-command.ts'
import { addInitCommand } from './init-command.ts'
import { addMigrateCommand } from './migrate-command.ts'
import { addSignInCommand } from './sign-in-command.ts'
import { addTargetCommand } from './target-command.ts'
import { addTenantCommand } from './tenant-command.ts'
import { addVerifyCommand } from './verify-command.ts'
import type { CommandDeps } from './workbench.ts'

/** Every command but `serve`. */
export function addCommands(program: Command, deps: CommandDeps): void {
  addInitCommand(program, deps)
  addDemoCommand(program, deps)
  addTenantCommand(program, deps)
  addDomainCommand(program, deps)
  addTargetCommand(program, deps)
  addDelegationCommand(program, deps)
  addCertificateCommand(program, deps)
  addAuthorityCommand(program, deps)
  addVerifyCommand(program, deps.io)
  addSignInCommand(program, deps)
  addConfigCommand(program, deps)
  addMigrateCommand(program, deps)
}
