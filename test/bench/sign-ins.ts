/**
 * What those who fetch notice of fifty people who sign in at once, all the time, each with a password hash to compute:
 * `npm run bench:sign-ins`. Rounds with and without them are interleaved.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ask } from '../support/https-client.ts'
import { until } from '../support/until.ts'
import { newWaypost } from '../support/waypost.ts'

const ROUNDS = 5
const FETCHES = 400 // a round, each with a full handshake
const AT_ONCE = 4
const SIGN_INS_AT_ONCE = 50
const DOMAIN = 'im.example.com'
const ADMIN = 'admin.localhost'
const ACCOUNT = { email: 'boss@hosting.example', password: 'nine patient ferrymen' }

const site = await newWaypost()
try {
  await site.waypost('tenant', 'add', 'acme')
  await site.waypost('domain', 'add', DOMAIN, '--vouch')
  const file = join(site.folder, 'password')
  writeFileSync(file, ACCOUNT.password)
  const created = await site.waypost('user', 'create', ACCOUNT.email, '--operator', '--password-file', file)
  if (created.code !== 0) throw new Error(created.stderr)
  await site.start()
  await until(() => fetchOnce().then(Boolean, () => false))

  const [alone, beside]: [number[], number[]] = [[], []]
  let signedIn = 0
  for (let round = 0; round <= ROUNDS; round++) {
    const [without, among] = [await fetches(), await amongSignIns()]
    if (round > 0) {
      alone.push(...without) // the first warms both sides
      beside.push(...among)
    }
  }
  console.log(`| fetch with a full handshake, ms | alone | among sign-ins | ratio |\n|---|---|---|---|`)
  for (const quantile of [0.5, 0.99]) {
    const [a, b] = [at(alone, quantile), at(beside, quantile)]
    console.log(`| p${quantile * 100} | ${a.toFixed(1)} | ${b.toFixed(1)} | ${(b / a).toFixed(2)} |`)
  }
  console.log(
    `\n${ROUNDS} interleaved rounds of ${FETCHES} fetches, ${AT_ONCE} at once; ${signedIn} sign-ins beside them.`,
  )

  async function amongSignIns(): Promise<number[]> {
    let isOver = false
    const people = Array.from({ length: SIGN_INS_AT_ONCE }, async () => {
      while (!isOver) if ((await signIn()) === 201) signedIn++
    })
    const took = await fetches()
    isOver = true
    await Promise.all(people)
    return took
  }
} finally {
  await site.remove()
}

async function fetches(): Promise<number[]> {
  const took: number[] = []
  const one = async () => {
    while (took.length < FETCHES) {
      const began = performance.now()
      await fetchOnce()
      took.push(performance.now() - began)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  return took
}

async function fetchOnce(): Promise<number> {
  return (await ask(site, DOMAIN, `/.well-known/tls/_xmpp-server._tcp.${DOMAIN}`)).status
}

async function signIn(): Promise<number> {
  const { status } = await ask(site, ADMIN, '/api/v1/session', {
    method: 'POST',
    headers: { origin: `https://${ADMIN}:${site.ports.https}`, 'content-type': 'application/json' },
    body: JSON.stringify(ACCOUNT),
  })
  return status
}

function at(values: number[], quantile: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * quantile)] ?? NaN
}
