import type { PublishedLineage } from '../certificate/lineage.ts'
import type { DomainName } from '../name.ts'
import type { HostMeta } from './host-meta.ts'
import type { PoshAnswer, PublishedDelegation } from './delegation.ts'

/**
 * What a name is to this server, with all that the edge needs to answer for it. A name may be both a
 * source domain and a target host; the admin host is neither. An unknown name has none of the three.
 */
export interface Host {
  name: DomainName
  isAdmin: boolean
  /** The lineage whose active certificate is presented over HTTPS; null: none yet, or an external source domain. */
  frontLineageId: string | null
  targetHost: { port: number } | null
  sourceDomain: PublishedSourceDomain | null
}

/** A source domain that is held, that is, whose tenant has a proof of control in force. */
export interface PublishedSourceDomain {
  name: DomainName
  mode: 'hosted' | 'external'
  isSuspended: boolean // it, or its tenant
  changedAt: Date // the last act on it or its delegations
  delegations: PublishedDelegation[]
  hostMeta: HostMeta | null // null: switched off
}

export type { PoshAnswer, PublishedDelegation }

/**
 * Names and lineages as the edge sees them: an LRU over the database that the change feed keeps true.
 * `peek…` looks in memory only, so that a hot request need not wait for a promise.
 */
export interface HostDirectory {
  peekHost(name: DomainName): Host | undefined
  findHost(name: DomainName): Promise<Host>
  peekLineage(id: string): PublishedLineage | undefined
  /** Undefined where the lineage is gone. */
  findLineage(id: string): Promise<PublishedLineage | undefined>
}
