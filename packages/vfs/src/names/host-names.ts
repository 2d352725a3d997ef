/** The names of hosts, as the outside world resolves them. */

/** An IP address of a host. */
export interface HostAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** A way to find the addresses of a host by its name. */
export interface HostNames {
  /**
   * Resolves with at least one address. Rejects where the name cannot be resolved now, or with the
   * reason of the signal: whatever can be cancelled ends then.
   */
  lookUp(name: string, signal: AbortSignal): Promise<readonly HostAddress[]>;
}

/** A name could not be resolved; the cause says why. Another attempt may succeed. */
export class NameError extends Error {
  override readonly name = 'NameError';
  readonly code = 'NAME_UNRESOLVED';

  constructor(host: string, why: string, options?: ErrorOptions) {
    super(`the name '${host}' cannot be resolved: ${why}`, options);
  }
}

/**
 * The reason of a failure; of several failures, the reason of each: the message of Node.js names
 * none of them.
 */
export function describeCause(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describeCause).join(', ');
  return error instanceof Error ? error.message : String(error);
}
