/** The Containerfile forms that the image build reads, and its refusal of all others. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parseContainerfile } from '../../../image/containerfile.ts';

const empty = { User: '', Env: [], Entrypoint: [], WorkingDir: '', Labels: {} };

describe('parseContainerfile', () => {
  test.each([
    { name: 'comments and empty lines', given: '# a comment\n\nFROM scratch\n', want: { layers: [], config: empty } },
    { name: 'layers in order', given: 'COPY base/ /\nCOPY app/ /', want: { layers: ['base', 'app'], config: empty } },
    {
      name: 'all settings',
      given: 'ENV A=b\nENV C=\nLABEL x.y="a: b"\nUSER 1:2\nWORKDIR /tmp\nENTRYPOINT ["/bin/a", "b c"]',
      want: {
        layers: [],
        config: {
          User: '1:2',
          Env: ['A=b', 'C='],
          Entrypoint: ['/bin/a', 'b c'],
          WorkingDir: '/tmp',
          Labels: { 'x.y': 'a: b' },
        },
      },
    },
  ])('$name', ({ given, want }) => expect(parseContainerfile(given)).toEqual(want));

  test.each([
    'RUN apt-get install node',
    'FROM debian',
    'COPY base /',
    'COPY --chown=1 base/ /',
    'ENV A=b C=d',
    'LABEL a=b c=d',
    'USER nobody',
    'ENTRYPOINT /bin/sh -c a',
    'from scratch',
    'FROM',
  ])('%s is refused, with its line', (line) => {
    expect(() => parseContainerfile(`FROM scratch\n${line}`)).toThrow(`Containerfile:2: "${line}" is not understood`);
  });

  test("the project's own", () => {
    const text = readFileSync(new URL('../../../image/Containerfile', import.meta.url), 'utf8');
    expect(parseContainerfile(text)).toMatchObject({
      layers: ['base', 'app'],
      config: { User: '65534:65534', Entrypoint: ['/usr/bin/node'] },
    });
  });
});
