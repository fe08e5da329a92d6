import type { DomainName } from '../name.ts'

/** What the policy for names has to know of this installation. */
export interface NamePolicy {
  adminHost: DomainName
  edgeName: DomainName // every tenant's own edge name is below it
  allow: readonly string[] // names, with all below them, that may be registered though they are special or a public suffix
}

/**
 * Refuses what nobody may register: public suffixes (also of the private section, as "github.io"), special-use names
 * (RFC 6761 and its registry), and the operator's own.
 * @throws ProblemError name-refused, with a rule and the reason
 */
export declare function requireRegistrable(name: DomainName, policy: NamePolicy): void
