/**
 * A batch is encoded into reused memory. Its bytes must not depend on earlier batches, whatever the
 * number and sizes of its payloads.
 */
import { describe, expect, it } from 'vitest';
import { EntryType } from '@babuza/raftpb';
import { emptyPlan } from '@babuza/wal-core/backend';
import { endSlotBytes } from '../src/format/layout.ts';
import { BatchEncoder, batchOf, type Batch } from '../src/writer/batch-encoder.ts';

const position = { salt: 0xdead_beef, offset: 9216, batchNumber: 41, durableUpTo: 8856 };

/** A batch of `count` entries whose payloads have `payloadBytes` bytes of this value. */
function batchWith(count: number, payloadBytes: number, value: number): Batch {
  const entries = Array.from({ length: count }, (_, at) => ({
    index: at + 1,
    term: 1,
    type: EntryType.Normal,
    data: new Uint8Array(payloadBytes).fill(value),
  }));
  return batchOf([{ ...emptyPlan, entries }], { term: 1, vote: 1n, commit: 0 }, 1);
}

const encoded = (encoder: BatchEncoder, batch: Batch): Buffer =>
  Buffer.concat(encoder.encode(batch, position));

/**
 * All remainders of the alignment of frames, and the sizes around the largest payload that is
 * copied.
 */
const sizes = [...Array(18).keys(), 4094, 4095, 4096, 4097, 4103, 4104];

describe('a batch that is encoded into used memory', () => {
  for (const count of [1, 6, 130]) {
    it(`has the bytes that it has in new memory, with ${count} entries of any size`, () => {
      const used = new BatchEncoder(7n);
      for (const payloadBytes of sizes) {
        const batch = batchWith(count, payloadBytes, 0x11);
        const fresh = encoded(new BatchEncoder(7n), batch);
        expect(fresh.length, `${payloadBytes} bytes`).toBe(batch.bytes + endSlotBytes);
        // No byte of an earlier batch may be left in the padding or in the empty slot.
        used.encode(batchWith(count + 1, 4000, 0xee), position);
        expect(encoded(used, batch).equals(fresh), `${payloadBytes} bytes`).toBe(true);
        expect(fresh.subarray(-endSlotBytes).every((byte) => byte === 0)).toBe(true);
      }
    });
  }
});
