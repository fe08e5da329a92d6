// knex publishes no types for its dialects, and has no option for the kind of BEGIN.
declare module 'knex/lib/dialects/better-sqlite3/index.js' {
  import type { Knex } from 'knex'

  export interface DialectTransaction {
    begin(connection: unknown): Promise<unknown>
    query(connection: unknown, sql: string): Promise<unknown>
  }

  export default class Client extends Knex.Client {
    protected _query(connection: unknown, query: unknown): Promise<unknown>
    transaction(container: unknown, config: unknown, outer: unknown): DialectTransaction & Knex.Transaction
  }
}
