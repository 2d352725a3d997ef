/** Batches one byte below the size limit, exactly at it, and one byte above. Nothing is written. */
import { entryEncodedSize, type Entry } from '@babuza/raftpb';
import { batchBytesMax } from '@babuza/wal-core';
import { AcceptedLog, LogState, TermIndex } from '@babuza/wal-core/backend';
import { expect, it } from 'vitest';

/** An entry whose encoding has exactly this size. */
function entryOfSize(index: number, bytes: number): Entry {
  const data = new Uint8Array(bytes - 16);
  const entry = (length: number): Entry => ({
    index,
    term: 1,
    type: 0,
    data: data.subarray(0, length),
  });
  let length = data.length;
  while (entryEncodedSize(entry(length)) > bytes) length -= 1;
  const rest = bytes - entryEncodedSize(entry(length));
  return rest === 0 ? entry(length) : { ...entry(length), data: new Uint8Array(length + rest) };
}

it.each([
  [-1, true],
  [0, true],
  [1, false],
])('a batch with %i bytes more than the limit is taken: %s', (more, isTaken) => {
  const log = new AcceptedLog(new LogState(new TermIndex()), batchBytesMax);
  const half = batchBytesMax / 2;
  const batch = [entryOfSize(1, half), entryOfSize(2, half + more)];
  const sizes = batch.map((entry) => entryEncodedSize(entry));
  expect(sizes[0]).toBe(half);
  expect(sizes[1]).toBe(half + more);
  if (isTaken) expect(log.acceptSave({ entries: batch }).bytes).toBe(batchBytesMax + more);
  else {
    expect(() => log.acceptSave({ entries: batch })).toThrow(
      expect.objectContaining({ code: 'WAL_TOO_LARGE' }),
    );
  }
  // The next batch must follow the accepted entries, and not the refused ones.
  const next = { index: isTaken ? 3 : 1, term: 1, type: 0 } as const;
  expect(log.acceptSave({ entries: [next] }).entries).toEqual([next]);
});
