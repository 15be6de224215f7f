/** The kernel's files that the memory figures are read from. */
import { describe, expect, test } from '@jest/globals';
import { parseReplies } from '../../../bench/lan-client.ts';
import { parseNode, parseStatus } from '../../../bench/process-memory.ts';

// From /proc/PID/status of a running Node (Linux 6.1), shortened.
const STATUS = `Name:	node
VmHWM:	   95004 kB
VmRSS:	   94740 kB
RssAnon:	   45516 kB
RssFile:	   49224 kB
RssShmem:	       0 kB
VmData:	  182560 kB
`;

describe('a process’s status', () => {
  test('resident memory in bytes', () => {
    expect(parseStatus(STATUS)).toEqual({ total: 94740 * 1024, anonymous: 45516 * 1024, file: 49224 * 1024 });
  });

  test('a process that has ended has none', () => {
    expect(() => parseStatus('Name:\tnode\nState:\tZ (zombie)\n')).toThrow('no VmRSS');
  });
});

describe('the node that a process runs on', () => {
  const rows = [
    { name: 'cgroup v1', given: '12:pids:/sandbox-bench/node1/kubepods/pod1/a\n0::/', want: 'node1' },
    { name: 'cgroup v2', given: '0::/sandbox-bench/master/kubepods.slice/cri-a', want: 'master' },
    { name: 'of another instance', given: '12:pids:/sandbox-test/node1/kubepods/pod1/a', want: undefined },
    { name: 'of an instance whose name begins alike', given: '0::/sandbox-bench2/node1', want: undefined },
    { name: 'outside', given: '12:pids:/user.slice\n0::/', want: undefined },
  ];
  test.each(rows)('$name', ({ given, want }) => {
    expect(parseNode(given, 'bench')).toBe(want);
  });
});

test('the client’s replies, the last of them half written', () => {
  const reply = { ip: '192.0.2.1', beganMs: 1, answeredMs: 2 };
  expect(parseReplies(`${JSON.stringify(reply)}\n{"ip":"192.0.`)).toEqual([reply]);
  expect(parseReplies('')).toEqual([]);
});
