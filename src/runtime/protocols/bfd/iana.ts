/**
 * IANA "Bidirectional Forwarding Detection (BFD) Parameters" (https://www.iana.org/assignments/bfd-parameters) and the
 * ports of its encapsulations: numbers and their names.
 */

/** RFC 5880 §4.1: the only version spoken. */
export const BFD_VERSION = 1;

/** RFC 5881 §4: control packets over one hop, UDP. */
export const PORT_SINGLE_HOP_CONTROL = 3784;
/** RFC 5881 §4: echo packets, UDP. */
export const PORT_SINGLE_HOP_ECHO = 3785;
/** RFC 5883 §5: control packets over several hops, UDP. */
export const PORT_MULTIHOP_CONTROL = 4784;
/** RFC 5881 §4: source ports are 49152 … 65535, one a session. */
export const LOWEST_SOURCE_PORT = 49_152;

/** RFC 5881 §5: sent with the highest TTL, so that what has passed a router is told apart (RFC 5082). */
export const TTL_SENT = 255;

/** BFD session states, RFC 5880 §4.1; each at the place of its number. */
export const BFD_STATES = ['admin-down', 'down', 'init', 'up'] as const;
export type BfdState = (typeof BFD_STATES)[number];

/** BFD diagnostic codes, RFC 5880 §4.1 and RFC 6428; those with a name here are set by this side. */
export const DIAGNOSTIC_NONE = 0;
export const DIAGNOSTIC_DETECTION_TIME_EXPIRED = 1;
export const DIAGNOSTIC_ECHO_FUNCTION_FAILED = 2;
export const DIAGNOSTIC_NEIGHBOR_SIGNALED_DOWN = 3;
export const DIAGNOSTIC_PATH_DOWN = 5;
export const DIAGNOSTIC_ADMINISTRATIVELY_DOWN = 7;

/** The registry's names, each at the place of its number. */
const DIAGNOSTIC_NAMES = [
  'No Diagnostic',
  'Control Detection Time Expired',
  'Echo Function Failed',
  'Neighbor Signaled Session Down',
  'Forwarding Plane Reset',
  'Path Down',
  'Concatenated Path Down',
  'Administratively Down',
  'Reverse Concatenated Path Down',
  'Mis-Connectivity Defect',
] as const;

/** In words, for log and explanation: "Path Down"; "Diagnostic 17" where the registry has no name. */
export function describeDiagnostic(code: number): string {
  return DIAGNOSTIC_NAMES[code] ?? `Diagnostic ${code}`;
}
