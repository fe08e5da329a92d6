import type { PrivateKeyStore } from '../certificate/lineage.ts'
import type { Sealer } from '../certificate/sealing.ts'
import { ProblemError } from '../problem.ts'
import type { Database } from './database.ts'

/** Where a sealed private key stands: what its seal is bound to. */
export function placeOfPrivateKey(id: string, domain: string) {
  return { table: 'private_key', row: id, domain }
}

export function privateKeyStore({ db, sealer }: { db: Database; sealer: Sealer }): PrivateKeyStore {
  return {
    async open(privateKeyId) {
      const [row] = await db.read<{ sealed: Buffer; domain: string }>(
        'select sealed, domain from private_key where id = ?',
        [privateKeyId],
      )
      if (!row) throw new ProblemError('not-found', `there is no private key ${privateKeyId}`)
      return sealer.open(row.sealed, placeOfPrivateKey(privateKeyId, row.domain))
    },
  }
}
