/** `npm run test:long`: whole sizes, of which `npm test` runs a part. */
export const isLong = process.env['WAYPOST_TEST_LONG'] === '1'
