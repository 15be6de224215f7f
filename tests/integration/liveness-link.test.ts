/** Three speakers over real sockets on the loopback address, sealed; and the socket's own corners. */
import { createHash, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { hostClock } from '../../src/runtime/adapters/host/clock.ts';
import { DatagramSeal, type SealKeys } from '../../src/runtime/adapters/host/datagram-seal.ts';
import { KeyFolder } from '../../src/runtime/adapters/host/key-folder.ts';
import { bindUdp, HostDatagramSocket, openUdp } from '../../src/runtime/adapters/host/udp.ts';
import type { DatagramSocket } from '../../src/runtime/engine/datagram-ports.ts';
import { type LinkedPeer, type LinkOutput, LivenessLink } from '../../src/runtime/programs/speaker/liveness-link.ts';
import { ip } from '../support/views.ts';
import { waitFor } from '../support/wait-for.ts';

const until = (what: string, isSo: () => boolean): Promise<unknown> =>
  waitFor(what, async () => isSo(), { withinMs: 10_000, everyMs: 5 });

interface Speaker {
  readonly node: string;
  readonly boot: string;
  readonly link: LivenessLink;
  readonly port: number;
  readonly told: { readonly atMs: number; readonly output: LinkOutput }[];
}

const open: Speaker[] = [];
const secret = randomBytes(32);

afterEach(() => {
  for (const { link } of open.splice(0)) link.abandon();
});

async function start(node: string): Promise<Speaker> {
  const boot = randomBytes(8).toString('hex');
  const seal = new DatagramSeal(boot);
  seal.setKeys({ secrets: [secret], plain: 'refused' });
  const told: Speaker['told'] = [];
  const link = new LivenessLink({
    node,
    boot,
    clock: hostClock,
    log: { info: () => undefined, warn: () => undefined },
    seal,
    sha256Hex: (text) => createHash('sha256').update(text).digest('hex'),
    seed: randomBytes(4).readUInt32BE(),
    open: (handlers) => openUdp(0, handlers),
    onOutput: (output) => told.push({ atMs: performance.now(), output }),
  });
  const port = await new Promise<number>((resolve) => link.whenOpen(resolve));
  const speaker = { node, boot, link, port, told };
  open.push(speaker);
  return speaker;
}

/** By IPv4 and IPv6 in turn. */
function introduce(speakers: readonly Speaker[]): void {
  const peers: LinkedPeer[] = speakers.map(({ node, boot, port }, index) => ({
    node,
    boot,
    address: index % 2 === 0 ? '127.0.0.1' : '::1',
    port,
  }));
  for (const { node, link } of speakers) link.setPeers(peers.filter((peer) => peer.node !== node));
}

/** A socket of the kernel, on any port. */
const bound = (): Promise<DatagramSocket> =>
  bindUdp(0, { datagram: () => undefined, unsent: () => undefined, broken: () => undefined });

const states = ({ link }: Speaker): string[] => link.snapshot().peers.map(({ state }) => state);

describe('three speakers', () => {
  test('find each other, know each other’s claims, and find one that crashed', async () => {
    const speakers = [await start('a'), await start('b'), await start('c')] as const;
    introduce(speakers);
    await until('all find each other', () =>
      speakers.every((speaker) => states(speaker).every((state) => state === 'alive')),
    );
    const [a, b, c] = speakers;
    a.link.claim([ip('192.0.2.1'), ip('2001:db8::1')]);
    await until('the claim is known', () => [b, c].every(({ link }) => link.owner(ip('2001:db8::1'))?.node === 'a'));

    const crashedAt = performance.now();
    a.link.abandon();
    await until('the crash is known', () =>
      [b, c].every(({ told }) => told.some(({ output }) => output.kind === 'peer' && output.state === 'dead')),
    );
    // Both nodes say that the port is closed: no timeout is waited for.
    expect(performance.now() - crashedAt).toBeLessThan(1000);
    expect(b.link.owner(ip('192.0.2.1'))).toBeUndefined();
    b.link.claim([ip('192.0.2.1')]);
    await until('it is so', () => c.link.owner(ip('192.0.2.1'))?.node === 'b');
    expect(b.link.counters()).toMatchObject({ refused: {}, errors: expect.any(Object) });
  });

  test('one that says goodbye is gone at once; forged datagrams are counted and change nothing', async () => {
    const speakers = [await start('a'), await start('b'), await start('c')] as const;
    introduce(speakers);
    await until('all find each other', () =>
      speakers.every((speaker) => states(speaker).every((state) => state === 'alive')),
    );
    const [a, b, c] = speakers;
    const forger = await bound();
    for (let count = 0; count < 100; count++) {
      forger.send({ address: '127.0.0.1', port: a.port }, randomBytes(60));
    }
    await until('it is so', () => (a.link.counters().refused.malformed ?? 0) > 90);
    forger.close();
    await c.link.close();
    await until('it is so', () =>
      [a, b].every((speaker) => states(speaker).filter((state) => state === 'dead').length === 1),
    );
    expect(a.told.at(-1)?.output).toMatchObject({ kind: 'peer', node: 'c', reason: 'said-goodbye' });
  });
});

describe('the socket', () => {
  test('a port that is taken is an error that names it, and is opened when it is free', async () => {
    const first = await bound();
    const told: string[] = [];
    const second = openUdp(first.port, {
      datagram: () => undefined,
      opened: (port) => told.push(`opened ${port}`),
      unopened: ({ message }) => told.push(message),
      broken: ({ message }) => told.push(message),
      unsent: () => undefined,
    });
    await until('it was tried', () => told.length > 0);
    first.close();
    await until('it is open', () => told.includes(`opened ${first.port}`));
    expect(told[0]).toBe(`bind UDP port ${first.port}: EADDRINUSE`);
    second.close();
  });

  test('what cannot be sent is counted and told', async () => {
    const unsent: string[] = [];
    const socket = await bindUdp(0, {
      datagram: () => undefined,
      unsent: (error, { address }) => unsent.push(`${error} to ${address}`),
      broken: () => undefined,
    });
    socket.send({ address: '255.255.255.255', port: 9 }, Buffer.from('x'));
    socket.send({ address: 'no address', port: 9 }, Buffer.from('x'));
    await until('it is so', () => Object.values(socket.errors()).reduce((sum, count) => sum + count, 0) >= 2);
    expect(unsent).toHaveLength(2);
    expect(unsent).toContain('EACCES to 255.255.255.255');
    socket.close();
  });

  test.each<{ how: string; breakIt: (socket: Socket) => void; counted: Record<string, number>; said: RegExp }>([
    {
      how: 'reports an error of the kernel',
      breakIt: (socket) => socket.emit('error', Object.assign(new Error('down'), { code: 'ENETDOWN', errno: -100 })),
      counted: { ENETDOWN: 1 },
      said: /^receive by UDP port \d+: ENETDOWN$/,
    },
    {
      how: 'is closed',
      breakIt: (socket) => socket.close(),
      counted: {},
      said: /^keep UDP port \d+: it was closed$/,
    },
  ])('one that $how says so once, and is closed', async ({ breakIt, counted, said }) => {
    const kernel = createSocket('udp4');
    await new Promise<void>((resolve) => {
      kernel.bind(0, '127.0.0.1', resolve);
    });
    const broken: string[] = [];
    const socket = new HostDatagramSocket(kernel, 'udp4', {
      datagram: () => undefined,
      unsent: () => undefined,
      broken: ({ message }) => broken.push(message),
    });
    breakIt(kernel);
    await until('it has said so', () => broken.length > 0);
    socket.send({ address: '127.0.0.1', port: socket.port }, Buffer.from('x'));
    socket.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(broken).toEqual([expect.stringMatching(said)]);
    expect(socket.errors()).toEqual(counted);
  });

  test('one that sends nothing for two seconds, for reasons of this host, is given up; the way being broken is none', async () => {
    const [down, far] = [createSocket('udp4'), createSocket('udp4')];
    for (const kernel of [down, far]) {
      await new Promise<void>((resolve) => {
        kernel.bind(0, '127.0.0.1', resolve);
      });
    }
    const failing = (kernel: Socket, code: string): Socket => {
      kernel.send = ((_bytes: unknown, _port: unknown, _address: unknown, sent: (error: Error) => void) =>
        sent(Object.assign(new Error(code), { code, errno: -105 }))) as Socket['send'];
      return kernel;
    };
    const broken: string[] = [];
    const ignore = (): void => undefined;
    const handlers = { datagram: ignore, unsent: ignore, broken: ({ message }: Error) => broken.push(message) };
    const sockets = [
      new HostDatagramSocket(failing(down, 'ENOBUFS'), 'udp4', handlers),
      new HostDatagramSocket(failing(far, 'EHOSTUNREACH'), 'udp4', handlers),
    ];
    const startedAt = performance.now();
    await until('it is given up', () => {
      for (const socket of sockets) socket.send({ address: '127.0.0.1', port: 9 }, Buffer.from('x'));
      return broken.length > 0;
    });
    expect(performance.now() - startedAt).toBeGreaterThan(1990);
    expect(broken).toEqual([expect.stringMatching(/^send by UDP port \d+: ENOBUFS$/)]);
    for (const socket of sockets) socket.close();
    expect(broken).toHaveLength(1);
  });

  test('a knock on a closed port is answered, one on an open port is not', async () => {
    const socket = await bound();
    const other = await bound();
    const refused: string[] = [];
    const closed = await bound();
    const { port } = closed;
    closed.close();
    await new Promise((resolve) => setImmediate(resolve));
    socket.knock({ address: '127.0.0.1', port: other.port }, () => refused.push('open'));
    socket.knock({ address: '127.0.0.1', port }, () => refused.push('closed v4'));
    socket.knock({ address: '::1', port }, () => refused.push('closed v6'));
    await until('it is so', () => refused.length >= 2);
    expect(refused.sort()).toEqual(['closed v4', 'closed v6']);
    socket.close();
    other.close();
  });
});

describe('the folder of the secret', () => {
  test('none, one, two, none: what is in force, and what is said', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'liveness-key-'));
    const warned: unknown[] = [];
    let keys: SealKeys | undefined;
    let timer: (() => void) | undefined;
    const keyFolder = new KeyFolder({
      folder,
      clock: {
        ...hostClock,
        schedule: (_delayMs, callback) => {
          timer = callback;
          return () => undefined;
        },
      },
      log: { info: () => undefined, warn: (fields, message) => warned.push({ ...fields, message }) },
      onChange: (now) => {
        keys = now;
      },
    });
    const readAgain = async (): Promise<void> => {
      const before = timer;
      before?.();
      await until('it is so', () => timer !== before);
    };
    await keyFolder.start();
    expect([keys, keyFolder.status().mode, warned.length]).toEqual([{ secrets: [], plain: 'accepted' }, 'plain', 1]);
    await writeFile(path.join(folder, 'key'), 'short\n');
    await readAgain();
    expect(keyFolder.status()).toEqual({
      mode: 'plain',
      secrets: 0,
      trouble: 'key has 5 bytes; at least 16 are needed',
    });
    await writeFile(path.join(folder, 'key'), 'a secret of enough length\n');
    await readAgain();
    expect(keys).toEqual({ secrets: [Buffer.from('a secret of enough length')], plain: 'accepted' });
    await writeFile(path.join(folder, 'previous-key'), 'an older secret of length');
    await readAgain();
    expect(keys?.secrets).toHaveLength(2);
    await rm(path.join(folder, 'key'));
    await readAgain();
    expect([keys?.secrets.length, keyFolder.status().trouble]).toEqual([2, expect.stringContaining('stays in force')]);
    expect(JSON.stringify(warned)).not.toContain('secret of enough');
    keyFolder.stop();
    await rm(folder, { recursive: true });
  });
});
