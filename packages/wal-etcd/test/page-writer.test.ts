/** Compares `PageWriter`, which only counts, with a model of etcd's writer that moves bytes. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PageWriter } from '../src/writer/page-writer.ts';

const page = 4096;
const bufferMax = 128 * 1024;

/** A model of etcd's `client/pkg/ioutil/pagewriter.go`, `PageWriter.Write`, step by step. */
class ByteMovingWriter {
  readonly file: number[];
  #buffer: number[] = [];
  #pageOffset: number;

  constructor(fileOffset: number) {
    this.file = Array.from({ length: fileOffset }, () => 0);
    this.#pageOffset = fileOffset % page;
  }

  get buffered(): readonly number[] {
    return this.#buffer;
  }

  write(piece: readonly number[]): void {
    let rest = piece;
    for (;;) {
      // 1. Bytes that fit are buffered.
      if (this.#buffer.length + rest.length <= bufferMax) {
        this.#buffer = this.#buffer.concat(rest);
        return;
      }
      // 2. The current page is filled.
      const slack = page - ((this.#pageOffset + this.#buffer.length) % page);
      if (slack !== page) {
        const moved = rest.slice(0, slack);
        this.#buffer = this.#buffer.concat(moved);
        rest = rest.slice(moved.length);
        if (moved.length < slack) return;
      }
      // 3. The buffer is written.
      this.flush();
      // 4. Whole pages are written directly.
      if (rest.length > page) {
        const direct = Math.floor(rest.length / page) * page;
        for (const byte of rest.slice(0, direct)) this.file.push(byte);
        rest = rest.slice(direct);
      }
      // 5. The steps are repeated for the rest.
    }
  }

  flush(): void {
    for (const byte of this.#buffer) this.file.push(byte);
    this.#pageOffset = (this.#pageOffset + this.#buffer.length) % page;
    this.#buffer = [];
  }
}

/** Numbers of bytes around the constants; `undefined` is a flush. */
const piece: fc.Arbitrary<number | undefined> = fc.oneof(
  { weight: 4, arbitrary: fc.nat(300) },
  { weight: 3, arbitrary: fc.nat(10_000) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom(page, 2 * page, bufferMax, bufferMax + page),
        fc.integer({ min: -9, max: 9 }),
      )
      .map(([size, more]) => size + more),
  },
  { weight: 2, arbitrary: fc.nat(300_000) },
  { weight: 1, arbitrary: fc.constant(undefined) },
);

describe('page writer', () => {
  it('has written as much as etcd would have', () => {
    fc.assert(
      fc.property(fc.nat(3 * page), fc.array(piece, { maxLength: 30 }), (start, pieces) => {
        const writer = new PageWriter(start);
        const model = new ByteMovingWriter(start);
        let given = 0;
        for (const bytes of pieces) {
          if (bytes === undefined) {
            writer.flush();
            model.flush();
          } else {
            writer.write(bytes);
            model.write(Array.from({ length: bytes }, (_, at) => (given + at) & 255));
            given += bytes;
          }
          expect(writer.fileOffset).toBe(model.file.length);
        }
        // The model itself must not lose or swap bytes.
        const all = model.file.slice(start).concat(model.buffered);
        expect(all.length).toBe(given);
        expect(all.findIndex((byte, at) => byte !== (at & 255))).toBe(-1);
      }),
      { numRuns: 60 },
    );
  });

  it('buffers 128 KiB, and then ends at a page', () => {
    const writer = new PageWriter(0);
    writer.write(bufferMax);
    expect(writer.fileOffset).toBe(0);
    writer.write(8);
    expect(writer.fileOffset).toBe(bufferMax);
    writer.flush();
    expect(writer.fileOffset).toBe(bufferMax + 8);
  });

  it('does not write if the piece ends within the page', () => {
    const writer = new PageWriter(100);
    writer.write(bufferMax - 50);
    // 50 bytes fit. 60 bytes do not fit, but end before the next page boundary.
    writer.write(60);
    expect(writer.fileOffset).toBe(100);
    writer.write(page);
    expect(writer.fileOffset % page).toBe(0);
  });

  it('writes only more than a page directly', () => {
    const writer = new PageWriter(0);
    writer.write(bufferMax);
    writer.write(page);
    expect(writer.fileOffset).toBe(bufferMax);
    writer.flush();
    writer.write(bufferMax);
    writer.write(page + 1);
    expect(writer.fileOffset).toBe(2 * bufferMax + 2 * page);
  });

  it('copies are independent', () => {
    const writer = new PageWriter(5);
    writer.write(10);
    const copy = writer.copy();
    writer.flush();
    expect(copy.fileOffset).toBe(5);
    copy.write(3);
    copy.flush();
    expect([writer.fileOffset, copy.fileOffset]).toEqual([15, 18]);
  });
});
