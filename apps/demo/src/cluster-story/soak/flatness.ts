/**
 * Whether a series of samples stays flat. The slope is that of Theil and Sen: the median of the
 * slopes of all pairs of samples, which a quarter of wild samples does not move. Only the second
 * half of the time counts, because caches fill and the heap finds its size in the first.
 */
export interface Sample {
  readonly atMs: number;
  readonly value: number;
}

/** How much a series may grow over the judged half: the larger of the two. */
export interface GrowthBound {
  /** A part of the median of the judged half; 0.1 is a tenth. */
  readonly share: number;
  /** In the unit of the series. */
  readonly least: number;
}

export interface Flatness {
  /** How many samples were judged. */
  readonly judged: number;
  readonly median: number;
  /** Per hour, in the unit of the series. */
  readonly slopePerHour: number;
  /** The growth over the judged half at that slope. It is negative where the series falls. */
  readonly growth: number;
  readonly allowed: number;
  readonly isFlat: boolean;
}

const hourMs = 3_600_000;

/** Fewer samples of the second half say nothing. */
const samplesMin = 8;

/** Nothing where there are too few samples. A series that falls is flat. */
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

/** Per millisecond. Nothing where no two samples have different times. */
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
