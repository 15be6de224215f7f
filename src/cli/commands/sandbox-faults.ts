/**
 * `./install sandbox fault …` and `heal`: makes things go wrong with a host of a running sandbox, to see what the cluster
 * then does. Joins argv to src/sandbox/faults.ts; no logic of its own.
 */
import { Command, Option } from 'commander';
import {
  dropCarrier,
  freeze,
  heal,
  join,
  kill,
  load,
  loseFrames,
  part,
  plug,
  thaw,
  unplug,
} from '../../sandbox/faults.ts';
import type { SandboxHandle } from '../../sandbox/sandbox.ts';

/** The running instance of the name; throws when there is none. */
type OpenRunning = (flags: { readonly name?: string }) => Promise<SandboxHandle>;

interface Flags {
  readonly name?: string;
  readonly direction?: 'from' | 'to' | 'both';
}

export function faultCommand(openRunning: OpenRunning): Command {
  const fault = new Command('fault')
    .description('make something go wrong with a host: sandbox fault unplug node1')
    .enablePositionalOptions();
  const add = (usage: string, description: string) =>
    fault.command(usage).description(description).option('--name <name>', 'which cluster (default: metallb)');
  add('unplug <host>', 'cut it off; its carrier stays, as on a switch port gone dead').action(
    async (host: string, flags: Flags) => unplug(await openRunning(flags), host),
  );
  add('carrier <host>', 'take its carrier away, as pulling its cable does').action(async (host: string, flags: Flags) =>
    dropCarrier(await openRunning(flags), host),
  );
  add('plug <host>', 'undo both').action(async (host: string, flags: Flags) => plug(await openRunning(flags), host));
  add('loss <host> <percent>', 'lose a share of its frames at random; 0: none any more')
    .addOption(
      new Option('--direction <which>', 'those it sends, those it is sent, or each of both')
        .choices(['from', 'to', 'both'])
        .default('both'),
    )
    .action(async (host: string, percent: string, flags: Flags) =>
      loseFrames(await openRunning(flags), host, { percent: Number(percent), direction: flags.direction ?? 'both' }),
    );
  add('part <host> <other>', 'let nothing pass between the two; everybody else reaches both').action(
    async (host: string, other: string, flags: Flags) => part(await openRunning(flags), host, other),
  );
  add('join <host>', 'undo it, for the host and all it is parted from').action(async (host: string, flags: Flags) =>
    join(await openRunning(flags), host),
  );
  add(
    'freeze <node> [program]',
    'stop all its processes, or a program of its pods such as speaker, where they stand',
  ).action(async (node: string, program: string | undefined, flags: Flags) =>
    report(`${await freeze(await openRunning(flags), node, program)} processes stand still`),
  );
  add('thaw <node> [program]', 'let them go on').action(
    async (node: string, program: string | undefined, flags: Flags) =>
      report(`${await thaw(await openRunning(flags), node, program)} processes go on`),
  );
  add('kill <node> <program>', 'end a program of its pods by kill -9; kubelet starts it again').action(
    async (node: string, program: string, flags: Flags) =>
      report(`${await kill(await openRunning(flags), node, program)} processes were ended`),
  );
  add('load <node> [programs]', 'keep processors busy (default: all of this machine); 0: end it').action(
    async (node: string, programs: string | undefined, flags: Flags) =>
      load(await openRunning(flags), node, programs === undefined ? undefined : Number(programs)),
  );
  return fault;
}

export function healCommand(openRunning: OpenRunning): Command {
  return new Command('heal')
    .description('undo every fault of a host, or of all; "sandbox status" lists them')
    .option('--name <name>', 'which cluster (default: metallb)')
    .argument('[host]', 'master, node1, … or client')
    .action(async (host: string | undefined, flags: Flags) => heal(await openRunning(flags), host));
}

function report(text: string): void {
  process.stderr.write(`  ${text}\n`);
}
