import type { Act } from '../act.ts'
import type { Role } from './member.ts'

/** What a one-time link is for. */
export type LinkFor =
  | { purpose: 'sign-in' } // of the operator of the machine, by the command line
  | { purpose: 'invitation'; tenantId: string; role: Role; email: string } // lower case
  | { purpose: 'invitation'; tenantId: null; role: null; email: string } // to be an operator
  | { purpose: 'password'; userId: string }

export type Link = LinkFor & {
  id: string
  createdBy: string
  createdById: string | null // of the user, also of one whose token has made it; null: machine, command line
  createdAt: Date
  expiresAt: Date
}

export type Invitation = Extract<Link, { purpose: 'invitation' }>

/** Of a link's token, 256 random bits, only the SHA-256 is stored. */
export interface LinkStore {
  add(tokenHash: string, link: LinkFor & Pick<Link, 'expiresAt' | 'createdById'>, act: Act): Promise<Link>
  /** Looks, and uses nothing up. Undefined where it is unknown, used or expired. */
  find(tokenHash: string, now: Date): Promise<Link | undefined>
  /** Uses it up. Undefined where it is unknown, of another purpose, used or expired; of two at once one gets it. */
  use(tokenHash: string, purpose: Link['purpose'], now: Date): Promise<Link | undefined>
  /** The invitations that are still open, newest first. @param tenantId null: to be an operator */
  listInvitations(tenantId: string | null, now: Date, page: { after?: string; limit: number }): Promise<Invitation[]>
  /** @throws ProblemError not-found */
  withdrawInvitation(tenantId: string | null, id: string, act: Act): Promise<void>
}
