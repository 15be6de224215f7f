/**
 * Why a router could not be connected to, or cannot connect to this node, in words for the operator: what the system says,
 * and what that may mean. Pure.
 */
import type { BgpPeer } from '../../../model/config.ts';

type Meanings = readonly (readonly [name: string, meaning: string])[];

const CONNECT_MEANINGS: Meanings = [
  ['ECONNREFUSED', 'nothing listens on that port there, or the router does not know this node as a neighbor'],
  ['EHOSTUNREACH', 'the router does not answer on the link, or a firewall rejects it'],
  ['ENETUNREACH', 'this node has no route to it'],
  ['EADDRNOTAVAIL', 'sourceAddress is on no interface of this node'],
  ['ENODEV', 'the interface or VRF is not on this node'],
  ['EKEYREJECTED', 'the kernel refuses the password'],
];
const LISTEN_MEANINGS: Meanings = [
  [
    'EADDRINUSE',
    'another program of this node listens there (`ss -tlnp` on the node says which), such as the BIRD of Calico',
  ],
  ['EACCES', 'a port below 1024 needs the capability NET_BIND_SERVICE'],
];
const SILENCES = ['ETIMEDOUT', 'did not answer'];

export function connectReason(reason: string, { password }: Pick<BgpPeer, 'password'>): string {
  const explained = explain(reason, CONNECT_MEANINGS);
  if (explained !== undefined) return explained;
  const isSilent = SILENCES.some((text) => reason.includes(text));
  return isSilent && password !== undefined ? `${reason}; a password that is not the router's looks the same` : reason;
}

export function listenReason(reason: string): string {
  return explain(reason, LISTEN_MEANINGS) ?? reason;
}

function explain(reason: string, meanings: Meanings): string | undefined {
  const meaning = meanings.find(([name]) => reason.includes(name));
  return meaning === undefined ? undefined : `${reason}: ${meaning[1]}`;
}
