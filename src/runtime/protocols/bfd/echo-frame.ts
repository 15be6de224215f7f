/**
 * Echo packets as frames: UDP over IPv4, from this node to itself, handed to the neighbour's station, which sends on what is
 * not for it.
 *
 * Implements: RFC 5881 §4 (port), §5 (TTL). Deviation: the source is the address of this side of the link. §4 would have
 * another, so that the neighbour sends no redirects: one that the neighbour's reverse path check lets through is not
 * always there. Redirects come a few times, and mean nothing to the address that they are about.
 */
import type { Ip } from '../../model/ip.ts';
import type { Mac } from '../../model/mac.ts';
import { ByteWriter } from '../bytes.ts';
import { ETHER_TYPE_IPV4, ETHERNET_HEADER_BYTES, macToBits, writeEthernetHeader } from '../ethernet/codec.ts';
import { decodeIpv4Header, encodeIpv4Header, IPV4_HEADER_BYTES, ipv4ToBits } from '../ip/ipv4.ts';
import { PORT_SINGLE_HOP_ECHO, TTL_SENT } from './iana.ts';

const UDP_HEADER_BYTES = 8;
const PROTOCOL_UDP = 17;
/** CS6, as of control packets: they are not to wait behind other traffic. */
const TRAFFIC_CLASS = 0xc0;

export interface EchoEnds {
  readonly ownMac: Mac;
  readonly neighbourMac: Mac;
  readonly local: Ip;
}

export function encodeEchoFrame({ ownMac, neighbourMac, local }: EchoEnds, payload: Uint8Array): Uint8Array {
  const own = ipv4ToBits(local);
  const udpBytes = UDP_HEADER_BYTES + payload.length;
  const writer = new ByteWriter(ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES + udpBytes);
  writeEthernetHeader(writer, {
    destination: macToBits(neighbourMac),
    source: macToBits(ownMac),
    etherType: ETHER_TYPE_IPV4,
  });
  return (
    writer
      .bytes(
        encodeIpv4Header({
          trafficClass: TRAFFIC_CLASS,
          timeToLive: TTL_SENT,
          protocol: PROTOCOL_UDP,
          source: own,
          destination: own,
          payloadBytes: udpBytes,
        }),
      )
      .u16(PORT_SINGLE_HOP_ECHO)
      .u16(PORT_SINGLE_HOP_ECHO)
      .u16(udpBytes)
      // RFC 768: no checksum. The payload has its own proof.
      .u16(0)
      .bytes(payload)
      .finish()
  );
}

/** The payload of a frame that came; undefined: it is no echo packet. */
export function decodeEchoFrame(frame: Uint8Array): Uint8Array | undefined {
  const packet = frame.subarray(ETHERNET_HEADER_BYTES);
  const header = decodeIpv4Header(packet);
  if (!header.ok || header.value.protocol !== PROTOCOL_UDP || header.value.fragment === 'part') return undefined;
  const { headerBytes, totalBytes } = header.value;
  const datagram = packet.subarray(headerBytes, totalBytes);
  return datagram.length < UDP_HEADER_BYTES ? undefined : datagram.subarray(UDP_HEADER_BYTES);
}
