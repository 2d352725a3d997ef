/**
 * A batch is encoded into memory that is used again. Its bytes must not depend on what was encoded
 * there before, whatever the sizes of its payloads and however many it has.
 */
import { describe, expect, it } from 'vitest';
import { EntryType } from '@babuza/raftpb';
import { emptyPlan } from '@babuza/wal-core';
import { endSlotBytes } from '../src/format/layout.ts';
import { GroupEncoder, groupOf, type Group } from '../src/writer/group-encoder.ts';

const place = { salt: 0xdead_beef, offset: 9216, batchNumber: 41, durableUpTo: 8856 };

/** A group of so many entries, of which each payload has so many bytes of this value. */
function groupWith(count: number, payloadBytes: number, value: number): Group {
  const entries = Array.from({ length: count }, (_, at) => ({
    index: at + 1,
    term: 1,
    type: EntryType.Normal,
    data: new Uint8Array(payloadBytes).fill(value),
  }));
  return groupOf([{ ...emptyPlan, entries }], { term: 1, vote: 1n, commit: 0 }, 1);
}

const encoded = (encoder: GroupEncoder, group: Group): Buffer =>
  Buffer.concat(encoder.encode(group, place));

/**
 * All remainders of a frame's alignment, and the sizes around that from which nothing is copied.
 */
const sizes = [...Array(18).keys(), 4094, 4095, 4096, 4097, 4103, 4104];

describe('a batch that is encoded into used memory', () => {
  for (const count of [1, 6, 130]) {
    it(`has the bytes that it has in new memory, with ${count} entries of any size`, () => {
      const used = new GroupEncoder(7n);
      for (const payloadBytes of sizes) {
        const group = groupWith(count, payloadBytes, 0x11);
        const fresh = encoded(new GroupEncoder(7n), group);
        expect(fresh.length, `${payloadBytes} bytes`).toBe(group.bytes + endSlotBytes);
        // No byte of what was there before may be left, in the padding or in the empty slot.
        used.encode(groupWith(count + 1, 4000, 0xee), place);
        expect(encoded(used, group).equals(fresh), `${payloadBytes} bytes`).toBe(true);
        expect(fresh.subarray(-endSlotBytes).every((byte) => byte === 0)).toBe(true);
      }
    });
  }
});
