/**
 * IANA "Address Resolution Protocol (ARP) Parameters" (https://www.iana.org/assignments/arp-parameters): the few
 * numbers spoken here. Others are refused by the codec or dropped by the responder, with a reason.
 */

/** Hardware types, RFC 826 / RFC 5494. */
export const HARDWARE_TYPE_ETHERNET = 1;

/** Protocol type of IPv4: its EtherType. */
export const PROTOCOL_TYPE_IPV4 = 0x0800;

/** Operation codes, RFC 826. */
export const OPERATION_REQUEST = 1;
export const OPERATION_REPLY = 2;
