/** The series that a soak checks, each with the allowed growth over the second half of the time. */
import { byteSize, count, duration } from '../../common/figures.ts';
import { judgeFlatness, type Flatness, type GrowthBound } from './flatness.ts';
import type { Row } from './sampler.ts';

const mebibyte: number = 1024 * 1024;

export interface JudgedSeries {
  readonly name: string;
  readonly format: (value: number) => string;
  /** `undefined` when there were too few samples. */
  readonly flatness: Flatness | undefined;
}

interface SeriesSettings {
  readonly name: string;
  readonly valueOf: (row: Row) => number | undefined;
  readonly bound: GrowthBound;
  readonly format: (value: number) => string;
}

const bytesOf = (value: number): string => byteSize(Math.round(value));

/**
 * Memory and handles are checked on the node that is never killed, because only its process can
 * leak for the whole run.
 */
function seriesOf(steadyNode: number): readonly SeriesSettings[] {
  const of = (row: Row) => row.processes[steadyNode];
  const name = `node ${steadyNode + 1}`;
  return [
    {
      name: `resident memory of ${name}`,
      valueOf: (row) => of(row)?.rssBytes,
      bound: { share: 0.1, least: 16 * mebibyte },
      format: bytesOf,
    },
    {
      name: `heap of ${name}`,
      valueOf: (row) => of(row)?.heapBytes,
      bound: { share: 0.1, least: 16 * mebibyte },
      format: bytesOf,
    },
    {
      name: `handles of ${name}`,
      valueOf: (row) => of(row)?.handles,
      bound: { share: 0.1, least: 10 },
      format: (value) => count(Math.round(value * 10) / 10),
    },
    {
      name: 'disk of all nodes',
      valueOf: ({ diskBytes }) => diskBytes,
      bound: { share: 0.1, least: 32 * mebibyte },
      format: bytesOf,
    },
    {
      name: 'latency, p50',
      valueOf: ({ p50Ms }) => p50Ms,
      bound: { share: 0.2, least: 5 },
      format: duration,
    },
    {
      name: 'latency, p99',
      valueOf: ({ p99Ms }) => p99Ms,
      bound: { share: 0.2, least: 50 },
      format: duration,
    },
  ];
}

export function judgeSeries(rows: readonly Row[], steadyNode: number): readonly JudgedSeries[] {
  return seriesOf(steadyNode).map(({ name, valueOf, bound, format }) => {
    const samples = rows.flatMap((row) => {
      const value = valueOf(row);
      return value === undefined ? [] : [{ atMs: row.atMs, value }];
    });
    return { name, format, flatness: judgeFlatness(samples, bound) };
  });
}

/** One sentence with the figures of the series and its bound. */
export function sentenceOf({ name, format, flatness }: JudgedSeries): string {
  if (flatness === undefined) return `${name}: too few samples to check it`;
  const { isFlat, median, growth, allowed, slopePerHour, judged } = flatness;
  const sign = growth < 0 ? '' : '+';
  return `${name}: ${isFlat ? 'flat' : 'NOT flat'}; median ${format(median)}, ${sign}${format(growth)} over the second half (${format(slopePerHour)} per hour, at most ${format(allowed)} allowed; ${count(judged)} samples)`;
}
