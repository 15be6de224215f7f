/** Times as Kubernetes writes them: RFC 3339 in UTC. From milliseconds since the Unix epoch. */

/** metav1.Time: whole seconds. */
export function apiTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** metav1.MicroTime, which Leases carry: six digits after the point. */
export function apiMicroTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/Z$/, '000Z');
}
