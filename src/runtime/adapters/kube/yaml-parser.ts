/**
 * The YAML parser, for those who load it on demand: import('./yaml-parser.ts'). Not the package itself, because a
 * bundler gives a CommonJS package that is imported so a default export only.
 */
export { parseDocument } from 'yaml';
