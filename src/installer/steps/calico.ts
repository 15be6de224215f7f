/**
 * Hands the pools over to Calico, and takes them back. The controller keeps Calico's list of blocks in step while it runs;
 * the installer only sees to the two moments at which no address may be without somebody who announces it:
 *
 *     to Calico    blocks are added ─▶ the speakers go, the controller takes over
 *     from Calico  the speakers run and took the configuration ─▶ our blocks are taken out
 *
 * Both touch entries of our own record alone; see decide/calico/plan-blocks.ts.
 */
import { recordedBlocks, recordOf } from '../../runtime/decide/calico/block-record.ts';
import { type BlockPlan, planBlocks } from '../../runtime/decide/calico/plan-blocks.ts';
import { CALICO_BGP_TEXT, type CalicoBgpConfiguration } from '../../runtime/model/calico.ts';
import type { IpPrefix } from '../../runtime/model/ip-prefix.ts';
import { rangePrefixes } from '../../runtime/model/range.ts';
import type { AddonPlan } from '../plan/addon-plan.ts';
import type { ObjectChange } from '../progress.ts';
import { orInstallError } from './apply-objects.ts';
import { type CalicoObjects, readCalico } from './calico-objects.ts';
import { type Cluster, ClusterError } from './cluster.ts';
import type { StepPlan } from './configuration.ts';

export const CALICO_STEP = 'tell Calico what to advertise';
/** Others write to the object as well, the controller among them: so often a write starts again from what they wrote. */
const ATTEMPTS = 5;
const NOTHING: StepPlan = { changes: [], write: async () => {} };

type Wanted = (current: CalicoBgpConfiguration | undefined) => readonly IpPrefix[];

/** What is to be done before the programs change, where Calico is to advertise. */
export function planHandOver(cluster: Cluster, plan: AddonPlan, calico: CalicoObjects | undefined): StepPlan {
  if (plan.protocol !== 'calico') return NOTHING;
  const pools = plan.pools.flatMap(({ addresses }) => addresses.flatMap(({ range }) => rangePrefixes(range)));
  // Pools that are about to go, or were made by hand: what becomes of their blocks is the controller's to decide.
  return blockStep(cluster, calico, (current) => Array.from(new Set([...ours(current), ...pools])));
}

/** What is to be done when others announce, or nobody is to any more. */
export function planTakeBack(cluster: Cluster, calico: CalicoObjects | undefined): StepPlan {
  return ours(calico?.bgp).length === 0 ? NOTHING : blockStep(cluster, calico, () => []);
}

function ours(current: CalicoBgpConfiguration | undefined): readonly IpPrefix[] {
  return recordedBlocks(current?.annotations ?? {});
}

function blockStep(cluster: Cluster, calico: CalicoObjects | undefined, wanted: Wanted): StepPlan {
  const blocks = planBlocks(calico?.bgp, wanted(calico?.bgp));
  return {
    changes: [changeOf(calico?.bgp, blocks)],
    write: async () => {
      if (blocks.isChange) await orInstallError(CALICO_STEP, writeBlocks(cluster, wanted), CALICO_BGP_TEXT);
    },
  };
}

function changeOf(current: CalicoBgpConfiguration | undefined, { isChange, added, removed }: BlockPlan): ObjectChange {
  const action = !isChange ? 'unchanged' : current === undefined ? 'create' : 'update';
  const fields = [...added.map((prefix) => `+ ${prefix}`), ...removed.map((prefix) => `- ${prefix}`)];
  return {
    action,
    object: CALICO_BGP_TEXT,
    fields: action === 'update' ? fields.map((field) => `spec.serviceLoadBalancerIPs: ${field}`) : [],
  };
}

async function writeBlocks(cluster: Cluster, wanted: Wanted): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const calico = await readCalico(cluster);
    const plan = planBlocks(calico?.bgp, wanted(calico?.bgp));
    if (calico === undefined || !plan.isChange) return;
    try {
      await writeOnce(cluster, calico, plan);
      return;
    } catch (error) {
      if (!(error instanceof ClusterError) || error.status !== 409 || attempt === ATTEMPTS) throw error;
    }
  }
}

async function writeOnce(cluster: Cluster, { ref, bgp }: CalicoObjects, plan: BlockPlan): Promise<void> {
  const annotations = recordOf(plan.ours, bgp?.annotations ?? {});
  const spec = { serviceLoadBalancerIPs: plan.blocks };
  if (bgp === undefined) await cluster.apply({ ...ref, metadata: { ...ref.metadata, annotations }, spec }, 'write');
  else await cluster.patch(ref, { metadata: { resourceVersion: bgp.resourceVersion, annotations }, spec });
}
