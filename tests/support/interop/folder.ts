/** A temporary folder for routers: FRR's programs give up root, and must get into it nevertheless. */
import { chmod, mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'interop-'));
  await chmod(folder, 0o755);
  return folder;
}
