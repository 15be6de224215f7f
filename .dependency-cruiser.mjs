// The house's walls: who may import whom. One named rule a clause; each comment says what to do when it fires.
// Checked by `npm run check`, and so by every `npm test`.
const runtime = '^src/runtime/';

export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files import each other: move what both need into a third that imports neither.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'model-imports-nothing',
      comment:
        'model/ holds values with parse, format and compare only; put anything that needs more where it is used.',
      severity: 'error',
      from: { path: `${runtime}model/` },
      to: { pathNot: `${runtime}model/` },
    },
    {
      name: 'protocols-are-pure',
      comment:
        'A protocol is a function of bytes, state and time: pass sockets, clocks and decisions in from programs/.',
      severity: 'error',
      from: { path: `${runtime}protocols/` },
      to: { pathNot: `${runtime}(model|protocols)/` },
    },
    {
      name: 'protocols-do-not-know-each-other',
      comment:
        'Siblings share only bytes.ts, seeded-random.ts, ethernet/ and ip/; programs/ carries what one must tell the other.',
      severity: 'error',
      from: { path: `${runtime}protocols/([^/]+)/` },
      to: { path: `${runtime}protocols/[^/]+/`, pathNot: `${runtime}protocols/($1|ethernet|ip)/` },
    },
    {
      name: 'decisions-are-pure',
      comment: 'decide/ turns a snapshot into what should be; read the world in adapters/ and join them in programs/.',
      severity: 'error',
      from: { path: `${runtime}decide/` },
      to: { pathNot: `${runtime}(model|decide)/` },
    },
    {
      name: 'engine-knows-no-domain',
      comment:
        'engine/ is machinery without a domain word: it may import model/ and Node, never protocols, decisions or adapters.',
      severity: 'error',
      from: { path: `${runtime}engine/` },
      to: { path: `${runtime}(protocols|decide|adapters|programs)/` },
    },
    {
      name: 'adapters-carry-no-decisions',
      comment:
        'An adapter translates between the outside and plain values; protocols and decisions meet it in programs/.',
      severity: 'error',
      from: { path: `${runtime}adapters/` },
      to: { path: `${runtime}(protocols|decide|programs)/` },
    },
    {
      name: 'nobody-imports-programs',
      comment: 'programs/ is where things are joined; move what you need out of it.',
      severity: 'error',
      from: { path: '^src/', pathNot: `${runtime}programs/` },
      to: { path: `${runtime}programs/` },
    },
    {
      name: 'kubernetes-client-at-its-edge',
      comment: 'In the runtime only adapters/kube/ speaks to @kubernetes/client-node; ask it through a port.',
      severity: 'error',
      from: { path: runtime, pathNot: `${runtime}adapters/kube/` },
      to: { path: '@kubernetes/client-node' },
    },
    {
      name: 'native-code-at-its-edge',
      comment:
        'Only adapters/host/native/ binds native code; ask it through the packet socket or another host adapter.',
      severity: 'error',
      from: { path: '^src/', pathNot: `${runtime}adapters/host/native/` },
      to: { path: 'node_modules/koffi' },
    },
    {
      name: 'installer-and-sandbox-see-the-pure-core-only',
      comment: 'Of the runtime they may use model/ and decide/ (pure); see docs/adr/0002.',
      severity: 'error',
      from: { path: '^src/(installer|sandbox)/' },
      to: { path: runtime, pathNot: `${runtime}(model|decide)/` },
    },
    {
      name: 'runtime-stands-alone',
      comment: 'The image holds the runtime alone: nothing of the installer, the sandbox or the command line.',
      severity: 'error',
      from: { path: runtime },
      to: { path: '^src/(installer|sandbox|cli)/' },
    },
    {
      name: 'installer-and-sandbox-are-strangers',
      comment: 'The installer treats a sandbox like any cluster; src/cli/ joins the two.',
      severity: 'error',
      from: { path: '^src/(installer|sandbox)/' },
      to: { path: '^src/(installer|sandbox|cli)/', pathNot: '^src/$1/' },
    },
    {
      name: 'no-tests-in-src',
      comment: 'Production code never needs a test file; move the shared part into src/.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(tests|bench)/' },
    },
    {
      name: 'only-known-packages',
      comment: 'Declare the package in package.json (and look at its upkeep first).',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
