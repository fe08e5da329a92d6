export type When = 'before' | 'after'

/** Guards dependencies of a process that is killed at its n-th call of them; from then on it does nothing more. */
export function guardedCalls(n: number, when: When) {
  let count = 0
  const guard = <T extends object>(of: T): T =>
    new Proxy(of, {
      get(target, name) {
        const method = target[name as keyof T]
        if (typeof method !== 'function' || name === 'clockSkewMs') return method
        return async (...args: unknown[]) => {
          count++
          if (count > n || (count === n && when === 'before')) throw new Error('killed')
          const result: unknown = await method.apply(target, args)
          if (count === n) throw new Error('killed')
          return result
        }
      },
    })
  return { guard, count: () => count }
}
