/** What the log is told of the socket between speakers. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import { HostError } from '../../../../src/runtime/engine/host-error.ts';
import { CALM_MS, LivenessTroubles } from '../../../../src/runtime/programs/speaker/liveness-troubles.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';

const EADDRINUSE = 98;
const EACCES = 13;
const ENETDOWN = 100;

let clock: VirtualClock;
let lines: { readonly level: string; readonly fields: Readonly<Record<string, unknown>>; readonly message: string }[];
let troubles: LivenessTroubles;
beforeEach(() => {
  clock = new VirtualClock();
  lines = [];
  const to = (level: string) => (fields: object, message: string) =>
    lines.push({ level, fields: { ...fields }, message });
  troubles = new LivenessTroubles({ clock, log: { info: to('info'), warn: to('warn') } });
});

const levels = () => lines.map(({ level }) => level);
const taken = () => troubles.unopened(new HostError('bind UDP port 7946', EADDRINUSE));
const breaks = () => troubles.broken(new HostError('receive by UDP port 7946', ENETDOWN));

describe('a port that cannot be opened', () => {
  test('is told once, with what to do, however often it is tried', () => {
    for (let tries = 0; tries < 100; tries++) taken();
    expect(levels()).toEqual(['warn']);
    expect(lines[0]?.fields).toEqual({
      error: 'bind UDP port 7946: EADDRINUSE',
      advice: expect.stringContaining('ss -ulpn'),
    });
  });

  test('is told again for another reason; open, once; and when it is taken anew', () => {
    taken();
    troubles.unopened(new HostError('bind UDP port 7946', EACCES));
    taken();
    troubles.opened(7946);
    troubles.opened(7946);
    taken();
    expect(levels()).toEqual(['warn', 'warn', 'info', 'warn']);
  });

  test('opened without trouble, nothing is told', () => {
    troubles.opened(7946);
    expect(lines).toEqual([]);
  });
});

describe('a socket that breaks', () => {
  test('is told once, however often it breaks, and when it has not for a while', async () => {
    for (let times = 0; times < 5; times++) {
      breaks();
      troubles.opened(7946);
      await clock.advance(CALM_MS - 1);
    }
    expect(levels()).toEqual(['warn']);
    await clock.advance(1);
    expect(levels()).toEqual(['warn', 'info']);
    expect(lines.map(({ fields }) => fields['error'])).toEqual(Array(2).fill('receive by UDP port 7946: ENETDOWN'));
    breaks();
    expect(levels()).toEqual(['warn', 'info', 'warn']);
  });

  test('for one reason and for another: each is told, and over by itself', async () => {
    breaks();
    await clock.advance(5000);
    troubles.broken(new HostError('keep UDP port 7946', 0, { detail: 'it was closed' }));
    await clock.advance(5000);
    expect(levels()).toEqual(['warn', 'warn', 'info']);
    await clock.advance(5000);
    expect(levels()).toEqual(['warn', 'warn', 'info', 'info']);
    expect(clock.nextDelayMs).toBeUndefined();
  });
});

describe('datagrams that do not go out', () => {
  const fails = (error: string, address = '192.0.2.7') => troubles.unsent(error, { address, port: 7946 });

  test('are told once a reason, with what to do, whomever they go to', () => {
    for (let times = 0; times < 100; times++) fails('EPERM', `192.0.2.${times}`);
    fails('ENETUNREACH');
    fails('E2BIG');
    expect(lines.map(({ fields }) => fields)).toEqual([
      { error: 'EPERM', to: '192.0.2.0', advice: expect.stringContaining('firewall') },
      { error: 'ENETUNREACH', to: '192.0.2.7', advice: expect.stringContaining('routes') },
      { error: 'E2BIG', to: '192.0.2.7' },
    ]);
  });

  test('are told to be over when none has failed so for a while, though others go out meanwhile', async () => {
    for (let times = 0; times < 10; times++) {
      fails('EHOSTUNREACH');
      await clock.advance(CALM_MS / 2);
    }
    expect(levels()).toEqual(['warn']);
    await clock.advance(CALM_MS / 2);
    expect(levels()).toEqual(['warn', 'info']);
    fails('EHOSTUNREACH');
    expect(levels()).toEqual(['warn', 'info', 'warn']);
  });
});

test('closed it has no timers', () => {
  breaks();
  troubles.close();
  expect(clock.nextDelayMs).toBeUndefined();
});
