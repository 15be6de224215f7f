/** Custom resources as the read model hands them on; a test names what matters to it. */
import type { RawResource } from '../../src/runtime/model/resource.ts';

export function rawResource(kind: string, name: string, spec: unknown, given: Partial<RawResource> = {}): RawResource {
  return {
    kind,
    namespace: 'metallb-system',
    name,
    uid: `uid-${name}`,
    resourceVersion: '1',
    createdAtMs: 0,
    generation: 1,
    labels: {},
    annotations: {},
    spec,
    status: undefined,
    ...given,
  };
}

export function rawPool(
  name: string,
  addresses: unknown,
  given: Partial<RawResource> & { spec?: object } = {},
): RawResource {
  const { spec, ...rest } = given;
  return rawResource('IPAddressPool', name, { addresses, ...spec }, rest);
}
