/** For knex, which writes to the console what it throws as well. */
export const silent = { warn() {}, error() {}, deprecate() {}, debug() {} }
