import type { DomainName } from '../name.ts'
import type { Delegation } from './delegation.ts'

/** What the owner of an external source domain puts on their own web server, as data. */
export interface RedirectRule {
  server: 'nginx' | 'apache' | 'caddy' | 'haproxy' | 'cloudflare' | 'static'
  title: string // "nginx", "A static host that cannot redirect"
  where: string // where it goes, one sentence
  text: string // to be copied as it is; of 'static' the files to make, each after a line with its path
}

/** One rule for each kind of web server, for all delegations of the name together. Empty where nothing is delegated. */
export declare function redirectRules(
  name: DomainName,
  delegations: readonly Pick<
    Delegation,
    'service' | 'protocol' | 'targetHost' | 'targetPort' | 'tlsAnswer' | 'poshAnswer'
  >[],
): RedirectRule[]
