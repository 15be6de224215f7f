/**
 * One BFDProfile as it is written, its defaults filled in. The defaults are FRR's, which MetalLB leaves them to; BFD
 * itself (RFC 5880) names none.
 */
import type { BfdProfile, ConfigError } from '../../model/config.ts';
import { formatResource, type RawResource } from '../../model/resource.ts';
import { Field } from './config-field.ts';

export function readBfdProfile(resource: RawResource): {
  readonly profile: BfdProfile;
  readonly errors: readonly ConfigError[];
} {
  const errors: ConfigError[] = [];
  const spec = new Field(resource.spec, `${formatResource(resource)} spec`, errors);
  const intervalMs = (name: string): number | undefined => spec.field(name).within(10, 60_000);
  const profile = {
    name: resource.name,
    receiveIntervalMs: intervalMs('receiveInterval') ?? 300,
    transmitIntervalMs: intervalMs('transmitInterval') ?? 300,
    detectMultiplier: spec.field('detectMultiplier').within(2, 255) ?? 3,
    echoIntervalMs: intervalMs('echoInterval') ?? 50,
    echoMode: spec.field('echoMode').boolean(false),
    passiveMode: spec.field('passiveMode').boolean(false),
    minimumTtl: spec.field('minimumTtl').within(1, 254) ?? 254,
  };
  return { profile, errors };
}
