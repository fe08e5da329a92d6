import { generateKeyPairSync } from 'node:crypto'
import { acmeProblem } from '../../src/acme/acme-problem.ts'
import { acmeSessions } from '../../src/acme/acme-session.ts'
import type { AcmeProblem, AcmeSession, OrderReply } from '../../src/acme/session.ts'
import { createRequest } from '../../src/certificate/certificate-request.ts'
import { systemClock, type Clock } from '../../src/clock.ts'
import { domainName } from '../../src/name.ts'
import { authorityExchange } from '../../src/outside/authority-exchange.ts'
import { ProblemError } from '../../src/problem.ts'
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts'
import { startPebble, type Pebble, type PebbleWish } from '../support/pebble.ts'
import { until } from '../support/until.ts'

export const EAB_KEY = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'

export interface OpenWish {
  key?: Uint8Array // a new one without it
  accountUrl?: string | null
  timeoutMs?: number
  clock?: Clock
  caPem?: string | null
}

/** A Pebble, the proxy before it, and sessions through the proxy. */
export interface SessionRig {
  pebble: Pebble
  proxy: FaultProxy
  open(wish?: OpenWish): AcmeSession
  /** A session whose account is made. */
  registered(wish?: OpenWish): Promise<AcmeSession>
  /** Orders this name and goes on until the order may be finalized. */
  readyOrder(session: AcmeSession, name: string, replaces?: string): Promise<OrderReply>
  /** And on, until the certificate can be had. */
  validOrder(session: AcmeSession, name: string, replaces?: string): Promise<OrderReply>
  stop(): Promise<void>
}

export async function startRig(wish: PebbleWish): Promise<SessionRig> {
  const pebble = await startPebble({ ...wish, env: { PEBBLE_VA_ALWAYS_VALID: '1', ...wish.env } })
  const proxy = await startFaultProxy(pebble)

  const open = ({ key = accountKey(), accountUrl = null, timeoutMs, clock = systemClock, caPem }: OpenWish = {}) => {
    const openSession = acmeSessions({
      exchange: authorityExchange(),
      clock,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    })
    return openSession(
      { directoryUrl: proxy.directoryUrl, caPem: caPem === undefined ? proxy.caPem : caPem, accountUrl },
      key,
    )
  }
  const rig: SessionRig = {
    pebble,
    proxy,
    open,
    async registered(wish = {}) {
      const session = open(wish)
      await session.register({ contact: [], eab: null })
      return session
    },
    async readyOrder(session, name, replaces) {
      const order = await session.newOrder({ identifiers: [name], profile: null, replaces: replaces ?? null })
      for (const url of order.authorizationUrls) {
        const { status, challenges } = await session.authorization(url)
        if (status === 'pending') await session.answer(challenges.find(({ type }) => type === 'http-01')!.url)
      }
      return reached(session, order, 'ready')
    },
    async validOrder(session, name, replaces) {
      const order = await rig.readyOrder(session, name, replaces)
      return reached(session, await session.finalize(order.finalizeUrl, order.url, await request(name)), 'valid')
    },
    async stop() {
      await proxy.stop()
      await pebble.stop()
    },
  }
  return rig
}

async function reached(session: AcmeSession, order: OrderReply, status: OrderReply['status']): Promise<OrderReply> {
  let current = order
  await until(async () => {
    if (current.status !== status) current = await session.order(order.url)
    return current.status === status
  })
  return current
}

export function accountKey(): Uint8Array {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'der' })
}

export async function request(name: string): Promise<Uint8Array> {
  return (await createRequest([domainName(name)])).csrDer
}

/** How a call fails, and what it takes. Rejects where it does not fail, or fails by a bug. */
export async function failing(
  call: () => Promise<unknown>,
): Promise<{ error: ProblemError; problem: AcmeProblem; tookMs: number }> {
  const began = performance.now()
  try {
    await call()
  } catch (error) {
    const problem = acmeProblem(error)
    if (!(error instanceof ProblemError) || problem === undefined) throw error
    return { error, problem, tookMs: performance.now() - began }
  }
  throw new Error('it did not fail')
}
