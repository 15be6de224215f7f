/** Text that goes to, or comes from, programs of the machine. */
import { describe, expect, test } from '@jest/globals';
import { parseLibraryDepends } from '../../../src/sandbox/images.ts';
import { formatSubject } from '../../../src/sandbox/pki.ts';

describe('a certificate’s subject, as openssl reads it', () => {
  const rows = [
    { name: 'user', given: ['admin', []], want: '/CN=admin' },
    { name: 'user and groups', given: ['a', ['x', 'system:nodes']], want: '/O=x/O=system:nodes/CN=a' },
    {
      name: 'a slash is no separator',
      given: ['a/CN=admin', ['b/O=system:masters']],
      want: '/O=b\\/O=system:masters/CN=a\\/CN=admin',
    },
    { name: 'a plus sign, a backslash', given: ['a+b\\c', []], want: '/CN=a\\+b\\\\c' },
  ] as const;
  test.each(rows)('$name', ({ given: [commonName, groups], want }) => {
    expect(formatSubject(commonName, groups)).toBe(want);
  });
});

test('apt-cache depends: libraries only, no virtual packages', () => {
  const printed = [
    'nginx',
    '  PreDepends: libpre1',
    '  Depends: iproute2',
    '  Depends: nginx-common',
    '  Depends: libc6',
    ' |Depends: libssl3',
    '  Depends: <libvirtual>',
    '  Depends: zlib1g',
    '  Suggests: libuseless',
  ].join('\n');
  expect(parseLibraryDepends(printed)).toEqual(['libc6', 'libssl3', 'zlib1g']);
});
