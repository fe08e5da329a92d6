import { expect, test } from 'vitest'
import { onBothEngines } from '../support/databases.ts'

onBothEngines('saved filters', (database) => {
  const { act, clock } = database

  test('are their user’s alone, of one list, by name', async () => {
    const { users, savedFilters } = database.storage
    const [one, other] = await Promise.all(
      ['one@example.com', 'other@example.com'].map((email) =>
        users.add({ email, isOperator: false, passwordHash: 'x' }, act()),
      ),
    )
    const add = (name: string, query = 'standing=unproven', list = '/source-domains') =>
      savedFilters.add(one!.id, list, { name, query }, clock.now())
    await add('b')
    await add('a', 'search=x')
    await add('a', '', '/certificates')
    const all = await savedFilters.list(one!.id, '/source-domains')
    expect(all).toMatchObject([
      { name: 'a', query: 'search=x' },
      { name: 'b', query: 'standing=unproven' },
    ])
    expect(await savedFilters.list(other!.id, '/source-domains')).toEqual([])
    await expect(add('a')).rejects.toMatchObject({ code: 'already-exists' })
    const [{ id } = { id: '' }] = all
    for (const [userId, list] of [
      [other!.id, '/source-domains'],
      [one!.id, '/certificates'],
    ] as const)
      await expect(savedFilters.remove(userId, list, id)).rejects.toMatchObject({ code: 'not-found' })
    await savedFilters.remove(one!.id, '/source-domains', id)
    expect(await savedFilters.list(one!.id, '/source-domains')).toMatchObject([{ name: 'b' }])
    for (let i = 1; i < 30; i++) await add(`c${i}`)
    await expect(add('z')).rejects.toMatchObject({ code: 'quota-reached' })
    await users.remove(one!.id, act())
    expect(await savedFilters.list(one!.id, '/source-domains')).toEqual([])
  })
})
