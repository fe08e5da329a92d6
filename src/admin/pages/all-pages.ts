import type { SignIn } from '../../tenant/sign-in.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { certificatePages } from './certificate-pages.tsx'
import { delegationPages } from './delegation-pages.tsx'
import type { Page } from './page.tsx'
import { problemPages } from './problem-page.tsx'
import { signInPages } from './sign-in-pages.tsx'
import { sourceDomainPages } from './source-domain-pages.tsx'
import { targetHostPages } from './target-host-pages.tsx'
import { tenantPages } from './tenant-pages.tsx'

export function allPages(deps: AdminDeps, find: LookUps, signIns: SignIn): Page[] {
  return [
    ...signInPages(signIns),
    ...delegationPages(deps, find),
    ...sourceDomainPages(deps, find),
    ...certificatePages(deps, find),
    ...targetHostPages(deps),
    ...tenantPages(deps),
    ...problemPages(),
  ]
}
