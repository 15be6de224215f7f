/**
 * Why a Service has the addresses it has, or none. The literals go as they are into conditions, logs and metrics, whose
 * common alphabet is that of a condition's reason: letters only.
 */
export type AllocationReason =
  /** All is as the Service asks. */
  | 'Allocated'
  /** PreferDualStack, and the pool has an address of one family only. */
  | 'AllocatedOneFamily'
  /** It has addresses, but fewer than its annotation address-count asks for. */
  | 'AllocatedFewer'
  /** It has addresses, and one of them is somebody else's as well: a node's, a gateway's, a network's, a foreign host's. */
  | 'AddressConflict'
  /** It has addresses of a pool that drains and is to move, but no other pool serves it. */
  | 'PoolDraining'
  /** Not of type LoadBalancer (any more). */
  | 'NotLoadBalancer'
  /** Somebody else fills its status: it holds what no pool of ours contains. */
  | 'ForeignStatus'
  | 'NoClusterIP'
  /** RequireDualStack, and the Service has cluster addresses of one family. */
  | 'NotEnoughClusterIPs'
  /** metallb.io/loadBalancerIPs and spec.loadBalancerIP at once. */
  | 'RequestsConflict'
  | 'RequestMalformed'
  /** The requested addresses are not of the families the Service has. */
  | 'RequestFamilyMismatch'
  | 'RequestedAddressNotInPool'
  | 'RequestedAddressInUse'
  /** The requested address is a node's, a gateway's, a network's, or on the pool's list of excluded ones. */
  | 'RequestedAddressExcluded'
  /** The requested address waits for another Service's return, or rests before it may change hands. */
  | 'RequestedAddressReserved'
  /** The requested addresses' pool refuses the Service, or is not the requested pool. */
  | 'RequestedAddressRefused'
  | 'RequestedPoolUnknown'
  /** The requested pool refuses the Service or has nothing left for it. */
  | 'RequestedPoolRefused'
  /** There is no pool at all. */
  | 'NoPools'
  /** There are pools, but none may serve this Service. */
  | 'NoPoolAllowed'
  /** Pools may serve it, but have no address left that fits. */
  | 'PoolsExhausted'
  /** There are addresses, but its namespace has all it may have. */
  | 'QuotaReached'
  /** The address it held belongs to no pool any more. */
  | 'AddressNotInPool'
  /** The pool of the address it held no longer serves it. */
  | 'PoolRefused'
  /** The address it held is another Service's, with which it may not share. */
  | 'AddressInUse'
  /** It held more addresses of a family than it asks for, or one of a family that it has not. */
  | 'SurplusAddress';

/** Why one pool did not serve a Service. */
export type PoolRefusalReason =
  /** Another pool was asked for. */
  | 'NotRequested'
  /** autoAssign is off, and neither the pool nor an address of it was asked for. */
  | 'AutoAssignOff'
  | 'NamespaceNotAllowed'
  | 'ServiceNotSelected'
  /** The pool is faulty: it keeps what it gave, and gives nothing. */
  | 'PoolFaulty'
  /** The pool is being emptied (spec.drain). */
  | 'PoolDraining'
  /** The namespace has all the addresses it may have (annotation max-addresses on it). */
  | 'NamespaceQuotaReached'
  /** The namespace has all the addresses of this pool it may have (spec.maxAddressesPerNamespace). */
  | 'PoolQuotaReached'
  /** It holds no addresses of a family that the Service needs. */
  | 'FamilyMissing'
  | 'Exhausted';

export interface PoolRefusal {
  readonly pool: string;
  readonly reason: PoolRefusalReason;
}

/** A no, with what people need to read about it. */
export interface Refusal {
  readonly reason: AllocationReason;
  readonly message: string;
  /** Of each pool why it did not serve; empty where pools were not the question. */
  readonly pools: readonly PoolRefusal[];
}

export function refusal(reason: AllocationReason, message: string, pools: readonly PoolRefusal[] = []): Refusal {
  return { reason, message, pools };
}

/** At most this many pools are spelled out; a message is read by people. */
const POOLS_TOLD = 40;

/** "a: Exhausted, b: NamespaceNotAllowed and 3 more" */
export function formatPoolRefusals(refusals: readonly PoolRefusal[]): string {
  const told = refusals.slice(0, POOLS_TOLD).map(({ pool, reason }) => `${pool}: ${reason}`);
  const more = refusals.length - told.length;
  return told.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
