import { describe, expect, test } from '@jest/globals';
import { readControllerFlags } from '../../../../src/runtime/programs/controller/flags.ts';

describe('the controller’s flags', () => {
  test.each([
    { argv: [], want: 5000 },
    { argv: ['--leader-elect=true', '--leader-lease-seconds=15'], want: 15_000 },
    { argv: ['--leader-lease-seconds', '0.5'], want: 500 },
    { argv: ['--leader-elect=false'], want: undefined },
  ])('$argv: a lease of $want ms', ({ argv, want }) => {
    expect(readControllerFlags(argv, {})).toMatchObject({ ok: true, value: { leaseMs: want, logLevel: 'info' } });
  });

  test.each([
    { argv: ['--leader-elect=no'], want: '--leader-elect must be true or false' },
    { argv: ['--leader-lease-seconds=0.1'], want: '--leader-lease-seconds must be a number from 0.5 to 600' },
    { argv: ['--leader-lease-seconds=601'], want: '--leader-lease-seconds must be a number from 0.5 to 600' },
    { argv: ['--leader-lease-seconds=5s'], want: '--leader-lease-seconds must be a number from 0.5 to 600' },
    { argv: ['--node-name=n1'], want: "Unknown option '--node-name'" },
  ])('refused: $argv', ({ argv, want }) => {
    const read = readControllerFlags(argv, {});
    expect(read.ok ? '' : read.error).toContain(want);
  });
});
