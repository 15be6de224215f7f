/** What the sandbox reads out of /proc, in the forms that real machines print. */
import { describe, expect, test } from '@jest/globals';
import { parseCgroupMounts } from '../../../src/sandbox/cgroups.ts';
import { missingCapabilities } from '../../../src/sandbox/preflight.ts';
import { parseStat } from '../../../src/sandbox/processes.ts';
import { parseMountsBelow } from '../../../src/sandbox/teardown.ts';

describe('control group mounts', () => {
  const v1 = '30 29 0:26 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids';
  const named = '31 29 0:27 / /sys/fs/cgroup/systemd rw,relatime shared:9 - cgroup cgroup rw,name=systemd';
  const unified = '32 29 0:28 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup rw';
  const v2 = '28 24 0:25 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate';
  const other = '25 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw';
  const rows = [
    { name: 'version 1', given: [other, v1, named], want: { version: 1, paths: ['pids', 'systemd'] } },
    {
      name: 'hybrid: version 1, the unified one last',
      given: [unified, v1],
      want: { version: 1, paths: ['pids', 'unified'] },
    },
    { name: 'version 2', given: [other, v2], want: { version: 2, paths: ['cgroup'] } },
    { name: 'mounted twice', given: [v1, v1], want: { version: 1, paths: ['pids'] } },
    { name: 'none', given: [other], want: undefined },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    const mounts = parseCgroupMounts(given.join('\n'));
    const found = mounts && {
      version: mounts.version,
      paths: mounts.hierarchies.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)),
    };
    expect(found).toEqual(want);
  });
});

describe('a process’s start', () => {
  const tail = 'S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9876 1000 200';
  const rows = [
    { name: 'plain', given: `42 (kubelet) ${tail}`, want: '9876' },
    { name: 'a name with parentheses and spaces', given: `42 (a) S (b ) ${tail}`, want: '9876' },
    { name: 'a zombie is no process', given: `42 (kubelet) ${tail.replace('S', 'Z')}`, want: undefined },
    { name: 'nonsense', given: 'what', want: undefined },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(parseStat(given)).toBe(want);
  });
});

describe('mounts below a folder', () => {
  const line = (path: string) => `99 25 0:50 / ${path} rw - tmpfs tmpfs rw`;
  const rows = [
    { name: 'innermost first', given: ['/s/a', '/s/a/b'], want: ['/s/a/b', '/s/a'] },
    { name: 'not the folder itself, nor one that begins alike', given: ['/s', '/sandbox/x', '/other'], want: [] },
    { name: 'escaped signs', given: ['/s/a\\040b'], want: ['/s/a b'] },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(parseMountsBelow(given.map(line).join('\n'), '/s')).toEqual(want);
  });
});

describe('missing capabilities', () => {
  const rows = [
    { name: 'all of them there', given: 'CapInh:\t0\nCapEff:\t000001ffffffffff\n', want: [] },
    { name: 'without CAP_SYS_RESOURCE, which is not needed', given: 'CapEff:\t000001fffeffffff\n', want: [] },
    {
      name: 'a container’s usual set',
      given: 'CapEff:\t00000000a80425fb\n',
      want: ['CAP_NET_ADMIN', 'CAP_SYS_PTRACE', 'CAP_SYS_ADMIN'],
    },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(missingCapabilities(given)).toEqual(want);
  });
});
