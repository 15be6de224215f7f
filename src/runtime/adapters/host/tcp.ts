/**
 * TCP connections that this side opens. The socket is made and prepared here (password, hop limits, device, source), then
 * handed to Node, whose event loop connects, reads and writes it.
 *
 *     openTcp(target, { connected, received, drained, closed }) → write, end, destroy
 *
 * Nothing throws: what cannot be prepared is told by closed() like what cannot be reached.
 */
import { Socket } from 'node:net';
import type { OpenStream, StreamTarget } from '../../engine/stream-ports.ts';
import { ipFamily, isLinkLocal } from '../../model/ip.ts';
import { AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from './native/constants.ts';
import { bindSocket, closeDescriptor, openSocket } from './native/libc.ts';
import { bindToDevice, setHops, setPassword, setPrecedence, socketAddress } from './stream-options.ts';
import { localAddress, TcpStream } from './tcp-stream.ts';

export const openTcp: OpenStream = (target, handlers) => {
  const stream = new TcpStream(`connect to ${formatTarget(target)}`, handlers);
  try {
    const socket = new Socket({ fd: prepare(target), readable: true, writable: true });
    socket.on('connect', () => {
      const local = localAddress(socket);
      // It ended between the connect and this call.
      if (local === undefined) socket.destroy();
      else if (stream.stand()) handlers.connected(local);
    });
    stream.carry(socket);
    const { address, device, port } = target;
    const host = device !== undefined && isLinkLocal(address) ? `${address}%${device}` : address;
    socket.connect({ host, port });
  } catch (error) {
    stream.fail(error);
  }
  return stream;
};

/** A socket with its options, not connected. Throws a HostError, or a RangeError for a password that is too long. */
function prepare({ address, sourceAddress, device, hops, password }: StreamTarget): number {
  const family = ipFamily(address);
  const domain = family === 'ipv4' ? AF_INET : AF_INET6;
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = openSocket({ domain, type, protocol: 0 }, 'open TCP socket');
  try {
    setHops(fd, family, hops);
    setPrecedence(fd, family);
    if (password !== undefined) setPassword(fd, address, password);
    if (device !== undefined) bindToDevice(fd, device);
    if (sourceAddress !== undefined) bindSocket(fd, socketAddress(sourceAddress, 0), `bind to ${sourceAddress}`);
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

/** "10.6.204.254:179", "[fd00::1]:179". */
function formatTarget({ address, port }: StreamTarget): string {
  return ipFamily(address) === 'ipv4' ? `${address}:${port}` : `[${address}]:${port}`;
}
