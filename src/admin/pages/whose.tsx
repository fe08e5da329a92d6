import type { Role } from '../../tenant/member.ts'
import { isAtLeast } from '../../tenant/member.ts'
import { verdict, type Access, type Principal } from '../../tenant/principal.ts'
import type { Tenant, TenantStore } from '../../tenant/tenant.ts'
import { authorize } from '../api/route.ts'
import type { LookUps } from '../deps.ts'
import { useTexts } from './context.ts'
import type { Refusal } from './page.tsx'
import { Choice, TextField } from './parts.tsx'
import { refusalIn } from './refusals.ts'
import { suggestedTenants } from './suggestions.ts'
import type { Texts } from './texts.ts'

const MOST = 200

/** Whose things a list shows. */
export interface Whose {
  of: string | 'all' | undefined // a tenant's id; 'all': the operator sees everybody's; undefined: a member of no tenant
  tenant: Tenant | null // the one that is shown
  own: readonly Tenant[] // which a member may choose from; none for the operator
}

/**
 * The tenant that a list is asked for, or the first of a member's own.
 * @throws ProblemError not-found: it is none of theirs
 */
export async function whoseList(
  { tenants }: { tenants: TenantStore },
  find: LookUps,
  principal: Principal,
  name: string | undefined,
  now: Date,
): Promise<Whose> {
  const own = principal.isOperator ? [] : await tenantsOf(tenants, principal, 'viewer')
  if (name === undefined)
    return principal.isOperator ? { of: 'all', tenant: null, own } : { of: own[0]?.id, tenant: own[0] ?? null, own }
  const tenant = await find.tenant(name)
  authorize({ access: 'viewer' }, principal, tenant, now, { isChange: false })
  return { of: tenant.id, tenant, own }
}

/** The tenant that a form's field names: who fills in another's is refused as everywhere. */
export async function tenantToChange(find: LookUps, principal: Principal, name: string, now: Date): Promise<Tenant> {
  const tenant = await find.tenant(name)
  authorize({ access: 'admin' }, principal, tenant, now, { isChange: true })
  return tenant
}

export function maySee(principal: Principal, access: Access, tenant: Tenant | null, now: Date): boolean {
  return verdict(principal, { access }, tenant?.id ?? null, now) === 'allowed'
}

/** Whether to offer somebody what they would be refused. */
export function mayChange(principal: Principal, access: Access, tenant: Tenant | null, now: Date): boolean {
  const isOpen = principal.isOperator || tenant === null || tenant.suspendedAt === null
  return isOpen && maySee(principal, access, tenant, now)
}

/** What a form's field for the tenant offers. */
export interface TenantChoices {
  isFree: boolean // the operator may name any
  names: readonly string[]
  chosen: string | undefined
}

/** @throws ProblemError forbidden: there is no tenant that they may change, so that a form would be of no use */
export async function tenantsToChoose(
  texts: Texts,
  { tenants }: { tenants: TenantStore },
  principal: Principal,
): Promise<TenantChoices> {
  const choices = await tenantChoices({ tenants }, principal)
  if (isWithoutChoice(choices)) throw refusalIn(texts, 'forbidden', texts.refusals.noTenantToChange)
  return choices
}

function isWithoutChoice({ isFree, names }: TenantChoices): boolean {
  return !isFree && names.length === 0
}

/** Whether to offer changes beside a list. @param shown the tenant whose things it shows; null: all that one may see */
export function isToChange(choices: TenantChoices, shown: Tenant | null): boolean {
  return shown === null ? !isWithoutChoice(choices) : choices.isFree || choices.names.includes(shown.name)
}

export async function tenantChoices(
  { tenants }: { tenants: TenantStore },
  principal: Principal,
  chosen?: Tenant | null,
): Promise<TenantChoices> {
  const names = principal.isOperator
    ? await suggestedTenants({ tenants })
    : (await tenantsOf(tenants, principal, 'admin'))
        .filter(({ suspendedAt }) => suspendedAt === null)
        .map(({ name }) => name)
  const preset = chosen?.name ?? (names.length === 1 ? names[0] : undefined)
  return { isFree: principal.isOperator, names, chosen: preset }
}

async function tenantsOf(tenants: TenantStore, { roles }: Principal, least: Role): Promise<Tenant[]> {
  const among = [...roles].filter(([, role]) => isAtLeast(role, least)).map(([id]) => id)
  return among.length === 0 ? [] : tenants.list({ limit: MOST, among })
}

/** Of a page in several tabs: whose things it shows. */
export function titleOf(title: string, tenant: Tenant | null): string {
  return tenant ? `${title} · ${tenant.name}` : title
}

/** A member of several tenants sees one at a time. */
export function TenantChooser({ action, whose: { own, tenant } }: { action: string; whose: Whose }) {
  const t = useTexts()
  if (own.length < 2) return null
  return (
    <form class="chooser" method="get" action={action}>
      <label for="chosen-tenant">{t.fields.tenant}</label>
      <select id="chosen-tenant" name="tenant">
        {own.map(({ name }) => (
          <option key={name} value={name} selected={name === tenant?.name}>
            {name}
          </option>
        ))}
      </select>
      <button type="submit">{t.show}</button>
    </form>
  )
}

export function TenantField(props: {
  name: string
  label: string
  hint: string
  choices: TenantChoices
  refusal: Refusal | undefined
  isOptional?: boolean
}) {
  const { name, label, hint, choices, refusal, isOptional = false } = props
  const field = { name, label, refusal, isRequired: !isOptional || !choices.isFree }
  if (choices.isFree)
    return (
      <TextField
        {...field}
        hint={hint}
        suggestions={choices.names}
        {...(isOptional ? {} : { value: choices.chosen })}
      />
    )
  const [only] = choices.names
  if (choices.names.length === 1 && only !== undefined)
    return (
      <div class="field">
        <p>
          <strong>{label}</strong> {only}
        </p>
        <input type="hidden" name={name} value={only} />
      </div>
    )
  return (
    <Choice
      {...field}
      options={choices.names.map((tenant) => [tenant, tenant] as const)}
      {...(choices.chosen === undefined ? {} : { value: choices.chosen })}
    />
  )
}
