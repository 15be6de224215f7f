// One jest for every tier; tests/run.ts chooses the tier's folder. TypeScript is run as it stands: the transform below
// only blanks the types, as Node itself does.
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/tests'],
  testMatch: ['**/*.test.ts'],
  // The privileged tiers wait for real programs on machines that may be busy; whoever needs longer says so.
  testTimeout: 60_000,
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/tests/support/strip-types.mjs' },
  moduleFileExtensions: ['ts', 'mjs', 'js', 'json', 'node'],
};
