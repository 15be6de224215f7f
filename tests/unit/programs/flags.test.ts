import { describe, expect, test } from '@jest/globals';
import { readFlags } from '../../../src/runtime/programs/flags.ts';

const DEFAULTS = {
  logLevel: 'info',
  metricsPort: 7472,
  healthPort: 17472,
  loadBalancerClass: undefined,
  namespace: 'metallb-system',
  kubeconfigPath: undefined,
  podName: undefined,
};

describe('the flags of both programs', () => {
  test.each([
    { name: 'nothing', argv: [], env: {}, want: {} },
    {
      name: 'values',
      argv: ['--log-level=debug', '--port', '0', '--lb-class=x/y'],
      env: {},
      want: { logLevel: 'debug', metricsPort: undefined, loadBalancerClass: 'x/y' },
    },
    {
      name: 'the pod’s environment',
      argv: [],
      env: { METALLB_NAMESPACE: 'ns', METALLB_POD_NAME: 'pod' },
      want: { namespace: 'ns', podName: 'pod' },
    },
    {
      name: 'flags over environment',
      argv: ['--namespace=a'],
      env: { METALLB_NAMESPACE: 'b' },
      want: { namespace: 'a' },
    },
    { name: 'an empty class is none', argv: ['--lb-class='], env: {}, want: {} },
  ])('$name', ({ argv, env, want }) => {
    expect(readFlags(argv, env)).toMatchObject({ ok: true, value: { flags: { ...DEFAULTS, ...want }, own: {} } });
  });

  test('and those of one', () => {
    const read = readFlags(
      ['--node-name=n1', '--loud'],
      {},
      { texts: ['node-name', 'host'], switches: ['loud', 'quiet'] },
    );
    expect(read).toMatchObject({ ok: true, value: { own: { 'node-name': 'n1', host: undefined } } });
  });

  test.each([
    { argv: ['--port=99999'], want: '--port must be a port number, or 0 for no metrics' },
    { argv: ['--health-probe-port=x'], want: '--health-probe-port must be a port number' },
    { argv: ['--log-level=loud'], want: '--log-level must be one of all, debug, info, warn, error, none' },
    { argv: ['--unknown'], want: "Unknown option '--unknown'" },
    { argv: ['stray'], want: "Unexpected argument 'stray'" },
  ])('refused: $argv', ({ argv, want }) => {
    const read = readFlags(argv, {});
    expect(read.ok ? '' : read.error).toContain(want);
  });
});
