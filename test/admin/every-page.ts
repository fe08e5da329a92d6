import { declared } from '../../src/admin/app.ts'
import type { AdminServer } from './admin-server.ts'
import { operatorsThings, pagePathOf, thingsOf, type Things } from './world.ts'

/** A page of the admin host in a world where there is one of everything, and the cookie of who looks at it. */
export interface Visit {
  declaredPath: string
  path: string
  session: string | null // null: nobody has signed in
}

/** Every page, as the operator sees it, and as a tenant's owner does where that is another thing. */
export async function everyPage(
  server: AdminServer,
): Promise<{ visits: Visit[]; things: Things; operators: Partial<Things> }> {
  await server.signIn()
  const things = await thingsOf(server, 'acme')
  const operators = await operatorsThings(server)
  const operator = await server.person({ email: 'operator@example.org', isOperator: true })
  const owner = await server.person({ email: 'owner@example.org', roles: { acme: 'owner' } })
  const passkey = { name: 'a key', publicKey: Buffer.of(1), counter: 0, transports: [] }
  await server.storage.passkeys.add({ id: 'passkey-of-operator', userId: operator.user.id, ...passkey }, server.act())
  things.ids['passkeys'] = 'passkey-of-operator'
  const visits = declared(server.deps).pages.flatMap(({ method, declaration: { path: declaredPath, access } }) => {
    if (method !== 'get') return []
    const path = pagePathOf(declaredPath, things, operators)
    const visit = (session: string | null) => ({ declaredPath, path, session })
    if (access === 'public') return [visit(null)]
    return access === 'operator' || declaredPath.startsWith('/account/')
      ? [visit(operator.sessionToken)]
      : [visit(operator.sessionToken), visit(owner.sessionToken)]
  })
  return { visits, things, operators }
}

/** What is there before anything else is, as the operator of the machine sees it. */
export async function firstPages(server: AdminServer): Promise<Visit[]> {
  const session = (await server.signIn()).replace(/^__Host-session=/, '')
  const paths = ['/', '/set-up', '/delegations', '/source-domains', '/certificates', '/authorities', '/jobs']
  return [...paths, '/target-hosts', '/tenants', '/users', '/audit'].map((path) => {
    return { declaredPath: path === '/set-up' ? '/set-up of nobody' : path, path, session }
  })
}
