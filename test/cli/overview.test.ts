import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/storage/database.ts'
import { program } from '../support/program.ts'

describe('waypost overview', () => {
  let folder: string
  let run: ReturnType<typeof program>

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'waypost-overview-cli-'))
    run = program({ WAYPOST_DATA: folder })
    await run('init')
  }, 60_000)
  afterAll(() => rmSync(folder, { recursive: true }))

  test('names what needs a hand, and says where nothing does', async () => {
    expect(await run('overview')).toMatchObject({ code: 0, stdout: '', stderr: 'nothing needs a hand\n' })
    await run('tenant', 'add', 'acme')
    await run('tenant', 'add', 'other')
    expect((await run('domain', 'add', 'im.waypost-corpus.net', '--tenant', 'acme')).code).toBe(0)
    const db = await openDatabase({ url: undefined, file: join(folder, 'waypost.db'), isReadOnly: false })
    await db.knex('source_domain').update({ created_at: 1 })
    await db.knex.destroy()
    const { code, stdout } = await run('overview')
    expect([code, stdout.split('\n')[1]]).toEqual([
      0,
      expect.stringMatching(/^1 +names unproven for more than a week +im\.waypost-corpus\.net/),
    ])
    expect((await run('overview', '--tenant', 'acme')).stdout).toBe(stdout)
    expect((await run('overview', '--tenant', 'other')).stderr).toBe('nothing needs a hand\n')
    expect(JSON.parse((await run('overview', '--json')).stdout)).toMatchObject({
      troubles: [{ trouble: 'unproven', count: 1, isMore: false }],
      census: { tenants: 2, sourceDomains: { all: 1, proven: 0 } },
    })
  })
})
