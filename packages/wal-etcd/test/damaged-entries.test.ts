/** Reading entries that were damaged since the log was opened. */
import { describe, expect, it } from 'vitest';
import type { SimulatedDisk } from '@babuza/testkit';
import { ReadFailedError } from '@babuza/wal-core';
import { RecordType } from '../src/format/layout.ts';
import { entryRecord, stateRecord, type CraftedRecord } from './support/crafted.ts';
import { complaint, path, records, world } from './support/read-worlds.ts';

describe('damage after the log was opened', () => {
  /** Reads entry 2 of three after the damage: alone, with others, and by its position. */
  async function hurt(
    damage: (disk: SimulatedDisk, offsets: readonly number[]) => void,
    bytes = 10,
  ): Promise<{ complaints: unknown[]; offsets: readonly number[] }> {
    const { disk, reader, offsets } = await world(records(3, bytes));
    damage(disk, offsets);
    const ways = [() => reader.read(2, 3, Infinity), () => reader.readAt(3, offsets[3] ?? 0, 2)];
    return { complaints: ways.map(complaint), offsets };
  }
  const at = (offsets: readonly number[], place: number): number => offsets[place] ?? 0;

  it('is found by the checksum', async () => {
    const { complaints, offsets } = await hurt((disk, places) =>
      disk.surgery.flipBit(path, 8 * (at(places, 5) - 8)),
    );
    const expected = [2, offsets[4], 'the checksum of the record is wrong'];
    expect(complaints).toEqual([expected, expected]);
  });

  it('is found when the record is not a message', async () => {
    const { complaints, offsets } = await hurt((disk, places) =>
      disk.surgery.overwrite(path, at(places, 4) + 8, new Uint8Array(8).fill(0xff)),
    );
    const expected = [2, offsets[4], 'the record is not a protobuf message'];
    expect(complaints).toEqual([expected, expected]);
  });

  it('is found when the record is missing', async () => {
    const { complaints, offsets } = await hurt((disk, places) =>
      disk.surgery.zero(path, at(places, 4), 8),
    );
    const expected = [2, offsets[4], 'there is no record'];
    expect(complaints).toEqual([expected, expected]);
  });

  it('is found when the record before it is missing', async () => {
    const { complaints, offsets } = await hurt((disk, places) =>
      disk.surgery.zero(path, at(places, 3), 8),
    );
    const expected = [2, offsets[3], 'there is no record'];
    expect(complaints).toEqual([expected, expected]);
  });

  for (const [what, cutAt] of [
    ['before both', (places: readonly number[]) => at(places, 3)],
    [
      'within the length field of the record before',
      (places: readonly number[]) => at(places, 3) + 5,
    ],
    ['within the record before', (places: readonly number[]) => at(places, 4) - 5],
    ['before it', (places: readonly number[]) => at(places, 4)],
    ['within its length field', (places: readonly number[]) => at(places, 4) + 5],
    ['within it', (places: readonly number[]) => at(places, 5) - 5],
    ['before its last byte', (places: readonly number[]) => at(places, 5) - 1],
    ['before the last byte of the record before', (places: readonly number[]) => at(places, 4) - 1],
  ] as const) {
    it(`is found when the file ends ${what}`, async () => {
      for (const bytes of [10, 270 * 1024]) {
        const { complaints } = await hurt(
          (disk, places) => disk.surgery.cut(path, cutAt(places)),
          bytes,
        );
        for (const each of complaints) {
          expect(each).toEqual([2, expect.any(Number), expect.stringMatching(/no record|shorter/)]);
        }
      }
    });
  }

  for (const [what, place] of [
    ['of the entry', 4],
    ['of the record before it', 3],
  ] as const) {
    it(`is found when a length ${what} became too large, without allocating it`, async () => {
      for (const byte of [3, 4, 5, 6]) {
        const { complaints } = await hurt((disk, places) =>
          disk.surgery.overwrite(path, at(places, place) + byte, Uint8Array.of(0x7f)),
        );
        for (const each of complaints) {
          expect(each).toEqual([2, expect.any(Number), expect.stringMatching(/shorter|larger/)]);
        }
      }
    });
  }

  it('is found when a length is larger than any file', async () => {
    // The length is 2^53 - 16, so that only the end of the record is above 2^53.
    const length = Uint8Array.of(0xf0, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0);
    for (const place of [3, 4]) {
      const { complaints } = await hurt((disk, places) =>
        disk.surgery.overwrite(path, at(places, place), length),
      );
      const longer = expect.stringMatching(/larger than any file/) as unknown;
      for (const each of complaints) expect(each).toEqual([2, expect.any(Number), longer]);
    }
  });

  it('is found when another complete record is there', async () => {
    const other = async (record: CraftedRecord): Promise<unknown> => {
      const { reader, offsets } = await world([...records(1, 10), record]);
      const found = complaint(() => reader.read(2, 3, Infinity));
      return Array.isArray(found) && found[1] === offsets[4] ? found[2] : found;
    };
    expect(await other(entryRecord(7))).toBe(
      'the record is not the entry that the index has there',
    );
    expect(await other({ ...entryRecord(2), type: RecordType.State })).toBe(
      'the record is not the entry that the index has there',
    );
    expect(await other(stateRecord(1, 1))).toBe(
      'the record is not the entry that the index has there',
    );
    const reader = (await world([...records(1, 10), { type: 2, data: Uint8Array.of(0x08, 0xff) }]))
      .reader;
    expect(() => reader.read(2, 3, Infinity)).toThrow(/the record is not an entry: /);
  });

  it('is not reported when the disk fails to read', async () => {
    const { disk, reader } = await world(records(2, 10));
    disk.surgery.makeUnreadable(path, 0, 512);
    expect(() => reader.read(1, 2, Infinity)).toThrow(ReadFailedError);
  });
});
