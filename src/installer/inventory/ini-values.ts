/**
 * Values as an Ansible INI inventory writes them. A host line is split like a shell command (quotes, backslashes,
 * `#` comments); what stands behind `=` is then read as a literal where it looks like one ("22", "true", "['a']"), and
 * kept as text otherwise. In a [group:vars] section the whole rest of the line is the value.
 */
import { parse as parseYaml } from 'yaml';
import { err, ok, type Result } from '../../runtime/model/result.ts';
import type { Located, Scalar, SourcePosition } from './located.ts';

/** The pieces of a line: space, a comment, "double quoted", 'single quoted', an escaped character, plain text, a stray. */
const PIECES = /(\s+)|(#.*$)|"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)|([^\s"'\\#]+)|(["'\\])/gy;

/** Splits a line into words like a POSIX shell: quotes and backslashes are resolved, an unquoted # starts a comment. */
export function splitWords(line: string): Result<readonly string[]> {
  const words: string[] = [];
  let word: string | undefined;
  for (const [, space, comment, double, single, escaped, plain, stray] of line.matchAll(PIECES)) {
    if (stray !== undefined)
      return err(stray === '\\' ? 'a backslash ends the line' : `a ${stray} is opened and not closed`);
    if (space === undefined && comment === undefined) {
      const text = double?.replaceAll(/\\(["\\])/g, '$1') ?? single ?? escaped ?? plain ?? '';
      word = (word ?? '') + text;
    } else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (word !== undefined) words.push(word);
  return ok(words);
}

/** The value behind `key=` in a [group:vars] section: a quoted text loses its quotes and what is commented after it. */
export function parseVarsValue(text: string, at: SourcePosition): Located {
  const quoted = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*(?:#.*)?$/.exec(text);
  if (quoted === null) return parseLiteral(text, at);
  const inner = quoted[1] ?? quoted[2] ?? '';
  return { kind: 'scalar', value: inner.replaceAll(/\\(.)/g, '$1'), at };
}

/** The value behind `key=` on a host line, quotes already resolved; also what `-e key=value` gives. */
export function parseLiteral(text: string, at: SourcePosition): Located {
  const trimmed = text.trim();
  if (/^-?(0|[1-9][0-9]{0,14})$/.test(trimmed)) return { kind: 'scalar', value: Number(trimmed), at };
  if (/^(true|True)$/.test(trimmed)) return { kind: 'scalar', value: true, at };
  if (/^(false|False)$/.test(trimmed)) return { kind: 'scalar', value: false, at };
  if (trimmed === 'None') return { kind: 'scalar', value: null, at };
  if (/^[[{]/.test(trimmed)) return parseFlow(trimmed, at) ?? { kind: 'scalar', value: trimmed, at };
  return { kind: 'scalar', value: trimmed, at };
}

/** A list or dictionary in Python's or JSON's spelling; YAML's flow style reads both. */
function parseFlow(text: string, at: SourcePosition): Located | undefined {
  try {
    return locateAll(parseYaml(text, { logLevel: 'silent' }), at);
  } catch {
    // Not a literal after all: Ansible, too, keeps such a value as text.
    return undefined;
  }
}

/** Gives every part of a plain value the same position. */
export function locateAll(value: unknown, at: SourcePosition): Located {
  if (Array.isArray(value)) return { kind: 'list', items: value.map((item) => locateAll(item, at)), at };
  if (typeof value === 'object' && value !== null) {
    return {
      kind: 'map',
      entries: new Map(Object.entries(value).map(([key, item]) => [key, locateAll(item, at)])),
      at,
    };
  }
  return { kind: 'scalar', value: isScalar(value) ? value : String(value), at };
}

export function isScalar(value: unknown): value is Scalar {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
