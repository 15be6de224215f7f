import { expect, test } from '@jest/globals';
import { configurationKinds } from '../../../../src/installer/steps/configuration.ts';
import { readRole } from '../../../../src/installer/steps/read-role.ts';

test('what the programs write is defined, removed with the definitions, and taken for no configuration', async () => {
  const { definitions, kinds } = await readRole();
  const written = configurationKinds(kinds).map(({ kind }) => kind);
  expect(written.sort()).toEqual([
    'BFDProfile',
    'BGPAdvertisement',
    'BGPPeer',
    'Community',
    'IPAddressPool',
    'L2Advertisement',
  ]);
  expect(definitions.map(({ metadata }) => metadata.name)).toEqual(
    expect.arrayContaining([
      'bgpsessionstatuses.metallb.io',
      'servicebgpstatuses.metallb.io',
      'servicel2statuses.metallb.io',
    ]),
  );
});
