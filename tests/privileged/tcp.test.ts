/** TCP connections with passwords, hop limits and sources, against the kernel of another host. */
import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createLan, type Lan } from '../support/netns.ts';
import { describePrivileged } from '../support/privileged.ts';
import { waitFor } from '../support/wait-for.ts';

const program = path.resolve(import.meta.dirname, '../support/stream-process.ts');
const ROUTER = { v4: '192.0.2.1', v6: 'fd00:192:0:2::1' };
const NODE = { v4: '192.0.2.2', v6: 'fd00:192:0:2::2' };
/** A second address of the node. */
const OTHER = { v4: '192.0.2.3', v6: 'fd00:192:0:2::3' };
const PORT = 1790;
const WITHIN_MS = 10_000;
/** A handshake that comes to nothing: the kernel sends its SYN again after 1 s and 3 s. */
const NOT_WITHIN_MS = 3500;

describePrivileged('TCP', () => {
  let lan: Lan;
  const processes: ChildProcess[] = [];
  beforeAll(async () => {
    lan = await createLan({
      router: Object.entries(ROUTER).map(withLength),
      node: [...Object.entries(NODE), ...Object.entries(OTHER)].map(withLength),
    });
    await lan.settled(['router', 'node'], WITHIN_MS);
  });
  afterEach(() => {
    for (const child of processes.splice(0)) child.kill('SIGKILL');
  });
  afterAll(() => lan.remove());

  /** The lines that it has said. */
  function start(host: 'router' | 'node', what: 'listen' | 'open', options: object): readonly string[] {
    const lines: string[] = [];
    const child = lan
      .host(host)
      .spawn(process.execPath, '--disable-warning=ExperimentalWarning', program, what, JSON.stringify(options));
    processes.push(child);
    if (child.stdout === null) throw new Error('it has no output');
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    return lines;
  }

  async function said(lines: readonly string[], line: string | RegExp): Promise<void> {
    const isIt = (candidate: string) => (typeof line === 'string' ? candidate === line : line.test(candidate));
    await waitFor(`"${line}"`, async () => lines.some(isIt) || Promise.reject(new Error(lines.join(' | '))), {
      withinMs: WITHIN_MS,
    });
  }

  async function listening(family: 'v4' | 'v6', options: object = {}): Promise<readonly string[]> {
    const lines = start('router', 'listen', { address: ROUTER[family], port: PORT, peer: NODE[family], ...options });
    await said(lines, 'listening');
    return lines;
  }

  function opening(family: 'v4' | 'v6', options: object = {}): readonly string[] {
    // Of two addresses the kernel may choose either.
    const target = {
      address: ROUTER[family],
      port: PORT,
      sourceAddress: NODE[family],
      hops: { kind: 'ttl', ttl: 1 },
      finally: 'wait',
      ...options,
    };
    return start('node', 'open', target);
  }

  async function neverConnects(lines: readonly string[]): Promise<void> {
    await said(lines, 'opening');
    await new Promise((done) => setTimeout(done, NOT_WITHIN_MS));
    expect(lines).toEqual(['opening']);
  }

  for (const family of ['v4', 'v6'] as const) {
    test(`${family}: connects, says by which address, carries bytes both ways, and closes in order`, async () => {
      const router = await listening(family);
      const node = opening(family, { finally: 'end' });
      await said(node, 'closed in order');
      expect(node).toEqual(['opening', `connected ${NODE[family]}`, 'received hello', 'closed in order']);
      expect(router).toEqual(['listening', `accepted ${NODE[family]}`, 'heard hello', 'ended']);
    });

    test(`${family}: from the address that it is to come from`, async () => {
      const router = await listening(family);
      await said(opening(family, { sourceAddress: OTHER[family] }), `connected ${OTHER[family]}`);
      await said(router, `accepted ${OTHER[family]}`);
    });

    test(`${family}: from an address that the host does not have: told, with the address`, async () => {
      const lines = opening(family, { sourceAddress: family === 'v4' ? '198.51.100.9' : '2001:db8::9' });
      await said(lines, /^closed bind to (198\.51\.100\.9|2001:db8::9): EADDRNOTAVAIL$/);
    });

    test(`${family}: nobody listens: refused`, async () => {
      await said(opening(family), new RegExp(`^closed connect to .*${PORT}: ECONNREFUSED$`));
    });

    test(`${family}: RFC 2385: the same password connects`, async () => {
      const router = await listening(family, { password: 'correct horse' });
      await said(opening(family, { password: 'correct horse' }), 'received hello');
      expect(router).toContain('heard hello');
    });

    test.each([
      ['another password', { password: 'battery staple' }],
      ['none', {}],
    ])(`${family}: RFC 2385: %s does not`, async (_, options) => {
      await listening(family, { password: 'correct horse' });
      await neverConnects(opening(family, options));
    });

    test(`${family}: RFC 5082: the neighbour with GTSM is reached with it, both ways`, async () => {
      const gtsm = { hops: { kind: 'gtsm', hops: 1 } };
      await listening(family, gtsm);
      await said(opening(family, gtsm), 'received hello');
    });

    test(`${family}: RFC 5082: a host with GTSM hears nobody who sends a smaller hop limit`, async () => {
      await listening(family, { hops: { kind: 'gtsm', hops: 1 } });
      await neverConnects(opening(family, { hops: { kind: 'ttl', ttl: 64 } }));
    });

    test(`${family}: bound to a device that is not there: told`, async () => {
      await said(opening(family, { device: 'nosuch0' }), 'closed bind to nosuch0: ENODEV');
    });
  }

  test('an IPv6 link-local address of the router, behind an interface', async () => {
    const linkLocal = async (host: 'router' | 'node') => {
      const { stdout } = await lan.host(host).ip('-j', '-6', 'address', 'show', 'dev', 'eth0', 'scope', 'link');
      const [{ addr_info }] = JSON.parse(stdout) as [{ addr_info: { local?: string }[] }];
      return addr_info.find(({ local }) => local !== undefined)?.local ?? '';
    };
    const address = await waitFor('its link-local address', () => linkLocal('router'), { withinMs: WITHIN_MS });
    await listening('v6', { address: '::' });
    await said(
      opening('v6', { address, device: 'eth0', sourceAddress: undefined }),
      `connected ${await linkLocal('node')}`,
    );
  });

  test('a password that is too long is told, without the password', async () => {
    const lines = opening('v4', { password: 'x'.repeat(81) });
    await said(lines, /^closed .*1 to 80 bytes, this one 81$/);
    expect(lines.join()).not.toContain('xx');
  });

  test('destroyed: nothing more is heard of it, the other side sees the end', async () => {
    const router = await listening('v4');
    const node = opening('v4', { finally: 'destroy' });
    await said(router, 'ended');
    expect(node).toEqual(['opening', `connected ${NODE.v4}`, 'received hello']);
  });

  test('the other side is gone at once: closed', async () => {
    await listening('v4');
    const node = opening('v4');
    await said(node, 'received hello');
    for (const child of processes.slice(0, 1)) child.kill('SIGKILL');
    await said(node, /^closed (in order|.*ECONNRESET)$/);
  });
});

function withLength([family, address]: readonly [string, string]): string {
  return `${address}/${family === 'v4' ? 24 : 64}`;
}
