/**
 * Long connections to one address, held from a network namespace of its own. For each line that comes in, each of them asks
 * who is there, and one line says what came of it: the node that has answered, or "", in the order in which they were made.
 * Started by tests/interop/ecmp.test.ts with the address, the port and how many.
 */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** An answer over a link that is nobody's takes a millisecond. */
const ANSWER_WITHIN_MS = 1000;

const [address = '', port = '', count = ''] = process.argv.slice(2);
const flows = Array.from({ length: Number(count) }, () => connect(Number(port), address));
for (const flow of flows) flow.on('error', () => undefined);

async function ask(flow: Socket): Promise<string> {
  return await new Promise((resolve) => {
    const late = setTimeout(() => done(''), ANSWER_WITHIN_MS);
    const done = (answer: string) => {
      clearTimeout(late);
      flow.removeAllListeners('data');
      resolve(answer);
    };
    flow.once('data', (bytes) => done(bytes.toString().trim()));
    flow.write('?');
  });
}

for await (const _ of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await Promise.all(flows.map(ask))));
}
