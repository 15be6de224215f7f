/**
 * The text of an old configuration (ConfigMap "config", key "config") as plain values, read alike wherever it is read.
 * The parser is passed in: the core brings none.
 */
import { err, ok, type Result } from './result.ts';

/** The one key that MetalLB up to 0.12 read. */
export const CONFIG_KEY = 'config';

/** parseDocument of the package "yaml". */
export type ParseDocument = (
  text: string,
  options: { prettyErrors: boolean; strict: boolean; uniqueKeys: boolean; merge: boolean },
) => { readonly errors: readonly { readonly message: string }[]; toJS(options: { maxAliasCount: number }): unknown };

/** An error says which line is wrong. Merge keys (<<) work, as in the old daemons; aliases that explode are refused. */
export function parseConfigText(text: string, parseDocument: ParseDocument): Result<unknown> {
  const document = parseDocument(text, { prettyErrors: true, strict: true, uniqueKeys: true, merge: true });
  const [fault] = document.errors;
  if (fault !== undefined) return err(`is not YAML: ${fault.message.split('\n')[0] ?? ''}`);
  try {
    return ok(document.toJS({ maxAliasCount: 100 }));
  } catch (error) {
    return err(`is not YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}
