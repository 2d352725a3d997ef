/** What a batch says of its entries, and that no byte of it is left to chance. */
import { describe, expect, it } from 'vitest';
import { emptyPlan, type SavePlan } from '@babuza/wal-core/backend';
import { endSlotBytes, frameHeaderBytes } from '../src/format/layout.ts';
import { GroupEncoder, groupOf } from '../src/writer/group-encoder.ts';

const place = { salt: 5, offset: 8192, batchNumber: 1, durableUpTo: 8192 };

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
  ])('says which entries it has: %#', (plans, expected) => {
    const { firstIndex, lastIndex, entryCount } = groupOf(plans, undefined, 1);
    expect([firstIndex, lastIndex, entryCount]).toEqual(expected);
  });

  it('pads its payloads with zeros and ends with them, whatever its memory was used for', () => {
    const used = new GroupEncoder(7n);
    for (const bytes of [1, 7, 8, 9, 4095, 4096, 4097, 4103]) {
      for (const encoder of [used, new GroupEncoder(7n)]) {
        used.encode(groupOf([planOf(1, 9, 3000)], undefined, 1), place);
        const group = groupOf([planOf(1, 1, bytes)], undefined, 1);
        const encoded = new Uint8Array(Buffer.concat(encoder.encode(group, place)));
        const end = frameHeaderBytes + bytes;
        const padding = encoded.subarray(end, Math.ceil(end / 8) * 8);
        expect([...padding], `${bytes} bytes`).toEqual(Array.from(padding, () => 0));
        expect(encoded.subarray(-endSlotBytes)).toEqual(new Uint8Array(endSlotBytes));
        expect(encoded).toHaveLength(group.bytes + endSlotBytes);
      }
    }
  });
});
