import { z } from 'zod'
import type { AdminDeps } from '../deps.ts'
import { route, type Route } from './route.ts'

const resource = z
  .object({ rootPem: z.string().meta({ description: 'PEM; who trusts it trusts the local authority' }) })
  .meta({ id: 'Authority' })

export function authorityRoutes({ localAuthorityRoot }: Pick<AdminDeps, 'localAuthorityRoot'>): Route[] {
  return [
    route(
      {
        method: 'get',
        path: '/authority',
        summary: 'The local authority’s root certificate, for those who are to trust it',
        access: 'public',
        answer: { status: 200, schema: resource },
      },
      async () => ({ body: { rootPem: await localAuthorityRoot() } }),
    ),
  ]
}
