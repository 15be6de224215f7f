/**
 * IANA "Border Gateway Protocol (BGP) Parameters" (https://www.iana.org/assignments/bgp-parameters), "Capability Codes"
 * (https://www.iana.org/assignments/capability-codes), "Address Family Numbers", "SAFI Values" and "BGP Well-known
 * Communities": the numbers spoken here, named as the registries name them.
 */

/** BGP Message Types, RFC 4271 §4.1 and RFC 2918 §3. */
export const MESSAGE_OPEN = 1;
export const MESSAGE_UPDATE = 2;
export const MESSAGE_NOTIFICATION = 3;
export const MESSAGE_KEEPALIVE = 4;
export const MESSAGE_ROUTE_REFRESH = 5;

/** BGP Error (Notification) Codes, RFC 4271 §4.5, RFC 7313 §5 and RFC 9687 §3. */
export const ERROR_MESSAGE_HEADER = 1;
export const ERROR_OPEN_MESSAGE = 2;
export const ERROR_UPDATE_MESSAGE = 3;
export const ERROR_HOLD_TIMER_EXPIRED = 4;
export const ERROR_FINITE_STATE_MACHINE = 5;
export const ERROR_CEASE = 6;
export const ERROR_ROUTE_REFRESH_MESSAGE = 7;
export const ERROR_SEND_HOLD_TIMER_EXPIRED = 8;

/** No subcode says what it is: "Unspecific" where the registry has that name, "Unspecified Error" with the state machine. */
export const SUBCODE_UNSPECIFIC = 0;

/** Message Header Error subcodes, RFC 4271 §6.1. */
export const HEADER_CONNECTION_NOT_SYNCHRONIZED = 1;
export const HEADER_BAD_MESSAGE_LENGTH = 2;
export const HEADER_BAD_MESSAGE_TYPE = 3;

/** OPEN Message Error subcodes, RFC 4271 §6.2, RFC 5492 §5 and RFC 9234 §4.2. */
export const OPEN_UNSUPPORTED_VERSION_NUMBER = 1;
export const OPEN_BAD_PEER_AS = 2;
export const OPEN_BAD_BGP_IDENTIFIER = 3;
export const OPEN_UNSUPPORTED_OPTIONAL_PARAMETER = 4;
export const OPEN_UNACCEPTABLE_HOLD_TIME = 6;
export const OPEN_UNSUPPORTED_CAPABILITY = 7;
export const OPEN_ROLE_MISMATCH = 11;

/** UPDATE Message Error subcodes, RFC 4271 §6.3. */
export const UPDATE_MALFORMED_ATTRIBUTE_LIST = 1;
export const UPDATE_UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE = 2;
export const UPDATE_MISSING_WELL_KNOWN_ATTRIBUTE = 3;
export const UPDATE_ATTRIBUTE_FLAGS_ERROR = 4;
export const UPDATE_ATTRIBUTE_LENGTH_ERROR = 5;
export const UPDATE_INVALID_ORIGIN_ATTRIBUTE = 6;
export const UPDATE_INVALID_NEXT_HOP_ATTRIBUTE = 8;
export const UPDATE_OPTIONAL_ATTRIBUTE_ERROR = 9;
export const UPDATE_INVALID_NETWORK_FIELD = 10;
export const UPDATE_MALFORMED_AS_PATH = 11;

/** BGP Finite State Machine Error subcodes, RFC 6608 §3. */
export const FSM_UNEXPECTED_MESSAGE_IN_OPEN_SENT = 1;
export const FSM_UNEXPECTED_MESSAGE_IN_OPEN_CONFIRM = 2;
export const FSM_UNEXPECTED_MESSAGE_IN_ESTABLISHED = 3;

/** BGP Cease NOTIFICATION message subcodes, RFC 4486 §3, RFC 8538 §3 and RFC 9384 §3. */
export const CEASE_MAXIMUM_NUMBER_OF_PREFIXES_REACHED = 1;
export const CEASE_ADMINISTRATIVE_SHUTDOWN = 2;
export const CEASE_PEER_DE_CONFIGURED = 3;
export const CEASE_ADMINISTRATIVE_RESET = 4;
export const CEASE_CONNECTION_REJECTED = 5;
export const CEASE_OTHER_CONFIGURATION_CHANGE = 6;
export const CEASE_CONNECTION_COLLISION_RESOLUTION = 7;
export const CEASE_OUT_OF_RESOURCES = 8;
export const CEASE_HARD_RESET = 9;
export const CEASE_BFD_DOWN = 10;

/** BGP ROUTE-REFRESH Message Error subcodes, RFC 7313 §5. */
export const ROUTE_REFRESH_INVALID_MESSAGE_LENGTH = 1;

/** BGP OPEN Optional Parameter Types, RFC 5492 §4 and RFC 9072 §2. */
export const PARAMETER_CAPABILITIES = 2;
export const PARAMETER_EXTENDED_LENGTH = 255;

/** Capability Codes. */
export const CAPABILITY_MULTIPROTOCOL_EXTENSIONS = 1; // RFC 4760 §8
export const CAPABILITY_ROUTE_REFRESH = 2; // RFC 2918 §2
export const CAPABILITY_EXTENDED_NEXT_HOP_ENCODING = 5; // RFC 8950 §4
export const CAPABILITY_EXTENDED_MESSAGE = 6; // RFC 8654 §3
export const CAPABILITY_GRACEFUL_RESTART = 64; // RFC 4724 §3
export const CAPABILITY_FOUR_OCTET_AS_NUMBER = 65; // RFC 6793 §3
export const CAPABILITY_ENHANCED_ROUTE_REFRESH = 70; // RFC 7313 §3.1

/** BGP Path Attributes. */
export const ATTRIBUTE_ORIGIN = 1; // RFC 4271 §5.1.1
export const ATTRIBUTE_AS_PATH = 2; // RFC 4271 §5.1.2
export const ATTRIBUTE_NEXT_HOP = 3; // RFC 4271 §5.1.3
export const ATTRIBUTE_MULTI_EXIT_DISC = 4; // RFC 4271 §5.1.4
export const ATTRIBUTE_LOCAL_PREF = 5; // RFC 4271 §5.1.5
export const ATTRIBUTE_ATOMIC_AGGREGATE = 6; // RFC 4271 §5.1.6
export const ATTRIBUTE_AGGREGATOR = 7; // RFC 4271 §5.1.7
export const ATTRIBUTE_COMMUNITIES = 8; // RFC 1997
export const ATTRIBUTE_ORIGINATOR_ID = 9; // RFC 4456 §8
export const ATTRIBUTE_CLUSTER_LIST = 10; // RFC 4456 §8
export const ATTRIBUTE_MP_REACH_NLRI = 14; // RFC 4760 §3
export const ATTRIBUTE_MP_UNREACH_NLRI = 15; // RFC 4760 §4
export const ATTRIBUTE_EXTENDED_COMMUNITIES = 16; // RFC 4360 §2
export const ATTRIBUTE_AS4_PATH = 17; // RFC 6793 §4.1
export const ATTRIBUTE_AS4_AGGREGATOR = 18; // RFC 6793 §4.1
export const ATTRIBUTE_LARGE_COMMUNITY = 32; // RFC 8092 §3

/** AS_PATH segment types, RFC 4271 §4.3 and RFC 5065 §3. */
export const SEGMENT_AS_SET = 1;
export const SEGMENT_AS_SEQUENCE = 2;
export const SEGMENT_AS_CONFED_SEQUENCE = 3;
export const SEGMENT_AS_CONFED_SET = 4;

/** ORIGIN values, RFC 4271 §5.1.1. */
export const ORIGIN_IGP = 0;
export const ORIGIN_EGP = 1;
export const ORIGIN_INCOMPLETE = 2;

/** Address Family Numbers and SAFI Values. */
export const AFI_IPV4 = 1;
export const AFI_IPV6 = 2;
export const SAFI_UNICAST = 1;

/** RFC 6793 §9: stands in two octets for an AS number that needs four. */
export const AS_TRANS = 23456;

/** BGP Route Refresh Subcodes, RFC 7313 §4. */
export const REFRESH_REQUEST = 0;
export const REFRESH_BEGIN = 1;
export const REFRESH_END = 2;

/** BGP Well-known Communities: 65535 is the first half of each, this the second. */
export const WELL_KNOWN_COMMUNITY_HIGH = 0xffff;
export const COMMUNITY_GRACEFUL_SHUTDOWN = 0x0000; // RFC 8326 §4
export const COMMUNITY_NO_EXPORT = 0xff01; // RFC 1997
export const COMMUNITY_NO_ADVERTISE = 0xff02; // RFC 1997
export const COMMUNITY_NO_EXPORT_SUBCONFED = 0xff03; // RFC 1997
