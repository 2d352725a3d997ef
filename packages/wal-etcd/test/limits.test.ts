/**
 * Records one byte below the limit, exactly at it, and one byte above. A refused entry must not
 * change the log.
 */
import { entryEncodedSize, type Entry } from '@babuza/raftpb';
import { simulatedEnvironment } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { RawWal, type EtcdEntry } from '../src/format.ts';
import { recordBytesLimit34 } from '../src/format/layout.ts';
import { walBackend } from '../src/index.ts';
import { readWal } from '../src/inspect.ts';
import { directory, openManager } from './support/back-end.ts';

const beginning = { index: 0n, term: 0n };
const nothing = { term: 0n, vote: 0n, commit: 0n };

/** An entry whose encoding has exactly this size. */
function entryOfSize(index: number, bytes: number): Entry {
  const entry = (length: number): Entry => {
    const data = new Uint8Array(length).fill(index);
    return { index, term: 1, type: 0, data };
  };
  let length = bytes;
  while (entryEncodedSize(entry(length)) > bytes) length -= 1;
  return entry(length);
}

const lengthsOf = (entries: readonly { readonly data?: Uint8Array | undefined }[]) =>
  entries.map(({ data }) => data?.length);

describe('the largest entry that this format allows', () => {
  it('is accepted; one byte more is refused and does not change the log', async () => {
    const environment = simulatedEnvironment(1);
    const { entryBytesMax } = walBackend.capabilities;
    const options = { segmentBytes: 1024 * 1024 };
    const manager = openManager(environment, options);
    const { wal } = await manager.createWal({ clusterId: 1, nodeId: 1, entryBytesMax });
    const taken = [entryOfSize(1, entryBytesMax - 1), entryOfSize(2, entryBytesMax)];
    for (const entry of taken) await wal.save({ entries: [entry] });
    const over = entryOfSize(3, entryBytesMax + 1);
    const small: Entry = { index: 3, term: 1, type: 0, data: new Uint8Array(5) };
    for (const entries of [[over], [small, { ...over, index: 4 }]]) {
      await expect(wal.save({ entries })).rejects.toMatchObject({ code: 'WAL_TOO_LARGE' });
    }
    await wal.save({ entries: [small] });
    await manager.close();
    const again = openManager(environment, options);
    const { storage } = await again.replayWal();
    const expected = [...lengthsOf(taken), 5];
    expect(lengthsOf(storage.entries(1, 4, Infinity))).toEqual(expected);
    await again.close();
    // An etcd server reads records that are shorter than its limit, with padding.
    expect(entryBytesMax + 14 + 7).toBeLessThan(recordBytesLimit34);
    const seen = await readWal(directory, beginning, { environment });
    expect(lengthsOf(seen.entries)).toEqual(expected);
  });
});

describe('an entry of etcd with records of at most 4,096 bytes', () => {
  const recordBytesLimit = 4096;
  /** The encoding of an entry with data of this size, without the data. */
  const headBytes = 9;
  /** The record adds 14 bytes and padding to a multiple of 8, and stays below the limit. */
  const largestBytes = recordBytesLimit - 8 - 14 - headBytes;
  const entry = (index: number, bytes: number): EtcdEntry => ({
    type: 0,
    term: 1n,
    index: BigInt(index),
    data: new Uint8Array(bytes).fill(index),
  });

  it.each([
    [largestBytes - 1, true],
    [largestBytes, true],
    [largestBytes + 1, false],
    [recordBytesLimit, false],
  ])('with %i bytes of data is written: %s', async (bytes, isTaken) => {
    const environment = simulatedEnvironment(1);
    const options = { environment, segmentBytes: 16_384, recordBytesLimit };
    const wal = await RawWal.create(directory, new Uint8Array(1), options);
    await wal.save(nothing, [entry(1, 100)]);
    const saving = wal.save(nothing, [entry(2, bytes)]);
    if (isTaken) await saving;
    else await expect(saving).rejects.toMatchObject({ code: 'WAL_TOO_LARGE', bytesMax: 4096 });
    // The log accepts further entries.
    await wal.save(nothing, [entry(isTaken ? 3 : 2, 100)]);
    await wal.close();
    const { entries } = await readWal(directory, beginning, { environment });
    expect(lengthsOf(entries)).toEqual(isTaken ? [100, bytes, 100] : [100, 100]);
  });
});
