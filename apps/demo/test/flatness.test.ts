/** The judgement of a soak, on series that are known to be flat or not. */
import { describe, expect, it } from 'vitest';
import { judgeSeries, sentenceOf } from '../src/cluster-story/soak/judged-series.ts';
import { judgeFlatness, type Sample } from '../src/cluster-story/soak/flatness.ts';
import { pageOf, tableOf } from '../src/cluster-story/soak/report.ts';
import type { Row } from '../src/cluster-story/soak/sampler.ts';

const minuteMs = 60_000;

/** One sample for each 3 s of an hour. */
function hour(valueAt: (minute: number, at: number) => number): Sample[] {
  return Array.from({ length: 1201 }, (_, at) => {
    const atMs = at * 3000;
    return { atMs, value: valueAt(atMs / minuteMs, at) };
  });
}

/** From -1 to 1, the same in each run. */
const noise = (at: number): number => Math.sin(at * 12.9898) * Math.cos(at * 78.233);

const tenth = { share: 0.1, least: 0 };

describe('flatness', () => {
  it('calls a level with noise flat', () => {
    const flatness = judgeFlatness(
      hour((_, at) => 100 + 30 * noise(at)),
      tenth,
    );
    expect(flatness?.isFlat).toBe(true);
    expect(Math.abs(flatness?.growth ?? Infinity)).toBeLessThan(3);
    expect(flatness?.judged).toBe(601);
  });

  it('calls a sawtooth of collected garbage and of compacted logs flat', () => {
    expect(
      judgeFlatness(
        hour((minute) => 100 + (minute % 1.7) * 40),
        tenth,
      )?.isFlat,
    ).toBe(true);
  });

  it('finds a leak below noise and a sawtooth, and says how fast it grows', () => {
    const leaking = hour((minute, at) => 100 + minute + (minute % 1.7) * 10 + 10 * noise(at));
    const flatness = judgeFlatness(leaking, tenth);
    expect(flatness?.isFlat).toBe(false);
    expect(flatness?.slopePerHour).toBeGreaterThan(55);
    expect(flatness?.slopePerHour).toBeLessThan(65);
    expect(flatness?.growth).toBeCloseTo((flatness?.slopePerHour ?? 0) / 2, 6);
  });

  it('does not count what grows in the first half', () => {
    const filling = hour((minute) => Math.min(minute, 29) * 10);
    expect(judgeFlatness(filling, tenth)).toMatchObject({ isFlat: true, growth: 0, median: 290 });
  });

  it('is not moved by a fifth of wild samples', () => {
    const spikes = hour((_, at) => (at % 5 === 0 ? 100 + at * 50 : 100));
    expect(judgeFlatness(spikes, tenth)).toMatchObject({ isFlat: true, growth: 0 });
  });

  it('calls a series that falls flat', () => {
    expect(
      judgeFlatness(
        hour((minute) => 1000 - 10 * minute),
        tenth,
      )?.isFlat,
    ).toBe(true);
  });

  it('compares with the larger bound, which itself is allowed', () => {
    // Over the half hour that counts it grows by 30 from 130 to 160; the median is 145.
    const growing = hour((minute) => 100 + minute);
    const judged = (share: number, least: number): boolean | undefined =>
      judgeFlatness(growing, { share, least })?.isFlat;
    expect(judged(0, 30.001)).toBe(true);
    expect(judged(0, 29.999)).toBe(false);
    expect(judged(30.01 / 145, 0)).toBe(true);
    expect(judged(29.99 / 145, 0)).toBe(false);
    expect(judged(0.01, 30.001)).toBe(true);
  });

  it('says nothing of fewer than eight samples in the second half', () => {
    const samples = (count: number): Sample[] =>
      Array.from({ length: count }, (_, at) => ({ atMs: at, value: 1 }));
    expect(judgeFlatness([], tenth)).toBeUndefined();
    expect(judgeFlatness(samples(14), tenth)).toBeUndefined();
    expect(judgeFlatness(samples(15), tenth)).toMatchObject({ judged: 8, isFlat: true });
  });
});

/** A row of a cluster of two, whose second node never answers. */
function rowAt(minute: number, heapBytes: number): Row {
  const first = { rssBytes: 100 * 2 ** 20, heapBytes, handles: 20 };
  const atMs = minute * minuteMs;
  return {
    atMs,
    writesPerSecond: 10.04,
    p50Ms: minute % 2 === 0 ? undefined : 2,
    p99Ms: 20,
    diskBytes: 2 ** 20,
    processes: [first, undefined],
  };
}

describe('the series of a soak', () => {
  it('are judged by themselves, without the samples that are missing', () => {
    const rows = Array.from({ length: 61 }, (_, minute) => rowAt(minute, 2 ** 20 * (50 + minute)));
    const judged = judgeSeries(rows, 0);
    const notFlat = judged.filter(({ flatness }) => flatness?.isFlat !== true);
    expect(judged.length).toBe(6);
    expect(notFlat.map(sentenceOf)).toEqual([
      'heap of node 1: NOT flat; median 95.0 MiB, +30.0 MiB over the second half (60.0 MiB per hour, at most 16.0 MiB allowed; 31 samples)',
    ]);
    expect(judged.find(({ name }) => name === 'latency, p50')?.flatness?.judged).toBe(15);
  });

  it('are written as a table with empty cells, and as a page that contains all of them', async () => {
    const rows = [rowAt(0, 1), rowAt(1, 2)];
    expect(tableOf(rows).split('\n')).toEqual([
      'seconds,writes_per_second,p50_ms,p99_ms,disk_bytes,rss_bytes_1,heap_bytes_1,handles_1,rss_bytes_2,heap_bytes_2,handles_2',
      '0,10,,20,1048576,104857600,1,20,,,',
      '60,10,2,20,1048576,104857600,2,20,,,',
      '',
    ]);
    const page = await pageOf('a < b', rows, ['c & d']);
    const [, json = ''] =
      /<script type="application\/json" id="data">(.*)<\/script>/.exec(page) ?? [];
    const { seconds, plots } = JSON.parse(json);
    expect(seconds).toEqual([0, 60]);
    expect(plots[4].lines[0]).toEqual({ label: 'p50', values: [null, 2] });
    expect(plots.length).toBe(6);
    expect(page).toContain('<h1>a &lt; b</h1>');
    expect(page).toContain('<li>c &amp; d</li>');
    expect(page).not.toMatch(/(src|href)=/);
  });
});
