import { lookUps, type AdminDeps } from '../deps.ts'
import { accountRoutes } from './account-routes.ts'
import { authorityRoutes } from './authority-routes.ts'
import { auditRoutes } from './audit-routes.ts'
import { certificateRoutes } from './certificate-routes.ts'
import { checkRoutes } from './check-routes.ts'
import { controlRoutes } from './control-routes.ts'
import { delegationRoutes } from './delegation-routes.ts'
import { domainImportRoutes } from './domain-import-routes.ts'
import { frontRoutes } from './front-routes.ts'
import { importRoutes } from './import-routes.ts'
import { invitationRoutes } from './invitation-routes.ts'
import { jobRoutes } from './job-routes.ts'
import { lineageRoutes } from './lineage-routes.ts'
import { memberRoutes } from './member-routes.ts'
import { overviewRoutes } from './overview-routes.ts'
import { registrationRoutes } from './registration-routes.ts'
import { sessionRoutes } from './session-routes.ts'
import { settingsRoutes } from './settings-routes.ts'
import { sourceDomainRoutes } from './source-domain-routes.ts'
import { targetHostRoutes } from './target-host-routes.ts'
import { tenantRoutes } from './tenant-routes.ts'
import { tokenRoutes } from './token-routes.ts'
import { userRoutes } from './user-routes.ts'
import { verificationRoutes } from './verification-routes.ts'
import type { Route } from './route.ts'

/** Every route but that of the document which describes them. Knows no Express: the command line asks them too. */
export function allRoutes(deps: AdminDeps): Route[] {
  const find = lookUps(deps)
  return [
    ...overviewRoutes(deps, find),
    ...tenantRoutes(deps),
    ...sourceDomainRoutes(deps, find),
    ...controlRoutes(deps, find),
    ...importRoutes(deps),
    ...domainImportRoutes(deps),
    ...targetHostRoutes(deps, find),
    ...delegationRoutes(deps, find),
    ...verificationRoutes(deps, find),
    ...checkRoutes(deps),
    ...frontRoutes(deps, find),
    ...lineageRoutes(deps, find),
    ...sessionRoutes(deps),
    ...accountRoutes(deps),
    ...registrationRoutes(deps),
    ...invitationRoutes(deps),
    ...userRoutes(deps),
    ...memberRoutes(deps),
    ...tokenRoutes(deps),
    ...auditRoutes(deps, find),
    ...certificateRoutes(deps, find),
    ...authorityRoutes(deps, find),
    ...jobRoutes(deps),
    ...settingsRoutes(deps),
  ]
}
