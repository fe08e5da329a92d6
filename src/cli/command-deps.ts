import type { Clock } from '../clock.ts'
import type { Io } from './io.ts'
import type { Environment } from './place.ts'

export interface CommandDeps {
  io: Io
  env: Environment
  clock: Clock
}
