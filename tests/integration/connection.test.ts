/** What the way to the API server does with a request that may be kept back, seen from a server of the test's own. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { hostClock } from '../../src/runtime/adapters/host/clock.ts';
import { KubeConnection } from '../../src/runtime/adapters/kube/connection.ts';
import { FencedApi } from '../../src/runtime/adapters/kube/fenced-api.ts';

let server: Server;
let connection: KubeConnection;
/** Bodies as they arrived. */
let received: string[];
/** Answers wait for this. */
let gate: Promise<void>;

beforeEach(async () => {
  received = [];
  gate = Promise.resolve();
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    received.push(body);
    await gate;
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  connection = new KubeConnection(
    async () => ({ server: new URL(`http://127.0.0.1:${port}`), headers: {}, tls: {} }),
    hostClock,
  );
});
afterEach(async () => {
  connection.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const write = { op: 'write', method: 'PATCH', path: '/x' } as const;

describe('a write', () => {
  test('goes out on a new connection and on one that is used again', async () => {
    let asked = 0;
    const refusal = (): undefined => {
      asked += 1;
      return undefined;
    };
    for (const body of ['first', 'second']) await connection.request({ ...write, body, refusal });
    expect(received).toEqual(['"first"', '"second"']);
    expect(asked).toBe(2);
  });

  test.each([
    { name: 'a new connection', before: 0 },
    { name: 'a used one', before: 1 },
  ])('that is refused when $name is open never reaches the server', async ({ before }) => {
    for (let count = 0; count < before; count++) await connection.request({ ...write, body: 'allowed' });
    const answer = connection.request({ ...write, body: 'stale', refusal: () => new Error('not any more') });
    await expect(answer).rejects.toMatchObject({ op: 'write', status: 0, message: 'write: not any more' });
    await connection.request({ ...write, body: 'later' });
    expect(received).toEqual([...Array.from({ length: before }, () => '"allowed"'), '"later"']);
  });

  test('whose writer stops leading while the connection is being opened never reaches the server', async () => {
    let writableMs = 4000;
    const fenced = new FencedApi(connection, () => writableMs);
    const answer = fenced.request({ ...write, body: 'stale' });
    writableMs = 0;
    await expect(answer).rejects.toMatchObject({ reason: 'not-leader' });
    expect(received).toEqual([]);
  });

  test('is given up when its writer’s time is over', async () => {
    const opened = Promise.withResolvers<void>();
    gate = opened.promise;
    const fenced = new FencedApi(connection, () => 100);
    await expect(fenced.request({ ...write, body: 'slow' })).rejects.toMatchObject({ reason: 'timeout' });
    opened.resolve();
  });
});
