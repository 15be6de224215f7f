/**
 * A node's share of a Service in a network namespace of its own: tells whoever comes which node it is, by HTTP, and, on a
 * port of its own, line by line for as long as a connection lasts. Started by tests/interop/ecmp.test.ts and
 * bench/bgp-failover.ts.
 */
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';

const HTTP_PORT = 80;
const FLOW_PORT = 8080;

const [name = ''] = process.argv.slice(2);
const flows = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.on('data', () => socket.write(`${name}\n`));
});
const http = createHttpServer((_, response) => response.end(name));
flows.listen(FLOW_PORT, () => http.listen(HTTP_PORT, () => console.log('serving')));
