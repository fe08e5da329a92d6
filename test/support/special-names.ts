/** Special-use names of which tests and examples are full; nobody may register them, but where the operator allows it. */
export const SPECIAL_NAMES = ['example', 'example.com', 'example.net', 'example.org', 'test', 'localhost']
