/**
 * Reads image/Containerfile, as far as it goes: the few instructions that an image of files needs. Pure. Anything else is
 * an error, so that the image made here and one made by `docker build` from the same file cannot differ.
 *
 * Implements: the Dockerfile forms FROM scratch, COPY dir/ /, LABEL key="value", ENV KEY=value, USER, WORKDIR and
 * ENTRYPOINT ["exec", "form"].
 */
import { ImageError } from './errors.ts';

/** Field names as in the OCI image configuration, which spells them so. */
export interface ContainerConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly WorkingDir: string;
  readonly Labels: Readonly<Record<string, string>>;
}

export interface Containerfile {
  /** Folders of the build context, in order; each becomes a layer at the root. */
  readonly layers: readonly string[];
  readonly config: ContainerConfig;
}

export function parseContainerfile(text: string): Containerfile {
  const layers: string[] = [];
  const env: string[] = [];
  const labels: Record<string, string> = {};
  const config = { User: '', Entrypoint: [] as readonly string[], WorkingDir: '' };
  const readers: Readonly<Record<string, (rest: string) => boolean>> = {
    FROM: (rest) => rest === 'scratch',
    COPY: (rest) => take(/^([a-z]+)\/ \/$/.exec(rest), ([, folder = '']) => layers.push(folder)),
    ENV: (rest) => take(/^[A-Z_]+=[^\s"]*$/.exec(rest), ([assignment]) => env.push(assignment)),
    LABEL: (rest) =>
      take(/^([a-z.]+)="([^"\\]*)"$/.exec(rest), ([, key = '', value = '']) => {
        labels[key] = value;
      }),
    USER: (rest) =>
      take(/^\d+(:\d+)?$/.exec(rest), ([user]) => {
        config.User = user;
      }),
    WORKDIR: (rest) =>
      take(/^\/\S*$/.exec(rest), ([folder]) => {
        config.WorkingDir = folder;
      }),
    ENTRYPOINT: (rest) =>
      take(/^\[.*\]$/.exec(rest), ([list]) => {
        config.Entrypoint = JSON.parse(list) as string[];
      }),
  };
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, instruction = '', rest = ''] = /^(\S+)\s+(.*?)\s*$/.exec(line) ?? [];
    if (readers[instruction]?.(rest) !== true) {
      throw new ImageError(
        `image/Containerfile:${index + 1}: "${line.trim()}" is not understood`,
        'image/containerfile.ts lists the forms that are; teach it this one',
      );
    }
  }
  return { layers, config: { ...config, Env: env, Labels: labels } };
}

function take(match: RegExpExecArray | null, use: (match: RegExpExecArray) => void): boolean {
  if (match === null) return false;
  use(match);
  return true;
}
