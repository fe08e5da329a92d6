import type { Act } from '../act.ts'
import { acmeProblem } from './acme-problem.ts'
import type { Authority, AuthorityStore } from './authority.ts'
import { isRefusal } from './failure.ts'
import type { AcmeSession, OpenSession } from './session.ts'

/**
 * Finishes a change of an account's key that a crash cut off between the authority's yes and our own note of it, where
 * the account answers to the next key. Until then everything that is signed with the present one is refused.
 * @returns whether it was that
 * @throws ProblemError authority-unreachable, authority-refused: it could not be asked
 */
export function accountKeyChange(deps: {
  store: Pick<AuthorityStore, 'preparedAccountKey' | 'replaceAccountKey'>
  open: OpenSession
}): (authority: Authority, act: Act) => Promise<boolean> {
  const { store, open } = deps
  return async (authority, act) => {
    const nextKey = await store.preparedAccountKey(authority.id)
    if (nextKey === null || !(await answersTo(open(authority, nextKey)))) return false
    await store.replaceAccountKey(authority.id, nextKey, act)
    return true
  }
}

/** @throws ProblemError authority-unreachable, authority-refused: it has answered neither yes nor no */
export async function answersTo(session: AcmeSession): Promise<boolean> {
  try {
    await session.account()
    return true
  } catch (error) {
    const problem = acmeProblem(error)
    if (problem && isRefusal(problem)) return false
    throw error
  }
}
