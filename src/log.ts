import { pino, type DestinationStream, type Logger } from 'pino'

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>

/**
 * One JSON line per event: a constant message, facts in fields. ERROR: a person must act; WARN: it is tried again by
 * itself. What could hold a secret is censored by its field name, wherever it stands.
 */
export function createLog(options: { level: string; role: string }, destination?: DestinationStream): Logger {
  const secret = ['authorization', 'cookie', 'password', 'token', 'privateKey', 'masterKey', 'secret']
  return pino(
    {
      level: options.level,
      base: { role: options.role, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secret.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '[hidden]' },
    },
    destination,
  )
}
