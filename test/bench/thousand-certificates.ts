/**
 * A thousand certificates from a Pebble that takes every validation for good, beside Debian's lego, in interleaved
 * rounds: `npm run bench:certificates`. Waypost begins with an import of domains that have nothing yet, and serves each
 * certificate in the end; lego has one process for each and leaves files.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { acmeSite } from '../support/acme-site.ts'
import { freePort } from '../support/waypost.ts'
import { until } from '../support/until.ts'

const ROUNDS = 4
const NAMES = 250 // in a round
const LEGO_AT_ONCE = 4
const WITHIN_MS = 600_000
const CLOSING = { headers: { connection: 'close' } }
const run = promisify(execFile)

interface Round {
  seconds: number
  cpu: number // seconds, of all its processes
}

const acme = await acmeSite(
  { env: { PEBBLE_VA_NOSLEEP: '1', PEBBLE_VA_ALWAYS_VALID: '1' } },
  { WAYPOST_ACME_LIMITS: 'pebble pace none,pebble identifier-set none' },
)
const folder = mkdtempSync(join(tmpdir(), 'waypost-bench-'))
const ours: Round[] = []
const legos: (Round & { megabytes: number })[] = []
let megabytes: number
try {
  await acme.done('tenant', 'add', 'acme')
  const { pid = 0 } = await acme.site.start()
  await acme.addAuthority()
  await until(async () => (await issued()) >= 1, WITHIN_MS) // the admin host's
  await lego(['register.example.com']) // makes its account
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(await waypostRound(pid, round))
    legos.push(await lego(namesOf(round, 'lego')))
  }
  megabytes = Math.max(...treeOf(pid).map((each) => statusOf(each, 'VmHWM')))
} finally {
  await acme.close()
  rmSync(folder, { recursive: true, force: true })
}

const certificates = ROUNDS * NAMES
console.log(`| ${certificates} certificates | Waypost | lego, ${LEGO_AT_ONCE} at once | ratio |\n|---|---|---|---|`)
row('certificates in a second', (rounds) => certificates / sum(rounds, 'seconds'))
row('CPU of all processes, ms for each', (rounds) => (sum(rounds, 'cpu') * 1000) / certificates)
const legoMegabytes = Math.max(...legos.map((each) => each.megabytes))
console.log(
  `| most memory of a process, MB | ${megabytes.toFixed(0)} | ${legoMegabytes.toFixed(0)} | ${(megabytes / legoMegabytes).toFixed(2)} |`,
)
console.log(`\n${ROUNDS} interleaved rounds of ${NAMES} names; certificates in a second, round by round:`)
for (const [name, rounds] of [['Waypost', ours] as const, ['lego', legos] as const])
  console.log(`${name}: ${rounds.map(({ seconds }) => (NAMES / seconds).toFixed(1)).join(', ')}`)

function row(title: string, figure: (rounds: Round[]) => number): void {
  const [a, b] = [figure(ours), figure(legos)]
  console.log(`| ${title} | ${a.toFixed(1)} | ${b.toFixed(1)} | ${(a / b).toFixed(2)} |`)
}

function sum(rounds: Round[], key: keyof Round): number {
  return rounds.reduce((total, round) => total + round[key], 0)
}

function namesOf(round: number, whose: string): string[] {
  return Array.from({ length: NAMES }, (_, i) => `${whose}-${round}-${i}.example.com`)
}

async function waypostRound(pid: number, round: number): Promise<Round> {
  const file = join(folder, 'domains.csv')
  writeFileSync(file, ['domain', ...namesOf(round, 'im')].join('\n'))
  const [before, cpuBefore, began] = [await issued(), cpuOf(pid), performance.now()]
  await acme.done('domain', 'import', file, '--tenant', 'acme', '--vouch')
  await until(async () => {
    await new Promise((resolve) => setTimeout(resolve, 200))
    return (await issued()) >= before + NAMES
  }, WITHIN_MS)
  return { seconds: (performance.now() - began) / 1000, cpu: cpuOf(pid) - cpuBefore }
}

/** How many the ACME authority has issued to Waypost, as its own metrics say. */
async function issued(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${acme.site.ports.health}/metrics`, CLOSING)).text()
  return Number(/^waypost_certificates_issued_total\{source="acme"\} (\d+)$/m.exec(text)?.[1] ?? 0)
}

/** One process for a certificate, as lego is used; what they took, from the operating system's accounting. */
async function lego(names: string[]): Promise<Round & { megabytes: number }> {
  const ports = await Promise.all(Array.from({ length: LEGO_AT_ONCE }, freePort))
  const { caPem, directoryUrl } = acme.pebble
  const caFile = join(folder, 'pebble.pem')
  writeFileSync(caFile, caPem)
  writeFileSync(join(folder, 'names'), names.join('\n') + '\n')
  const one =
    `lego --accept-tos --email a@example.net --path ${folder}/lego --server ${directoryUrl} ` +
    `--http --http.port 127.0.0.1:$(echo ${ports.join(' ')} | cut -d ' ' -f $((SLOT + 1))) --domains "$1" run 2>>${folder}/lego.log`
  const accounting =
    'import resource,subprocess,sys;subprocess.run(sys.argv[1:],check=True);' +
    'u=resource.getrusage(resource.RUSAGE_CHILDREN);print(u.ru_utime+u.ru_stime,u.ru_maxrss)'
  const command = ['xargs', '-a', join(folder, 'names'), '-P', `${LEGO_AT_ONCE}`, '-n', '1']
  const began = performance.now()
  const { stdout } = await run(
    'python3',
    ['-c', accounting, ...command, '--process-slot-var=SLOT', 'sh', '-c', one, 'lego'],
    { env: { ...process.env, LEGO_CA_CERTIFICATES: caFile }, timeout: WITHIN_MS },
  ).catch((error: unknown) => {
    throw new Error(`lego failed: ${readFileSync(`${folder}/lego.log`, 'utf8').slice(-2000)}`, { cause: error })
  })
  const [cpu = NaN, kilobytes = NaN] = stdout.trim().split(' ').map(Number)
  return { seconds: (performance.now() - began) / 1000, cpu, megabytes: kilobytes / 1024 }
}

/** User and system time of a process and its children, in seconds. */
function cpuOf(pid: number): number {
  const ticks = treeOf(pid).map((each) => {
    const stat = readFileSync(`/proc/${each}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(fields[11]) + Number(fields[12])
  })
  return ticks.reduce((total, one) => total + one, 0) / 100 // USER_HZ
}

function treeOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
  return [pid, ...children.flatMap(treeOf)]
}

function statusOf(pid: number, field: string): number {
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}
