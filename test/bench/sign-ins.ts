/**
 * What those who fetch notice of fifty people, each with an account and an address of their own, who sign in at the
 * same moment, once a second: `npm run bench:sign-ins`. Rounds with and without them are interleaved.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ask, signIn as signInOperator } from '../support/https-client.ts'
import { until } from '../support/until.ts'
import { newWaypost } from '../support/waypost.ts'

const ROUNDS = 5
const FETCHES = 400 // a round, each with a full handshake
const AT_ONCE = 4
const PEOPLE = 50
const EVERY_MS = 1000
const DOMAIN = 'im.example.com'
const ADMIN = 'admin.localhost'
const PASSWORD = 'nine patient ferrymen'

const site = await newWaypost()
try {
  await site.waypost('tenant', 'add', 'acme')
  await site.waypost('domain', 'add', DOMAIN, '--vouch')
  await site.start()
  await until(() => fetchOnce().then(Boolean, () => false))
  const operator = await signInOperator(site)
  for (let i = 0; i < PEOPLE; i++) {
    const { status, body } = await operator('POST', '/users', { email: emailOf(i), password: PASSWORD })
    if (status !== 201) throw new Error(body)
  }

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
    const signIns = (async () => {
      while (!isOver) {
        const statuses = await Promise.all([...Array.from({ length: PEOPLE }, (_, i) => signIn(i)), delay(EVERY_MS)])
        signedIn += statuses.filter((status) => status === 201).length
      }
    })()
    const took = await fetches()
    isOver = true
    await signIns
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

async function signIn(person: number): Promise<number> {
  const { status } = await ask(site, ADMIN, '/api/v1/session', {
    method: 'POST',
    localAddress: `127.1.0.${person + 1}`, // the limits on attempts are by address too
    headers: { origin: `https://${ADMIN}:${site.ports.https}`, 'content-type': 'application/json' },
    body: JSON.stringify({ email: emailOf(person), password: PASSWORD }),
  })
  return status
}

function emailOf(person: number): string {
  return `person-${person}@hosting.example`
}

function at(values: number[], quantile: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * quantile)] ?? NaN
}
