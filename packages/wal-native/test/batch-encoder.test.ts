/** The range of entries of a batch, and the bytes of its padding. */
import { describe, expect, it } from 'vitest';
import { emptyPlan, type SavePlan } from '@babuza/wal-core/backend';
import { endSlotBytes, frameHeaderBytes } from '../src/format/layout.ts';
import { BatchEncoder, batchOf } from '../src/writer/batch-encoder.ts';

const position = { salt: 5, offset: 8192, batchNumber: 1, durableUpTo: 8192 };

function planOf(first: number, last: number, bytes = 10): SavePlan {
  const entries = Array.from({ length: last - first + 1 }, (_, at) => ({
    index: first + at,
    term: 1,
    type: 0 as const,
    data: new Uint8Array(bytes).fill(0xff),
  }));
  return { ...emptyPlan, entries };
}

describe('a batch', () => {
  it.each([
    [[planOf(3, 5)], [3, 5, 3]],
    [
      [planOf(5, 8), planOf(3, 4)],
      [3, 4, 6],
    ],
    [
      [planOf(3, 4), planOf(5, 6)],
      [3, 6, 4],
    ],
    [
      [planOf(3, 4), emptyPlan],
      [3, 4, 2],
    ],
    [[emptyPlan], [0, 0, 0]],
  ])('knows the range of its entries: %#', (plans, expected) => {
    const { firstIndex, lastIndex, entryCount } = batchOf(plans, undefined, 1);
    expect([firstIndex, lastIndex, entryCount]).toEqual(expected);
  });

  it('pads its payloads and ends with zeros, whatever its memory was used for', () => {
    const used = new BatchEncoder(7n);
    for (const bytes of [1, 7, 8, 9, 4095, 4096, 4097, 4103]) {
      for (const encoder of [used, new BatchEncoder(7n)]) {
        used.encode(batchOf([planOf(1, 9, 3000)], undefined, 1), position);
        const batch = batchOf([planOf(1, 1, bytes)], undefined, 1);
        const encoded = new Uint8Array(Buffer.concat(encoder.encode(batch, position)));
        const end = frameHeaderBytes + bytes;
        const padding = encoded.subarray(end, Math.ceil(end / 8) * 8);
        expect([...padding], `${bytes} bytes`).toEqual(Array.from(padding, () => 0));
        expect(encoded.subarray(-endSlotBytes)).toEqual(new Uint8Array(endSlotBytes));
        expect(encoded).toHaveLength(batch.bytes + endSlotBytes);
      }
    }
  });
});
