/** The number of bytes that are read for entries, and the ownership of the memory. */
import { describe, expect, it } from 'vitest';
import { simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import type { SegmentRun } from '@babuza/wal-core/backend';
import { bytesToRead, ReadBuffers, readSegment, type SegmentFile } from '../src/index.ts';

const kib = 1024;
const readBytesMax = 256 * kib;
const guess = 4 * kib;

/** Entries of these sizes from index 1 on, after a head of 512 bytes. */
function runOf(...sizes: readonly number[]): SegmentRun {
  const offsets = [512];
  for (const size of sizes) offsets.push((offsets.at(-1) ?? 0) + size);
  return {
    segmentId: 0,
    lastIndex: sizes.length,
    offsetOf: (index) => {
      const offset = offsets[index - 1];
      if (offset === undefined || index > sizes.length) throw new RangeError(`no entry ${index}`);
      return offset;
    },
  };
}

describe('the bytes to read', () => {
  const run = runOf(100, 200, 300, 400, 500);

  it('end with the last requested entry', () => {
    expect(bytesToRead(run, 1, 2, Infinity)).toBe(100);
    expect(bytesToRead(run, 1, 4, Infinity)).toBe(600);
    expect(bytesToRead(run, 2, 5, Infinity)).toBe(900);
  });

  it('are a guess if the end of the last entry is not in the index', () => {
    expect(bytesToRead(run, 5, 6, Infinity)).toBe(guess);
    expect(bytesToRead(run, 1, 6, Infinity)).toBe(1000 + guess);
    // Entries after the run are in another file.
    expect(bytesToRead(run, 4, 100, Infinity)).toBe(400 + guess);
  });

  it('end with the entry that reaches the limit', () => {
    const large = runOf(...Array.from({ length: 50 }, () => 2 * kib));
    // The limit is 1 KiB and the guess. The third entry begins at 4 KiB, and the fourth, at 6 KiB,
    // is beyond it.
    expect(bytesToRead(large, 1, 40, kib)).toBe(6 * kib);
    expect(bytesToRead(large, 1, 40, 0)).toBe(4 * kib);
    expect(bytesToRead(large, 1, 2, 0)).toBe(2 * kib);
  });

  it('are never more than the limit of one read', () => {
    const many = runOf(...Array.from({ length: 1000 }, () => kib));
    expect(bytesToRead(many, 1, 1000, Infinity)).toBe(readBytesMax);
    const odd = runOf(...Array.from({ length: 1000 }, () => 1000));
    const bytes = bytesToRead(odd, 1, 1000, Infinity);
    expect(bytes).toBeLessThanOrEqual(readBytesMax);
    expect(bytes).toBeGreaterThan(readBytesMax - 2000);
    expect(bytesToRead(runOf(2 * readBytesMax, 100), 1, 2, Infinity)).toBe(guess);
  });
});

describe('read buffers', () => {
  it('hand out memory that belongs to the caller, unless it is reused', () => {
    const buffers = new ReadBuffers();
    const first = buffers.target(100, false);
    const second = buffers.target(100, false);
    expect(first.buffer === second.buffer).toBe(false);
    expect(first).toHaveLength(100);
    const reused = buffers.target(100, true);
    expect(buffers.target(64 * kib, true).buffer === reused.buffer).toBe(true);
    // A payload that does not fit gets memory of its own.
    const large = buffers.target(64 * kib + 1, true);
    expect(large).toHaveLength(64 * kib + 1);
    expect(large.buffer === reused.buffer).toBe(false);
  });

  it('copies share 64 KiB until those are full', () => {
    const buffers = new ReadBuffers();
    const copies = Array.from({ length: 16 }, () => buffers.copy(new Uint8Array(8 * kib)));
    const shares = copies.map((copy) => copies.findIndex(({ buffer }) => buffer === copy.buffer));
    expect(shares).toEqual([...Array<number>(8).fill(0), ...Array<number>(8).fill(8)]);
    expect(copies.map(({ byteOffset }) => byteOffset)).toEqual(
      copies.map((_, at) => (at % 8) * 8 * kib),
    );
    const mixed = new ReadBuffers();
    const shared = [mixed.copy(new Uint8Array(16 * kib - 1)), mixed.copy(new Uint8Array(1))];
    expect(shared[0]?.buffer === shared[1]?.buffer).toBe(true);
    // A larger payload has memory of its own of exactly its size.
    expect(mixed.copy(new Uint8Array(16 * kib)).buffer.byteLength).toBe(16 * kib);
  });

  it('copies keep their bytes, whatever is copied afterwards', () => {
    const buffers = new ReadBuffers();
    const sizes = [0, 1, 100, 4000, 16 * kib - 1, 16 * kib, 70 * kib];
    const copies = Array.from({ length: 100 }, (_, at) => {
      const data = new Uint8Array(sizes[at % sizes.length] ?? 0).fill(at);
      const copy = buffers.copy(data);
      data.fill(0xff);
      return copy;
    });
    for (const [at, copy] of copies.entries()) {
      expect(copy).toHaveLength(sizes[at % sizes.length] ?? 0);
      expect(copy.every((byte) => byte === at)).toBe(true);
    }
  });
});

describe('reading a segment', () => {
  async function segment(bytes: number): Promise<{ disk: SimulatedDisk; segment: SegmentFile }> {
    const { fileSystem: disk } = simulatedEnvironment(1);
    const path = '/segment';
    disk.surgery.put(path, new Uint8Array(bytes).fill(7));
    const file = await disk.open(path, 'read');
    return { disk, segment: { segmentId: 3, path, fileName: 'segment', file } };
  }

  it('fills the target', async () => {
    const target = new Uint8Array(10);
    readSegment((await segment(100)).segment, 90, target, 5, 0n);
    expect(target).toEqual(new Uint8Array(10).fill(7));
  });

  it('names the entry that is missing', async () => {
    const short = (await segment(99)).segment;
    expect(() => readSegment(short, 90, new Uint8Array(10), 5, 2n)).toThrow(
      expect.objectContaining({
        code: 'WAL_CORRUPT',
        verdict: 'corrupt-read',
        file: '/segment',
        offset: 90,
        firstIndex: 5,
        lastIndex: 5,
        groupId: 2n,
      }),
    );
  });

  it('does not report a failed read as damage', async () => {
    const { disk, segment: file } = await segment(100);
    disk.surgery.makeUnreadable('/segment', 90, 10);
    expect(() => readSegment(file, 90, new Uint8Array(10), 5, 0n)).toThrow(
      expect.objectContaining({ code: 'WAL_READ_FAILED' }),
    );
  });
});
