/** Processor time of processes, as the kernel counts it in /proc/PID/stat. */
import { readFile } from 'node:fs/promises';

/** USER_HZ is 100 wherever Linux runs today. */
const TICK_MS = 10;

/** What it has used so far, in its own code and in the kernel. Milliseconds, to the tick. */
export async function readCpuMs(pid: number): Promise<number> {
  // utime and stime, behind the program's name, which may have spaces.
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
