import { z } from 'zod'
import { line } from '../input.ts'

/** What every list in the pages takes. */
export const listQuery = z.strictObject({
  after: line(400).optional(),
  search: line(253).trim().optional(),
})

export type ListRequest = z.output<typeof listQuery>
