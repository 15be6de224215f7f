import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { readSpeakerFlags } from '../../../../src/runtime/programs/speaker/flags.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'speaker-flags-'));
afterAll(() => rmSync(folder, { recursive: true }));

function excludeFile(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return `--exclude-file=${file}`;
}

describe('the speaker’s flags', () => {
  test('what a pod gives', () => {
    const env = { METALLB_NODE_NAME: 'node1', METALLB_NAMESPACE: 'ns', METALLB_POD_NAME: 'p', METALLB_POD_UID: 'u' };
    expect(readSpeakerFlags(['--ignore-exclude-lb', '--answer-ping', '--port=0'], env)).toMatchObject({
      ok: true,
      value: {
        nodeName: 'node1',
        namespace: 'ns',
        pod: { name: 'p', uid: 'u' },
        excludedNodes: 'use',
        pings: 'answer',
        excludePatterns: [],
        livenessPort: 7946,
        election: 'spread',
        bgpListenPort: undefined,
        bgpGracefulShutdownSeconds: 1,
        scheduling: 'ordinary',
        livenessKeyDir: '/etc/ml_secret_key',
        metricsPort: undefined,
      },
    });
  });

  test('where routers may open sessions', () => {
    const read = readSpeakerFlags(['--node-name=n', '--bgp-listen-port=179'], {});
    expect(read.ok && read.value.bgpListenPort).toBe(179);
  });

  test('the network thread in real time', () => {
    const read = readSpeakerFlags(['--node-name=n', '--real-time'], {});
    expect(read.ok && read.value.scheduling).toBe('real-time');
  });

  test('how long routers have to turn to other nodes', () => {
    const read = readSpeakerFlags(['--node-name=n', '--bgp-graceful-shutdown-seconds=120'], {});
    expect(read.ok && read.value.bgpGracefulShutdownSeconds).toBe(120);
  });

  test('MetalLB’s exclude list', () => {
    const file = excludeFile('good.yaml', 'announcedInterfacesToExclude: ["^docker.*", "^lo$"]\n');
    const read = readSpeakerFlags(['--node-name=n', file], {});
    expect(read.ok && read.value.excludePatterns.map(String)).toEqual(['/^docker.*/', '/^lo$/']);
  });

  test.each([
    { name: 'no node name', given: [], want: 'METALLB_NODE_NAME' },
    { name: 'an unknown flag', given: ['--node-name=n', '--colour'], want: '--colour' },
    { name: 'a port that is none', given: ['--node-name=n', '--ml-bindport=x'], want: '--ml-bindport' },
    {
      name: 'a port to listen at that is none',
      given: ['--node-name=n', '--bgp-listen-port=0'],
      want: '--bgp-listen-port must be a port number; leave it out',
    },
    {
      name: 'more time than a drain may take',
      given: ['--node-name=n', '--bgp-graceful-shutdown-seconds=121'],
      want: '--bgp-graceful-shutdown-seconds must be a whole number from 0 to 120',
    },
    {
      name: 'a malformed pattern',
      given: ['--node-name=n', excludeFile('pattern.yaml', 'announcedInterfacesToExclude: ["^lo$", "("]\n')],
      want: 'announcedInterfacesToExclude[1]',
    },
    {
      name: 'patterns that are no list',
      given: ['--node-name=n', excludeFile('scalar.yaml', 'announcedInterfacesToExclude: lo\n')],
      want: 'must be a list',
    },
    { name: 'a file that is no YAML', given: ['--node-name=n', excludeFile('no.yaml', '{')], want: 'no.yaml' },
  ])('$name is refused in a sentence', ({ given, want }) => {
    const read = readSpeakerFlags(given, {});
    expect(read.ok ? 'accepted' : read.error).toContain(want);
  });
});
