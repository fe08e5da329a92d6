import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase, type Database } from '../../src/storage/database.ts'
import { acmeSite, type AcmeSite, type CertificateExplanation } from '../support/acme-site.ts'
import { spoiltCertificate, type CertificateFault, type Fault, type RequestKind } from '../support/fault-proxy.ts'
import { signIn } from '../support/https-client.ts'
import { isLeftOut } from '../support/left-out.ts'
import { isLong } from '../support/long.ts'
import { pebbles } from '../support/pebble.ts'
import { until } from '../support/until.ts'

// A name with a certificate for each fault: what the authority does wrong once while it is to be renewed, and what comes
// of it. The table is printed; whatever happens, a certificate that is good is served.

const ENDS_WITHIN_MS = 40_000

type Case = [title: string, kind: RequestKind, fault: Fault, outcome: string, whose: string | null]

const problem = (
  status: number,
  type?: string,
  headers?: Record<string, string>,
  detail = 'so says the test',
): Fault => ({
  ...{ do: 'problem', status, detail },
  ...(type === undefined ? {} : { type }),
  ...(headers === undefined ? {} : { headers }),
})
const inTwoMinutes = () => new Date(Date.now() + 120_000).toUTCString()
const spoilt = (how: CertificateFault): Case => {
  const isNone = how === 'huge' || how === 'empty'
  return [how, 'cert', spoiltCertificate(how), isNone ? 'malformed-answer' : 'bad-certificate', 'authority']
}

const ALL: Case[] = [
  ['429, Retry-After 60', 'newOrder', problem(429, 'rateLimited', { 'retry-after': '60' }), 'rateLimited', 'authority'],
  [
    '429, Retry-After a date',
    'newOrder',
    problem(429, 'rateLimited', { 'retry-after': inTwoMinutes() }),
    'rateLimited',
    'authority',
  ],
  [
    '429, Retry-After 10 years',
    'newOrder',
    problem(429, 'rateLimited', { 'retry-after': '315360000' }),
    'rateLimited',
    'authority',
  ],
  ['429, no Retry-After', 'newOrder', problem(429, 'rateLimited'), 'rateLimited', 'authority'],
  // Which some say of a certificate to be replaced that they do not know: it is ordered without
  ['500', 'newOrder', problem(500, 'serverInternal'), 'replaced', null],
  [
    '503, Retry-After 120',
    'newOrder',
    problem(503, undefined, { 'retry-after': '120' }),
    'serverInternal',
    'authority',
  ],
  ['bad nonce', 'newOrder', problem(400, 'badNonce', { 'replay-nonce': 'AAAA' }), 'replaced', null],
  ['name rejected', 'newOrder', problem(400, 'rejectedIdentifier'), 'rejectedIdentifier', 'owner'],
  ['terms have changed', 'newOrder', problem(403, 'userActionRequired'), 'userActionRequired', 'operator'],
  [
    'replaced already',
    'newOrder',
    problem(409, 'alreadyReplaced', undefined, 'replaces: already replaced'),
    'replaced',
    null,
  ],
  ['no answer', 'newOrder', { do: 'hang' }, 'unreachable', 'authority'],
  ['cut off before', 'newOrder', { do: 'drop' }, 'unreachable', 'authority'],
  ['cut off after', 'newOrder', { do: 'drop', after: true }, 'unreachable', 'authority'],
  ['half an answer', 'newOrder', { do: 'truncate' }, 'unreachable', 'authority'],
  ['no JSON', 'newOrder', { do: 'answer', status: 201, body: 'hello' }, 'malformed-answer', 'authority'],
  ['500', 'authz', problem(500, 'serverInternal'), 'serverInternal', 'authority'],
  ['cut off', 'authz', { do: 'drop' }, 'unreachable', 'authority'],
  ['50 MB', 'authz', { do: 'flood', bytes: 50_000_000 }, 'malformed-answer', 'authority'],
  ['cut off after', 'challenge', { do: 'drop', after: true }, 'unreachable', 'authority'],
  ['500', 'challenge', problem(500, 'serverInternal'), 'serverInternal', 'authority'],
  [
    'order is invalid',
    'order',
    { do: 'json', edit: (json) => ({ ...json, status: 'invalid' }) },
    'order-lost',
    'authority',
  ],
  ['500', 'finalize', problem(500, 'serverInternal'), 'replaced', null],
  ['cut off before', 'finalize', { do: 'drop' }, 'replaced', null],
  ['cut off after', 'finalize', { do: 'drop', after: true }, 'replaced', null],
  ['not ready', 'finalize', problem(403, 'orderNotReady'), 'replaced', null],
  ['bad CSR', 'finalize', problem(400, 'badCSR'), 'badCSR', 'operator'],
  ['half of it', 'cert', { do: 'truncate' }, 'unreachable', 'authority'],
  ['has lost it', 'order', problem(404, 'malformed', undefined, 'no such order'), 'replaced', null],
  ["no leaf's issuer", 'cert', spoiltCertificate('leaf-only'), 'bad-certificate', 'authority'],
  ...(['wrong-key', 'wrong-name', 'expired', 'not-yet-valid', 'reversed', 'huge', 'garbage', 'empty'] as const).map(
    spoilt,
  ),
]

/** One of each outcome; the others are of `npm run test:long`. */
const SHORT = [
  ...['newOrder 429, Retry-After 60', 'newOrder 500', 'newOrder bad nonce', 'newOrder name rejected'],
  ...['newOrder terms have changed', 'newOrder cut off after', 'authz 50 MB', 'order order is invalid'],
  ...['finalize cut off after', 'finalize bad CSR', 'cert half of it', 'cert wrong-key'],
]
const CASES = isLong ? ALL : ALL.filter(([title, kind]) => SHORT.includes(`${kind} ${title}`))

const isPossible = !isLeftOut('knot') && pebbles().length > 0
if (!isPossible) test.skip('an authority and name servers')

describe.skipIf(!isPossible)('whatever an authority does wrong', () => {
  let acme: AcmeSite
  let db: Database
  let api: Awaited<ReturnType<typeof signIn>>
  const names = CASES.map((_, i) => `f${i}.example.com`)
  const rows: string[][] = []

  beforeAll(async () => {
    acme = await acmeSite()
    await acme.site.start()
    appendFileSync(acme.site.rootFile, await acme.pebble.root())
    api = await signIn(acme.site)
    db = await openDatabase({ url: undefined, file: join(acme.site.dataFolder, 'waypost.db'), isReadOnly: false })
    await acme.addAuthority()
    for (const name of names) expect((await api('POST', '/target-hosts', { name, port: 443 })).status).toBe(201)
    await until(async () => (await Promise.all(names.map(serialOf))).every((one) => one !== null), 60_000)
  }, 120_000)
  afterAll(async () => {
    await db?.knex.destroy()
    await acme?.close()
    if (rows.length > 0)
      console.log(
        table(['at', 'fault', 'outcome', 'ms', 'requests', 'nonces twice', 'next try', 'whose', 'told'], rows),
      )
  })

  const serialOf = async (name: string) => {
    const shown = await acme.presented(name)
    return shown?.isTrusted ? shown.serial : null
  }
  const explain = async (name: string) =>
    JSON.parse((await api('GET', `/target-hosts/${name}/certificate`)).body) as CertificateExplanation
  const memory = (name: string) =>
    db
      .knex('issuance')
      .whereIn(
        'lineage_id',
        db
          .knex('lineage')
          .where({ name: `front:${name}` })
          .select('id'),
      )
      .first<{ problem: string; whose: string; next_at: number } | undefined>()

  test.each(CASES.map((one, i) => [...one, i] as const))(
    '%s, at %s',
    { timeout: 90_000 },
    async (title, kind, fault, outcome, whose, i) => {
      const name = names[i]!
      const before = await serialOf(name)
      acme.proxy.clear()
      acme.proxy.fault(kind, fault)
      expect((await api('POST', `/operator/lineages/front:${name}/renew`)).status).toBe(200)
      const took = await until(
        async () => (await memory(name)) !== undefined || ![before, null].includes(await serialOf(name)),
        ENDS_WITHIN_MS,
      )
      const failure = await memory(name)
      const after = await serialOf(name)
      const { failure: told } = await explain(name)
      const requests = acme.proxy.requests()
      const wait = failure ? Math.round((failure.next_at - Date.now()) / 1000) : null
      const found = failure ? (JSON.parse(failure.problem) as { type: string }).type : 'replaced'
      rows.push([
        kind,
        title,
        found,
        `${Math.round(took)}`,
        `${requests.length}`,
        `${acme.proxy.reusedNonces().length}`,
        wait === null ? '' : `${wait} s`,
        failure?.whose ?? '',
        told?.words ?? '',
      ])
      await calm()
      expect(
        requests.filter(({ fault }) => fault !== null),
        'the fault did not happen',
      ).toHaveLength(1)
      expect([found, failure?.whose ?? null]).toEqual([outcome, whose])
      expect(after === before).toBe(outcome !== 'replaced')
      expect(after).not.toBeNull()
      expect(acme.proxy.reusedNonces()).toEqual([])
      if (failure) expect(wait).toBeGreaterThanOrEqual(50)
    },
  )

  /** The next one begins afresh: the authority is not left alone, and nothing that failed comes back. */
  async function calm(): Promise<void> {
    await db.knex('authority').update({ paused_until: null, pause_reason: null })
    await db.knex('issuance').update({ next_at: Date.now() + 3_600_000 })
  }

  test('when it does all right again, a person who asks has everything replaced', async () => {
    acme.proxy.clear()
    const failed: string[] = []
    for (const name of names) if (await memory(name)) failed.push(name)
    const former = new Map(await Promise.all(failed.map(async (name) => [name, await serialOf(name)] as const)))
    for (const name of failed) expect((await api('POST', `/operator/lineages/front:${name}/issue`)).status).toBe(200)
    await until(async () => {
      const now = await Promise.all(failed.map(serialOf))
      return now.every((serial, i) => serial !== null && serial !== former.get(failed[i]!))
    }, 40_000)
    expect(acme.proxy.reusedNonces()).toEqual([])
  })
})

/** In Markdown. */
function table(heads: string[], rows: string[][]): string {
  return [heads, heads.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}
