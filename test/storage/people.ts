import type { AuditEvent } from '../../src/tenant/audit.ts'
import type { Member, Role } from '../../src/tenant/member.ts'
import type { User } from '../../src/tenant/user.ts'
import type { TestDatabase } from '../support/databases.ts'

let count = 0

export function aUser(
  { storage, act }: TestDatabase,
  given: Partial<Parameters<TestDatabase['storage']['users']['add']>[0]> = {},
): Promise<User> {
  return storage.users.add(
    { email: `user${++count}@example.org`, isOperator: false, passwordHash: '$argon2id$first', ...given },
    act(),
  )
}

/** A new user in a tenant. */
export async function aMember(database: TestDatabase, tenantId: string, role: Role): Promise<Member> {
  const { id: userId } = await aUser(database)
  return database.storage.members.add(tenantId, { userId, role }, database.act())
}

/** The newest event of all, as far as its act decides it. */
export async function lastEvent({
  storage,
}: TestDatabase): Promise<Pick<AuditEvent, 'tenantId' | 'actor' | 'action' | 'subject' | 'detail'>> {
  const [event] = await storage.audit.list('all', { limit: 1 })
  const { tenantId, actor, action, subject, detail } = event!
  return { tenantId, actor, action, subject, detail }
}

/** All that the trail says, to look for what it must not say. */
export async function wholeTrail({ db }: TestDatabase): Promise<string> {
  return JSON.stringify(await db.knex('audit_event'))
}
