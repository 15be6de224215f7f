/**
 * Pings an address as an ordinary program would, through the kernel: run in a host of a LAN. Prints a JSON line an answer,
 * {"afterMs": …}, as they come within a second of each request; the kernel checks them and hands over only answers to its own
 * requests.
 *
 *     ping.ts IP COUNT DATA-BYTES
 */
import os from 'node:os';
import koffi from 'koffi';
import { AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_DGRAM } from '../../src/runtime/adapters/host/native/constants.ts';
import * as libc from '../../src/runtime/adapters/host/native/libc.ts';
import { ipBytes, parseIp } from '../../src/runtime/model/ip.ts';

const { EAGAIN } = os.constants.errno;
const WAIT_MS = 1000;

const connect = koffi.load(null).func('int connect(int fd, const uint8_t *address, uint32_t length)');

const [text = '', count = '1', dataBytes = '8'] = process.argv.slice(2);
const ip = parseIp(text);
if (!ip.ok) throw new Error(ip.error);
const isIpv4 = !text.includes(':');

/** struct sockaddr_in {u16 family; u16 port; u8 address[4]; …} or sockaddr_in6 {u16 family; u16 port; u32 flow; u8 address[16]; …}. */
const address = new Uint8Array(isIpv4 ? 16 : 28);
new DataView(address.buffer).setUint16(0, isIpv4 ? AF_INET : AF_INET6, libc.LITTLE_ENDIAN);
address.set(ipBytes(ip.value), isIpv4 ? 4 : 8);

const kind = { domain: isIpv4 ? AF_INET : AF_INET6, type: SOCK_DGRAM | SOCK_CLOEXEC, protocol: isIpv4 ? 1 : 58 };
const fd = libc.openSocket(kind, 'open ping socket (net.ipv4.ping_group_range says who may)');
if (connect(fd, address, address.length) < 0) throw new Error(`there is no way to ${text}`);

const message = new Uint8Array(8 + Number(dataBytes)).fill(0x2a, 8);
message[0] = isIpv4 ? 8 : 128;
const answer = new Uint8Array(70_000);
for (let sequence = 1; sequence <= Number(count); sequence++) {
  message[7] = sequence;
  const began = performance.now();
  const sent = libc.send(fd, message);
  if (sent < 0) throw new Error(`the request cannot be sent: error ${-sent}`);
  for (;;) {
    const length = libc.receive(fd, answer);
    const afterMs = performance.now() - began;
    if (length === message.length && answer[7] === sequence) {
      console.log(JSON.stringify({ afterMs }));
      break;
    }
    if (length < 0 && length !== -EAGAIN) throw new Error(`the answer cannot be read: error ${-length}`);
    if (afterMs > WAIT_MS) break;
    if (length < 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
libc.closeDescriptor(fd);
