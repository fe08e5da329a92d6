const TRIES = 3 // for a key that changes faster than it is read

/**
 * Loads a key once, however many ask at the same time. What was begun before an invalidation is neither kept nor
 * handed out: it may have read the state before.
 */
export function singleFlight<Key, Value>(load: (key: Key) => Promise<Value>, keep: (key: Key, value: Value) => void) {
  const inFlight = new Map<Key, Promise<Value>>() // an overtaken one is no longer in here

  function begin(key: Key, tries: number): Promise<Value> {
    const flight: Promise<Value> = load(key).then(
      (value) => {
        if (inFlight.get(key) !== flight) return tries > 1 ? (inFlight.get(key) ?? begin(key, tries - 1)) : value
        inFlight.delete(key)
        keep(key, value)
        return value
      },
      (error: unknown) => {
        if (inFlight.get(key) === flight) inFlight.delete(key)
        throw error
      },
    )
    inFlight.set(key, flight)
    return flight
  }

  return {
    find: (key: Key): Promise<Value> => inFlight.get(key) ?? begin(key, TRIES),
    overtake: (key: Key): void => void inFlight.delete(key),
    overtakeAll: (): void => inFlight.clear(),
  }
}
