/**
 * Reads the YAML inside the old ConfigMap. The parser is loaded when the first such ConfigMap is met, because few
 * clusters still have one.
 */
import type { ConfigMapView } from '../../model/cluster.ts';
import { CONFIG_KEY, parseConfigText } from '../../model/config-text.ts';
import { err, type Result } from '../../model/result.ts';

/** The key's content as plain values; an error says which line is wrong. */
export async function readConfigMapYaml(configMap: ConfigMapView): Promise<Result<unknown>> {
  const text = configMap.data[CONFIG_KEY];
  if (text === undefined) return err(`has no key "${CONFIG_KEY}"`);
  const { parseDocument } = await import('./yaml-parser.ts');
  return parseConfigText(text, parseDocument);
}
