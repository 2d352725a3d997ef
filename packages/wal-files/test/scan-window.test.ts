/** The window of a scan: frames of every length, at every offset around the border of a part. */
import { turnOfEventLoop } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { ScanWindow } from '../src/index.ts';

const sizes = { partBytes: 64, headroomBytes: 16 };

/** A file of `bytes` bytes, in which bytes close to each other differ. */
class CountedFile {
  readonly content: Uint8Array;
  readonly reads: [offset: number, bytes: number][] = [];
  readonly buffers = new Set<ArrayBufferLike>();
  /** Reads from this offset on fail. */
  failsFrom = Infinity;

  constructor(bytes: number) {
    this.content = Uint8Array.from({ length: bytes }, (_, at) => (at * 7 + (at >> 5)) & 0xff);
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    await Promise.resolve();
    const found = this.content.subarray(offset, offset + target.length);
    target.set(found);
    this.reads.push([offset, target.length]);
    this.buffers.add(target.buffer);
    if (offset >= this.failsFrom) throw new Error('the disk failed to read');
    return found.length;
  }
}

/** Loads the bytes and describes how the window differs from the file. */
async function differenceAt(
  window: ScanWindow,
  { content }: CountedFile,
  offset: number,
  length: number,
): Promise<string | undefined> {
  const isThere = await window.load(offset, length);
  if (isThere !== offset + length <= content.length) return `load says ${isThere}`;
  if (!isThere) return undefined;
  if (!window.has(offset, length)) return 'what was loaded is not there';
  const at = offset - window.start;
  const shown = window.bytes.subarray(at, at + length);
  const right = Buffer.compare(shown, content.subarray(offset, offset + length)) === 0;
  if (!right) return 'other bytes than in the file';
  return length > 0 && window.view.getUint8(at) !== content[offset] ? 'another view' : undefined;
}

/** Sizes around those of a part, of the headroom, of both, and of two parts. */
const frameSizes = [
  1, 2, 3, 5, 7, 15, 16, 17, 31, 47, 48, 49, 63, 64, 65, 79, 80, 81, 127, 128, 129, 150,
];

const fileSizes = [0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 191, 192, 193, 400];

describe('a window', () => {
  it('shows frames of many lengths, one after the other, to the end of files of every size', async () => {
    for (const fileBytes of fileSizes) {
      for (const length of frameSizes) {
        const file = new CountedFile(fileBytes);
        const window = new ScanWindow(file, fileBytes, sizes);
        for (let offset = 0; offset <= fileBytes; offset += length) {
          const difference = await differenceAt(window, file, offset, length);
          expect(difference, `${length} bytes at ${offset} of ${fileBytes}`).toBeUndefined();
        }
        await window.close();
      }
    }
  });

  it('shows a long frame at every offset around the border of a part, and the bytes after it', async () => {
    for (const length of [15, 16, 17, 63, 64, 65, 79, 80, 81, 130]) {
      for (let start = 64 - 20; start <= 64 + 2; start += 1) {
        const file = new CountedFile(400);
        const window = new ScanWindow(file, 400, sizes);
        // The first load reads a part, and the second one begins to read ahead.
        const frames = [
          [0, 8],
          [8, start - 8],
          [start, length],
          [start + length, 8],
        ] as const;
        for (const [offset, bytes] of frames) {
          const difference = await differenceAt(window, file, offset, bytes);
          expect(difference, `${bytes} bytes at ${offset} (${start}, ${length})`).toBeUndefined();
        }
        await window.close();
      }
    }
  });

  it('shows earlier bytes after a step back', async () => {
    const file = new CountedFile(400);
    const window = new ScanWindow(file, 400, sizes);
    for (const [offset, bytes] of [
      [0, 60],
      [60, 30],
      [50, 40],
      [0, 8],
      [390, 10],
      [100, 64],
    ] as const) {
      expect(await differenceAt(window, file, offset, bytes), `${offset}`).toBeUndefined();
    }
    await window.close();
  });

  it('reads each byte about once', async () => {
    const file = new CountedFile(6400);
    const window = new ScanWindow(file, 6400, sizes);
    for (let offset = 0; offset + 8 <= 6400; offset += 8) await window.load(offset, 8);
    await window.close();
    expect(file.reads).toEqual(Array.from({ length: 100 }, (_, at) => [64 * at, 64]));
    expect(file.buffers.size).toBe(2);
  });

  it('shows nothing before anything is loaded', () => {
    const window = new ScanWindow(new CountedFile(400), 400, sizes);
    expect([window.has(0, 0), window.has(0, 1), window.bytes.length]).toEqual([true, false, 0]);
  });

  it('reads ahead only from the second load on', async () => {
    const file = new CountedFile(400);
    const window = new ScanWindow(file, 400, sizes);
    for (const offset of [0, 8, 56]) expect(await window.load(offset, 8)).toBe(true);
    expect(file.reads).toEqual([[0, 64]]);
    expect(await window.load(64, 8)).toBe(true);
    expect(file.reads).toEqual([
      [0, 64],
      [64, 64],
      [128, 64],
    ]);
    await window.close();
  });

  it('reads a last part of one byte ahead, and nothing at the end of a file', async () => {
    for (const [fileBytes, ahead] of [
      [128, []],
      [129, [[128, 1]]],
    ] as const) {
      const file = new CountedFile(fileBytes);
      const window = new ScanWindow(file, fileBytes, sizes);
      for (const offset of [0, 64]) expect(await window.load(offset, 8)).toBe(true);
      await window.close();
      expect(file.reads.slice(2), `${fileBytes} bytes`).toEqual(ahead);
    }
  });

  it('reads only missing bytes again after steps back and forth', async () => {
    const file = new CountedFile(400);
    const window = new ScanWindow(file, 400, sizes);
    const steps: readonly [offset: number, bytes: number, reads: readonly number[]][] = [
      [0, 8, [0]],
      [60, 8, [60, 124]],
      // A frame that begins in the headroom is joined with the part that was read ahead.
      [108, 20, [188]],
      [180, 16, [252]],
      // A frame that begins before the headroom is not, and the part that was read ahead is
      // dropped.
      [235, 20, [235, 299]],
      [0, 8, [0, 64]],
      [40, 100, [40, 140]],
      [130, 10, []],
      [130, 11, [204]],
      [250, 100, [250, 350]],
      [390, 10, [390]],
      [390, 11, []],
      [500, 8, []],
    ];
    for (const [offset, bytes, reads] of steps) {
      file.reads.length = 0;
      expect(await differenceAt(window, file, offset, bytes), `${offset}`).toBeUndefined();
      expect(
        file.reads.map(([at]) => at),
        `reads at ${offset}`,
      ).toEqual(reads);
      for (const [at, length] of file.reads) expect(at + length).toBeLessThanOrEqual(400);
    }
    await window.close();
  });

  it('uses no more memory for a small file than its size', async () => {
    for (const bytes of [20, 64]) {
      const file = new CountedFile(bytes);
      expect(await new ScanWindow(file, bytes, sizes).load(0, 8)).toBe(true);
      expect([...file.buffers].map(({ byteLength }) => byteLength)).toEqual([bytes]);
    }
    const larger = new CountedFile(65);
    expect(await new ScanWindow(larger, 65, sizes).load(0, 8)).toBe(true);
    expect([...larger.buffers].map(({ byteLength }) => byteLength)).toEqual([80]);
  });

  it('reads 512 KiB at a time, and joins frames of up to 64 KiB', async () => {
    const kib = 1024;
    const file = new CountedFile(2048 * kib);
    const window = new ScanWindow(file, 2048 * kib);
    await window.load(0, 8);
    await window.load(512 * kib, 8);
    // The next part begins at 1,024 KiB.
    await window.load((1024 - 64) * kib, 64 * kib + 1);
    await window.load((1536 - 64) * kib - 1, 64 * kib + 2);
    await window.close();
    expect(file.reads).toEqual([
      [0, 512 * kib],
      [512 * kib, 512 * kib],
      [1024 * kib, 512 * kib],
      [1536 * kib, 512 * kib],
      [1472 * kib - 1, 512 * kib],
      [1984 * kib - 1, 64 * kib + 1],
    ]);
  });

  it('returns false if the file has become shorter', async () => {
    const file = new CountedFile(70);
    const window = new ScanWindow(file, 400, sizes);
    expect(await window.load(0, 64)).toBe(true);
    expect(await window.load(64, 8)).toBe(false);
    expect(await window.load(300, 8)).toBe(false);
    expect(await window.load(64, 6)).toBe(true);
    await window.close();
  });

  it('throws a failure of reading ahead only if that part is needed', async () => {
    const file = new CountedFile(400);
    file.failsFrom = 128;
    const window = new ScanWindow(file, 400, sizes);
    await window.load(0, 8);
    await window.load(64, 8);
    await window.load(100, 8);
    // No caller needs the part that failed, so nothing is thrown.
    await turnOfEventLoop();
    await window.close();
    await window.load(0, 8);
    await window.load(64, 8);
    await expect(window.load(128, 8)).rejects.toThrow('the disk failed to read');
    await window.close();
  });

  it('waits in close for a read in flight', async () => {
    const file = new CountedFile(400);
    let pending = 0;
    const slow = {
      read: async (target: Uint8Array, offset: number): Promise<number> => {
        pending += 1;
        for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
        pending -= 1;
        return file.read(target, offset);
      },
    };
    const window = new ScanWindow(slow, 400, sizes);
    await window.load(0, 8);
    await window.load(64, 8);
    expect(pending).toBe(1);
    await window.close();
    expect(pending).toBe(0);
    await window.close();
  });
});
