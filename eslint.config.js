import eslint from '@eslint/js'
import tseslint from 'typescript-eslint'

// Each third-party package has one room: an import anywhere else is an error.
const rooms = {
  storage: ['knex', 'knex/*', 'better-sqlite3', 'pg'],
  admin: ['express', 'helmet', 'preact', 'preact/*', 'preact-render-to-string', '@asteasolutions/zod-to-openapi'],
  certificate: ['@peculiar/x509', 'reflect-metadata'],
  cli: ['commander', '@clack/prompts', 'csv-parse', 'csv-parse/*'],
}
const forbiddenIn = (room) =>
  Object.entries(rooms)
    .filter(([owner]) => owner !== room)
    .map(([owner, group]) => ({ group, message: `only src/${owner} may import this` }))
const noun = ['**/storage/**', '**/edge/**', '**/admin/**', '**/cli/**']
const arrows = {
  certificate: [...noun, '**/delegation/**', '**/tenant/**', '**/verify/**'],
  delegation: [...noun, '**/tenant/**', '**/verify/**'],
  tenant: [...noun, '**/delegation/**', '**/certificate/**', '**/verify/**'],
  verify: [...noun, '**/tenant/**', '**/outside/**'],
  work: [...noun, '**/delegation/**', '**/certificate/**', '**/tenant/**', '**/verify/**'],
  outside: [...noun, '**/delegation/**', '**/certificate/**', '**/tenant/**'],
  edge: ['**/storage/**', '**/admin/**', '**/cli/**'],
  admin: ['**/storage/**', '**/edge/**', '**/cli/**'],
  storage: ['**/edge/**', '**/admin/**', '**/cli/**', '**/verify/**'],
  cli: [],
}

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'public', 'coverage'] },
  eslint.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['*.js'] } } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/require-await': 'off', // a port may be async though one of its implementations is not
      '@typescript-eslint/unbound-method': 'off', // our objects are plain, nothing has a `this`
      '@typescript-eslint/no-redundant-type-constituents': 'off', // 'all' beside the ids it may stand for is worth reading
      'no-control-regex': 'off', // control characters are what many refusals are about
    },
  },
  { files: ['**/*.js', '**/*.mjs'], ...tseslint.configs.disableTypeChecked },
  ...Object.keys(arrows).map((room) => ({
    files: [`src/${room}/**/*.{ts,tsx}`],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            ...forbiddenIn(room),
            ...(arrows[room].length ? [{ group: arrows[room], message: `an arrow that the house does not have` }] : []),
          ],
        },
      ],
      ...(room === 'cli'
        ? {}
        : {
            'no-restricted-properties': [
              'error',
              { object: 'Date', property: 'now', message: 'time enters through Clock' },
              { object: 'Math', property: 'random', message: 'randomness is injected' },
              { object: 'process', property: 'env', message: 'only the entry reads the environment' },
            ],
            'no-restricted-syntax': [
              'error',
              {
                selector: "NewExpression[callee.name='Date'][arguments.length=0]",
                message: 'time enters through Clock',
              },
            ],
          }),
    },
  })),
  {
    files: ['test/**/*.ts', 'test/**/*.tsx'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
)
