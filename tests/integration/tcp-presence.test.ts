/** Presence over real sockets on the loopback address. */
import { createServer } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { isPresent, showPresence } from '../../src/runtime/adapters/host/tcp-presence.ts';

describe('presence', () => {
  test('who shows it is found, again and again; who stops is not', async () => {
    const presence = await showPresence(0);
    for (let i = 0; i < 50; i++) expect(await isPresent('127.0.0.1', presence.port, 1000)).toBe(true);
    await presence.close();
    expect(await isPresent('127.0.0.1', presence.port, 1000)).toBe(false);
  });

  test('a port that is taken is an error, not a silence', async () => {
    const other = createServer().listen(0);
    await new Promise((resolve) => other.once('listening', resolve));
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(showPresence(port)).rejects.toThrow('EADDRINUSE');
    other.close();
  });
});
