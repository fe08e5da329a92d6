import type { AdminDeps, LookUps } from '../deps.ts'
import { accountPages } from './account-pages.tsx'
import { addDomainPages } from './add-domain-page.tsx'
import { actingPages } from './acting-pages.tsx'
import { auditPages } from './audit-pages.tsx'
import { authorityPages } from './authority-pages.tsx'
import { certificatePages } from './certificate-pages.tsx'
import { changeDelegationPages } from './change-delegation-page.tsx'
import { checkPages } from './check-page.tsx'
import { delegationPages } from './delegation-pages.tsx'
import { domainImportPages } from './domain-import-pages.tsx'
import { domainListPages } from './domain-list.tsx'
import { jobPages } from './job-pages.tsx'
import { joiningPages } from './joining-pages.tsx'
import { lineageListPages } from './lineage-list.tsx'
import { memberPages } from './member-pages.tsx'
import { overviewPages } from './overview-page.tsx'
import type { Page } from './page.tsx'
import { preferencePages } from './preferences.tsx'
import { problemPages } from './problem-page.tsx'
import { serviceLineagePages } from './service-lineage-pages.tsx'
import { settingsPages } from './settings-pages.tsx'
import { signInPages } from './sign-in-pages.tsx'
import { sourceDomainPages } from './source-domain-pages.tsx'
import { targetHostPages } from './target-host-pages.tsx'
import { tenantPages } from './tenant-pages.tsx'
import { tokenPages } from './token-pages.tsx'
import { userPages } from './user-pages.tsx'

export function allPages(deps: AdminDeps, find: LookUps): Page[] {
  const pages = [
    ...joiningPages(deps),
    ...accountPages(deps),
    ...overviewPages(deps, find),
    ...delegationPages(deps, find),
    ...changeDelegationPages(deps, find),
    ...addDomainPages(deps, find),
    ...domainListPages(deps, find),
    ...sourceDomainPages(deps, find),
    ...domainImportPages(deps, find),
    ...checkPages(deps),
    ...serviceLineagePages(deps),
    ...lineageListPages(deps, find),
    ...certificatePages(deps, find),
    ...authorityPages(deps, find),
    ...jobPages(deps),
    ...targetHostPages(deps, find),
    ...tenantPages(deps),
    ...memberPages(deps),
    ...tokenPages(deps, find),
    ...auditPages(deps, find),
    ...userPages(deps, find),
    ...settingsPages(deps),
    ...actingPages(deps),
    ...preferencePages(),
    ...problemPages(),
  ]
  return [...signInPages(deps, pages), ...pages]
}
