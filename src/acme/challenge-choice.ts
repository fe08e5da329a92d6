import type { Challenge, ChallengeType } from './session.ts'

/** Those that an edge answers by itself. */
export type EdgeType = Exclude<ChallengeType, 'dns-01'>

/**
 * The challenge to answer: of the types that can be answered here the first; after a failure the one behind the type that
 * failed, so that in the end each has its turn. Undefined: the authority offers none of them.
 */
export function chooseChallenge(
  offered: readonly Challenge[],
  answerable: readonly ChallengeType[],
  failedType: string | null,
): Challenge | undefined {
  const possible = answerable.flatMap((type) => offered.find((challenge) => challenge.type === type) ?? [])
  const failed = possible.findIndex(({ type }) => type === failedType)
  return possible[(failed + 1) % possible.length]
}
