/** How the objects that every explanation starts from are read: as the programs read them. */
import { readConfigMapYaml } from '../runtime/adapters/kube/config-map-yaml.ts';
import {
  toConfigMapView,
  toLeaseView,
  toNamespaceView,
  toNodeDetails,
  toRawResource,
} from '../runtime/adapters/kube/read-model.ts';

export const CONFIGURATION_READERS = {
  node: toNodeDetails,
  lease: toLeaseView,
  namespace: toNamespaceView,
  configMap: toConfigMapView,
  resource: toRawResource,
  yaml: readConfigMapYaml,
} as const;
