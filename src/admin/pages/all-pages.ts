import type { AdminDeps, LookUps } from '../deps.ts'
import { accountPages } from './account-pages.tsx'
import { auditPages } from './audit-pages.tsx'
import { authorityPages } from './authority-pages.tsx'
import { certificatePages } from './certificate-pages.tsx'
import { delegationPages } from './delegation-pages.tsx'
import { jobPages } from './job-pages.tsx'
import { joiningPages } from './joining-pages.tsx'
import { memberPages } from './member-pages.tsx'
import type { Page } from './page.tsx'
import { problemPages } from './problem-page.tsx'
import { serviceLineagePages } from './service-lineage-pages.tsx'
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
    ...delegationPages(deps, find),
    ...sourceDomainPages(deps, find),
    ...serviceLineagePages(deps),
    ...certificatePages(deps, find),
    ...authorityPages(deps, find),
    ...jobPages(deps),
    ...targetHostPages(deps, find),
    ...tenantPages(deps),
    ...memberPages(deps),
    ...tokenPages(deps, find),
    ...auditPages(deps, find),
    ...userPages(deps, find),
    ...problemPages(),
  ]
  return [...signInPages(deps, pages), ...pages]
}
