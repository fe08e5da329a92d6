import type { Sealer } from '../certificate/sealing.ts'
import type { Database } from './database.ts'
import { perform, type NewId } from './perform.ts'

const ROW = 'local'
const PLACE = { table: 'local_authority', row: ROW, domain: ROW }

/** The local authority's two certificates and the key that it signs with (PKCS#8 DER, in clear). */
export interface LocalAuthorityKeys {
  rootPem: string
  intermediatePem: string
  intermediateKey: Uint8Array
}

export interface LocalAuthorityStore {
  /** The authority of this installation. Of several nodes that make one at the same time, one wins and all get its. */
  loadOrCreate(create: () => Promise<LocalAuthorityKeys>, at: Date): Promise<LocalAuthorityKeys>
  /** Its root as PEM, without opening its key where it is there already. */
  root(create: () => Promise<LocalAuthorityKeys>, at: Date): Promise<string>
}

interface Row {
  root_pem: string
  intermediate_pem: string
  intermediate_key_sealed: Buffer
}

export function localAuthorityStore(deps: { db: Database; newId: NewId; sealer: Sealer }): LocalAuthorityStore {
  const { db, sealer } = deps

  async function load(): Promise<LocalAuthorityKeys | undefined> {
    const row = await db.knex('local_authority').where({ id: ROW }).first<Row | undefined>()
    return (
      row && {
        rootPem: row.root_pem,
        intermediatePem: row.intermediate_pem,
        intermediateKey: sealer.open(row.intermediate_key_sealed, PLACE),
      }
    )
  }

  const store: LocalAuthorityStore = {
    async root(create, at) {
      const row = await db
        .knex('local_authority')
        .where({ id: ROW })
        .first<Pick<Row, 'root_pem'> | undefined>('root_pem')
      return row?.root_pem ?? (await store.loadOrCreate(create, at)).rootPem
    },

    async loadOrCreate(create, at) {
      const present = await load()
      if (present) return present
      const made = await create() // outside the transaction: nobody waits while keys are made
      await perform(deps, { at, actor: 'local-authority', address: null }, async (trx, traces) => {
        const won = await trx('local_authority')
          .insert({
            id: ROW,
            root_pem: made.rootPem,
            intermediate_pem: made.intermediatePem,
            intermediate_key_sealed: Buffer.from(sealer.seal(made.intermediateKey, PLACE)),
            created_at: at.getTime(),
          })
          .onConflict('id')
          .ignore()
          .returning<{ id: string }[]>('id')
        if (won.length > 0) traces.audit({ tenantId: null, action: 'local-authority.create', subject: ROW })
      })
      return (await load())!
    },
  }
  return store
}
