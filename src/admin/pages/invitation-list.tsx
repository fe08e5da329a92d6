import type { Invitation, LinkStore } from '../../tenant/link.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import { useTexts } from './context.ts'
import { When } from './parts.tsx'
import { refusalIn } from './refusals.ts'
import type { Texts } from './texts.ts'

export const MOST_SHOWN = 100

/** @param tenant null: to be an operator. @throws ProblemError not-found */
export async function openInvitation(
  texts: Texts,
  links: Pick<LinkStore, 'listInvitations'>,
  tenant: Tenant | null,
  id: string,
  now: Date,
): Promise<Invitation> {
  const open = await links.listInvitations(tenant?.id ?? null, now, { limit: MOST_SHOWN })
  const found = open.find((each) => each.id === id)
  if (!found) throw refusalIn(texts, 'not-found', texts.refusals.noInvitation)
  return found
}

/** @param props.path below which each is withdrawn */
export function InvitationList(props: { title: string; invitations: readonly Invitation[]; path: string }) {
  const all = useTexts()
  const t = all.members
  const { title, invitations, path } = props
  if (invitations.length === 0) return null
  return (
    <section class="card" aria-labelledby="invitations">
      <div class="card-head">
        <h2 id="invitations">{title}</h2>
      </div>
      <ul class="rows">
        {invitations.map(({ id, email, role, expiresAt }) => (
          <li key={id}>
            <div>
              <strong>{email}</strong>
              <p class="quiet-text">
                {role ? all.roles[role] : all.operator} · {all.expires} <When at={expiresAt} />
              </p>
            </div>
            <a class="button small" href={`${path}/${id}/withdraw`}>
              {t.withdraw}
              <span class="visually-hidden"> {email}</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  )
}
