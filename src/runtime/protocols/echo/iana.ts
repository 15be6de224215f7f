/**
 * IANA "ICMP Parameters" and "ICMPv6 Parameters" (https://www.iana.org/assignments/icmp-parameters,
 * https://www.iana.org/assignments/icmpv6-parameters): echo messages.
 */
export const ICMP_ECHO_REPLY = 0;
export const ICMP_ECHO_REQUEST = 8;
export const ICMPV6_ECHO_REQUEST = 128;
export const ICMPV6_ECHO_REPLY = 129;
