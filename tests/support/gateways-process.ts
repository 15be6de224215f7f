/** Prints the gateways of the network namespace it runs in, as JSON. Started by tests/privileged/gateways.test.ts. */
import { readGateways } from '../../src/runtime/adapters/host/gateways.ts';

console.log(JSON.stringify(await readGateways()));
