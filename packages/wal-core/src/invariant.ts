/** A broken promise of our own code: never the fault of a caller or of a disk. It stays on. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws an `InvariantError` unless `condition` holds. `values` go into the message. */
export function invariant(
  condition: boolean,
  what: string,
  ...values: readonly (number | bigint | string | undefined)[]
): asserts condition {
  if (!condition) throw new InvariantError(`${what} (${values.map(String).join(', ')})`);
}
