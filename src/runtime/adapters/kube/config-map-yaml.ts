/**
 * Reads the YAML inside the old ConfigMap. The parser is loaded when the first such ConfigMap is met, because few
 * clusters still have one.
 */
import type { ConfigMapView } from '../../model/cluster.ts';
import { err, ok, type Result } from '../../model/result.ts';

/** The one key that MetalLB up to 0.12 read. */
const KEY = 'config';

/** The key's content as plain values; an error says which line is wrong. Aliases that would explode are refused. */
export async function readConfigMapYaml(configMap: ConfigMapView): Promise<Result<unknown>> {
  const text = configMap.data[KEY];
  if (text === undefined) return err(`has no key "${KEY}"`);
  const { parseDocument } = await import('./yaml-parser.ts');
  const document = parseDocument(text, { prettyErrors: true, strict: true, uniqueKeys: true });
  const [fault] = document.errors;
  if (fault !== undefined) return err(`is not YAML: ${fault.message.split('\n')[0] ?? ''}`);
  try {
    return ok(document.toJS({ maxAliasCount: 100 }));
  } catch (error) {
    return err(`is not YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}
