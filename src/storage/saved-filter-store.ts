import { ProblemError } from '../problem.ts'
import type { SavedFilterStore } from '../tenant/saved-filter.ts'
import type { Database } from './database.ts'
import { isUniqueViolation } from './faults.ts'
import type { NewId } from './perform.ts'

const MOST = 30

interface SavedFilterRow {
  id: string
  user_id: string
  list: string
  name: string
  query: string
  created_at: number
}

export function savedFilterStore({ db, newId }: { db: Database; newId: NewId }): SavedFilterStore {
  const ofList = (userId: string, list: string) =>
    db.knex<SavedFilterRow>('saved_filter').where({ user_id: userId, list })

  return {
    async list(userId, list) {
      return ofList(userId, list).orderBy('name').select('id', 'name', 'query')
    },

    async add(userId, list, { name, query }, now) {
      // Two at once may make it one more, which does no harm
      if ((await ofList(userId, list).limit(MOST).select('id')).length >= MOST)
        throw new ProblemError('quota-reached', `there are ${MOST} saved filters of this list; remove one first`)
      const row = { id: newId(now), user_id: userId, list, name, query, created_at: now.getTime() }
      try {
        await db.knex<SavedFilterRow>('saved_filter').insert(row)
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw new ProblemError('already-exists', `there is a saved filter ${name} already; choose another name`, {
          cause,
        })
      }
    },

    async remove(userId, list, id) {
      if ((await ofList(userId, list).where({ id }).del()) === 0)
        throw new ProblemError('not-found', 'there is no such saved filter')
    },
  }
}
