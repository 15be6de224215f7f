/** A datagram socket that outlives those of the kernel, on a kernel and a clock of the test's own. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { BreakableHandlers, DatagramSender, DatagramSocket } from '../../../src/runtime/engine/datagram-ports.ts';
import { HostError } from '../../../src/runtime/engine/host-error.ts';
import { openLastingSocket } from '../../../src/runtime/engine/lasting-datagram-socket.ts';
import { fixedRandom, settle, VirtualClock } from '../../support/virtual-clock.ts';

const ENETDOWN = 100;
const EADDRINUSE = 98;
const TARGET = { address: '192.0.2.7', port: 7946 };
const BYTES = Uint8Array.of(1, 2, 3);

class FakeSocket implements DatagramSocket {
  readonly port: number;
  readonly handlers: BreakableHandlers;
  readonly sent: Uint8Array[] = [];
  readonly knocks: unknown[] = [];
  counted: Record<string, number> = {};
  isClosed = false;

  constructor(port: number, handlers: BreakableHandlers) {
    this.port = port === 0 ? 40_000 : port;
    this.handlers = handlers;
  }

  send(_target: unknown, bytes: Uint8Array): void {
    if (this.isClosed) throw new Error('sent by a closed socket');
    this.sent.push(bytes);
  }

  knock(target: unknown): void {
    this.knocks.push(target);
  }

  errors(): Readonly<Record<string, number>> {
    return this.counted;
  }

  close(): void {
    this.isClosed = true;
  }

  break(): void {
    this.counted = { ENETDOWN: 1 };
    this.close();
    this.handlers.broken(new HostError('receive by UDP port 7946', ENETDOWN));
  }
}

let clock: VirtualClock;
let opened: FakeSocket[];
/** Of tries to open. */
let triedAt: number[];
let isTaken: boolean;
let received: Uint8Array[];
/** What the handlers were told of the socket itself. */
let told: string[];

function last(): FakeSocket {
  const socket = opened.at(-1);
  if (socket === undefined) throw new Error('nothing was opened');
  return socket;
}

beforeEach(() => {
  clock = new VirtualClock();
  opened = [];
  triedAt = [];
  isTaken = false;
  received = [];
  told = [];
});

/** Returns when it has been tried once. */
async function open(port = 7946, random = 0): Promise<DatagramSender> {
  const lasting = openLastingSocket(
    port,
    {
      datagram: (bytes) => received.push(bytes),
      opened: (on) => told.push(`opened ${on}`),
      unopened: ({ message }) => told.push(message),
      broken: ({ message }) => told.push(message),
      unsent: (error, { address }) => told.push(`${error} to ${address}`),
    },
    {
      clock,
      random: fixedRandom(random),
      open: async (wanted, handlers) => {
        triedAt.push(clock.now());
        if (isTaken) throw new HostError(`bind UDP port ${wanted}`, EADDRINUSE);
        const socket = new FakeSocket(wanted, handlers);
        opened.push(socket);
        return socket;
      },
    },
  );
  await settle();
  return lasting;
}

describe('a socket that breaks', () => {
  test('is replaced by one on the same port, which sends and receives', async () => {
    const lasting = await open(0);
    last().break();
    await clock.advance(50);
    expect(opened.map(({ port }) => port)).toEqual([40_000, 40_000]);
    lasting.send(TARGET, BYTES);
    lasting.knock(TARGET, () => undefined);
    last().handlers.datagram(BYTES);
    last().handlers.unsent('EPERM', TARGET);
    expect([last().sent, last().knocks, received]).toEqual([[BYTES], [TARGET], [BYTES]]);
    expect(told).toEqual(['opened 40000', 'receive by UDP port 7946: ENETDOWN', 'opened 40000', 'EPERM to 192.0.2.7']);
  });

  test('loses and counts what is sent until then; what went wrong before is not forgotten', async () => {
    const lasting = await open();
    last().break();
    lasting.send(TARGET, BYTES);
    lasting.send(TARGET, BYTES);
    lasting.knock(TARGET, () => undefined);
    await clock.advance(50);
    last().counted = { ENETDOWN: 2, EPERM: 1 };
    expect(lasting.errors()).toEqual({ ENETDOWN: 3, EPERM: 1, 'not-open': 2, reopened: 1 });
  });

  test('is tried again ever more slowly, every two seconds at most, for as long as it takes', async () => {
    await open();
    isTaken = true;
    triedAt.length = 0;
    last().break();
    await clock.advance(60_000);
    const waits = triedAt.map((at, index) => at - (triedAt[index - 1] ?? 0));
    expect(waits.slice(0, 8)).toEqual([25, 50, 100, 200, 400, 800, 1000, 1000]);
    expect(Math.max(...waits)).toBe(1000);
    isTaken = false;
    await clock.advance(1000);
    expect(opened).toHaveLength(2);
    expect(last().isClosed).toBe(false);
  });

  test('waits a random share of that', async () => {
    await open(7946, 0.5);
    triedAt.length = 0;
    last().break();
    await clock.advance(60);
    expect(triedAt).toEqual([37.5]);
  });

  test('over and over is opened more and more slowly; once it has lasted, at once again', async () => {
    await open();
    for (let round = 0; round < 5; round++) {
      last().break();
      await clock.advance(1000);
    }
    expect(opened).toHaveLength(6);
    triedAt.length = 0;
    const brokeAt = clock.now();
    last().break();
    await clock.advance(2000);
    expect(triedAt).toEqual([brokeAt + 800]);
    await clock.advance(10_000);
    const brokeLateAt = clock.now();
    last().break();
    await clock.advance(2000);
    expect(triedAt.at(-1)).toBe(brokeLateAt + 25);
  });

  test('in the very moment it is opened is replaced as well', async () => {
    const opening = open();
    last().break();
    const lasting = await opening;
    expect(told).toEqual(['opened 7946', 'receive by UDP port 7946: ENETDOWN']);
    await clock.advance(50);
    expect(opened).toHaveLength(2);
    lasting.send(TARGET, BYTES);
    expect(last().sent).toHaveLength(1);
  });
});

describe('a port that is taken at the start', () => {
  test('is tried again: the process before may not have let go of it yet', async () => {
    isTaken = true;
    const lasting = await open();
    lasting.send(TARGET, BYTES);
    await clock.advance(300);
    isTaken = false;
    await clock.advance(500);
    lasting.send(TARGET, BYTES);
    expect(last().sent).toHaveLength(1);
    expect(lasting.errors()).toEqual({ EADDRINUSE: 4, 'not-open': 1 });
  });

  test('is tried again for as long as it takes, every two seconds at most, and told at every try', async () => {
    isTaken = true;
    await open();
    await clock.advance(600_000);
    expect(new Set(told)).toEqual(new Set(['bind UDP port 7946: EADDRINUSE']));
    expect(told).toHaveLength(triedAt.length);
    const waits = triedAt.map((at, index) => at - (triedAt[index - 1] ?? 0));
    expect(Math.max(...waits)).toBe(1000);
    isTaken = false;
    await clock.advance(1000);
    expect(told.at(-1)).toBe('opened 7946');
    expect(clock.nextDelayMs).toBeUndefined();
  });
});

describe('closed', () => {
  test('it opens nothing more, and has no timers', async () => {
    const lasting = await open();
    last().break();
    lasting.close();
    lasting.close();
    await clock.advance(10_000);
    expect(opened).toHaveLength(1);
    expect(clock.nextDelayMs).toBeUndefined();
    lasting.send(TARGET, BYTES);
    expect(lasting.errors()).toEqual({ ENETDOWN: 1 });
  });

  test('before it was ever open, it opens nothing more and says nothing more', async () => {
    isTaken = true;
    const lasting = await open();
    lasting.close();
    isTaken = false;
    await clock.advance(10_000);
    expect([opened, told]).toEqual([[], ['bind UDP port 7946: EADDRINUSE']]);
    expect(clock.nextDelayMs).toBeUndefined();
  });

  test('while another is being opened, that one is closed', async () => {
    const lasting = await open();
    last().break();
    const advancing = clock.advance(25);
    lasting.close();
    await advancing;
    await settle();
    expect(opened.every(({ isClosed }) => isClosed)).toBe(true);
  });
});
