import net from 'node:net'
import tls from 'node:tls'

export interface RawAnswer {
  status: number
  headers: Map<string, string> // names in lower case; of several lines of a name, all, separated by "\n"
  body: string // as Latin-1
}

export interface RawOutcome {
  answers: RawAnswer[]
  /** Whether the server closed the connection. */
  isClosed: boolean
  text: string
}

export interface RawOptions {
  port: number
  /** Undefined: in clear. Empty: TLS without SNI. Sent as UTF-8. */
  serverName?: string | undefined
  ca?: string | undefined
  /** How many answers to wait for; without, until the server closes. */
  answers?: number | undefined
  isHead?: boolean
  withinMs?: number
}

/** Sends bytes, each character one, as they are, and reads what comes back. */
export function rawRequest(bytes: string, options: RawOptions): Promise<RawOutcome> {
  const { port, serverName, ca, answers, isHead = false, withinMs = 8000 } = options
  const socket =
    serverName === undefined
      ? net.connect({ port, host: '127.0.0.1' })
      : tls.connect({
          port,
          host: '127.0.0.1',
          servername: serverName,
          ca,
          // What the certificate names is looked at where that is what a test is about
          checkServerIdentity: () => undefined,
          rejectUnauthorized: ca !== undefined,
        })
  return new Promise((resolve, reject) => {
    let text = ''
    const end = (isClosed: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ answers: parseAnswers(text, isHead), isClosed, text })
    }
    const timer = setTimeout(() => end(false), withinMs)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (answers === undefined || parseAnswers(text, isHead).length < answers) return
      // A close that belongs to the answer comes with it or just after
      setTimeout(() => end(false), 30).unref()
    })
    socket.on('close', () => end(true))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      if (text === '') reject(error)
      else end(true)
    })
    socket.write(Buffer.from(bytes, 'latin1'))
  })
}

function parseAnswers(text: string, isHead: boolean): RawAnswer[] {
  const answers: RawAnswer[] = []
  for (let rest = text; ;) {
    const [head, status, lines = ''] = /^HTTP\/1\.1 (\d{3})[^\r]*\r\n([^]*?)\r\n\r\n/.exec(rest) ?? []
    if (head === undefined) return answers
    const headers = new Map<string, string>()
    for (const line of lines.split('\r\n')) {
      const name = line.slice(0, line.indexOf(':')).toLowerCase()
      const value = line.slice(line.indexOf(':') + 1).trim()
      const before = headers.get(name)
      headers.set(name, before === undefined ? value : `${before}\n${value}`)
    }
    const hasBody = !isHead && status !== '304' && status !== '204'
    const length = hasBody ? Number(headers.get('content-length') ?? rest.length) : 0
    const body = rest.slice(head.length, head.length + length)
    if (headers.has('content-length') && body.length < length) return answers
    answers.push({ status: Number(status), headers, body })
    rest = rest.slice(head.length + length)
  }
}
