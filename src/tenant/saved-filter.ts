/** A list as a user wants to see it again. */
export interface SavedFilter {
  id: string
  name: string
  query: string // "standing=unproven&search=example"
}

export interface SavedFilterStore {
  /** By name. */
  list(userId: string, list: string): Promise<SavedFilter[]>
  /**
   * @param list its path: "/source-domains"
   * @throws ProblemError already-exists: they have one of that name; quota-reached
   */
  add(userId: string, list: string, filter: Omit<SavedFilter, 'id'>, now: Date): Promise<void>
  /** @throws ProblemError not-found */
  remove(userId: string, list: string, id: string): Promise<void>
}
