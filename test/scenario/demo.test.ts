import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { until } from '../support/until.ts'

const PROGRAM = fileURLToPath(new URL('../../dist/src/cli/waypost.js', import.meta.url))

test('the demo prints both hops, and what it prints to type gives the same and opens the page', async () => {
  const demo = spawn(process.execPath, [PROGRAM, 'demo'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  demo.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  demo.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ended = new Promise<number | null>((resolve) => demo.once('exit', resolve))
  try {
    await until(() => {
      if (demo.exitCode !== null) throw new Error(said)
      return said.includes('It keeps serving')
    }, 30_000)

    expect(said).toMatch(
      /1\. the source domain\nGET https:\/\/im\.example\.com:\d+\/.*\n {4}302\n {4}location: https:\/\/hosting/,
    )
    expect(said).toMatch(/2\. the target host\nGET https:\/\/hosting\.example\.com:\d+\/.*\n {4}200\n/)
    const pem = /-----BEGIN CERTIFICATE-----\n[^-]*-----END CERTIFICATE-----\n/.exec(said)?.[0] ?? ''
    execFileSync('openssl', ['x509', '-noout'], { input: pem })

    const curls = said.split('\n').filter((line) => line.startsWith('curl '))
    expect(curls).toHaveLength(2)
    const [first, second] = curls.map((line) => execFileSync('sh', ['-c', `${line} --silent`]).toString())
    expect(first).toMatch(/^HTTP\/1\.1 302 /)
    expect(second).toMatch(/^HTTP\/1\.1 200 /)
    expect(second?.endsWith(`\r\n\r\n${pem}`)).toBe(true)

    const link = /^https:\/\/admin\.localhost:\d+\/sign-in\?token=.*$/m.exec(said)?.[0] ?? ''
    const root = /--cacert (\S+)/.exec(said)?.[1] ?? ''
    const { host, origin, port } = new URL(link)
    const page = execFileSync('curl', [
      ...['--silent', '--cacert', root, '--connect-to', `${host}:127.0.0.1:${port}`],
      ...['--cookie', '', '--location', '--header', `Origin: ${origin}`],
      ...['--data', new URL(link).searchParams.toString(), `${origin}/sign-in`],
    ]).toString()
    expect(page).toMatch(/<h1>Overview<\/h1>[^]*>Delegations<[^]*>1</)

    demo.kill('SIGINT')
    expect(await ended).toBe(0)
    expect(existsSync(root)).toBe(false)
  } finally {
    demo.kill('SIGKILL')
  }
}, 60_000)
