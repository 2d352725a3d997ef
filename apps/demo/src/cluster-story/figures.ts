/**
 * The percentile of the samples by the nearest-rank method: `share` is above 0 and at most 1.
 * Returns NaN when there are no samples.
 */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((left, right) => left - right);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
}
