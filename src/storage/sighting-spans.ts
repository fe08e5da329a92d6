import type { Knex } from 'knex'
import type { Claim, Sighting, SightingSpan } from '../tenant/control.ts'

/** Of each claim. */
export const SPANS_KEPT = 20

interface SpanRow {
  source_domain_id: string
  first_at: number
  last_at: number
  looks: number
  outcome: SightingSpan['outcome']
  proof: SightingSpan['proof']
}

/** The newest first. */
export async function sightingSpans(knex: Knex, claimId: string): Promise<SightingSpan[]> {
  const rows = await spansOf(knex, claimId).limit(SPANS_KEPT)
  return rows.map(({ first_at, last_at, looks, outcome, proof }) => ({
    ...{ outcome, proof, looks },
    firstAt: new Date(first_at),
    lastAt: new Date(last_at),
  }))
}

/** A look that came to the same as the one before lengthens its span; another begins one, and the oldest goes. */
export async function noteSighting(
  trx: Knex.Transaction,
  { id }: Pick<Claim, 'id'>,
  sighting: Sighting,
  lookedAt: Date,
): Promise<void> {
  const at = lookedAt.getTime()
  const { outcome } = sighting
  const proof = sighting.outcome === 'ok' ? sighting.proof : null
  const last = await spansOf(trx, id).first()
  if (last && last.outcome === outcome && last.proof === proof) {
    const { first_at, looks } = last
    await trx<SpanRow>('sighting_span')
      .where({ source_domain_id: id, first_at })
      .update({ last_at: at, looks: looks + 1 })
    return
  }
  // A look of the same instant replaces: a clock was set back
  await trx<SpanRow>('sighting_span')
    .insert({ source_domain_id: id, first_at: at, last_at: at, looks: 1, outcome, proof })
    .onConflict(['source_domain_id', 'first_at'])
    .merge()
  const [oldestKept] = await spansOf(trx, id)
    .offset(SPANS_KEPT - 1)
    .limit(1)
  if (oldestKept)
    await trx<SpanRow>('sighting_span')
      .where({ source_domain_id: id })
      .where('first_at', '<', oldestKept.first_at)
      .del()
}

function spansOf(knex: Knex | Knex.Transaction, claimId: string) {
  return knex<SpanRow>('sighting_span').where({ source_domain_id: claimId }).orderBy('first_at', 'desc')
}
