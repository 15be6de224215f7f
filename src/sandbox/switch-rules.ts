/** Rules of nftables in the switch's namespace: a table a fault, set and removed as a whole. They go with the switch. */
import { runCommand, tryCommand } from './command.ts';
import { errorText, SandboxError } from './errors.ts';
import type { Layout } from './layout.ts';

/** Hands the ruleset to nft; throws a SandboxError that begins with the problem when nft refuses it. */
export async function setRules(layout: Layout, ruleset: string, problem: string): Promise<void> {
  try {
    await runCommand([...inSwitch(layout), 'nft', '--file', '-'], { input: ruleset });
  } catch (error) {
    throw new SandboxError({
      problem: `${problem}: ${errorText(error)}`,
      hint: 'the kernel has to provide nftables for bridges (its module nf_tables, CONFIG_NF_TABLES_BRIDGE)',
      cause: error,
    });
  }
}

/** What `nft -json list …` prints; undefined where there is no switch. */
export async function listRules(layout: Layout, what: 'ruleset' | 'tables'): Promise<string | undefined> {
  const { exitCode, stdout } = await tryCommand([...inSwitch(layout), 'nft', '-json', 'list', what]);
  return exitCode === 0 ? stdout : undefined;
}

/** Deletes the table whether it is there or not. */
export function withoutTable(name: string): string {
  return `table bridge ${name} {\n}\ndelete table bridge ${name}\n`;
}

function inSwitch(layout: Layout): string[] {
  return ['nsenter', `--net=/run/netns/${layout.switchNetns}`, '--'];
}
