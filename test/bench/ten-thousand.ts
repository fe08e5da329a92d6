/**
 * Start-up, resident memory and handshakes with ten source domains and with ten thousand, each with a certificate of
 * its own: `npm run bench`. Both installations run the built program; rounds are interleaved.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import tls from 'node:tls'
import { ask } from '../support/https-client.ts'
import { until } from '../support/until.ts'
import { newWaypost, type Waypost } from '../support/waypost.ts'

const SIZES = [10, 10_000] as const
const ROUNDS = 7
const WARM_HANDSHAKES = 300
const NAMES = 10 // that are asked, in either installation
const ISSUED_WITHIN_MS = 600_000

interface Round {
  startMs: number
  coldMs: number
  warmMs: number
  megabytes: number
}

const nameOf = (i: number) => `im${i}.example.com`
const names = Array.from({ length: NAMES }, (_, i) => nameOf(i))
const sites = await Promise.all(SIZES.map((size) => filled(size)))
const rounds: Round[][] = SIZES.map(() => [])
try {
  for (let round = 0; round <= ROUNDS; round++)
    for (const [i, site] of sites.entries()) {
      const measured = await measure(site)
      if (round > 0) rounds[i]?.push(measured) // the first warms the file cache and this process
    }
} finally {
  await Promise.all(sites.map((site) => site.remove()))
}

const [few = [], many = []] = rounds
console.log(`| | ${SIZES[0]} domains | ${SIZES[1]} domains | ratio |\n|---|---|---|---|`)
row('start to first answer, ms', 'startMs')
row('first handshake of a name, ms', 'coldMs')
row('handshake of a name in memory, ms', 'warmMs')
row('resident memory of all processes, MB', 'megabytes')
console.log(`\nMedians of ${ROUNDS} interleaved rounds; in brackets the least and the most.`)

function row(title: string, key: keyof Round): void {
  const [a, b] = [few, many].map((some) => some.map((round) => round[key]).sort((x, y) => x - y)) as [
    number[],
    number[],
  ]
  const cell = (values: number[]) =>
    `${median(values).toFixed(1)} (${values[0]?.toFixed(1)} to ${values.at(-1)?.toFixed(1)})`
  console.log(`| ${title} | ${cell(a)} | ${cell(b)} | ${(median(b) / median(a)).toFixed(2)} |`)
}

/** Imported, and given their certificates by the local authority, as an operator's would be. */
async function filled(size: number): Promise<Waypost> {
  const site = await newWaypost()
  await site.waypost('tenant', 'add', 'acme')
  const file = join(site.folder, 'domains.csv')
  writeFileSync(file, ['domain', ...Array.from({ length: size }, (_, i) => nameOf(i))].join('\n'))
  const { code, stderr } = await site.waypost('domain', 'import', file, '--vouch')
  if (code !== 0) throw new Error(stderr)
  await site.start()
  const began = performance.now()
  await until(async () => {
    const last = await handshake(site, nameOf(size - 1)).catch(() => undefined)
    if (last === undefined) await new Promise((resolve) => setTimeout(resolve, 500))
    return last !== undefined
  }, ISSUED_WITHIN_MS)
  console.log(`${size} certificates issued in ${((performance.now() - began) / 1000).toFixed(1)} s`)
  await site.stop()
  return site
}

async function measure(site: Waypost): Promise<Round> {
  const began = performance.now()
  const server = await site.start()
  await ask(site, nameOf(0), '/')
  const startMs = performance.now() - began
  const cold: number[] = []
  for (const name of names.slice(1)) cold.push(await handshake(site, name))
  const warm: number[] = []
  for (let i = 0; i < WARM_HANDSHAKES; i++) warm.push(await handshake(site, names[i % NAMES] ?? nameOf(0)))
  const megabytes = residentMegabytes(server.pid ?? 0)
  await site.stop()
  return { startMs, coldMs: median(cold), warmMs: median(warm), megabytes }
}

function handshake(site: Waypost, servername: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now()
    const socket = tls.connect(
      { host: '127.0.0.1', port: site.ports.https, servername, ca: readFileSync(site.rootFile) },
      () => {
        resolve(performance.now() - began)
        socket.destroy()
      },
    )
    socket.on('error', reject)
  })
}

/** Of the process and its children. */
function residentMegabytes(pid: number): number {
  const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  const below = children === '' ? [] : children.split(' ').map((child) => residentMegabytes(Number(child)))
  return kilobytes / 1024 + below.reduce((sum, one) => sum + one, 0)
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}
