/**
 * Decides whether a series of samples stays flat, by the slope of Theil and Sen: the median of the
 * slopes of all pairs of samples. A quarter of outliers does not move it. Only the second half of
 * the time counts, because caches fill and the heap grows to its working size in the first.
 */
export interface Sample {
  readonly atMs: number;
  readonly value: number;
}

/** The allowed growth over the judged half: the larger of the two values. */
export interface GrowthBound {
  /** A share of the median of the judged half; 0.1 is a tenth. */
  readonly share: number;
  /** An absolute value, in the unit of the series. */
  readonly least: number;
}

export interface Flatness {
  /** The number of samples in the judged half. */
  readonly judged: number;
  readonly median: number;
  /** The slope per hour, in the unit of the series. */
  readonly slopePerHour: number;
  /** The growth over the judged half at that slope. It is negative where the series falls. */
  readonly growth: number;
  readonly allowed: number;
  readonly isFlat: boolean;
}

const hourMs = 3_600_000;

/** With fewer samples in the second half there is no result. */
const samplesMin = 8;

/** Returns `undefined` when there are too few samples. A falling series counts as flat. */
export function judgeFlatness(
  samples: readonly Sample[],
  { share, least }: GrowthBound,
): Flatness | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const middleMs = (first.atMs + last.atMs) / 2;
  const half = samples.filter(({ atMs }) => atMs >= middleMs);
  const slope = medianSlope(half);
  if (half.length < samplesMin || slope === undefined) return undefined;
  const median = medianOf(half.map(({ value }) => value));
  const growth = slope * (last.atMs - middleMs);
  const allowed = Math.max(least, share * median);
  const isFlat = growth <= allowed;
  return { judged: half.length, median, slopePerHour: slope * hourMs, growth, allowed, isFlat };
}

/** The slope per millisecond; `undefined` when no two samples have different times. */
function medianSlope(samples: readonly Sample[]): number | undefined {
  const slopes: number[] = [];
  for (const [at, one] of samples.entries()) {
    for (const other of samples.slice(at + 1)) {
      const elapsedMs = other.atMs - one.atMs;
      if (elapsedMs !== 0) slopes.push((other.value - one.value) / elapsedMs);
    }
  }
  return slopes.length === 0 ? undefined : medianOf(slopes);
}

function medianOf(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const low = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  const high = sorted[Math.ceil((sorted.length - 1) / 2)] ?? Number.NaN;
  return (low + high) / 2;
}
