/** TCP connections that peers open: who gets one, with what passwords and from how far, against the kernel of another host. */
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
/** A second address of the router. */
const OTHER = { v4: '192.0.2.3', v6: 'fd00:192:0:2::3' };
const PORT = 1790;
const WITHIN_MS = 10_000;
/** A handshake that comes to nothing: the kernel sends its SYN again after 1 s and 3 s. */
const NOT_WITHIN_MS = 3500;
const HOP = { kind: 'ttl', ttl: 1 };
const GTSM = { kind: 'gtsm', hops: 1 };

interface Program {
  /** The lines that it has said. */
  readonly lines: readonly string[];
  tell(line: string): void;
}

describePrivileged('TCP, listening', () => {
  let lan: Lan;
  const processes: ChildProcess[] = [];
  beforeAll(async () => {
    lan = await createLan({
      router: [...Object.entries(ROUTER), ...Object.entries(OTHER)].map(withLength),
      node: Object.entries(NODE).map(withLength),
    });
    await lan.settled(['router', 'node'], WITHIN_MS);
  });
  afterEach(() => {
    for (const child of processes.splice(0)) child.kill('SIGKILL');
  });
  afterAll(() => lan.remove());

  function start(host: 'router' | 'node', what: 'accept' | 'open', options: object): Program {
    const lines: string[] = [];
    const child = lan
      .host(host)
      .spawn(process.execPath, '--disable-warning=ExperimentalWarning', program, what, JSON.stringify(options));
    processes.push(child);
    if (child.stdout === null) throw new Error('it has no output');
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    return { lines, tell: (line) => child.stdin?.write(`${line}\n`) };
  }

  async function said({ lines }: Program, line: string | RegExp): Promise<void> {
    const isIt = (candidate: string) => (typeof line === 'string' ? candidate === line : line.test(candidate));
    await waitFor(`"${line}"`, async () => lines.some(isIt) || Promise.reject(new Error(lines.join(' | '))), {
      withinMs: WITHIN_MS,
    });
  }

  async function listening(peers: readonly object[], target: object = {}): Promise<Program> {
    const node = start('node', 'accept', { target: { port: PORT, ...target }, peers });
    await said(node, 'listening');
    return node;
  }

  async function peersSet(node: Program, peers: readonly object[]): Promise<void> {
    const before = node.lines.filter((line) => line === 'peers set').length;
    node.tell(JSON.stringify(peers));
    await waitFor('other peers', async () => node.lines.filter((line) => line === 'peers set').length > before, {
      withinMs: WITHIN_MS,
    });
  }

  function opening(family: 'v4' | 'v6', options: object = {}): Program {
    const target = {
      address: NODE[family],
      port: PORT,
      sourceAddress: ROUTER[family],
      hops: HOP,
      finally: 'wait',
      ...options,
    };
    return start('router', 'open', target);
  }

  async function neverConnects(router: Program): Promise<void> {
    await said(router, 'opening');
    await new Promise((done) => setTimeout(done, NOT_WITHIN_MS));
    expect(router.lines).toEqual(['opening']);
  }

  for (const family of ['v4', 'v6'] as const) {
    const router = { name: 'router', address: ROUTER[family], hops: HOP };
    const other = { name: 'other', address: OTHER[family], hops: HOP };

    test(`${family}: a peer connects: told whose it is and where, bytes go both ways, and it ends in order`, async () => {
      const node = await listening([other, router]);
      const opened = opening(family, { finally: 'end' });
      await said(opened, 'closed in order');
      await said(node, 'ended');
      expect(opened.lines).toContain('received hello');
      expect(node.lines).toEqual(['listening', `accepted router at ${NODE[family]}`, 'heard hello', 'ended']);
    });

    test(`${family}: anybody else is broken off at once, and counted`, async () => {
      const node = await listening([other]);
      await said(opening(family), /^closed .*(ECONNRESET|EPIPE)$/);
      await said(node, 'refused unknown-peer');
      expect(node.lines.join()).not.toContain('accepted');
    });

    test(`${family}: peers that come and go: the next connection counts, those that stand are left alone`, async () => {
      const node = await listening([]);
      await said(opening(family), /^closed/);
      await peersSet(node, [router]);
      const stands = opening(family);
      await said(stands, 'received hello');
      await peersSet(node, []);
      await said(opening(family), /^closed/);
      expect(stands.lines.join()).not.toContain('closed');
      await peersSet(node, [router]);
      await said(opening(family), 'received hello');
    });

    test(`${family}: on one address of the host only`, async () => {
      await listening([router], { addresses: [NODE[family]] });
      await said(opening(family), 'received hello');
    });

    test(`${family}: RFC 2385: the peer with its password gets a connection, another peer without one as well`, async () => {
      const node = await listening([{ ...router, password: 'correct horse' }, other]);
      await said(opening(family, { password: 'correct horse' }), 'received hello');
      await said(opening(family, { sourceAddress: OTHER[family] }), 'received hello');
      expect(node.lines).toContain(`accepted other at ${NODE[family]}`);
    });

    test.each([
      ['another password', { password: 'battery staple' }],
      ['none', {}],
    ])(`${family}: RFC 2385: with %s it gets none`, async (_, options) => {
      const node = await listening([{ ...router, password: 'correct horse' }]);
      await neverConnects(opening(family, options));
      expect(node.lines).toEqual(['listening']);
    });

    test(`${family}: RFC 2385: a password is changed, and taken away, while it listens`, async () => {
      const node = await listening([{ ...router, password: 'first' }]);
      await peersSet(node, [{ ...router, password: 'second' }]);
      const stands = opening(family, { password: 'second' });
      await said(stands, 'received hello');
      await neverConnects(opening(family, { password: 'first' }));
      await peersSet(node, [router]);
      await said(opening(family), 'received hello');
      await neverConnects(opening(family, { password: 'second' }));
      expect(stands.lines.join()).not.toContain('closed');
    });

    test(`${family}: RFC 5082: all peers with GTSM: whoever sends a smaller hop limit hears nothing`, async () => {
      const node = await listening([{ ...router, hops: GTSM }]);
      await neverConnects(opening(family, { hops: { kind: 'ttl', ttl: 254 } }));
      await said(opening(family, { hops: GTSM }), 'received hello');
      expect(node.lines).toEqual(['listening', `accepted router at ${NODE[family]}`, 'heard hello']);
    });

    test(`${family}: RFC 5082: one peer with GTSM among others: only it must be near`, async () => {
      const node = await listening([{ ...router, hops: GTSM }, other]);
      await said(opening(family, { hops: { kind: 'ttl', ttl: 254 } }), /^closed .*(ECONNRESET|EPIPE)$/);
      await said(node, 'refused too-many-hops');
      await said(opening(family, { hops: GTSM }), 'received hello');
      await said(opening(family, { sourceAddress: OTHER[family] }), 'received hello');
    });

    test(`${family}: the port is taken: told, with the port`, async () => {
      await listening([]);
      const second = start('node', 'accept', { target: { port: PORT }, peers: [] });
      await said(second, `listen on TCP port ${PORT}: EADDRINUSE`);
    });

    test(`${family}: an address that the host does not have: told, with the address`, async () => {
      const node = start('node', 'accept', { target: { port: PORT, addresses: [OTHER[family]] }, peers: [] });
      await said(node, `listen on TCP port ${PORT} of ${OTHER[family]}: EADDRNOTAVAIL`);
    });
  }

  test('two peers that cannot be told apart, and a password that is too long: told, the others get in', async () => {
    const first = { name: 'first', address: ROUTER.v4, hops: HOP };
    const tooLong = { name: 'too-long', address: OTHER.v4, hops: HOP, password: 'x'.repeat(81) };
    const node = await listening([first, { ...first, name: 'second' }, tooLong]);
    await said(node, `unadmitted second: peer first has the same address, ${ROUTER.v4}`);
    await said(node, 'unadmitted too-long: a TCP MD5 password has 1 to 80 bytes, this one 81');
    await said(opening('v4', { sourceAddress: OTHER.v4 }), /^closed/);
    await said(opening('v4'), 'received hello');
    expect(node.lines).toContain(`accepted first at ${NODE.v4}`);
    expect(node.lines.join()).not.toContain('xx');
  });

  test('from a link-local address: the interface counts as well', async () => {
    const [router, node] = [await linkLocal('router'), await linkLocal('node')];
    const peer = { name: 'router', address: router, hops: HOP };
    const open = () => opening('v6', { address: node, device: 'eth0', sourceAddress: undefined });
    const listener = await listening([peer]);
    await said(
      listener,
      `unadmitted router: ${router} is a link-local address, and nothing says behind which interface`,
    );
    await peersSet(listener, [{ ...peer, device: 'lo' }]);
    await said(open(), /^closed/);
    await said(listener, 'refused unknown-peer');
    await peersSet(listener, [
      { ...peer, device: 'lo' },
      { ...peer, name: 'behind-eth0', device: 'eth0' },
    ]);
    await said(open(), 'received hello');
    expect(listener.lines).toContain(`accepted behind-eth0 at ${node}`);
  });

  test('one link-local address behind two interfaces with two passwords: the kernel cannot tell them apart, told', async () => {
    const address = await linkLocal('router');
    const peers = ['eth0', 'lo'].map((device) => ({ name: device, address, device, hops: HOP, password: device }));
    const listener = await listening(peers);
    await said(listener, `unadmitted lo: another peer at ${address}, behind another interface, has another password`);
  });

  async function linkLocal(host: 'router' | 'node'): Promise<string> {
    const { stdout } = await lan.host(host).ip('-j', '-6', 'address', 'show', 'dev', 'eth0', 'scope', 'link');
    const [{ addr_info }] = JSON.parse(stdout) as [{ addr_info: { local?: string }[] }];
    return addr_info.find(({ local }) => local !== undefined)?.local ?? '';
  }
});

function withLength([family, address]: readonly [string, string]): string {
  return `${address}/${family === 'v4' ? 24 : 64}`;
}
