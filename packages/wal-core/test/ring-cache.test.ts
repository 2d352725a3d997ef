/** The cache: its bounds, its copies, and that a payload which a reader has never changes. */
import type { CacheLimits } from '@babuza/wal-core';
import { RingCache } from '@babuza/wal-core/backend';
import type { Entry } from '@babuza/raftpb';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

function entry(index: number, bytes: number, term = 1): Entry {
  return { index, term, type: 0, data: new Uint8Array(bytes).fill(index % 251) };
}

function cached(cache: RingCache, from: number, to: number): number[] {
  const result: number[] = [];
  for (let index = from; index <= to; index += 1) if (cache.get(index)) result.push(index);
  return result;
}

describe('RingCache', () => {
  it('keeps the newest entries up to a number', () => {
    const cache = new RingCache({ entriesMax: 4, bytesMax: 1000 });
    for (let index = 1; index <= 10; index += 1) cache.append(entry(index, 10));
    expect(cached(cache, 0, 12)).toEqual([7, 8, 9, 10]);
    expect([cache.firstIndex, cache.lastIndex, cache.count, cache.bytes]).toEqual([7, 10, 4, 40]);
  });

  it('keeps the newest entries up to a number of bytes', () => {
    const cache = new RingCache({ entriesMax: 100, bytesMax: 1000 });
    for (let index = 1; index <= 9; index += 1) cache.append(entry(index, 300));
    expect([cached(cache, 0, 12), cache.bytes]).toEqual([[7, 8, 9], 900]);
    cache.append(entry(10, 1000));
    expect([cached(cache, 0, 12), cache.bytes]).toEqual([[10], 1000]);
  });

  it('keeps no entry larger than its bound, and none before it', () => {
    const cache = new RingCache({ entriesMax: 100, bytesMax: 1000 });
    cache.append(entry(1, 10));
    cache.append(entry(2, 1001));
    expect([cached(cache, 0, 5), cache.bytes, cache.count]).toEqual([[], 0, 0]);
    cache.append(entry(3, 10));
    expect(cached(cache, 0, 5)).toEqual([3]);
  });

  it('is emptied by an entry that does not follow the last one', () => {
    const cache = new RingCache();
    for (const index of [1, 2, 3, 9]) cache.append(entry(index, 10));
    expect([cached(cache, 0, 12), cache.bytes]).toEqual([[9], 10]);
  });

  it('is off when no entries are allowed', () => {
    const cache = new RingCache({ entriesMax: 0, bytesMax: 1000 });
    cache.append(entry(1, 10));
    cache.append(entry(2, 0));
    cache.truncateFrom(2);
    cache.compactTo(1);
    expect([cache.get(1), cache.count, cache.bytes]).toEqual([undefined, 0, 0]);
  });

  it('copies payloads, those of buffers too, and returns plain byte arrays', () => {
    const cache = new RingCache();
    const parent = Buffer.alloc(1000, 7);
    const large = Buffer.alloc(40_000, 8);
    cache.append({ index: 1, term: 1, type: 1, data: parent.subarray(10, 20) });
    cache.append({ index: 2, term: 1, type: 0, data: large });
    cache.append({ index: 3, term: 2, type: 2 });
    cache.append({ index: 4, term: 2, type: 0, data: new Uint8Array() });
    parent.fill(0);
    large.fill(0);
    expect(cache.get(1)).toEqual({ index: 1, term: 1, type: 1, data: new Uint8Array(10).fill(7) });
    expect(cache.get(2)?.data?.length).toBe(40_000);
    expect(cache.get(2)?.data?.every((byte) => byte === 8)).toBe(true);
    expect(cache.get(3)?.data).toBeUndefined();
    expect(cache.get(4)?.data?.length).toBe(0);
    for (const index of [1, 2]) {
      expect(Buffer.isBuffer(cache.get(index)?.data)).toBe(false);
      expect(cache.get(index)?.data?.buffer).not.toBe(parent.buffer);
    }
  });

  it('never reuses memory that a reader has a payload of', () => {
    const cache = new RingCache({ entriesMax: 8, bytesMax: 1_000_000 });
    const bytes = 10_000;
    const handedOut: [index: number, data: Uint8Array | undefined][] = [];
    for (let index = 1; index <= 60; index += 1) {
      cache.append(entry(index, bytes));
      if (index % 3 === 0) handedOut.push([index, cache.get(index)?.data]);
    }
    const changed = handedOut.filter(([index, data]) => data?.some((byte) => byte !== index % 251));
    expect(changed.map(([index]) => index)).toEqual([]);
  });

  it('agrees with a list of the newest entries, and never changes a payload that a reader has', () => {
    const limits = fc.record({
      entriesMax: fc.integer({ min: 1, max: 40 }),
      bytesMax: fc.integer({ min: 1, max: 300_000 }),
    });
    const step = fc.record({
      kind: fc.constantFrom(...Array<string>(8).fill('append'), 'conflict', 'compact', 'clear'),
      bytes: fc.oneof(fc.nat(50), fc.nat(16_000), fc.nat(16_000), fc.nat(40_000)),
      at: fc.nat(15),
      // Memory is reused only while no reader has a part of it, so the test must not read every
      // time.
      look: fc.integer({ min: 0, max: 29 }),
    });
    fc.assert(
      fc.property(limits, fc.array(step, { maxLength: 300, size: 'max' }), (given, steps) => {
        const trial = new Trial(given);
        for (const { kind, bytes, at, look } of steps) {
          trial.step(kind, bytes, at);
          if (look === 0) trial.check();
        }
        trial.check();
        trial.checkHandedOut();
      }),
      { numRuns: 80 },
    );
  });
});

class Trial {
  readonly #limits: CacheLimits;
  readonly #cache: RingCache;
  #log: Entry[] = [];
  readonly #handedOut: { data: Uint8Array; fill: number }[] = [];
  #next = 1;
  #fill = 0;

  constructor(limits: CacheLimits) {
    this.#limits = limits;
    this.#cache = new RingCache(limits);
  }

  step(kind: string, bytes: number, at: number): void {
    if (kind === 'clear') {
      this.#log = [];
      this.#cache.clear();
    } else if (kind === 'compact') {
      const index = this.#next - 1 - at;
      this.#log = this.#log.filter((entry) => entry.index > index);
      this.#cache.compactTo(index);
    } else {
      const index = kind === 'append' ? this.#next : Math.max(1, this.#next - at);
      if (index < this.#next) {
        this.#log = this.#log.filter((entry) => entry.index < index);
        this.#cache.truncateFrom(index);
      }
      this.#append(index, bytes);
    }
  }

  #append(index: number, bytes: number): void {
    this.#fill = (this.#fill + 1) % 251;
    const entry: Entry = { index, term: 1, type: 0, data: new Uint8Array(bytes).fill(this.#fill) };
    const before = this.#log.at(-1);
    if (before !== undefined && before.index !== index - 1) this.#log = [];
    this.#cache.append(entry);
    entry.data?.fill(255);
    this.#log.push({ ...entry, data: new Uint8Array(bytes).fill(this.#fill) });
    this.#next = index + 1;
    let kept = this.#log.length;
    let sum = 0;
    for (let at = this.#log.length - 1; at >= 0; at -= 1) {
      sum += this.#log[at]?.data?.length ?? 0;
      if (sum > this.#limits.bytesMax || this.#log.length - at > this.#limits.entriesMax) break;
      kept = at;
    }
    this.#log = this.#log.slice(kept);
  }

  check(): void {
    const expected = this.#log.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
    expect([this.#cache.count, this.#cache.bytes]).toEqual([this.#log.length, expected]);
    for (const { index, data } of this.#log) {
      const found = this.#cache.get(index)?.data;
      expect(found !== undefined && data !== undefined && Buffer.compare(found, data)).toBe(0);
      if (found !== undefined) this.#handedOut.push({ data: found, fill: found[0] ?? 0 });
    }
  }

  checkHandedOut(): void {
    for (const { data, fill } of this.#handedOut.slice(-50)) {
      expect(data.every((byte) => byte === fill)).toBe(true);
    }
  }
}
