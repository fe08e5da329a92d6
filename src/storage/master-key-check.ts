import type { Sealer } from '../certificate/sealing.ts'
import { ProblemError } from '../problem.ts'
import type { Database } from './database.ts'

const ROW = 'check'
const PLACE = { table: 'master_key_check', row: ROW, domain: '' }
const WORD = Buffer.from('waypost')

/**
 * Sees to it that the database's private keys can be opened, by a row that is written at the first start.
 * @throws ProblemError configuration: it was sealed under another master key
 */
export async function checkMasterKey({ knex, isReadOnly }: Database, sealer: Sealer, now: Date): Promise<void> {
  if (!isReadOnly)
    await knex('master_key_check')
      .insert({ id: ROW, sealed: Buffer.from(sealer.seal(WORD, PLACE)), written_at: now.getTime() })
      .onConflict('id')
      .ignore()
  const row = await knex('master_key_check').where({ id: ROW }).first<{ sealed: Buffer } | undefined>('sealed')
  if (!row) return
  try {
    sealer.open(row.sealed, PLACE)
  } catch (cause) {
    throw new ProblemError(
      'configuration',
      'the master key is not the one that this database was sealed under; give the former one back, without it no private key can be read',
      { cause },
    )
  }
}

/** Proves that the database takes a write, durably: a transaction that is rolled back would not reach the disk. */
export async function proveWritable({ knex }: Database, now: Date): Promise<void> {
  await knex('master_key_check').where({ id: ROW }).update({ written_at: now.getTime() })
}
