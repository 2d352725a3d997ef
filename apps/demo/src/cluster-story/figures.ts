/**
 * The smallest sample that `share` (above 0, to 1) of all are not above: the nearest rank; NaN of
 * none.
 */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((left, right) => left - right);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
}
