/** The contract for looking up names of hosts. */

/** An IP address of a host. */
export interface HostAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** A way to find the addresses of a host by its name. */
export interface HostNames {
  /**
   * Resolves with at least one address. Rejects if the name cannot be resolved now, or with the
   * reason of the signal, which also cancels every query that can be cancelled.
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
 * The message of an error. For an `AggregateError`, the messages of all its errors, because its own
 * message does not contain them.
 */
export function describeCause(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describeCause).join(', ');
  return error instanceof Error ? error.message : String(error);
}
