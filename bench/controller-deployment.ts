/** Takes the controller out of the bench cluster for a while: what is measured meanwhile is without it. */
import type { SandboxHandle } from '../src/sandbox/sandbox.ts';
import { kubectl } from './bench-cluster.ts';

const NAMESPACE = ['-n', 'metallb-system'];
const DEPLOYMENT = 'deployment/controller';
const PODS = 'app=metallb,component=controller';

/** Runs `use` with no controller, and starts as many as there were, also after a failure. */
export async function withoutController<T>(handle: SandboxHandle, use: () => Promise<T>): Promise<T> {
  const replicas = await kubectl(handle, ...NAMESPACE, 'get', DEPLOYMENT, '-o', 'jsonpath={.spec.replicas}');
  const scale = (to: string) => kubectl(handle, ...NAMESPACE, 'scale', DEPLOYMENT, `--replicas=${to}`);
  await scale('0');
  try {
    await kubectl(handle, ...NAMESPACE, 'wait', 'pod', '-l', PODS, '--for=delete', '--timeout=60s');
    return await use();
  } finally {
    await scale(replicas);
    await kubectl(handle, ...NAMESPACE, 'rollout', 'status', DEPLOYMENT, '--timeout=120s');
  }
}
