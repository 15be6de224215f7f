/** Why a router could not be connected to, in words for the operator: what the system says, and what that may mean. Pure. */
import type { BgpPeer } from '../../../model/config.ts';

const MEANINGS: readonly (readonly [name: string, meaning: string])[] = [
  ['ECONNREFUSED', 'nothing listens on that port there, or the router does not know this node as a neighbor'],
  ['EHOSTUNREACH', 'the router does not answer on the link, or a firewall rejects it'],
  ['ENETUNREACH', 'this node has no route to it'],
  ['EADDRNOTAVAIL', 'sourceAddress is on no interface of this node'],
  ['ENODEV', 'the interface or VRF is not on this node'],
  ['EKEYREJECTED', 'the kernel refuses the password'],
];
const SILENCES = ['ETIMEDOUT', 'did not answer'];

export function connectReason(reason: string, { password }: Pick<BgpPeer, 'password'>): string {
  const meaning = MEANINGS.find(([name]) => reason.includes(name));
  if (meaning !== undefined) return `${reason}: ${meaning[1]}`;
  const isSilent = SILENCES.some((text) => reason.includes(text));
  return isSilent && password !== undefined ? `${reason}; a password that is not the router's looks the same` : reason;
}
