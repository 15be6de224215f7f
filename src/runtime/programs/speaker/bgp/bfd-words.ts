/** Why a BFD session is not up, in words for views, log and Events. Pure. */
import os from 'node:os';
import type { HostError } from '../../../engine/host-error.ts';
import type { Ip } from '../../../model/ip.ts';
import {
  DIAGNOSTIC_ADMINISTRATIVELY_DOWN,
  DIAGNOSTIC_DETECTION_TIME_EXPIRED,
  DIAGNOSTIC_ECHO_FUNCTION_FAILED,
  DIAGNOSTIC_NEIGHBOR_SIGNALED_DOWN,
  DIAGNOSTIC_NONE,
  describeDiagnostic,
} from '../../../protocols/bfd/iana.ts';
import type { BfdSnapshot } from '../../../protocols/bfd/interface.ts';

const { EACCES, EADDRINUSE, EADDRNOTAVAIL, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EPERM } = os.constants.errno;

/** What of the session decides. */
export type BfdStanding = Pick<BfdSnapshot, 'state' | 'remoteState' | 'diagnostic' | 'remoteDiagnostic'> & {
  readonly peer: Ip;
  /** Whether anything was ever heard. */
  readonly isHeard: boolean;
  /** The last failure to send, since something was heard. */
  readonly sendError: HostError | undefined;
  /** TTL of what came last over more hops than it may. Absent: nothing has, since something was heard. */
  readonly tooLowTtl: number | undefined;
};

/** "": it is up. */
export function describeBfd(standing: BfdStanding): string {
  const { state, diagnostic, peer, sendError, tooLowTtl } = standing;
  if (state === 'up') return '';
  if (state === 'admin-down') return `switched off by this node (${describeDiagnostic(diagnostic)})`;
  const said = state === 'init' ? `${peer} is heard, and has not heard this node yet` : describeDown(standing);
  if (tooLowTtl !== undefined) {
    return `${said}; its packets arrive with TTL ${tooLowTtl}, which is less than minimumTtl of the BFD profile`;
  }
  return sendError === undefined ? said : `${said}; ${describeSendError(sendError, peer)}`;
}

function describeDown({ diagnostic, remoteState, remoteDiagnostic, peer, isHeard }: BfdStanding): string {
  if (!isHeard) return `nothing was heard from ${peer} yet`;
  if (diagnostic === DIAGNOSTIC_DETECTION_TIME_EXPIRED) return `nothing was heard from ${peer} for the detection time`;
  if (diagnostic === DIAGNOSTIC_ECHO_FUNCTION_FAILED) return `echo packets do not come back from ${peer}`;
  if (remoteState === 'admin-down') {
    // FRR gives none.
    const isPlain = remoteDiagnostic === DIAGNOSTIC_ADMINISTRATIVELY_DOWN || remoteDiagnostic === DIAGNOSTIC_NONE;
    const why = isPlain ? '' : ` (${describeDiagnostic(remoteDiagnostic)})`;
    return `${peer} has switched the session off${why}`;
  }
  if (diagnostic === DIAGNOSTIC_NEIGHBOR_SIGNALED_DOWN) {
    return `${peer} took the session down (${describeDiagnostic(remoteDiagnostic)})`;
  }
  return describeDiagnostic(diagnostic);
}

/** Of sending, while the session runs. */
function describeSendError(error: HostError, peer: Ip): string {
  switch (error.errno) {
    case ECONNREFUSED:
      return `${peer} refuses BFD packets: BFD is not configured there`;
    case EHOSTUNREACH:
    case ENETUNREACH:
      return `${peer} cannot be reached`;
    case EPERM:
      return `a firewall of this node refuses BFD packets to ${peer}`;
    default:
      return error.message;
  }
}

/** Of opening a socket. */
export function describeOpenError(error: HostError): string {
  switch (error.errno) {
    case EADDRINUSE:
      return `${error.message}: another program of this node, such as FRR's bfdd or BIRD, speaks BFD there`;
    case EADDRNOTAVAIL:
      return `${error.message}: this node does not have that address`;
    case EACCES:
    case EPERM:
      return `${error.message}: binding to an interface needs CAP_NET_RAW`;
    default:
      return error.message;
  }
}
