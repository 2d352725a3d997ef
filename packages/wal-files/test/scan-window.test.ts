/**
 * The part of a file that a scan looks at: frames of every length, at every place of its borders.
 */
import { describe, expect, it } from 'vitest';
import { ScanWindow } from '../src/index.ts';

const sizes = { partBytes: 64, headroomBytes: 16 };

/** A file of so many bytes, of which no two that are near each other are the same. */
class CountedFile {
  readonly content: Uint8Array;
  reads = 0;
  bytesRead = 0;

  constructor(bytes: number) {
    this.content = Uint8Array.from({ length: bytes }, (_, at) => (at * 7 + (at >> 5)) & 0xff);
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    await Promise.resolve();
    const found = this.content.subarray(offset, offset + target.length);
    target.set(found);
    this.reads += 1;
    this.bytesRead += found.length;
    return found.length;
  }
}

/** Loads the frame, and says how what is shown differs from the file. */
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

const fileSizes = [0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 191, 192, 193, 400];

describe('a window', () => {
  it('shows frames of every length, one behind the other, to the end of files of every size', async () => {
    for (const fileBytes of fileSizes) {
      for (let length = 1; length <= 150; length += 1) {
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

  it('shows a long frame at every place around the border of a part, and what follows it', async () => {
    for (const length of [15, 16, 17, 63, 64, 65, 79, 80, 81, 130]) {
      for (let start = 64 - 20; start <= 64 + 2; start += 1) {
        const file = new CountedFile(400);
        const window = new ScanWindow(file, 400, sizes);
        // The first load reads a part, the second one begins to read ahead.
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

  it('shows what lies before, after a step back', async () => {
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
    expect(file.bytesRead).toBe(6400);
    expect(file.reads).toBe(100);
  });
});
