import { z } from 'zod'
import { line, tenantNameField } from '../input.ts'

/** What every list in the pages takes. */
export const listQuery = z.strictObject({
  after: line(400).optional(),
  search: line(253).trim().optional(),
})

/** Of lists that show one tenant's things, or everybody's. */
export const tenantListQuery = z.strictObject({
  ...listQuery.shape,
  tenant: z.preprocess((chosen) => (chosen === '' ? undefined : chosen), tenantNameField.optional()),
})

export type ListRequest = z.output<typeof listQuery>
