/** What the figures were measured on: without it they mean nothing. */
import os from 'node:os';

export function describeMachine(): string[] {
  const cpus = os.cpus();
  const model = cpus[0]?.model.trim() ?? 'unknown processor';
  return [
    `machine: ${cpus.length} cores (${model}), ${(os.totalmem() / 2 ** 30).toFixed(0)} GiB of memory`,
    `system:  Linux ${os.release()} ${os.arch()}, Node ${process.version}`,
  ];
}

/** Other people's work on the same cores shows here first. */
export function describeLoad(): string {
  const load = os.loadavg().map((value) => value.toFixed(2));
  return `load averages ${load.join(' ')}, ${(os.freemem() / 2 ** 30).toFixed(1)} GiB of memory free`;
}

/** Milliseconds on the kernel's monotonic clock, which all processes share; only differences mean anything. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
