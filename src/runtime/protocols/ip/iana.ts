/**
 * IANA "Assigned Internet Protocol Numbers" (https://www.iana.org/assignments/protocol-numbers): the few spoken here.
 * IPv6 names the header that follows by the same numbers.
 */
export const PROTOCOL_ICMP = 1;
export const PROTOCOL_ICMPV6 = 58;
