/** What a request with an Idempotency-Key was answered, so that the same request is never carried out twice. */
export interface IdempotencyStore {
  /**
   * 'begun': nobody has used the key before, and the caller carries the request out. Otherwise what the first one led to.
   * @param request hash of method, path and body
   */
  begin(
    caller: string,
    key: string,
    requestHash: string,
    at: Date,
  ): Promise<'begun' | { requestHash: string; beganAt: Date; answer: Uint8Array | null }>
  /** Sealed by the store: it may hold a secret that is shown once. */
  answer(caller: string, key: string, answer: Uint8Array): Promise<void>
  /** It was refused and has changed nothing: the key may be used again. */
  abandon(caller: string, key: string): Promise<void>
}
