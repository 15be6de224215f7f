import { describe, expect, test } from '@jest/globals';
import { formatRange } from '../../../../src/runtime/model/range.ts';
import { readControllerFlags } from '../../../../src/runtime/programs/controller/flags.ts';

describe('the controller’s flags', () => {
  test('without any, no network is known', () => {
    expect(readControllerFlags([], {})).toMatchObject({ ok: true, value: { podNetworks: [], serviceNetworks: [] } });
  });

  test('networks, separated by commas; and those of both programs', () => {
    const argv = ['--pod-networks=172.20.0.0/16, fd00:20::/64', '--service-networks', '10.68.0.0/16,', '--port=0'];
    const read = readControllerFlags(argv, {});
    expect(read).toMatchObject({ ok: true, value: { metricsPort: undefined } });
    expect(read.ok && read.value.podNetworks.map(formatRange)).toEqual(['172.20.0.0/16', 'fd00:20::/64']);
    expect(read.ok && read.value.serviceNetworks.map(formatRange)).toEqual(['10.68.0.0/16']);
  });

  test.each([
    {
      given: '--pod-networks=172.20.0.0/33',
      want: '--pod-networks: "172.20.0.0/33" is not a CIDR: the prefix length must be a number from 0 to 32; it takes CIDRs, separated by commas',
    },
    {
      given: '--service-networks=10.68.0.0/16,10.69.0.1-10.69.0.9',
      want: '--service-networks: "10.69.0.1-10.69.0.9" is no CIDR; it takes CIDRs, separated by commas',
    },
    {
      given: '--service-networks=10.68.0.0',
      want: '--service-networks: "10.68.0.0" is a single address: write 10.68.0.0/32; it takes CIDRs, separated by commas',
    },
  ])('$given is refused', ({ given, want }) => {
    expect(readControllerFlags([given], {})).toEqual({ ok: false, error: want });
  });

  test('a misspelt one is refused', () => {
    expect(readControllerFlags(['--pod-network=10.0.0.0/8'], {})).toMatchObject({ ok: false });
  });

  test.each([
    { argv: [], want: 5000 },
    { argv: ['--leader-elect=true', '--leader-lease-seconds=15'], want: 15_000 },
    { argv: ['--leader-lease-seconds', '0.5'], want: 500 },
    { argv: ['--leader-elect=false'], want: undefined },
  ])('$argv: a lease of $want ms', ({ argv, want }) => {
    expect(readControllerFlags(argv, {})).toMatchObject({ ok: true, value: { leaseMs: want, logLevel: 'info' } });
  });

  test.each([
    { argv: [], want: undefined },
    { argv: ['--calico-advertise=pools'], want: 'pools' },
    { argv: ['--calico-advertise', 'none'], want: 'none' },
  ])('$argv: Calico is told to advertise $want', ({ argv, want }) => {
    const read = readControllerFlags(argv, {});
    expect(read.ok && read.value.calico).toBe(want);
  });

  test.each([
    { argv: ['--leader-elect=no'], want: '--leader-elect must be true or false' },
    { argv: ['--leader-lease-seconds=0.1'], want: '--leader-lease-seconds must be a number from 0.5 to 600' },
    { argv: ['--leader-lease-seconds=601'], want: '--leader-lease-seconds must be a number from 0.5 to 600' },
    { argv: ['--leader-lease-seconds=5s'], want: '--leader-lease-seconds must be a number from 0.5 to 600' },
    { argv: ['--calico-advertise=yes'], want: '--calico-advertise must be pools or none' },
    { argv: ['--node-name=n1'], want: "Unknown option '--node-name'" },
  ])('refused: $argv', ({ argv, want }) => {
    const read = readControllerFlags(argv, {});
    expect(read.ok ? '' : read.error).toContain(want);
  });
});
