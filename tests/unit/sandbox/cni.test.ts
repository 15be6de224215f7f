/** How pods are attached to their node. */
import { expect, test } from '@jest/globals';
import { planLayout } from '../../../src/sandbox/layout.ts';
import { cniConfig } from '../../../src/sandbox/node-services.ts';

interface Conflist {
  readonly plugins: readonly { readonly type: string; readonly ipam?: unknown; readonly sysctl?: unknown }[];
}

function conflist(families: 'dual-stack' | 'ipv4'): Conflist {
  const [, node1] = planLayout({ stateRoot: '/state', families }).nodes;
  if (node1 === undefined) throw new Error('no node1');
  return cniConfig(node1) as Conflist;
}

test('dual-stack: an address and a default route a family, and no wait for duplicates', () => {
  const { plugins } = conflist('dual-stack');
  expect(plugins.map(({ type }) => type)).toEqual(['loopback', 'tuning', 'ptp', 'portmap']);
  expect(plugins[1]?.sysctl).toEqual({ 'net.ipv6.conf.default.accept_dad': '0' });
  expect(plugins[2]?.ipam).toEqual({
    type: 'host-local',
    ranges: [[{ subnet: '172.20.1.0/24' }], [{ subnet: 'fd00:172:20:1::/64' }]],
    routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
  });
});

test('IPv4 alone: nothing about IPv6', () => {
  const { plugins } = conflist('ipv4');
  expect(plugins.map(({ type }) => type)).toEqual(['ptp', 'portmap']);
  expect(JSON.stringify(plugins)).not.toContain(':172:');
});
