/**
 * The inventory's `config.yml`: one YAML map of variables. Every variable, list item and map entry keeps its line.
 * A kubeasz config.yml is mostly about other things; whoever reads the result looks at the metallb_* names only.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { isScalar as isPlainScalar } from './ini-values.ts';
import type { Located, Problem, SourcePosition } from './located.ts';

/** Deeper than any variable is; an alias inside its own anchor would otherwise never end. */
const MAX_DEPTH = 20;

export interface ConfigFile {
  readonly variables: ReadonlyMap<string, Located>;
  readonly problems: readonly Problem[];
}

/** Total: malformed YAML becomes problems, and as many variables as could be read are still there. */
export function parseConfigFile(text: string, file: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, logLevel: 'silent', merge: true });
  const problems: Problem[] = document.errors.map((error) => ({
    at: { file, line: lines.linePos(error.pos[0]).line },
    message: firstSentence(error.message),
  }));
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) return { variables: new Map(), problems };
  if (!isMap(root)) {
    const message = 'the file must be a map of variables: name: value';
    return { variables: new Map(), problems: problems.length > 0 ? problems : [{ at: { file, line: 1 }, message }] };
  }
  const locate = (node: unknown, fallback: SourcePosition, depth = 0): Located => {
    const resolved = isAlias(node) ? node.resolve(document) : node;
    const at = isNodeWithRange(node) ? { file, line: lines.linePos(node.range[0]).line } : fallback;
    if (depth > MAX_DEPTH) {
      problems.push({ at, message: `nested more than ${MAX_DEPTH} levels deep (does an anchor contain itself?)` });
      return { kind: 'scalar', value: null, at };
    }
    if (isSeq(resolved)) return { kind: 'list', items: resolved.items.map((item) => locate(item, at, depth + 1)), at };
    if (isMap(resolved)) {
      const entries = resolved.items.map(
        ({ key, value }) => [keyText(key), locate(value, positionOf(key, at), depth + 1)] as const,
      );
      return { kind: 'map', entries: new Map(entries), at };
    }
    const value = isScalar(resolved) ? resolved.value : null;
    return { kind: 'scalar', value: isPlainScalar(value) ? value : String(value), at };
  };
  const positionOf = (key: unknown, fallback: SourcePosition): SourcePosition =>
    isNodeWithRange(key) ? { file, line: lines.linePos(key.range[0]).line } : fallback;

  const variables = new Map<string, Located>();
  for (const { key, value } of root.items) {
    const at = positionOf(key, { file, line: 1 });
    const located = locate(value, at);
    // A variable is found where its name stands, even when its value starts lines below.
    variables.set(keyText(key), { ...located, at });
  }
  return { variables, problems };
}

/** A name as text. Lists, maps and aliases can be names in YAML; none of ours is one, and the parser cannot print them all. */
function keyText(key: unknown): string {
  if (isScalar(key)) return String(key.value);
  return isAlias(key) ? `*${key.source}` : '(not a name)';
}

function isNodeWithRange(node: unknown): node is Node & { range: [number, number, number] } {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range);
}

/** The parser's message goes on with an excerpt over several lines; the position says that already. */
function firstSentence(message: string): string {
  return (message.split('\n')[0] ?? message).replace(/ at line \d+, column \d+:?$/, '');
}
