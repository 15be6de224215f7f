/**
 * The container images that every node gets without a registry: a tiny one that pods' sandboxes run (busybox, useful as
 * a client as well) and nginx to stand behind Services. Both are made of Debian's (or Ubuntu's) own packages, unpacked
 * without installing them, by buildah with a storage of its own; the result is kept as a tar in the cache.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, tryCommand } from './command.ts';
import { errorText, SandboxError } from './errors.ts';
import type { Reporter } from './progress.ts';
import { withWorkFolder } from './work-folder.ts';

/** Runs every pod's sandbox; has a shell, wget, nc, ping and the like. */
export const BUSYBOX_IMAGE = 'localhost/busybox:sandbox';
/** nginx with its standard welcome page on port 80. */
export const NGINX_IMAGE = 'localhost/nginx:demo';

interface ImageRecipe {
  readonly ref: string;
  /** Packages unpacked into the image; "depends" adds the libraries that the first one names. */
  readonly packages: readonly string[];
  readonly libraries: 'none' | 'depends';
  /** Files written into the image, by path. */
  readonly files: Readonly<Record<string, string>>;
  /** Paths that have to be there before the image is worth building. */
  readonly expects: readonly string[];
  readonly containerfile: string;
}

const PASSWD =
  'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n';
const GROUP = 'root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n';

const BUSYBOX: ImageRecipe = {
  ref: BUSYBOX_IMAGE,
  packages: ['busybox-static'],
  libraries: 'none',
  files: { '/etc/passwd': PASSWD, '/etc/group': GROUP, '/tmp/.keep': '' },
  expects: ['bin/busybox'],
  containerfile: [
    'FROM scratch',
    'COPY root/ /',
    // busybox makes the links to itself that give its commands their names.
    'RUN ["/bin/busybox", "--install", "-s", "/bin"]',
    'ENV PATH=/bin',
    'ENTRYPOINT ["/bin/busybox"]',
    'CMD ["sleep", "2147483647"]',
  ].join('\n'),
};

const NGINX: ImageRecipe = {
  ref: NGINX_IMAGE,
  packages: ['nginx', 'nginx-common'],
  libraries: 'depends',
  files: {
    '/etc/passwd': PASSWD,
    '/etc/group': GROUP,
    '/var/log/nginx/.keep': '',
    '/var/lib/nginx/.keep': '',
    '/run/.keep': '',
    '/etc/nginx/nginx.conf': [
      'user www-data;',
      'worker_processes 1;',
      'daemon off;',
      'pid /run/nginx.pid;',
      'error_log /dev/stderr notice;',
      'events { worker_connections 1024; }',
      'http {',
      '  include /etc/nginx/mime.types;',
      '  access_log /dev/stdout;',
      '  server {',
      '    listen 80 default_server;',
      '    listen [::]:80 default_server;',
      '    root /usr/share/nginx/html;',
      '    index index.html;',
      '  }',
      '}',
      '',
    ].join('\n'),
  },
  expects: ['usr/sbin/nginx', 'usr/share/nginx/html/index.html', 'etc/nginx/mime.types'],
  containerfile: [
    'FROM scratch',
    'COPY root/ /',
    'EXPOSE 80',
    'STOPSIGNAL SIGQUIT',
    'ENTRYPOINT ["/usr/sbin/nginx"]',
  ].join('\n'),
};

/** Left out of images: nothing of it runs. */
const USELESS = [
  'usr/share/doc',
  'usr/share/man',
  'usr/share/locale',
  'usr/share/lintian',
  'usr/lib/x86_64-linux-gnu/gconv',
];

/** Tars of the images every node imports, made now where the cache lacks them. */
export function obtainImages(cacheDir: string, reporter: Reporter): Promise<string[]> {
  return Promise.all([BUSYBOX, NGINX].map((recipe) => obtainImage(recipe, cacheDir, reporter)));
}

async function obtainImage(recipe: ImageRecipe, cacheDir: string, reporter: Reporter): Promise<string> {
  const folder = join(cacheDir, 'images');
  const tar = join(folder, `${await imageKey(recipe)}.tar`);
  if (existsSync(tar)) return tar;
  reporter.note(`building the image ${recipe.ref} …`);
  try {
    await withWorkFolder(folder, async (work) => {
      await unpackPackages(recipe, work);
      await writeFiles(recipe, join(work, 'root'));
      await rename(await buildTar(recipe, work), tar);
    });
  } catch (error) {
    if (error instanceof SandboxError) throw error;
    throw new SandboxError({
      problem: `the image ${recipe.ref} could not be built: ${errorText(error)}`,
      hint: `make ${cacheDir} writable, or point XDG_CACHE_HOME elsewhere`,
      cause: error,
    });
  }
  return tar;
}

/** Changes with the recipe, the processor and the distribution's release. */
async function imageKey(recipe: ImageRecipe): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const wanted = release.split('\n').filter((line) => /^(ID|VERSION_ID)=/.test(line));
  const digest = createHash('sha256')
    .update(JSON.stringify([recipe, wanted, process.arch]))
    .digest('hex');
  return `${recipe.ref.replace(/^localhost\//, '').replace(':', '-')}-${digest.slice(0, 12)}`;
}

async function unpackPackages(recipe: ImageRecipe, work: string): Promise<void> {
  const root = join(work, 'root');
  await mkdir(root);
  const libraries = recipe.libraries === 'depends' ? await librariesOf(recipe.packages[0] ?? '') : [];
  await downloadPackages([...recipe.packages, ...libraries], work);
  for (const file of await readdir(work)) {
    if (file.endsWith('.deb')) await runCommand(['dpkg-deb', '--extract', join(work, file), root]);
  }
  for (const path of USELESS) await rm(join(root, path), { recursive: true, force: true });
  const absent = recipe.expects.filter((path) => !existsSync(join(root, path)));
  if (absent.length > 0) {
    throw new SandboxError({
      problem: `the packages ${recipe.packages.join(', ')} of this distribution hold no ${absent.join(', ')}`,
      hint: 'the sandbox is made for Debian 12 and newer; run it there',
    });
  }
}

/** Packages of libraries that a package depends on: they come from the same release and fit each other. */
async function librariesOf(name: string): Promise<string[]> {
  await ensurePackageLists(name);
  return parseLibraryDepends(await runCommand(['apt-cache', 'depends', name]));
}

/** The library packages among `apt-cache depends`'s lines. */
export function parseLibraryDepends(printed: string): string[] {
  return [...printed.matchAll(/^\s*\|?Depends: ((?:lib|zlib)[^\s<>]*)$/gm)].flatMap((match) => match[1] ?? []);
}

async function ensurePackageLists(name: string): Promise<void> {
  if ((await tryCommand(['apt-cache', 'show', name])).exitCode !== 0) await runCommand(['apt-get', 'update']);
}

async function downloadPackages(names: readonly string[], cwd: string): Promise<void> {
  // apt drops root for the download; it has to be let into the folder, or it complains.
  await runCommand(['chmod', '0755', cwd]);
  const download = ['apt-get', 'download', '-o', 'APT::Sandbox::User=root', ...names];
  const first = await tryCommand(download, { cwd });
  if (first.exitCode === 0) return;
  // Lists that are missing or name superseded versions are the usual reason.
  await runCommand(['apt-get', 'update']);
  await runCommand(download, { cwd });
}

async function writeFiles(recipe: ImageRecipe, root: string): Promise<void> {
  for (const [path, content] of Object.entries(recipe.files)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), content);
  }
}

async function buildTar(recipe: ImageRecipe, work: string): Promise<string> {
  const tar = join(work, 'image.tar');
  await writeFile(join(work, 'Containerfile'), recipe.containerfile);
  // A storage of its own: nothing is left in the host's, and vfs works on whatever file system the cache is on.
  const storage = ['--root', join(work, 'storage'), '--runroot', join(work, 'run'), '--storage-driver', 'vfs'];
  await runCommand(
    [
      'buildah',
      ...storage,
      'bud',
      '--isolation',
      'chroot',
      '--network',
      'host',
      '--tag',
      recipe.ref,
      '--file',
      'Containerfile',
      '.',
    ],
    { cwd: work },
  );
  await runCommand(['buildah', ...storage, 'push', recipe.ref, `docker-archive:${tar}:${recipe.ref}`], { cwd: work });
  return tar;
}
