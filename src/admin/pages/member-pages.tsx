import { z } from 'zod'
import { entityTag } from '../../act.ts'
import type { IssuedLink } from '../../tenant/accounts.ts'
import type { Invitation } from '../../tenant/link.ts'
import { ROLES, type Member } from '../../tenant/member.ts'
import type { Principal } from '../../tenant/principal.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import { requireGraveFor } from '../api/member-routes.ts'
import { emailField, roleField } from '../api/people.ts'
import { authorize } from '../api/route.ts'
import type { AdminDeps } from '../deps.ts'
import { tenantNameField } from '../input.ts'
import { confirmed } from './confirmed.tsx'
import { useNow, useTexts } from './context.ts'
import { InvitationList, MOST_SHOWN, openInvitation } from './invitation-list.tsx'
import { LinkPage } from './link-page.tsx'
import { ListTable, pageOfList, type ListView } from './list.tsx'
import { listQuery, type ListRequest } from './list-query.ts'
import { form, page, type Page, type Refusal, type Seen, type View } from './page.tsx'
import { Badge, Choice, FormProblem, TextField, When } from './parts.tsx'
import { atField, byCode, refusalIn } from './refusals.ts'
import { formEtag } from './tenant-pages.tsx'
import { TenantHeading, tenantPath } from './tenant-heading.tsx'
import type { Texts } from './texts.ts'
import { mayChange, titleOf } from './whose.tsx'

const ofTenant = z.strictObject({ tenant: tenantNameField })
const ofMember = z.strictObject({ ...ofTenant.shape, user: z.uuid() })
const ofInvitation = z.strictObject({ ...ofTenant.shape, id: z.uuid() })

export function memberPages({ members, links, accounts, sessions }: AdminDeps): Page[] {
  const membersView = async (
    { tenant, principal, act, texts }: Pick<Seen<unknown, unknown, 'viewer'>, 'tenant' | 'principal' | 'act' | 'texts'>,
    request: ListRequest,
    refusal?: Refusal,
  ): Promise<View> => {
    const isOwner = mayChange(principal, 'owner', tenant, act.at)
    return {
      title: titleOf(texts.members.title, tenant),
      area: 'tenants',
      main: (
        <MembersPage
          tenant={tenant}
          principal={principal}
          list={await pageOfList<Member, string>(
            `${tenantPath(tenant)}/members`,
            request,
            (part) => members.list(tenant.id, part),
            ({ email }) => email,
            (after) => after,
          )}
          invitations={isOwner ? await links.listInvitations(tenant.id, act.at, { limit: MOST_SHOWN }) : []}
          refusal={refusal}
        />
      ),
    }
  }

  async function member(texts: Texts, tenant: Tenant, userId: string): Promise<Member> {
    const found = await members.find(tenant.id, userId)
    if (!found) throw refusalIn(texts, 'not-found', texts.refusals.noMember(tenant.name))
    return found
  }

  const told = (tenant: Tenant, text: string) => ({
    to: `${tenantPath(tenant)}/members`,
    notice: { text, warnings: [] },
  })

  /** Owners remove whom they like; everybody may leave. */
  function mustBeOwnOrOwner(
    { tenant, principal, act, params }: Seen<z.output<typeof ofMember>, undefined, 'viewer'>,
    isChange: boolean,
  ): boolean {
    const isOwn = params.user === principal.userId
    if (!isOwn) authorize({ access: 'owner' }, principal, tenant, act.at, { isChange })
    return isOwn
  }

  return [
    page({ path: '/tenants/:tenant/members', access: 'viewer', params: ofTenant, query: listQuery }, (seen) =>
      membersView(seen, seen.query),
    ),
    form(
      {
        path: '/tenants/:tenant/members/:user/role',
        standsOn: '/tenants/:tenant/members',
        access: 'owner',
        params: ofMember,
        form: z.strictObject({ role: roleField, etag: formEtag }),
      },
      async ({ role, etag }, { tenant, params: { user }, principal, session, act, texts }) => {
        requireGraveFor(role, principal, act.at)
        const before = await member(texts, tenant, user)
        const { email } = await members.setRole(tenant.id, user, role, { ...act, ifMatch: [etag] })
        if (role !== before.role) await sessions.closeAll(user, act, session.id)
        return told(tenant, texts.members.changed(email, texts.roles[role]))
      },
      (refusal, seen) => membersView(seen, {}, { ...refusal, typed: {} }),
    ),
    ...confirmed(
      { path: '/tenants/:tenant/members/:user/remove', access: 'viewer', params: ofMember },
      async (seen) => {
        const { tenant, params, texts } = seen
        const isOwn = mustBeOwnOrOwner(seen, false)
        const { email } = await member(texts, tenant, params.user)
        return {
          title: isOwn ? texts.members.leaveTitle(tenant.name) : texts.members.removeTitle(email, tenant.name),
          lines: [isOwn ? texts.members.leaveWhat : texts.members.removeWhat],
          button: isOwn ? texts.members.leave : texts.remove,
          back: `${tenantPath(tenant)}/members`,
          area: 'tenants',
        }
      },
      async (_form, seen) => {
        const { tenant, params, session, act, texts } = seen
        const isOwn = mustBeOwnOrOwner(seen, true)
        const { email } = await member(texts, tenant, params.user)
        await members.remove(tenant.id, params.user, act)
        await sessions.closeAll(params.user, act, session.id)
        return isOwn
          ? { to: '/tenants', notice: { text: texts.members.left(tenant.name), warnings: [] } }
          : told(tenant, texts.members.removed(email, tenant.name))
      },
    ),
    form(
      {
        path: '/tenants/:tenant/invitations',
        standsOn: '/tenants/:tenant/members',
        access: 'owner',
        params: ofTenant,
        form: z.strictObject({ email: emailField, role: roleField }),
      },
      async ({ email, role }, { tenant, principal, act, texts }) => {
        requireGraveFor(role, principal, act.at)
        const { invitation, link } = await accounts.invite(principal, { tenant, role, email }, act)
        return { shown: invitedView(texts, tenant, invitation, link) }
      },
      (refusal, seen) => membersView(seen, {}, atField(refusal, byCode({ 'already-exists': 'email' }))),
    ),
    ...confirmed(
      { path: '/tenants/:tenant/invitations/:id/withdraw', access: 'owner', params: ofInvitation },
      async ({ tenant, params: { id }, act, texts }) => ({
        title: texts.members.withdrawTitle((await openInvitation(texts, links, tenant, id, act.at)).email),
        lines: [texts.members.withdrawWhat],
        button: texts.members.withdraw,
        back: `${tenantPath(tenant)}/members`,
        area: 'tenants',
      }),
      async (_form, { tenant, params: { id }, act, texts }) => {
        const { email } = await openInvitation(texts, links, tenant, id, act.at)
        await links.withdrawInvitation(tenant.id, id, act)
        return told(tenant, texts.members.withdrawn(email))
      },
    ),
  ]
}

function invitedView(texts: Texts, tenant: Tenant, { email }: Invitation, link: IssuedLink): View {
  return {
    title: texts.members.invited(email),
    area: 'tenants',
    main: (
      <LinkPage
        within={{ href: `${tenantPath(tenant)}/members`, title: texts.members.title }}
        title={texts.members.invited(email)}
        lead={texts.members.invitedLead}
        link={link}
      />
    ),
  }
}

interface MembersProps {
  tenant: Tenant
  principal: Principal
  list: ListView<Member>
  invitations: Invitation[]
  refusal: Refusal | undefined
}

function MembersPage({ tenant, principal, list, invitations, refusal }: MembersProps) {
  const all = useTexts()
  const t = all.members
  const now = useNow()
  const isOwner = mayChange(principal, 'owner', tenant, now)
  const mayLeave = mayChange(principal, 'viewer', tenant, now)
  const path = tenantPath(tenant)
  const roles = ROLES.map((role) => [role, `${all.roles[role]}: ${all.roleHints[role]}`] as const)
  return (
    <>
      <TenantHeading tenant={tenant} principal={principal} part="members" />
      {refusal && refusal.typed['email'] === undefined ? <FormProblem refusal={refusal} /> : null}
      <section class="card" aria-label={t.title}>
        <ListTable
          texts={t}
          list={list}
          columns={[t.email, t.role, t.secondFactor, t.since, all.actions]}
          row={(member) => {
            const isOwn = member.id === principal.userId
            return (
              <tr key={member.id}>
                <th scope="row">{member.email}</th>
                <td data-label={t.role}>
                  {isOwner ? (
                    <form method="post" action={`${path}/members/${member.id}/role`} class="row-actions">
                      <input type="hidden" name="etag" value={entityTag(member)} />
                      <select name="role" aria-label={t.roleOf(member.email)}>
                        {ROLES.map((role) => (
                          <option key={role} value={role} selected={role === member.role}>
                            {all.roles[role]}
                          </option>
                        ))}
                      </select>
                      <button type="submit" class="small">
                        {all.save}
                        <span class="visually-hidden"> {member.email}</span>
                      </button>
                    </form>
                  ) : (
                    all.roles[member.role]
                  )}
                </td>
                <td data-label={t.secondFactor}>
                  {member.hasSecondFactor ? (
                    <Badge tone="good" icon="check">
                      {all.secondFactor.isOn}
                    </Badge>
                  ) : (
                    <Badge tone="wait" icon="alert">
                      {all.secondFactor.isOff}
                    </Badge>
                  )}
                </td>
                <td data-label={t.since}>
                  <When at={member.createdAt} />
                </td>
                <td data-label={all.actions}>
                  {isOwner || (isOwn && mayLeave) ? (
                    <a class="button small" href={`${path}/members/${member.id}/remove`}>
                      {isOwn ? t.leave : all.remove}
                      <span class="visually-hidden"> {member.email}</span>
                    </a>
                  ) : null}
                </td>
              </tr>
            )
          }}
        />
      </section>
      {isOwner ? (
        <>
          <InvitationList title={t.invitations} invitations={invitations} path={`${path}/invitations`} />
          <section class="card padded" aria-labelledby="invite">
            <h2 id="invite">{t.invite}</h2>
            <form method="post" action={`${path}/invitations`} class="stack">
              {refusal?.typed['email'] === undefined ? null : (
                <FormProblem refusal={refusal} fields={{ email: all.fields.email, role: t.role }} />
              )}
              <TextField name="email" label={all.fields.email} refusal={refusal} isRequired type="email" />
              <Choice name="role" label={t.role} refusal={refusal} isRequired options={roles} />
              <button type="submit" class="primary">
                {t.inviteButton}
              </button>
            </form>
          </section>
        </>
      ) : null}
    </>
  )
}
