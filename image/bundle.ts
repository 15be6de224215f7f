/**
 * Bundles the runtime's programs into scripts that need no node_modules: controller.js, speaker.js, and
 * cluster-worker.js, which the speaker starts as a thread, with the parts that they share or load on demand.
 * koffi's native half is put beside them as koffi.node.
 * Names stay as they are, so that a stack trace of a node in the field can be read.
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import { ImageError } from './errors.ts';

/** Outputs under app/ and their sources under the programs' folder. */
const ENTRY_POINTS = {
  controller: 'controller/main.ts',
  speaker: 'speaker/main.ts',
  'cluster-worker': 'speaker/cluster-worker.ts',
} as const;

export interface BundleOptions {
  /** The project's root, whose node_modules are used. */
  readonly root: string;
  /** src/runtime/programs. */
  readonly programs: string;
  /** Where to write: app/… for the scripts, usr/share/doc/… for the licences. */
  readonly folder: string;
}

export async function bundlePrograms({ root, programs, folder }: BundleOptions): Promise<void> {
  const sources = Object.entries(ENTRY_POINTS).map(([out, source]) => ({ out, in: join(programs, source) }));
  const missing = sources.find((source) => !existsSync(source.in));
  if (missing !== undefined) {
    throw new ImageError(`there is no ${missing.in}`, 'the image bundles it; is the checkout complete?');
  }
  const app = join(folder, 'app');
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: sources,
    outdir: app,
    bundle: true,
    // A script's text stays in memory whole. What is imported on demand (the client library, 6 MB; the YAML parser) has
    // to be a file of its own: in the controller's script it cost 42 MB (108 against 66 MB resident, no Services).
    splitting: true,
    chunkNames: '[name]-[hash]',
    platform: 'node',
    format: 'esm',
    target: 'node24',
    // Without it, classes of the client library that nobody uses stay: 18 MB of source, and 80 MB of memory.
    minifySyntax: true,
    minifyWhitespace: true,
    nodePaths: [join(root, 'node_modules')],
    // CommonJS packages in the bundle ask for Node's own modules by require().
    banner: {
      js: "import { createRequire as bundleRequire } from 'node:module';\nconst require = bundleRequire(import.meta.url);",
    },
    legalComments: 'none',
    metafile: true,
    logLevel: 'silent',
    plugins: [scriptUrls(programs), nativeKoffi()],
  }).catch((cause: unknown) => {
    throw new ImageError(
      `the programs cannot be bundled: ${errorText(cause)}`,
      'run `npm run check` for the whole story',
      {
        cause,
      },
    );
  });
  // Without it Node compiles each script as CommonJS first, to find out that it is none.
  await writeFile(join(app, 'package.json'), '{ "type": "module" }\n');
  await copyFile(koffiBinary(root), join(app, 'koffi.node'));
  await copyLicences(root, metafile, join(folder, 'usr/share/doc'));
}

function errorText(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** Threads are started by URL, which a bundler does not follow: './cluster-worker.ts' is './cluster-worker.js' there. */
function scriptUrls(programs: string): Plugin {
  return {
    name: 'script-urls',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        if (!path.startsWith(programs)) return undefined;
        const source = await readFile(path, 'utf8');
        return { loader: 'ts', contents: source.replaceAll(/(new URL\('\.\/[a-z-]+)\.ts'/g, "$1.js'") };
      });
    },
  };
}

/** koffi looks for its native half in node_modules; in the image it lies beside the script. */
function nativeKoffi(): Plugin {
  return {
    name: 'native-koffi',
    setup({ onLoad }) {
      onLoad({ filter: /\/koffi\/src\/koffi\/src\/static\.js$/ }, () => ({
        loader: 'js',
        contents:
          "import { createRequire } from 'node:module';\n" +
          "export const loadStatic = () => createRequire(import.meta.url)('./koffi.node');",
      }));
    },
  };
}

/** The koffi.node for glibc on this machine's processor. */
export function koffiBinary(root: string): string {
  const name = `@koromix/koffi-linux-${process.arch}`;
  const path = join(root, 'node_modules', name, `linux_${process.arch}`, 'koffi.node');
  if (!existsSync(path)) throw new ImageError(`there is no ${path}`, `run npm ci; ${name} comes with koffi`);
  return path;
}

/** The licence of every package that went into the bundle, and of Node and koffi. */
async function copyLicences(root: string, metafile: Metafile, to: string): Promise<void> {
  const bundled = Object.keys(metafile.inputs).flatMap((input) => {
    const match = /^(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(input);
    return match?.[1] === undefined ? [] : [match[1]];
  });
  const require = createRequire(join(root, 'package.json'));
  const node = dirname(require.resolve(`node-linux-${process.arch}/package.json`));
  for (const folder of new Set([...bundled.map((path) => join(root, path)), node])) {
    const licence = (await readdir(folder)).find((file) => /^licen[cs]e/i.test(file));
    if (licence === undefined) continue;
    const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length).replace('/', '+');
    await mkdir(join(to, name), { recursive: true });
    await copyFile(join(folder, licence), join(to, name, basename(licence)));
  }
}
