import type { Server } from 'node:net'
import type { Listen } from './config.ts'
import { ProblemError } from './problem.ts'

/**
 * Resolves when the server listens.
 * @param options.isShared the socket is the supervisor's and that of all processes of a kind; else this process's own
 * @throws ProblemError unavailable, with the cure
 */
export function listenOn(server: Server, { host, port }: Listen, { isShared }: { isShared: boolean }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(problemOf(cause, host, port)))
    server.listen({ ...(host === undefined ? {} : { host }), port, exclusive: !isShared }, () => resolve())
  })
}

function problemOf(cause: NodeJS.ErrnoException, host: string | undefined, port: number): ProblemError {
  const where = `${host ?? ''}:${port}`
  if (cause.code === 'EACCES')
    return new ProblemError(
      'unavailable',
      `this user may not listen on ${where}; three cures:\n` +
        `  sudo setcap cap_net_bind_service=+ep "$(readlink -f "$(command -v node)")"\n` +
        `  sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}\n` +
        `  or other ports in the configuration (edge.https, edge.http) and a port forwarding in front of them`,
      { cause },
    )
  if (cause.code === 'EADDRINUSE')
    return new ProblemError(
      'unavailable',
      `${where} is taken by another program (another Waypost?); see by whom: ss -ltnp; ` +
        'or give another address in the configuration (edge.https, edge.http, health.listen, admin.listen)',
      { cause },
    )
  return new ProblemError('unavailable', `cannot listen on ${where}: ${cause.message}`, { cause })
}
