import { z } from 'zod'
import { DOMAIN_STANDINGS, LINEAGE_STANDINGS } from '../filtered-lists.ts'
import { line, tenantNameField } from '../input.ts'

/** What every list in the pages takes. */
export const listQuery = z.strictObject({
  after: line(400).optional(),
  search: line(253).trim().optional(),
})

/** What a form's choice sends where nothing is chosen. */
const orAny = <S extends z.ZodType>(schema: S) =>
  z.preprocess((chosen) => (chosen === '' ? undefined : chosen), schema.optional())

/** Of lists that show one tenant's things, or everybody's. */
export const tenantListQuery = z.strictObject({
  ...listQuery.shape,
  tenant: orAny(tenantNameField),
})

export const domainListQuery = z.strictObject({
  ...tenantListQuery.shape,
  standing: orAny(z.enum(DOMAIN_STANDINGS)),
  mode: orAny(z.enum(['hosted', 'external'])),
})

export const lineageListQuery = z.strictObject({
  ...tenantListQuery.shape,
  standing: orAny(z.enum(LINEAGE_STANDINGS)),
})

export const delegationListQuery = z.strictObject({
  ...tenantListQuery.shape,
  standing: orAny(z.literal('rule-wrong')),
})

export type ListRequest = z.output<typeof listQuery>
