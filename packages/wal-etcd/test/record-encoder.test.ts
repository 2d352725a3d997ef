/** Records in memory: their bytes, and the reuse of the memory. */
import { describe, expect, it } from 'vitest';
import { EntryType, type Entry } from '@babuza/raftpb';
import { RecordType } from '../src/format/layout.ts';
import { recordHeadBytes } from '../src/format/record.ts';
import { PageWriter } from '../src/writer/page-writer.ts';
import { RecordEncoder } from '../src/writer/record-encoder.ts';
import {
  craft,
  entryRecord,
  metadataRecord,
  stateRecord,
  type CraftedRecord,
} from './support/crafted.ts';

const newEncoder = (checksum = 0): RecordEncoder => new RecordEncoder(checksum, new PageWriter(0));
const joined = (parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);

function add(encoder: RecordEncoder, { type, data }: CraftedRecord): void {
  encoder.add(type, data);
}

const entry = (index: number, data?: Uint8Array, term = 1): Entry => ({
  type: EntryType.Normal,
  term,
  index,
  data,
});
const payload = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(0xa5);

/**
 * The memory that a record with this many bytes of data needs: its frame with the largest padding.
 */
const wanted = (bytes: number): number => 8 + recordHeadBytes(9, 0xffff_ffff, bytes) + bytes + 8;
/** The number of bytes of data for which a record needs this much memory. */
const dataFor = (memory: number): Uint8Array => payload(2 * memory - wanted(memory));

describe('encoded records', () => {
  const records: readonly CraftedRecord[] = [
    { type: RecordType.Crc },
    metadataRecord(),
    metadataRecord(new Uint8Array(0)),
    stateRecord(3, 2 ** 40),
    { type: 200, data: payload(300) },
  ];

  it('are framed, and their checksums are chained', () => {
    const encoder = newEncoder(77);
    for (const record of records) add(encoder, record);
    const made = craft(records, { checksum: 77 });
    expect([encoder.bytes, encoder.checksum]).toEqual([made.end, made.checksums.at(-1)]);
    expect(Buffer.compare(joined(encoder.take()), made.bytes)).toBe(0);
    expect([encoder.bytes, encoder.checksum]).toEqual([0, made.checksums.at(-1)]);
  });

  it('without data do not change the checksum', () => {
    const encoder = newEncoder(77);
    encoder.add(RecordType.Metadata, undefined);
    const made = craft([{ type: RecordType.Metadata }], { checksum: 77 });
    expect([encoder.checksum, encoder.bytes]).toEqual([77, made.end]);
    expect(Buffer.compare(joined(encoder.take()), made.bytes)).toBe(0);
  });

  for (const [what, entries] of [
    ['small', [entry(1, payload(10)), entry(2), entry(3, payload(0)), entry(4, payload(7))]],
    ['with large numbers', [entry(2 ** 53 - 1, payload(1), 2 ** 53 - 1)]],
    [
      'around the size that is copied',
      [4095, 4096, 4097].map((bytes) => entry(bytes, payload(bytes))),
    ],
    ['large', [entry(1, payload(1_000_000)), entry(2, payload(3)), entry(3, payload(100_000))]],
  ] as const) {
    it(`are entries with their payloads: ${what}`, () => {
      const encoder = newEncoder(5);
      const crafted = entries.map(({ index, term, data }) => entryRecord(index, term, data));
      for (let round = 0; round < 3; round += 1) {
        const checksum = encoder.checksum;
        for (const each of entries) encoder.addEntry(each);
        const made = craft(crafted, { checksum });
        expect([encoder.bytes, encoder.checksum]).toEqual([made.end, made.checksums.at(-1)]);
        const parts = encoder.take();
        expect(Buffer.compare(joined(parts), made.bytes)).toBe(0);
        expect(parts.filter(({ length }) => length === 0)).toEqual([]);
      }
    });
  }

  it('may be none', () => {
    const encoder = newEncoder();
    expect([encoder.take(), encoder.bytes]).toEqual([[], 0]);
  });

  it('are right whatever memory is left for them', () => {
    for (let left = 0; left < 64; left += 1) {
      for (const data of [20, 4096, 4100].map(payload)) {
        const encoder = newEncoder();
        const filler = payload(16 * 1024 - left - 24);
        const large = entry(2 ** 53 - 1, data, 2 ** 53 - 1);
        const crafted = [
          { type: 9, data: filler },
          entryRecord(large.index, large.term, data),
          stateRecord(1, 1),
        ];
        encoder.add(9, filler);
        encoder.addEntry(large);
        encoder.add(RecordType.State, stateRecord(1, 1).data);
        expect(Buffer.compare(joined(encoder.take()), craft(crafted).bytes)).toBe(0);
      }
    }
  });
});

describe('dropped records', () => {
  it('leave the encoder as it was, and the next ones continue the checksum before them', () => {
    const encoder = newEncoder();
    add(encoder, stateRecord(1, 1));
    encoder.take();
    const mark = encoder.mark();
    const { fileOffset } = encoder.pages;
    encoder.addEntry(entry(1, payload(200_000)));
    encoder.addEntry(entry(2, payload(10)));
    expect(encoder.pages.fileOffset).toBeGreaterThan(fileOffset);
    encoder.rollBack(mark);
    expect([encoder.bytes, encoder.pages.fileOffset]).toEqual([0, fileOffset]);
    expect(encoder.checksum).toBe(mark.checksum);
    encoder.addEntry(entry(1, payload(3)));
    const made = craft([entryRecord(1, 1, payload(3))], { checksum: mark.checksum });
    expect(encoder.bytes).toBe(made.end);
    expect(Buffer.compare(joined(encoder.take()), made.bytes)).toBe(0);
  });

  it('do not change the pages of the mark', () => {
    const encoder = newEncoder();
    const { pages } = encoder.mark();
    encoder.addEntry(entry(1, payload(200_000)));
    expect(pages.fileOffset).toBe(0);
    expect(encoder.pages).not.toBe(pages);
  });
});

describe('the memory of records', () => {
  const parts = (encoder: RecordEncoder): [number, number][] =>
    encoder.take().map(({ length, buffer }) => [length, buffer.byteLength]);

  it('has copies of small payloads, and references to those from 4 KiB on', () => {
    const encoder = newEncoder();
    for (const [bytes, isReferred] of [
      [4095, false],
      [4096, true],
      [1_000_000, true],
    ] as const) {
      const data = payload(bytes);
      encoder.addEntry(entry(1, data));
      expect(encoder.take().includes(data)).toBe(isReferred);
    }
    // Data that is not the payload of an entry may change at once, so it is always copied.
    const metadata = payload(8192);
    encoder.add(RecordType.Metadata, metadata);
    expect(encoder.take().includes(metadata)).toBe(false);
  });

  it('is reused, 16 KiB at first', () => {
    const encoder = newEncoder();
    add(encoder, stateRecord(1, 1));
    const [first] = encoder.take();
    add(encoder, stateRecord(1, 2));
    const [second] = encoder.take();
    expect(first?.buffer).toBe(second?.buffer);
    expect(first?.buffer.byteLength).toBe(16 * 1024);
  });

  it('is used to its end before it is doubled', () => {
    const room = 16 * 1024;
    for (const [left, isEnough] of [
      [0, true],
      [1, false],
    ] as const) {
      const encoder = newEncoder();
      const filler = payload(6100);
      encoder.add(9, filler);
      const { bytes } = encoder;
      const data = dataFor(room - bytes + left);
      expect(wanted(data.length)).toBe(room - bytes + left);
      encoder.add(9, data);
      // The checksum takes 5 bytes, like most checksums.
      expect(encoder.checksum).toBeGreaterThanOrEqual(2 ** 28);
      const all = encoder.bytes;
      const expected = isEnough
        ? [[all, room]]
        : [
            [bytes, room],
            [all - bytes, 2 * room],
          ];
      expect(parts(encoder)).toEqual(expected);
    }
  });

  it('is enlarged for a single large record', () => {
    const encoder = newEncoder();
    const data = payload(100_000);
    encoder.add(9, data);
    const { bytes } = encoder;
    expect(parts(encoder)).toEqual([[bytes, wanted(100_000)]]);
  });

  it('is not used for referenced payloads', () => {
    const encoder = newEncoder();
    for (let index = 1; index < 9; index += 1) encoder.addEntry(entry(index, payload(500_000)));
    add(encoder, stateRecord(1, 1));
    const buffers = encoder.take().map(({ buffer }) => buffer.byteLength);
    expect(new Set(buffers)).toEqual(new Set([16 * 1024, 500_000]));
  });

  it('is freed above 512 KiB, and kept up to there', () => {
    const kept = 512 * 1024;
    const encoder = newEncoder();
    encoder.add(9, payload(kept));
    encoder.take();
    const after = (): ArrayBufferLike | undefined => {
      add(encoder, stateRecord(1, 1));
      return encoder.take()[0]?.buffer;
    };
    const buffer = after();
    expect(buffer?.byteLength).toBe(kept);
    expect(after()).toBe(buffer);
    const dropped = newEncoder();
    const mark = dropped.mark();
    dropped.add(9, payload(kept));
    dropped.rollBack(mark);
    add(dropped, stateRecord(1, 1));
    expect(dropped.take()[0]?.buffer.byteLength).toBe(kept);
  });
});

describe('the pages that etcd would have written', () => {
  it('are counted for each length field and for each record with its padding', () => {
    for (let bytes = 30_000; bytes < 30_009; bytes += 1) {
      const encoder = newEncoder();
      const pages = new PageWriter(0);
      for (let round = 0; round < 40; round += 1) {
        const data = payload(bytes);
        const before = encoder.bytes;
        encoder.add(9, data);
        pages.write(8);
        pages.write(encoder.bytes - before - 8);
        expect(encoder.pages.fileOffset).toBe(pages.fileOffset);
      }
      expect(pages.fileOffset).toBeGreaterThan(1_000_000);
      encoder.pages.flush();
      pages.flush();
      expect(encoder.pages.fileOffset).toBe(pages.fileOffset);
    }
  });
});
