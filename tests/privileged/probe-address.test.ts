/** The probe as a node runs it, against real kernels: who answers for an address, and whether its ports do. */
import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { probeScript } from '../../src/installer/steps/probe-node.ts';
import { createLan, type Lan, type LanHost } from '../support/netns.ts';
import { describePrivileged } from '../support/privileged.ts';
import { waitFor } from '../support/wait-for.ts';

const V4 = '192.0.2.20';
const V6 = '2001:db8::20';

describePrivileged('the probe of an address', () => {
  let lan: Lan;
  let node: LanHost;
  let owner: LanHost;
  let other: LanHost;
  let listener: ChildProcess;

  beforeAll(async () => {
    lan = await createLan({
      node: ['192.0.2.2/24', '2001:db8::2/64'],
      owner: ['192.0.2.3/24', '2001:db8::3/64', `${V4}/24`, `${V6}/64`],
      other: ['192.0.2.4/24', '2001:db8::4/64'],
    });
    [node, owner, other] = [lan.host('node'), lan.host('owner'), lan.host('other')];
    const serve = `require('node:net').createServer((s) => s.end()).listen(8080, '::')`;
    listener = owner.spawn(process.execPath, '-e', serve);
    // Addresses of IPv6 are of no use before the kernel has found them to be unique.
    await waitFor(
      'IPv6 is ready',
      async () => !(await owner.ip('addr', 'show', 'tentative')).stdout.includes('inet6'),
      {
        withinMs: 10_000,
      },
    );
  }, 60_000);
  afterAll(async () => {
    listener?.kill();
    await lan?.remove();
  });

  // biome-ignore lint/suspicious/noExplicitAny: what the script prints.
  async function probe(ip: string, ports: readonly number[] = []): Promise<any> {
    const script = await probeScript({ ip, ports, seconds: 0.7 });
    const { stdout, stderr } = await node.run('sh', '-c', script);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout);
  }

  test.each([V4, V6])('%s: who answers, an open port and a closed one', async (ip) => {
    const told = await probe(ip, [8080, 81]);
    const mac = await owner.mac();
    expect(told).toMatchObject({ interface: 'eth0', answers: [{ mac }] });
    expect(told.tcp).toMatchObject([
      { mac, port: 8080, result: 'open' },
      { mac, port: 81, result: 'refused' },
    ]);
  });

  test.each([V4, V6])('%s: a port whose packets are dropped', async (ip) => {
    const table = 'table inet drops { chain in { type filter hook input priority 0; tcp dport 82 drop; }; }';
    await owner.run('nft', table);
    expect((await probe(ip, [82])).tcp).toMatchObject([{ port: 82, result: 'timeout' }]);
    await owner.run('nft', 'delete table inet drops');
  });

  test.each([V4, V6])('%s: it leaves no connection behind', async (ip) => {
    await probe(ip, [8080]);
    const { stdout } = await owner.run('cat', '/proc/net/tcp', '/proc/net/tcp6');
    // State 03, SYN-RECV: somebody who waits for the rest of a connection.
    expect(stdout.split('\n').filter((line) => / 03 /.test(line) && line.includes(':1F90'))).toEqual([]);
  });

  test.each(['192.0.2.99', '2001:db8::99'])('%s: nobody answers', async (ip) => {
    expect(await probe(ip, [80])).toMatchObject({ answers: [], tcp: [] });
  });

  test('two that answer are both told', async () => {
    await other.ip('addr', 'add', `${V4}/24`, 'dev', 'eth0');
    const { answers } = await probe(V4);
    await other.ip('addr', 'del', `${V4}/24`, 'dev', 'eth0');
    expect(answers.map(({ mac }: { mac: string }) => mac).sort()).toEqual(
      [await owner.mac(), await other.mac()].sort(),
    );
  });

  test.each([V4, V6])(
    '%s: held by the node itself, as in kube-proxy’s ipvs mode: the network is asked all the same',
    async (ip) => {
      const held = [`${ip}/${ip === V4 ? 32 : 128}`, 'dev', 'lo'];
      await node.ip('addr', 'add', ...held);
      const told = await probe(ip, [8080]);
      await node.ip('addr', 'del', ...held);
      expect(told).toMatchObject({ interface: 'eth0', answers: [{ mac: await owner.mac() }] });
      expect(told.tcp).toMatchObject([{ port: 8080, result: 'open' }]);
    },
  );

  test('a node outside the address’s subnet says so', async () => {
    expect(await probe('203.0.113.1')).toEqual({ error: 'no-interface-in-subnet' });
  });

  test('without Python the kernel is asked: who answers, but no ports', async () => {
    const script = await probeScript({ ip: V4, ports: [8080], seconds: 0.7 });
    const withoutPython = script.replaceAll('python3', 'no-such-python').replaceAll('platform-python', 'nor-this');
    const { stdout } = await node.run('sh', '-c', withoutPython);
    expect(JSON.parse(stdout)).toEqual({ interface: 'eth0', answers: [{ mac: await owner.mac() }] });
  });

  test('the program asks for nothing that Python 3.6 has not', async () => {
    const text = await readFile(new URL('../../src/installer/steps/probe-address.py', import.meta.url), 'utf8');
    expect(text).not.toMatch(/\bf"|:=|removeprefix|capture_output/);
  });
});
