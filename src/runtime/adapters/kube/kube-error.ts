/**
 * The one error that leaves adapters/kube: what was asked, what the server (or the way to it) answered. `status` is the
 * HTTP status; 0 means that no response arrived. `reason` is the API's own word (NotFound, Conflict, Expired, …) or, with
 * status 0, the system's (ECONNREFUSED, …) or one of ours: timeout, idle, aborted, malformed-response, not-leader.
 */
/** What a server may ask for with Retry-After, at most: a wait of days would be a mistake, and look like a hang. */
const MAX_RETRY_AFTER_SECONDS = 60;

export interface KubeErrorFields {
  readonly op: string;
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

export class KubeError extends Error {
  readonly op: string;
  readonly status: number;
  readonly reason: string;
  /** What the server asked for with Retry-After; undefined: nothing. */
  readonly retryAfterSeconds: number | undefined;

  constructor(fields: KubeErrorFields) {
    super(`${fields.op}: ${fields.message}`, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = 'KubeError';
    this.op = fields.op;
    this.status = fields.status;
    this.reason = fields.reason;
    this.retryAfterSeconds = fields.retryAfterSeconds;
  }
}

/** Makes a KubeError of a refused response, reading the metav1.Status in its body if there is one. */
export function kubeErrorFromResponse(
  op: string,
  response: { readonly status: number; readonly retryAfter?: string | undefined; readonly body: string },
): KubeError {
  const said = parseStatus(response.body);
  const seconds = Number(response.retryAfter ?? said.retryAfterSeconds);
  return new KubeError({
    op,
    status: response.status,
    reason: said.reason ?? `http-${response.status}`,
    message: said.message ?? `the API server answered ${response.status}`,
    retryAfterSeconds: seconds > 0 ? Math.min(seconds, MAX_RETRY_AFTER_SECONDS) : undefined,
  });
}

interface StatusBody {
  readonly reason?: string;
  readonly message?: string;
  readonly retryAfterSeconds?: number;
}

function parseStatus(body: string): StatusBody {
  try {
    const status = JSON.parse(body) as {
      reason?: unknown;
      message?: unknown;
      details?: { retryAfterSeconds?: unknown };
    } | null;
    return {
      ...(typeof status?.reason === 'string' && status.reason !== '' ? { reason: status.reason } : {}),
      ...(typeof status?.message === 'string' && status.message !== '' ? { message: status.message } : {}),
      ...(typeof status?.details?.retryAfterSeconds === 'number'
        ? { retryAfterSeconds: status.details.retryAfterSeconds }
        : {}),
    };
  } catch {
    // A proxy's error page, or nothing: the status line says enough.
    return {};
  }
}
