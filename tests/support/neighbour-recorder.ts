/**
 * Writes down every frame by which somebody claims one of these addresses, run in a host of a LAN; see client-probes.ts.
 *
 *     neighbour-recorder.ts [IP…]        no address: all that are claimed
 *
 * Prints "ready", then a JSON line a frame: a NeighbourFrame and atMs, the kernel's time of it on the monotonic clock.
 * Ends when its input does.
 */
import { readNeighbourFrame } from './neighbour-frames.ts';
import { openPacketTap } from './packet-tap.ts';

const wanted = new Set(process.argv.slice(2));
const tap = openPacketTap((bytes, atMs) => {
  const frame = readNeighbourFrame(bytes);
  if (frame !== undefined && (wanted.size === 0 || wanted.has(frame.ip)))
    console.log(JSON.stringify({ atMs, ...frame }));
});
console.log('ready');
process.stdin.resume().on('end', () => tap.close());
