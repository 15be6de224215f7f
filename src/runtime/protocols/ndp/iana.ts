/**
 * IANA "Internet Control Message Protocol version 6 (ICMPv6) Parameters"
 * (https://www.iana.org/assignments/icmpv6-parameters): the few numbers of neighbour discovery spoken here.
 */

/** Message types, RFC 4861 §4.1 to §4.4. */
export const TYPE_ROUTER_SOLICITATION = 133;
export const TYPE_ROUTER_ADVERTISEMENT = 134;
export const TYPE_NEIGHBOR_SOLICITATION = 135;
export const TYPE_NEIGHBOR_ADVERTISEMENT = 136;

/** Option types, RFC 4861 §4.6.1. Others are passed over. */
export const OPTION_SOURCE_LINK_LAYER_ADDRESS = 1;
export const OPTION_TARGET_LINK_LAYER_ADDRESS = 2;
