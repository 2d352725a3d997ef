/**
 * An error in the code of a log itself, never in a call or on a disk. The checks stay on in
 * production.
 */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws an `InvariantError` unless `condition` holds. The message includes `values`. */
export function invariant(
  condition: boolean,
  what: string,
  ...values: readonly (number | bigint | string | undefined)[]
): asserts condition {
  if (!condition) throw new InvariantError(`${what} (${values.map(String).join(', ')})`);
}
