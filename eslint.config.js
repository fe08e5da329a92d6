import eslint from '@eslint/js'
import tseslint from 'typescript-eslint'

// The house (README): which rooms each place may import, and which packages live there. Nothing else may be imported.
const rooms = [
  ...['acme', 'admin', 'certificate', 'cli', 'delegation', 'edge', 'outside', 'storage', 'tenant', 'verify', 'work'],
  'migrations',
]
const partsLists = ['main.ts', 'edge-main.ts', 'parts.ts', 'supervisor.ts', 'verify-main.ts']
const nouns = ['acme', 'certificate', 'delegation', 'tenant', 'verify']
const places = {
  'src/*.ts': {},
  'src/log.ts': { packages: ['pino'] },
  'src/metrics.ts': { packages: ['prom-client'] },
  'src/config.ts': { packages: ['smol-toml', 'zod'] },
  'src/{main,edge-main,parts,supervisor,verify-main}.ts': { to: [...rooms, ...partsLists] },
  'src/acme/**': { to: ['acme', 'certificate', 'work'], packages: ['acme-client'] },
  'src/certificate/**': { to: ['certificate', 'work'], packages: ['@peculiar/x509', 'reflect-metadata'] },
  'src/delegation/**': { to: ['delegation', 'certificate', 'tenant', 'work'], packages: ['tldts', 'csv-parse'] },
  'src/tenant/**': {
    to: ['tenant', 'work'],
    packages: ['@node-rs/argon2', '@simplewebauthn/server', '@zxcvbn-ts/language-common', 'otpauth'],
  },
  'src/verify/**': { to: ['verify', 'certificate', 'delegation', 'work'] },
  'src/work/**': { to: ['work'] },
  'src/outside/**': { to: ['outside', 'acme', 'delegation', 'tenant', 'verify'], packages: ['dns-packet', 'undici'] }, // what it is asked as a port
  'src/edge/**': { to: ['edge', ...nouns], packages: ['lru-cache'] },
  'src/admin/**': {
    to: ['admin', ...nouns],
    packages: [
      ...['express', 'helmet', 'preact', 'preact-render-to-string', 'zod', '@asteasolutions/zod-to-openapi'],
      ...['csv-stringify', 'rate-limiter-flexible', 'uqr'],
    ],
  },
  'src/storage/**': {
    to: ['storage', ...nouns, 'work', 'migrations'],
    packages: ['knex', 'better-sqlite3', 'pg', 'lru-cache'],
  },
  'src/cli/**': { to: [...rooms, ...partsLists], packages: ['commander', '@clack/prompts'] },
}

function imports({ to = [], packages = [] }) {
  const isNot = (list) => (one) => !list.includes(one)
  const open = ['node:', ...packages.map((name) => `${name}(/|$)`)].join('|')
  const closed = [...rooms.filter(isNot(to)).map((room) => `**/${room}/**`), ...partsLists.filter(isNot(to))]
  const patterns = [
    { regex: `^(?![.]|${open})`, message: 'the package has another room' },
    { group: closed, message: 'an arrow that the house does not have' },
  ]
  return ['error', { patterns: patterns.filter(({ group }) => group?.length !== 0) }]
}

const env = { object: 'process', property: 'env', message: 'only src/cli/waypost.ts reads the environment' }
const present = { object: 'Date', property: 'now', message: 'time enters through Clock' }
const chance = { object: 'Math', property: 'random', message: 'randomness is injected' }
const newDate = { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: present.message }
const lazyImport = { selector: 'ImportExpression', message: 'the arrows are checked in import declarations only' }

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
  ...Object.entries(places).map(([place, allowed]) => ({
    files: [place],
    rules: { '@typescript-eslint/no-restricted-imports': imports(allowed) },
  })),
  {
    files: ['src/**'],
    ignores: ['src/clock.ts'],
    rules: {
      'no-restricted-properties': ['error', env, present, chance],
      'no-restricted-syntax': ['error', newDate, lazyImport],
    },
  },
  { files: ['src/cli/**'], rules: { 'no-restricted-syntax': ['error', newDate] } },
  { files: ['src/cli/waypost.ts'], rules: { 'no-restricted-properties': ['error', present, chance] } },
  {
    files: ['test/**/*.ts', 'test/**/*.tsx'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
)
