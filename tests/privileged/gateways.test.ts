/** The gateways of default routes, as a real kernel tells them. */
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createLan, type Lan, type LanHost } from '../support/netns.ts';
import { describePrivileged } from '../support/privileged.ts';

const program = path.resolve(import.meta.dirname, '../support/gateways-process.ts');

describePrivileged('readGateways', () => {
  let lan: Lan;
  let host: LanHost;
  beforeAll(async () => {
    lan = await createLan({ node: ['192.0.2.2/24', '2001:db8::2/64'] });
    host = lan.host('node');
  });
  afterAll(async () => lan?.remove());

  const gateways = async (): Promise<unknown> => {
    const { stdout } = await host.run(process.execPath, '--disable-warning=ExperimentalWarning', program);
    return JSON.parse(stdout);
  };

  test('without a default route there are none', async () => {
    expect(await gateways()).toEqual([]);
  });

  test('both families, every next hop, every table; no other routes', async () => {
    await host.ip('-4', 'route', 'add', 'default', 'nexthop', 'via', '192.0.2.1', 'nexthop', 'via', '192.0.2.254');
    await host.ip('-4', 'route', 'add', 'default', 'via', '192.0.2.253', 'table', '100');
    await host.ip('-4', 'route', 'add', '198.51.100.0/24', 'via', '192.0.2.9');
    await host.ip('-4', 'route', 'add', 'unreachable', 'default', 'metric', '99');
    await host.ip('-6', 'route', 'add', 'default', 'via', '2001:db8::1', 'dev', 'eth0');
    await host.ip('-6', 'route', 'add', '2001:db8:1::/48', 'via', '2001:db8::9', 'dev', 'eth0');
    expect(await gateways()).toEqual(['192.0.2.1', '192.0.2.253', '192.0.2.254', '2001:db8::1']);
  });

  test('a gateway that is gone is not told any more', async () => {
    await host.ip('-4', 'route', 'del', 'default', 'table', '100');
    expect(await gateways()).toEqual(['192.0.2.1', '192.0.2.254', '2001:db8::1']);
  });

  test('among twenty thousand routes', async () => {
    const route = String.raw`route add 10.%d.%d.0/24 via 192.0.2.9\n`;
    const routes = `seq 0 19999 | awk '{ printf "${route}", $1 / 256, $1 % 256 }'`;
    await host.run('sh', '-c', `${routes} | ip -batch -`);
    expect(await gateways()).toEqual(['192.0.2.1', '192.0.2.254', '2001:db8::1']);
  });
});
