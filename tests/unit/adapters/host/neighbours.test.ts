import { expect, test } from '@jest/globals';
import { findNeighbour } from '../../../../src/runtime/adapters/host/neighbours.ts';
import { ip } from '../../../support/views.ts';

/** As Linux 6 prints it. */
const TABLE = `IP address       HW type     Flags       HW address            Mask     Device
192.0.2.1        0x1         0x2         02:00:00:00:00:01     *        eth0
192.0.2.1        0x1         0x2         02:00:00:00:00:09     *        eth1
192.0.2.3        0x1         0x0         00:00:00:00:00:00     *        eth0
192.0.2.4        0x1         0x6         02:00:00:00:00:04     *        eth0
`;

test.each([
  { name: 'resolved', address: '192.0.2.1', device: 'eth0', want: '02:00:00:00:00:01' },
  { name: 'on another interface', address: '192.0.2.1', device: 'eth1', want: '02:00:00:00:00:09' },
  { name: 'written by hand', address: '192.0.2.4', device: 'eth0', want: '02:00:00:00:00:04' },
  { name: 'not resolved', address: '192.0.2.3', device: 'eth0', want: undefined },
  { name: 'unknown', address: '192.0.2.7', device: 'eth0', want: undefined },
])('a neighbour that is $name: $want', ({ address, device, want }) => {
  expect(findNeighbour(TABLE, ip(address), device)).toBe(want);
});
